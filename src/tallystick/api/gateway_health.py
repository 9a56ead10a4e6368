"""How the providers behind the gateway fare."""

from typing import Any

from fastapi import APIRouter

from tallystick.api.params import check_params
from tallystick.api.routes import Asked
from tallystick.kernel.period import rfc3339
from tallystick.operations.read_health import UpstreamHealth, read_health

router = APIRouter(prefix="/api/v1/gateway", tags=["gateway"])


@router.get("/health")
def get_health(asked: Asked) -> dict[str, Any]:
    """Every provider that this machine's gateways have called: circuit, failures, latency, last error."""
    check_params(asked.request, [])
    return {"providers": [_wire(one) for one in read_health(asked.context.data_dir)]}


def _wire(one: UpstreamHealth) -> dict[str, Any]:
    return {
        "name": one.name,
        "state": one.state,
        "calls": one.calls,
        "failures": one.failures,
        "p50_ms": None if one.p50_us is None else round(one.p50_us / 1000, 1),
        "p95_ms": None if one.p95_us is None else round(one.p95_us / 1000, 1),
        "last_error": one.last_error,
        "last_error_at": None if one.last_error_us is None else rfc3339(one.last_error_us),
        "workers": one.workers,
    }
