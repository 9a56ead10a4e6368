"""The one question, over HTTP: the same grammar as the page's address and the command line."""

from typing import Any

from fastapi import APIRouter

from tallystick.api.params import all_params
from tallystick.api.routes import Asked
from tallystick.explore.parse import parse_query
from tallystick.explore.wire import to_wire
from tallystick.operations.context import now_us
from tallystick.operations.explore import explore, other_currencies

router = APIRouter(prefix="/api/v1", tags=["explore"])


@router.get("/explore")
def get_explore(asked: Asked) -> dict[str, Any]:
    """Sums by group, with comparison and series; money as decimal strings, null when unknown."""
    query = parse_query(all_params(asked.request), now_us=now_us(), zone=asked.context.zone)
    answer = explore(asked.context, query, asked.principal)
    return to_wire(answer, other_currencies(asked.context, query, asked.principal))
