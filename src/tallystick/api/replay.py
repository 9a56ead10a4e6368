"""Past calls against proposed budgets and rules, with progress while it runs."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from tallystick.api.params import check_params
from tallystick.api.routes import Asked, Call
from tallystick.api.stream import Report, ndjson
from tallystick.budgets.wire import from_wire
from tallystick.kernel.errors import UsageError
from tallystick.operations.manage_budgets import visible_budgets
from tallystick.operations.replay import check_replay_scope, replay, since_of
from tallystick.routing import wire as rule_wire

router = APIRouter(prefix="/api/v1", tags=["budgets"])
_MOST_DAYS = 3660


class NewReplay(BaseModel):
    """Budgets and rules as their own routes take them; with neither, the budgets that are in force."""

    model_config = ConfigDict(extra="forbid", strict=True)

    days: int = Field(default=30, ge=1, le=_MOST_DAYS)
    budgets: list[dict[str, Any]] = Field(default_factory=list, max_length=1000)
    rules: list[dict[str, Any]] = Field(default_factory=list, max_length=1000)


@router.post("/replay")
def post_replay(asked: Asked, new: NewReplay) -> StreamingResponse:
    """Lines of ``{"progress": …}``, then one of ``{"result": …}``; a late failure is a line with `error`."""
    check_params(asked.request, [])
    check_replay_scope(asked.principal)
    return StreamingResponse(ndjson(lambda report: _run(asked, new, report)), media_type="application/x-ndjson")


def _run(asked: Call, new: NewReplay, report: Report) -> dict[str, Any]:
    budgets = [from_wire({"name": f"budget {at}", **one, "id": f"proposed:{at}"}) for at, one in enumerate(new.budgets)]
    names = [one.name for one in budgets]
    if len(set(names)) < len(names):
        raise UsageError("two proposed budgets have the same name", where="budgets")
    rules = [rule_wire.from_wire({"name": f"rule {at}", **one}) for at, one in enumerate(new.rules)]
    if not budgets and not rules:
        budgets = visible_budgets(asked.context, asked.principal)

    def progress(done: int, total: int) -> None:
        report({"progress": {"done": done, "total": total}})

    result = replay(asked.context, asked.services.book(), (budgets, rules), since_of(new.days), progress)
    return {"result": result}
