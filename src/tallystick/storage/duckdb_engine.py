"""DuckDB as the column engine: one file, owned by one process.

Each thread reads through a cursor of its own and sees committed data; writers wait
for one lock. Results are always fetched whole: an unfinished result makes the next
`register` of the same connection fail.
"""

import re
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from tallystick.kernel.errors import Conflict, Unavailable
from tallystick.kernel.table import Column, Kind
from tallystick.storage.arrow import to_arrow
from tallystick.storage.dialects import DuckDbDialect
from tallystick.storage.engine import Dialect, Param

_TYPES: dict[Kind, str] = {
    "text": "VARCHAR",
    "int": "BIGINT",
    "money": "DECIMAL(38, 12)",
    "instant": "TIMESTAMP",
    "bool": "BOOLEAN",
    "tags": "MAP(VARCHAR, VARCHAR)",
    "texts": "VARCHAR[]",
}
_DEFAULTS: dict[Kind, str] = {
    "text": "''",
    "int": "0",
    "money": "0",
    "instant": "TIMESTAMP '1970-01-01'",
    "bool": "false",
    "tags": "MAP {}",
    "texts": "[]",
}
_PARAM = re.compile(r"\$([A-Za-z_]\w*)")
# Each checkpoint rewrites the last row group of every column, so a larger log means fewer rewrites.
_LOG_BYTES = "256MB"


class DuckDbEngine:
    """One open DuckDB file, or a store in memory.

    Args:
        path: The file; None for memory.
        memory_limit: Such as ``"2GB"``; empty for DuckDB's own (80 % of the machine).
        threads: Of one query; 0 for DuckDB's own (all cores).

    Raises:
        Conflict: Another process has the file open.
    """

    def __init__(self, path: Path | None, *, memory_limit: str = "", threads: int = 0) -> None:
        self._path = path
        self._dialect = DuckDbDialect()
        self._lock = threading.RLock()
        self._local = threading.local()
        # Extensions would be fetched from the network; ours are linked in.
        config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        if memory_limit:
            config["memory_limit"] = memory_limit
        if threads:
            config["threads"] = str(threads)
        try:
            self._root = duckdb.connect(str(path) if path else ":memory:", config=config)
        except duckdb.IOException as error:
            raise _cannot_open(path, error) from error
        self._root.execute(f"SET checkpoint_threshold = '{_LOG_BYTES}'")

    @property
    def dialect(self) -> Dialect:
        return self._dialect

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        found: duckdb.DuckDBPyConnection | None = getattr(self._local, "cursor", None)
        if found is None:
            found = self._root.cursor()
            found.execute("SET TimeZone = 'UTC'")
            self._local.cursor = found
        return found

    def execute(self, sql: str, params: Mapping[str, Param] | None = None) -> None:
        with self._lock:
            self._cursor().execute(sql, _used(sql, params)).fetchall()

    def rows(self, sql: str, params: Mapping[str, Param] | None = None) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = self._cursor().execute(sql, _used(sql, params)).fetchall()
        return found

    def ensure_table(
        self, table: str, columns: Sequence[Column], *, order_by: Sequence[str], unique: bool = False
    ) -> None:
        lines = ", ".join(_definition(column) for column in columns)
        with self.transaction():
            self.execute(f"CREATE TABLE IF NOT EXISTS {table} ({lines})")
            found = self.rows(
                "SELECT column_name FROM information_schema.columns WHERE table_name = $name", {"name": table}
            )
            present = {str(name) for (name,) in found}
            for column in columns:
                if column.name not in present:
                    self.execute(f"ALTER TABLE {table} ADD COLUMN {_addition(column)}")

    def append(self, table: str, columns: Sequence[Column], data: Mapping[str, Sequence[object]]) -> None:
        batch = to_arrow(columns, data, zoned=False)
        names = ", ".join(f'"{name}"' for name in batch.column_names)
        with self._lock, self._staged(batch) as staged:
            self.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {staged}")  # noqa: S608 - names of ours

    def known(
        self, table: str, column: str, texts: Sequence[str], *, where: str, params: Mapping[str, Param]
    ) -> set[str]:
        batch = pa.table({"text": pa.array(texts, pa.string())})
        with self._lock, self._staged(batch) as staged:
            found = self.rows(
                f"SELECT {column} FROM {table} WHERE {where} "  # noqa: S608 - names of ours
                f"AND {column} IN (SELECT text FROM {staged})",
                params,
            )
        return {str(text) for (text,) in found}

    @contextmanager
    def _staged(self, batch: pa.Table) -> Iterator[str]:
        name = f"staged_{uuid.uuid4().hex}"
        cursor = self._cursor()
        cursor.register(name, batch)
        try:
            yield name
        finally:
            cursor.unregister(name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable when it ends; nested use joins the outer one."""
        with self._lock:
            if getattr(self._local, "inside", False):
                yield
                return
            cursor = self._cursor()
            cursor.execute("BEGIN TRANSACTION")
            self._local.inside = True
            try:
                yield
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            else:
                cursor.execute("COMMIT")
            finally:
                self._local.inside = False

    def disk_bytes(self) -> int:
        if self._path is None:
            return 0
        parts = (self._path, self._path.with_name(f"{self._path.name}.wal"))
        return sum(part.stat().st_size for part in parts if part.exists())

    def checkpoint(self) -> None:
        """After it the file alone is a complete copy until the next write."""
        self.execute("CHECKPOINT")

    def close(self) -> None:
        with self._lock:
            if self._path is not None:
                self.checkpoint()
            self._root.close()
            self._local = threading.local()


def _cannot_open(path: Path | None, error: Exception) -> Conflict | Unavailable:
    if "lock" in str(error).lower():
        return Conflict(
            "another process has this ledger open",
            where=str(path),
            next_steps=("use the running server (`tally status` shows it)", "or stop it and try again"),
        )
    return Unavailable(f"cannot open the ledger: {error}", where=str(path))


def _used(sql: str, params: Mapping[str, Param] | None) -> dict[str, object] | None:
    """The parameters a statement names: DuckDB refuses others."""
    if not params:
        return None
    return {name: params[name] for name in set(_PARAM.findall(sql))} or None


def _definition(column: Column) -> str:
    if column.nullable:
        return f'"{column.name}" {_TYPES[column.kind]}'
    return f"{_addition(column)} NOT NULL"


def _addition(column: Column) -> str:
    """A column for a table that has rows: DuckDB adds no constraint afterwards."""
    default = "" if column.nullable else f" DEFAULT {_DEFAULTS[column.kind]}"
    return f'"{column.name}" {_TYPES[column.kind]}{default}'
