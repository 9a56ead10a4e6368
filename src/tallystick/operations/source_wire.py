"""Sources and their runs as plain values, for API and command line."""

from collections.abc import Mapping
from typing import Any

from tallystick.bills.model import Brought
from tallystick.connectors.registry import Kinds
from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import rfc3339
from tallystick.operations.loaded import LoadSummary, SliceSummary
from tallystick.operations.read_names import NamesRead
from tallystick.operations.report_sources import COVERED_DAYS, SourceReport, StreamReport
from tallystick.operations.sum_source_costs import SourceCosts
from tallystick.operations.sync_source import SyncProgress, SyncSummary, WindowResult


def report_to_wire(report: SourceReport) -> dict[str, Any]:
    """A source with its setup; of secrets only where they are."""
    source = report.source
    return {
        "name": source.name,
        "kind": source.kind,
        "account": source.account,
        "options": dict(source.options),
        "secrets": dict(source.secrets),
        "backfill_days": source.backfill_days,
        "every_minutes": source.every_minutes,
        "state": report.state,
        "error": report.error,
        "covered_days": report.covered_days,
        "wanted_days": COVERED_DAYS,
        "rows": report.rows,
        "rejected": report.rejected,
        "loaded_at": _at(report.loaded_at),
        "last_at": _at(report.last_at),
        "lag_seconds": None if report.lag_us is None else report.lag_us // 1_000_000,
        "next_at": _at(report.next_at),
        "streams": [_stream_to_wire(one) for one in report.streams],
        "names": _names_to_wire(report.names),
    }


def _names_to_wire(read: NamesRead | None) -> dict[str, Any] | None:
    return None if read is None else {"read_at": _at(read.at), "names": read.names, "error": read.error}


def _stream_to_wire(one: StreamReport) -> dict[str, Any]:
    return {
        "stream": one.stream,
        "covered_days": one.covered_days,
        "fetched_at": _at(one.fetched_at),
        "failing": one.failing,
        "error": one.stopped or one.last_error,
        "stopped": bool(one.stopped),
    }


def brought_to_wire(one: Brought) -> dict[str, Any]:
    """What a file or a removed source has brought."""
    return {
        "source": one.source,
        "accounts": list(one.accounts),
        "lines": one.lines,
        "rejected": one.rejected,
        "first_at": _at(one.first_at),
        "last_at": _at(one.last_at),
        "loaded_at": _at(one.loaded_at),
        "file": one.file or None,
    }


def costs_to_wire(costs: SourceCosts) -> dict[str, Any]:
    """Costs by the provider's own ids; the layers say the same money in their own words and are never added."""
    return {
        "source": costs.source,
        "by": costs.by,
        "from": _at(costs.period.start_us),
        "to": _at(costs.period.end_us),
        "rows": [
            {
                "id": one.id,
                "name": one.name,
                "currency": one.currency,
                "rated": _money(one.rated),
                "reported": _money(one.reported),
                "invoiced": _money(one.invoiced),
                "unpriced_lines": one.unpriced,
                "lines": one.lines,
            }
            for one in costs.rows
        ],
    }


def _money(grains: int | None) -> str | None:
    return None if grains is None else text_from_grains(grains)


def kinds_to_wire(kinds: Kinds) -> dict[str, Any]:
    """What can be set up, with its options; and what is there and broken."""
    return {
        "kinds": [
            {
                "kind": kind.kind,
                "title": kind.title,
                "options": [
                    {
                        "name": one.name, "title": one.title, "secret": one.secret, "needed": one.needed,
                        "default": one.default,
                    }
                    for one in kind.options
                ],
            }
            for _, kind in sorted(kinds.known.items())
        ],
        "broken": dict(kinds.broken),
    }  # fmt: skip


def progress_to_wire(done: SyncProgress) -> dict[str, Any]:
    """How far a run is."""
    return {
        "progress": {
            "source": done.source, "stream": done.stream, "slice": _at(done.start_us), "done": done.done,
            "due": done.due, "pages": done.pages,
        }
    }  # fmt: skip


def summary_to_wire(done: SyncSummary) -> dict[str, Any]:
    """What became of a run."""
    loads = [one.loaded for one in done.windows if one.loaded is not None]
    return {
        "source": done.source,
        "due": done.due,
        "read": sum(not one.error for one in done.windows),
        "failed": sum(bool(one.error) for one in done.windows),
        "left": done.due - len(done.windows),
        "pages": sum(one.pages for one in done.windows),
        "rows": sum(one.rows for one in loads),
        "rejected": sum(one.rejected for one in loads),
        "changed": sum(part.changed for one in loads for part in one.slices),
        "error": done.error,
        "windows": [window_to_wire(one) for one in done.windows],
    }


def window_to_wire(one: WindowResult) -> dict[str, Any]:
    """What became of one slice."""
    return {
        "stream": one.stream,
        "from": _at(one.start_us),
        "to": _at(one.end_us),
        "pages": one.pages,
        "error": one.error,
        **(load_to_wire(one.loaded) if one.loaded is not None else {"slices": []}),
    }


def load_to_wire(done: LoadSummary) -> dict[str, Any]:
    """What became of lines that were loaded; amounts are decimal texts."""
    return {
        "rows": done.rows,
        "rejected": done.rejected,
        "rejected_file": done.rejected_file,
        "problems": [{"page": one.page_id, "line": one.line_no, "reason": one.reason} for one in done.problems],
        "slices": [_slice_to_wire(one) for one in done.slices],
    }


def _slice_to_wire(one: SliceSummary) -> dict[str, Any]:
    return {
        "dataset": one.dataset,
        "slice": one.slice_key,
        "load": one.load_id,
        "changed": one.changed,
        "rows": one.rows,
        "rows_before": one.rows_before,
        "rejected": one.rejected,
        "rejected_file": one.rejected_file,
        "unpriced": one.unpriced,
        "sums": _amounts(one.sums),
        "sums_before": None if one.sums_before is None else _amounts(one.sums_before),
        "note": one.note,
    }


def _amounts(sums: Mapping[str, int]) -> dict[str, str]:
    return {name: text_from_grains(grains) for name, grains in sums.items()}


def _at(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)
