"""Imports in the words of the API: money as decimal text, instants as text, paths as they were given."""

from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import rfc3339
from tallystick.operations.import_files import FileSummary, ImportSummary, Progress

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
    return {
        "landed": summary.landed,
        **totals,
        "cost": text_from_grains(sum(costs)) if costs else None,
        "currency": "USD",
        "files": [_file_to_wire(one) for one in files],
        "problems": [{"file": one.file, "line": one.line, "reason": one.reason} for one in summary.problems],
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
