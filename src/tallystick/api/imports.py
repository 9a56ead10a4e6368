"""Imports of files on this machine, for its own command line alone: the app reads the paths it is given."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from tallystick.api.params import check_params
from tallystick.api.routes import Asked, Call
from tallystick.api.stream import Report, ndjson
from tallystick.kernel.errors import UsageError
from tallystick.operations.audit import record
from tallystick.operations.import_files import ImportRequest, Progress, import_files
from tallystick.operations.import_wire import progress_to_wire, summary_to_wire
from tallystick.operations.post_charges import post_charges

router = APIRouter(prefix="/api/v1/import", tags=["import"])
_GIVE_WAY_SECONDS = 0.002


class NewImport(BaseModel):
    """Paths are absolute; `map` and `set` hold what the command line's options of that name say.

    `account` names the provider account of bills; `beside` puts them beside what is there.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    paths: list[str] = Field(max_length=10_000)
    map: list[str] = Field(default_factory=list)
    set: list[str] = Field(default_factory=list)
    source: str = Field(default="", max_length=200)
    strict: bool = False
    dry_run: bool = False
    account: str = Field(default="", max_length=200)
    beside: bool = False


@router.post("")
def post_import(asked: Asked, new: NewImport) -> StreamingResponse:
    """Lines of ``{"progress": …}``, then one of ``{"summary": …}``; a late failure is a line with `error`."""
    check_params(asked.request, [])
    paths = tuple(Path(path) for path in new.paths)
    if not all(path.is_absolute() for path in paths):
        raise UsageError("paths must be absolute", where="/api/v1/import")
    request = ImportRequest(
        paths, tuple(new.map), tuple(new.set), new.source, new.strict, new.dry_run, new.account, new.beside
    )
    return StreamingResponse(ndjson(lambda report: _run(asked, request, report)), media_type="application/x-ndjson")


def _run(asked: Call, request: ImportRequest, report: Report) -> dict[str, Any]:
    """Import as the one who writes, giving way to others after each batch: calls keep landing meanwhile."""
    context = asked.context
    with ExitStack() as turn:
        turn.enter_context(asked.services.writing())

        def on_progress(so_far: Progress) -> None:
            report(progress_to_wire(so_far))
            turn.close()
            time.sleep(_GIVE_WAY_SECONDS)
            turn.enter_context(asked.services.writing())

        done = import_files(context, asked.services.book(), request, on_progress)
        if done.landed:
            post_charges(context)
            with context.config_db.transaction():
                record(context, asked.principal.name, "import", ", ".join(path.name for path in request.paths)[:1000])
    return {"summary": summary_to_wire(done)}
