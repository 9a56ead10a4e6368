"""What the ledger refuses to hold: figures that would break a sum for everybody else."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from tallystick.kernel.errors import DataError
from tallystick.kernel.money import GRAINS_PER_UNIT
from tallystick.ledger.columns import EVENT_COLUMNS

# Nine million rows of the largest quantity still fit a 64-bit sum, 10^14 of the largest cost a decimal(38, 12).
MAX_QUANTITY = 10**12
MAX_GRAINS = 10**12 * GRAINS_PER_UNIT
# Both engines can hold and bucket every instant in between.
MAX_INSTANT = 7_258_118_400_000_000  # 2200-01-01

_KINDS = {column.name: column.kind for column in EVENT_COLUMNS}
_SUMMED_INTS = frozenset(
    {name for name in _KINDS if name.startswith("q_")} | {"input_tokens", "output_tokens", "unpriced_tokens"}
)


Extremes = Callable[[Sequence[Any]], tuple[int, int] | None]


def plain_extremes(values: Sequence[Any]) -> tuple[int, int] | None:
    """The smallest and largest known value of plain Python numbers."""
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else None


def check_columns(columns: Mapping[str, Sequence[Any]], extremes: Extremes = plain_extremes) -> None:
    """Check every figure of a batch.

    Quantities are negative only in batches of provider reports, all of whose rows have a
    `source_key`: a report that shrank is corrected by the difference.

    Args:
        columns: As in `ingest_columns`.
        extremes: Smallest and largest known value of a column, None when all are unknown; for the column's form.

    Raises:
        DataError: A quantity, cost or instant out of range, or columns of different lengths; names the event.
    """
    ids, keys = columns["event_id"], columns.get("source_key")
    corrects = keys is not None and all(keys)
    for name, values in columns.items():
        if len(values) != len(ids):
            raise DataError(f"column {name} has {len(values)} values, event_id has {len(ids)}")
        low, high = _bounds(name, corrects=corrects)
        found = extremes(values) if high else None
        if found and not (low <= found[0] and found[1] <= high):
            _refuse(name, values, ids, low, high)


def _bounds(name: str, *, corrects: bool) -> tuple[int, int]:
    kind = _KINDS.get(name)
    if kind == "instant":
        return 0, MAX_INSTANT
    if kind == "money":
        return -MAX_GRAINS, MAX_GRAINS
    return (-MAX_QUANTITY if corrects else 0, MAX_QUANTITY) if name in _SUMMED_INTS else (0, 0)


def _refuse(name: str, values: Sequence[Any], ids: Sequence[str], low: int, high: int) -> NoReturn:
    row = next(row for row, value in enumerate(values) if value is not None and not low <= value <= high)
    raise DataError(
        f"{name} is {values[row]}, needed between {low} and {high}",
        where=f"event {ids[row]}",
        next_steps=("correct or leave out the figure where it comes from",),
    )
