"""Tables as data: what a column holds, whatever the engine.

Kinds: text, int (64 bit), money (decimal 38,12), instant (UTC, microseconds), bool,
tags (map of text to text), texts (list of text).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Literal, overload

Kind = Literal["text", "int", "money", "instant", "bool", "tags", "texts"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        nullable: Holds NULL for "unknown"; other columns hold "", 0 or false instead.
    """

    name: str
    kind: Kind
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Repeated(Sequence[Any]):
    """A column whose rows all hold one value, without a list of them."""

    value: Any
    rows: int

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Any]:
        return repeat(self.value, self.rows)

    @overload
    def __getitem__(self, at: int) -> Any: ...

    @overload
    def __getitem__(self, at: slice) -> "Repeated": ...

    def __getitem__(self, at: int | slice) -> Any:
        places = range(self.rows)[at]
        return Repeated(self.value, len(places)) if isinstance(places, range) else self.value
