"""Imports in the words of the API: money as decimal text, instants as text, paths as they were given."""

from collections.abc import Mapping

from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import rfc3339
from tallystick.operations.import_bills import BillSummary
from tallystick.operations.import_files import FileSummary, ImportSummary, Progress
from tallystick.operations.loaded import SliceSummary

_SUMMED = (
    "rows", "new", "duplicates", "corrections", "rejected", "unpriced", "input_tokens", "output_tokens",
)  # fmt: skip


def progress_to_wire(progress: Progress) -> dict[str, object]:
    """A line of work in progress."""
    return {
        "progress": {
            "file": progress.file,
            "rows": progress.rows,
            "bytes_done": progress.bytes_done,
            "bytes_total": progress.bytes_total,
        }
    }


def summary_to_wire(summary: ImportSummary) -> dict[str, object]:
    """The result: totals, one entry a file, the first problems, and whether anything landed."""
    files = summary.files
    costs = [one.cost for one in files if one.cost is not None]
    totals = {name: sum(getattr(one, name) for one in files) for name in _SUMMED}
    bills = [one for load in summary.bills for one in load.files]
    totals["rows"] += sum(one.rows for one in bills)
    totals["rejected"] += sum(one.rejected for one in bills)
    return {
        "landed": summary.landed,
        **totals,
        "cost": text_from_grains(sum(costs)) if costs else None,
        "currency": "USD",
        "files": [_file_to_wire(one) for one in files],
        "bills": [_bill_to_wire(one, load.source) for load in summary.bills for one in load.files],
        "slices": [_slice_to_wire(one, load.source) for load in summary.bills for one in load.slices],
        "bills_rejected_file": summary.bills_rejected_file,
        "problems": [{"file": one.file, "line": one.line, "reason": one.reason} for one in summary.problems],
    }


def _bill_to_wire(one: BillSummary, source: str) -> dict[str, object]:
    return {
        "file": one.file,
        "format": one.format,
        "kind": one.title,
        "dataset": one.dataset,
        "source": source,
        "notes": list(one.notes),
        "rows": one.rows,
        "rejected": one.rejected,
        "ai_rows": one.ai_rows,
        "other_rows": one.rows - one.rejected - one.ai_rows,
        "months": sorted(one.months),
        "accounts": sorted(one.accounts),
        "from": None if one.first_at is None else rfc3339(one.first_at),
        "to": None if one.last_at is None else rfc3339(one.last_at),
        "sums": _sums_to_wire(one.sums),
        "ai_sums": _sums_to_wire(one.ai_sums),
    }


def _sums_to_wire(sums: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, str]]:
    """Currency → cost column → decimal text."""
    return {
        code: {name: text_from_grains(grains) for name, grains in columns.items()}
        for code, columns in sorted(sums.items())
    }


def _slice_to_wire(one: SliceSummary, source: str) -> dict[str, object]:
    """Sums by column; `column:CURRENCY` where the slice mixes currencies."""
    before = one.sums_before
    return {
        "source": source,
        "dataset": one.dataset,
        "slice": one.slice_key,
        "changed": one.changed,
        "rows": one.rows,
        "rows_before": one.rows_before,
        "sums": {name: text_from_grains(grains) for name, grains in one.sums.items()},
        "sums_before": None if before is None else {name: text_from_grains(grains) for name, grains in before.items()},
    }


def _file_to_wire(one: FileSummary) -> dict[str, object]:
    return {
        "file": one.file,
        "format": one.format,
        "shape": one.shape,
        "source": one.source,
        "notes": list(one.notes),
        **{name: getattr(one, name) for name in _SUMMED},
        "cost": None if one.cost is None else text_from_grains(one.cost),
        "currency": "USD",
        "from": None if one.first_at is None else rfc3339(one.first_at),
        "to": None if one.last_at is None else rfc3339(one.last_at),
        "rejected_file": one.rejected_file,
    }
