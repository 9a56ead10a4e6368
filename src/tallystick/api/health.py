"""Is it alive, is it ready, has everything been drained: open to all, and silent about anything else."""

from fastapi import APIRouter
from starlette.responses import JSONResponse

from tallystick.api.params import check_params
from tallystick.api.routes import Asked
from tallystick.kernel.errors import UsageError

router = APIRouter()


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(asked: Asked) -> JSONResponse:
    """The ledger is open; with ``drained=1``, and holds every record the gateways have written."""
    check_params(asked.request, ["drained"])
    if not asked.services.ready():
        return JSONResponse({"ready": False}, 503, {"retry-after": "1"})
    wanted = asked.request.query_params.get("drained", "")
    if not wanted:
        return JSONResponse({"ready": True})
    if wanted != "1":
        raise UsageError('"drained" can only be 1', where="/readyz")
    pending = asked.services.pending()
    if pending:
        return JSONResponse({"drained": False, "pending": pending}, 503, {"retry-after": "1"})
    return JSONResponse({"drained": True})
