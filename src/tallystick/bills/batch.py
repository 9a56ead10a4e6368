"""Lines of bills as columns: for sources that send millions of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tallystick.kernel.table import Repeated


@dataclass(frozen=True, slots=True)
class LineBatch:
    """Good lines by column. None is of the usage layer: what must be rated comes line by line.

    Attributes:
        data: Every column of the table of lines but `load_id`, `page_id`, `source`, and `model` where a raw one
            is given: those are the loader's. Money and quantities in grains. Each within the table's bounds.
    """

    data: dict[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.data["line_no"])


def taken(data: Mapping[str, Sequence[Any]], rows: Sequence[int]) -> dict[str, Sequence[Any]]:
    """The same columns, of these rows only."""
    return {
        name: Repeated(column.value, len(rows)) if isinstance(column, Repeated) else [column[row] for row in rows]
        for name, column in data.items()
    }
