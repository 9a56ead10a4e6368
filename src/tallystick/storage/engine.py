"""The port of the column engines (usage events and charges), and what differs between their SQL.

SQL is written once, with named parameters as ``$name``; each engine rewrites them to
its own form. Identifiers that clash with keywords are double-quoted ("user", "key").
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from tallystick.kernel.table import Column

Param = str | int | bool | None | Sequence[str] | Sequence[int]


class Dialect(Protocol):
    """The few expressions the two column engines spell differently. All return SQL text."""

    name: str

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

    def final(self, table: str) -> str:
        """The table as read with duplicates merged (ClickHouse FINAL)."""


class Engine(Protocol):
    """One open column store. Not thread-safe for writes: one ingest thread owns appends."""

    dialect: Dialect

    def execute(self, sql: str, params: Mapping[str, Param] | None = None) -> None:
        """Run a statement without result."""

    def rows(self, sql: str, params: Mapping[str, Param] | None = None) -> list[tuple[object, ...]]:
        """All rows of a query. Money columns come back as `decimal.Decimal`, instants cast by
        `micros` as int."""

    def append(
        self, table: str, columns: Sequence[Column], data: Mapping[str, Sequence[object]]
    ) -> None:
        """Append columnar data: instants as int microseconds, money as int grains, tags as
        dicts, texts as sequences, None where nullable."""

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing where the engine can; otherwise ordered writes (the mark last)."""

    def close(self) -> None:
        """Flush and release the files."""
