"""Import files that lie on this machine: only its own command line may name paths."""

from pathlib import Path

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from tallystick.api.params import check_params
from tallystick.api.routes import Asked
from tallystick.api.stream import Report, ndjson
from tallystick.kernel.errors import UsageError
from tallystick.operations.import_files import ImportRequest, import_files
from tallystick.operations.import_wire import progress_to_wire, summary_to_wire

router = APIRouter(prefix="/api/v1/import", tags=["import"])


class NewImport(BaseModel):
    """Paths are absolute; `map` and `set` hold what the command line's options of that name say."""

    model_config = ConfigDict(extra="forbid", strict=True)

    paths: list[str]
    map: list[str] = Field(default_factory=list)
    set: list[str] = Field(default_factory=list)
    source: str = ""
    strict: bool = False
    dry_run: bool = False


@router.post("")
def post_import(asked: Asked, new: NewImport) -> StreamingResponse:
    """Lines of ``{"progress": …}``, then the summary; a failure after the first line is a line with `error`."""
    check_params(asked.request, [])
    paths = tuple(Path(path) for path in new.paths)
    if not all(path.is_absolute() for path in paths):
        raise UsageError("paths must be absolute", where="/api/v1/import")
    request = ImportRequest(paths, tuple(new.map), tuple(new.set), new.source, new.strict, new.dry_run)
    context, book = asked.context, asked.services.book()

    def work(report: Report) -> object:
        return summary_to_wire(import_files(context, book, request, lambda done: report(progress_to_wire(done))))

    return StreamingResponse(ndjson(work), media_type="application/x-ndjson")
