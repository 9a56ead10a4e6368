"""ClickHouse as the column engine, through `clickhouse-connect`: a server, or the engine in process.

There are no transactions: a writer orders its inserts so that the last one names the
others (`ledger.store`). Every insert is synced to disk before it is acknowledged,
which is not the server's default.
"""

import re
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from tallystick.kernel.errors import Unavailable
from tallystick.kernel.table import Column, Kind
from tallystick.storage.arrow import to_arrow
from tallystick.storage.dialects import ClickHouseDialect
from tallystick.storage.engine import Dialect, Param

_TYPES: dict[Kind, str] = {
    "text": "String",
    "int": "Int64",
    "money": "Decimal(38, 12)",
    "instant": "DateTime64(6, 'UTC')",
    "bool": "Bool",
    "tags": "Map(String, String)",
    "texts": "Array(String)",
}
# These make ClickHouse answer as standard SQL does: the sum of nothing is NULL, an alias
# never hides a column, an outer join fills with NULL.
_SETTINGS: dict[str, str | int] = {
    "aggregate_functions_null_for_empty": 1,
    "prefer_column_name_to_alias": 1,
    "join_use_nulls": 1,
    "session_timezone": "UTC",
}
_DURABLE = "fsync_after_insert = 1, fsync_part_directory = 1"
_PARAM = re.compile(r"\$([A-Za-z_]\w*)")


class ClickHouseEngine:
    """One ClickHouse database.

    Args:
        dsn: ``clickhouse://user:password@host:8443/database``, or ``chdb:///path`` in process.

    Raises:
        Unavailable: No server answers there.
    """

    def __init__(self, dsn: str) -> None:
        self._dialect = ClickHouseDialect()
        self._lock = threading.RLock()
        try:
            # A session would serialise every thread's queries; the engine in process knows none.
            sessions: dict[str, Any] = {} if dsn.startswith("chdb:") else {"autogenerate_session_id": False}
            self._client: Client = clickhouse_connect.get_client(dsn=dsn, settings=dict(_SETTINGS), **sessions)
        except ClickHouseError as error:
            raise Unavailable(
                f"the ClickHouse server does not answer: {type(error).__name__}",
                where=dsn.rsplit("@", 1)[-1],
                next_steps=("check the address and that the server runs", "check user and password"),
            ) from error

    @property
    def dialect(self) -> Dialect:
        return self._dialect

    def execute(self, sql: str, params: Mapping[str, Param] | None = None) -> None:
        text, bound = _bind(sql, params)
        with self._lock:
            self._client.command(text, parameters=bound)

    def rows(self, sql: str, params: Mapping[str, Param] | None = None) -> list[tuple[object, ...]]:
        text, bound = _bind(sql, params)
        return [tuple(row) for row in self._client.query(text, parameters=bound).result_rows]

    def ensure_table(
        self, table: str, columns: Sequence[Column], *, order_by: Sequence[str], unique: bool = False
    ) -> None:
        lines = ", ".join(_definition(column) for column in columns)
        engine = "ReplacingMergeTree" if unique else "MergeTree"
        order = ", ".join(order_by)
        self.execute(
            f"CREATE TABLE IF NOT EXISTS {table} ({lines}) ENGINE = {engine} ORDER BY ({order}) SETTINGS {_DURABLE}"
        )
        found = self.rows(
            "SELECT name FROM system.columns WHERE table = $name AND database = currentDatabase()", {"name": table}
        )
        present = {str(name) for (name,) in found}
        for column in columns:
            if column.name not in present:
                self.execute(f"ALTER TABLE {table} ADD COLUMN {_definition(column)}")

    def append(self, table: str, columns: Sequence[Column], data: Mapping[str, Sequence[object]]) -> None:
        batch = to_arrow(columns, data, zoned=True)
        if batch.num_rows:
            with self._lock:
                self._client.insert_arrow(table, batch)

    def known(
        self, table: str, column: str, texts: Sequence[str], *, where: str, params: Mapping[str, Param]
    ) -> set[str]:
        if not texts:
            return set()
        # A table, not a parameter: a server refuses long ones.
        staged = f"staged_{uuid.uuid4().hex}"
        with self._lock:
            self.execute(f"CREATE TABLE {staged} (text String) ENGINE = Memory")
            try:
                self._client.insert_arrow(staged, pa.table({"text": pa.array(texts, pa.string())}))
                found = self.rows(
                    f"SELECT DISTINCT {column} FROM {table} WHERE {where} "  # noqa: S608 - names of ours
                    f"AND {column} IN (SELECT text FROM {staged})",
                    params,
                )
            finally:
                self.execute(f"DROP TABLE {staged}")
        return {str(text) for (text,) in found}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One writer at a time; nothing is rolled back, so the row that names the others goes last."""
        with self._lock:
            yield

    def disk_bytes(self) -> int:
        ((used,),) = self.rows(
            "SELECT coalesce(sum(bytes_on_disk), 0) FROM system.parts WHERE active AND database = currentDatabase()"
        )
        return int(str(used))

    def checkpoint(self) -> None:
        """Nothing to do: an acknowledged insert is a part on disk."""

    def close(self) -> None:
        self._client.close()


def _definition(column: Column) -> str:
    kind = _TYPES[column.kind]
    return f"`{column.name}` Nullable({kind})" if column.nullable else f"`{column.name}` {kind}"


def _bind(sql: str, params: Mapping[str, Param] | None) -> tuple[str, dict[str, object]]:
    """``$name`` as ``{name:Type}``, with the type of the value given."""
    given = params or {}
    used = set(_PARAM.findall(sql))
    text = _PARAM.sub(lambda match: f"{{{match[1]}:{_param_type(given[match[1]])}}}", sql)
    return text, {name: given[name] for name in used}


def _param_type(value: Param) -> str:
    if isinstance(value, bool):
        return "Bool"
    if isinstance(value, int):
        return "Int64"
    if isinstance(value, str):
        return "String"
    if value is None:
        return "Nullable(String)"
    return "Array(Int64)" if value and isinstance(value[0], int) else "Array(String)"
