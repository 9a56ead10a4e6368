"""What the ledger refuses to hold: figures that would break a sum for everybody else."""

from collections.abc import Mapping, Sequence
from typing import Any

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


def check_columns(columns: Mapping[str, Sequence[Any]]) -> None:
    """Check every figure of a batch.

    Raises:
        DataError: A quantity, cost or instant out of range, or columns of different lengths; names the event.
    """
    ids = columns["event_id"]
    for name, values in columns.items():
        if len(values) != len(ids):
            raise DataError(f"column {name} has {len(values)} values, event_id has {len(ids)}")
        low, high = _bounds(name)
        if high:
            _check(name, values, ids, low, high)


def _bounds(name: str) -> tuple[int, int]:
    kind = _KINDS.get(name)
    if kind == "instant":
        return 0, MAX_INSTANT
    if kind == "money":
        return -MAX_GRAINS, MAX_GRAINS
    return (0, MAX_QUANTITY) if name in _SUMMED_INTS else (0, 0)


def _check(name: str, values: Sequence[Any], ids: Sequence[str], low: int, high: int) -> None:
    known = [value for value in values if value is not None]
    if known and not (low <= min(known) and max(known) <= high):
        row = next(row for row, value in enumerate(values) if value is not None and not low <= value <= high)
        raise DataError(
            f"{name} is {values[row]}, needed between {low} and {high}",
            where=f"event {ids[row]}",
            next_steps=("correct or leave out the figure where it comes from",),
        )
