"""The port of the column engines (usage events and charges), and what differs between their SQL.

SQL is written once, with named parameters as ``$name``; each engine rewrites them to
its own form. Identifiers that clash with keywords are double-quoted ("user", "key").
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from tallystick.kernel.table import Column
from tallystick.storage.dialects import NOTHING_INSTEAD

Param = str | int | bool | None | Sequence[str] | Sequence[int]


class Dialect(Protocol):
    """The few expressions the two column engines spell differently. All return SQL text."""

    name: str
    merges: bool
    """Whether the engine itself folds rows of equal key, so that old versions need no deletion."""

    def instant(self, param: str) -> str:
        """A timestamp from a parameter that holds microseconds: ``instant('$from')``."""

    def micros(self, expression: str) -> str:
        """Microseconds since 1970 (BIGINT) of a timestamp expression."""

    def bucket(self, expression: str, seconds: int) -> str:
        """The start of the UTC bucket of so many seconds that a timestamp falls in."""

    def quantile(self, expression: str, level: float) -> str:
        """Exact percentile (not approximate), interpolated alike on both engines."""

    def tag(self, column: str, param: str) -> str:
        """The value of a key in a tags map, '' when missing."""

    def each_tag(self, column: str) -> str:
        """One row for each key of a tags map, as an expression of a select list."""

    def clear(
        self, table: str, columns: Sequence[Column], where: str, instead: Mapping[str, str] = NOTHING_INSTEAD
    ) -> str:
        """A statement that empties texts, tags and lists of texts in the rows of `where`, done when it returns.

        A column in `instead` gets the value of that expression.
        """

    def folded(self, expression: str) -> str:
        """A text without case, spaces, hyphens and underscores: the form in which filters compare."""

    def one_of(self, expression: str, param: str) -> str:
        """Whether a value is in a list parameter: ``one_of('team', '$teams')``; an empty list holds nothing."""

    def final(self, table: str) -> str:
        """A `unique` table as read with duplicates merged (ClickHouse FINAL); an alias may follow."""


class Engine(Protocol):
    """One open column store. Any thread may read; writers wait for each other."""

    @property
    def dialect(self) -> Dialect:
        """How this engine spells what differs."""

    def ensure_table(
        self, table: str, columns: Sequence[Column], *, order_by: Sequence[str], unique: bool = False
    ) -> None:
        """Create the table, or add the columns that it lacks (existing rows get the default).

        `order_by` is how rows are laid out where the engine sorts them; with `unique`, rows
        equal in it may be folded into one where the engine can.
        """

    def execute(self, sql: str, params: Mapping[str, Param] | None = None) -> None:
        """Run a statement without result."""

    def rows(self, sql: str, params: Mapping[str, Param] | None = None) -> list[tuple[object, ...]]:
        """All rows of a query. Money columns come back as `decimal.Decimal`, instants cast by
        `micros` as int.
        """

    def append(self, table: str, columns: Sequence[Column], data: Mapping[str, Sequence[object]]) -> None:
        """Append columnar data: instants as int microseconds, money as int grains, tags as
        dicts, texts as sequences, None where nullable. A column without data gets its
        default: NULL where nullable, else "", 0, false or empty.
        """

    def known(
        self, table: str, column: str, texts: Sequence[str], *, where: str, params: Mapping[str, Param]
    ) -> set[str]:
        """Which of these texts a column already holds, among the rows that `where` lets through.
        Made for lists too long for a parameter.
        """

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing where the engine can; otherwise ordered writes (the mark last)."""

    def disk_bytes(self) -> int:
        """Bytes the store takes on disk; 0 for one in memory."""

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the store, where there is one."""

    def close(self) -> None:
        """Flush and release the files."""
