"""The values a dimension has, for completion."""

from typing import Any

from fastapi import APIRouter

from tallystick.api.params import all_params, check_params, whole
from tallystick.api.routes import Asked
from tallystick.explore.parse import parse_query
from tallystick.kernel.errors import UsageError
from tallystick.operations.context import now_us
from tallystick.operations.list_values import list_values

router = APIRouter(prefix="/api/v1", tags=["explore"])
_OWN = ("dimension", "prefix", "limit")


@router.get("/values")
def get_values(asked: Asked) -> dict[str, Any]:
    """Values of ``dimension`` that begin with ``prefix``, the dearest first."""
    check_params(asked.request, [*_OWN, "range", "from", "to"])
    dimension = asked.request.query_params.get("dimension", "")
    if not dimension:
        raise UsageError('"dimension" is missing', where="/api/v1/values", next_steps=["?dimension=team"])
    query = parse_query(all_params(asked.request, without=_OWN), now_us=now_us(), zone=asked.context.zone)
    found = list_values(
        asked.context,
        dimension,
        query.period,
        asked.principal,
        prefix=asked.request.query_params.get("prefix", ""),
        limit=whole(asked.request, "limit", 100, most=1000),
    )
    return {"dimension": dimension, "values": found}
