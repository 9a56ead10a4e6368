"""Budgets: set, list, change, and why a call went as it went."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from tallystick.api.budget_wire import counter_wire, drift_wire, explained_wire, report_wire
from tallystick.api.params import check_params, whole
from tallystick.api.routes import Asked
from tallystick.budgets.wire import to_wire
from tallystick.operations.check_budget import Described, check_budget
from tallystick.operations.explain_decision import explain_decision
from tallystick.operations.manage_budgets import (
    delete_budget,
    override_budget,
    override_end,
    read_budget,
    set_budget,
    visible_budgets,
)
from tallystick.operations.reopen_breaker import reopen_breaker
from tallystick.operations.repair_counters import list_repairs
from tallystick.operations.show_budgets import report_budgets
from tallystick.operations.watch_untracked import read_untracked

router = APIRouter(prefix="/api/v1", tags=["budgets"])


class NewBudget(BaseModel):
    """What is not given stays as it is; a new budget needs at least a limit, as decimal text."""

    model_config = ConfigDict(extra="allow", strict=True)

    limit: str | int | None = None
    unit: str | None = None
    window: str | None = None
    where: dict[str, list[str]] | None = None
    group_by: list[str] | None = None
    action: str | None = None


class NewOverride(BaseModel):
    """Another limit until an instant (RFC 3339) or for so long (``90m``, ``24h``, ``3d``), and why."""

    model_config = ConfigDict(extra="forbid", strict=True)

    limit: str
    reason: str
    until: str = ""
    lasts: str = ""


class NewCheck(BaseModel):
    """A call that might be made."""

    model_config = ConfigDict(extra="forbid", strict=True)

    dimensions: dict[str, str] = Field(default_factory=dict)
    key: str = ""
    provider: str = ""
    model: str = ""
    input_tokens: int = 0
    max_tokens: int | None = None


@router.get("/budgets")
def get_budgets(asked: Asked) -> dict[str, Any]:
    """Every budget with its `top` groups nearest to their limits: used, pace, forecast, when the limit is hit."""
    check_params(asked.request, ["top"])
    top = whole(asked.request, "top", 5, most=1000)
    budgets = visible_budgets(asked.context, asked.principal)
    reports = report_budgets(asked.context, budgets, top=top)
    return {
        "budgets": [report_wire(one, read_untracked(asked.context, one.budget.budget_id)) for one in reports],
        "counters": dict(asked.services.facts()).get("counters_state", "ok"),
    }


@router.post("/budgets/check")
def post_check(asked: Asked, new: NewCheck) -> dict[str, Any]:
    """Whether a call would pass now, and the decision as it would be stored; nothing is reserved."""
    check_params(asked.request, [])
    call = Described(new.dimensions, new.key, new.provider, new.model, new.input_tokens, new.max_tokens)
    return check_budget(asked.context, asked.services.book(), call, asked.principal)


@router.get("/budgets/{name}")
def get_budget(asked: Asked, name: str) -> dict[str, Any]:
    """One budget by name or id."""
    check_params(asked.request, ["top"])
    budget = read_budget(asked.context, name, asked.principal)
    (report,) = report_budgets(asked.context, [budget], top=whole(asked.request, "top", 20, most=1000))
    return report_wire(report, read_untracked(asked.context, budget.budget_id))


@router.put("/budgets/{name}")
def put_budget(asked: Asked, name: str, new: NewBudget) -> JSONResponse:
    """Make a budget (201) or change it (200); it holds for the next call. What is not given stays as it is."""
    check_params(asked.request, [])
    given = {**new.model_dump(exclude_unset=True), "name": name}
    made, created = set_budget(asked.context, given, asked.principal)
    return JSONResponse(to_wire(made), 201 if created else 200)


@router.delete("/budgets/{name}")
def remove_budget(asked: Asked, name: str) -> dict[str, Any]:
    """Delete a budget; it holds no longer from the next call on."""
    check_params(asked.request, [])
    return to_wire(delete_budget(asked.context, name, asked.principal))


@router.post("/budgets/{name}/override")
def post_override(asked: Asked, name: str, new: NewOverride) -> dict[str, Any]:
    """Let another limit hold for a while."""
    check_params(asked.request, [])
    wanted = (new.limit, override_end(new.until, new.lasts), new.reason)
    return to_wire(override_budget(asked.context, name, wanted, asked.principal))


@router.post("/budgets/{name}/reopen")
def post_reopen(asked: Asked, name: str) -> dict[str, Any]:
    """Let calls pass a tripped breaker again; answers with the groups that were stopped."""
    check_params(asked.request, [])
    return {"reopened": reopen_breaker(asked.context, name, asked.principal)}


@router.get("/budgets/{name}/counters")
def get_counters(asked: Asked, name: str) -> dict[str, Any]:
    """The groups of a budget in its current window, nearest to their limits first."""
    check_params(asked.request, ["limit"])
    budget = read_budget(asked.context, name, asked.principal)
    limit = whole(asked.request, "limit", 100, most=10_000)
    (report,) = report_budgets(asked.context, [budget], top=limit, reviewed=False)
    return {"counters": [counter_wire(one) for one in report.counters], "groups": report.groups}


@router.get("/counters/drift")
def get_drift(asked: Asked) -> dict[str, Any]:
    """Counters that did not agree with the ledger and were set right, newest first."""
    check_params(asked.request, ["limit"])
    limit = whole(asked.request, "limit", 100, most=10_000)
    units = {one.budget_id: (one.name, one.unit) for one in visible_budgets(asked.context, asked.principal)}
    return {"drift": [drift_wire(one, units) for one in list_repairs(asked.context, limit)]}


@router.get("/requests/{event_id}/decision")
def get_decision(asked: Asked, event_id: str) -> dict[str, Any]:
    """Why a call went as it went; `missing` says why there is no decision, where there is none."""
    check_params(asked.request, [])
    return explained_wire(explain_decision(asked.context, event_id, asked.principal))
