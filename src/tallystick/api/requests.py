"""Single requests: a page of them, newest first, and one with its priced lines."""

from typing import Any

from fastapi import APIRouter

from tallystick.api.params import all_params, check_params, whole
from tallystick.api.routes import Asked
from tallystick.api.wire import content_wire, event_wire
from tallystick.explore.parse import parse_query
from tallystick.operations.context import now_us
from tallystick.operations.list_requests import list_requests
from tallystick.operations.read_content import require_content
from tallystick.operations.read_request import read_request

router = APIRouter(prefix="/api/v1/requests", tags=["requests"])
MOST_ROWS = 1000


@router.get("")
def get_requests(asked: Asked) -> dict[str, Any]:
    """Requests that the filters let through, by ``sort`` (``-occurred_at``, ``-cost``).

    ``cursor`` takes the ``next_cursor`` of the page before.
    """
    limit = whole(asked.request, "limit", 100, most=MOST_ROWS)
    params = all_params(asked.request, without=("cursor", "limit", "sort"))
    query = parse_query(params, now_us=now_us(), zone=asked.context.zone)
    cursor, sort = (asked.request.query_params.get(name, "") for name in ("cursor", "sort"))
    page = list_requests(asked.context, query, asked.principal, cursor=cursor, limit=limit, sort=sort)
    return {"requests": [event_wire(event) for event in page.events], "next_cursor": page.next_cursor or None}


@router.get("/{event_id}")
def get_request(asked: Asked, event_id: str) -> dict[str, Any]:
    """One request; of another team's it is said that there is none."""
    check_params(asked.request, [])
    return event_wire(read_request(asked.context, event_id, asked.principal))


@router.get("/{event_id}/content")
def get_content(asked: Asked, event_id: str) -> dict[str, Any]:
    """What was said in one request, where that is stored; reading it lands in the audit log."""
    check_params(asked.request, [])
    return content_wire(require_content(asked.context, event_id, asked.principal))
