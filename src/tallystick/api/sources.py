"""Where the rows come from: what has brought rows, how fresh it is, and the sources of bills that are set up.

Setting one up names a host and a place of a secret, so it is for this machine's own command line alone.
"""

from dataclasses import fields
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from tallystick.api.params import check_params
from tallystick.api.routes import Asked, Call
from tallystick.api.stream import Report, ndjson
from tallystick.api.wire import money
from tallystick.explore.sources import SourceStatus
from tallystick.kernel.errors import Unavailable, UsageError
from tallystick.kernel.period import DAY_US, rfc3339
from tallystick.operations.connect_source import Sources, check_source
from tallystick.operations.context import now_us
from tallystick.operations.list_sources import list_sources
from tallystick.operations.manage_sources import NewSource, add_source, find_source, remove_source
from tallystick.operations.reconcile import month_of
from tallystick.operations.reconcile_month import month_named
from tallystick.operations.report_sources import list_loaded, report_source, report_sources
from tallystick.operations.source_wire import (
    brought_to_wire,
    costs_to_wire,
    kinds_to_wire,
    progress_to_wire,
    report_to_wire,
    summary_to_wire,
    window_to_wire,
)
from tallystick.operations.sum_source_costs import sum_source_costs
from tallystick.operations.sync_source import Wanted, reparse, sync
from tallystick.ports import SourceFailed
from tallystick.transport.ask import forget_connections

router = APIRouter(prefix="/api/v1", tags=["sources"])
_NDJSON = "application/x-ndjson"
_LATEST_US = 84_000 * DAY_US


class SourceBody(BaseModel):
    """A source; its name is in the path. `secrets` hold where secrets are: `env:NAME` or `file:PATH`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: str = Field(max_length=100)
    account: str = Field(default="", max_length=200)
    options: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    backfill_days: int = 92
    every_minutes: int = 60


class SyncBody(BaseModel):
    """What to read: what is due, or everything since an instant (microseconds UTC); of all streams or of some."""

    model_config = ConfigDict(extra="forbid", strict=True)

    since_us: int | None = None
    streams: list[str] = Field(default_factory=list, max_length=100)


@router.get("/sources")
def get_sources(asked: Asked) -> dict[str, Any]:
    """Each source with its rows and its latest one; under `set_up` the sources of bills, under `loaded` bills of files."""
    check_params(asked.request, [])
    return {
        "sources": [_source_wire(source) for source in list_sources(asked.context)],
        "set_up": [report_to_wire(one) for one in report_sources(asked.context)],
        "loaded": [brought_to_wire(one) for one in list_loaded(asked.context)],
    }


@router.get("/source-kinds")
def get_kinds(asked: Asked) -> dict[str, Any]:
    """What can be set up, and with which options."""
    check_params(asked.request, [])
    return kinds_to_wire(_sources(asked).kinds)


@router.get("/sources/{name}")
def get_source(asked: Asked, name: str) -> dict[str, Any]:
    """One source that is set up, with its streams."""
    check_params(asked.request, [])
    return report_to_wire(report_source(asked.context, name))


@router.get("/sources/{name}/costs")
def get_costs(asked: Asked, name: str) -> dict[str, Any]:
    """What a source says of a UTC month by project (or workspace), key or person: the provider's ids, and their names."""
    check_params(asked.request, ["by", "period"])
    by, period = (asked.request.query_params.get(one, "") for one in ("by", "period"))
    month = month_named(period) if period else month_of(now_us())
    return costs_to_wire(sum_source_costs(asked.context, name, by or "project", month))


@router.put("/sources/{name}")
def put_source(asked: Asked, name: str, body: SourceBody) -> dict[str, Any]:
    """Set a source up, or change it; it is read within the minute."""
    check_params(asked.request, [])
    new = NewSource(
        body.kind, name, body.account, body.options, body.secrets, body.backfill_days, body.every_minutes
    )  # fmt: skip
    add_source(asked.context, _sources(asked).kinds, new, asked.principal)
    return report_to_wire(report_source(asked.context, name))


@router.delete("/sources/{name}")
def delete_source(asked: Asked, name: str) -> dict[str, Any]:
    """Read it no more; what it has brought stays."""
    check_params(asked.request, [])
    return {"removed": remove_source(asked.context, name, asked.principal).name}


@router.post("/sources/{name}/test")
def post_test(asked: Asked, name: str) -> dict[str, Any]:
    """One cheap request with its secret; `reads` says what it may read."""
    check_params(asked.request, [])
    source = find_source(asked.context, name)
    try:
        return {"source": name, "reads": check_source(_sources(asked), source)}
    except SourceFailed as error:
        raise Unavailable(
            error.reason, where=f"source {name}", next_steps=[f"mend it, then: tally sources test {name}"]
        ) from None
    finally:
        forget_connections()


@router.post("/sources/{name}/sync")
def post_sync(asked: Asked, name: str, body: SyncBody) -> StreamingResponse:
    """Lines of ``{"progress": …}``, then one of ``{"summary": …}``; a late failure is a line with `error`."""
    check_params(asked.request, [])
    if body.since_us is not None and not 0 <= body.since_us <= _LATEST_US:
        raise UsageError("since_us is no instant", next_steps=["give microseconds since 1970, UTC"])
    find_source(asked.context, name)
    wanted = Wanted(by_hand=True, since_us=body.since_us, streams=tuple(body.streams))
    return StreamingResponse(ndjson(lambda report: _sync(asked, name, wanted, report)), media_type=_NDJSON)


def _sync(asked: Call, name: str, wanted: Wanted, report: Report) -> dict[str, Any]:
    try:
        done = sync(asked.context, _sources(asked), name, wanted, lambda so_far: report(progress_to_wire(so_far)))
    finally:
        forget_connections()
    return {"summary": summary_to_wire(done)}


@router.post("/sources/{name}/reparse")
def post_reparse(asked: Asked, name: str) -> StreamingResponse:
    """Read the kept pages again, without the network: a line ``{"window": …}`` for each slice, then a summary."""
    check_params(asked.request, [])
    find_source(asked.context, name)
    return StreamingResponse(ndjson(lambda report: _reparse(asked, name, report)), media_type=_NDJSON)


def _reparse(asked: Call, name: str, report: Report) -> dict[str, Any]:
    windows = changed = failed = 0
    try:
        for one in reparse(asked.context, _sources(asked), name):
            windows += 1
            failed += bool(one.error)
            changed += sum(part.changed for part in one.loaded.slices) if one.loaded else 0
            report({"window": window_to_wire(one)})
    except SourceFailed as error:
        raise Unavailable(error.reason, where=f"source {name}") from None
    return {"summary": {"source": name, "windows": windows, "changed": changed, "failed": failed}}


def _sources(asked: Call) -> Sources:
    found = asked.services.sources
    if found is None:
        raise Unavailable("no kinds of sources are loaded here", next_steps=["tally up"])
    return found


def _source_wire(source: SourceStatus) -> dict[str, object]:
    """Fields by name; those that end in ``_at`` are instants, ``cost`` is money."""
    wire: dict[str, object] = {}
    for one in fields(source):
        value = getattr(source, one.name)
        wire[one.name] = rfc3339(value) if one.name.endswith("_at") and isinstance(value, int) else value
    wire["cost"] = money(source.cost)
    return wire
