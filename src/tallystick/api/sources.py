"""Where the rows come from, and how fresh each source is."""

from dataclasses import fields
from typing import Any

from fastapi import APIRouter

from tallystick.api.params import check_params
from tallystick.api.routes import Asked
from tallystick.api.wire import money
from tallystick.explore.sources import SourceStatus
from tallystick.kernel.period import rfc3339
from tallystick.operations.list_sources import list_sources

router = APIRouter(prefix="/api/v1", tags=["sources"])


@router.get("/sources")
def get_sources(asked: Asked) -> dict[str, Any]:
    """Each source with its rows and its latest one."""
    check_params(asked.request, [])
    return {"sources": [_source_wire(source) for source in list_sources(asked.context)]}


def _source_wire(source: SourceStatus) -> dict[str, object]:
    """Fields by name; those that end in ``_at`` are instants, ``cost`` is money."""
    wire: dict[str, object] = {}
    for one in fields(source):
        value = getattr(source, one.name)
        wire[one.name] = rfc3339(value) if one.name.endswith("_at") and isinstance(value, int) else value
    wire["cost"] = money(source.cost)
    return wire
