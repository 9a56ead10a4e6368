"""What the two column engines spell differently. Measured and compared in tests/contracts."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tallystick.kernel.table import Column

NOTHING_INSTEAD: Mapping[str, str] = MappingProxyType({})


class DuckDbDialect:
    """DuckDB: instants are TIMESTAMP without zone and mean UTC."""

    name = "duckdb"
    merges = False

    def instant(self, param: str) -> str:
        return f"make_timestamp({param})"

    def micros(self, expression: str) -> str:
        return f"epoch_us({expression})"

    def bucket(self, expression: str, seconds: int) -> str:
        return f"time_bucket(INTERVAL '{int(seconds)} seconds', {expression}, TIMESTAMP '1970-01-01')"

    def quantile(self, expression: str, level: float) -> str:
        return f"quantile_cont({expression}, {float(level)!r})"

    def tag(self, column: str, param: str) -> str:
        return f"coalesce(map_extract_value({column}, {param}), '')"

    def each_tag(self, column: str) -> str:
        return f"unnest(map_keys({column}))"

    def clear(
        self, table: str, columns: Sequence[Column], where: str, instead: Mapping[str, str] = NOTHING_INSTEAD
    ) -> str:
        empty = {"text": "''", "tags": "MAP {}", "texts": "[]"}
        changes = ", ".join(f'"{column.name}" = {instead.get(column.name, empty[column.kind])}' for column in columns)
        return f"UPDATE {table} SET {changes} WHERE {where}"  # noqa: S608 - names of ours

    def folded(self, expression: str) -> str:
        return f"translate(lower({expression}), ' -_', '')"

    def one_of(self, expression: str, param: str) -> str:
        return f"list_contains({param}, {expression})"

    def final(self, table: str) -> str:
        return table


class ClickHouseDialect:
    """ClickHouse: instants are DateTime64(6, 'UTC')."""

    name = "clickhouse"
    merges = True

    def instant(self, param: str) -> str:
        return f"fromUnixTimestamp64Micro({param}, 'UTC')"

    def micros(self, expression: str) -> str:
        return f"toUnixTimestamp64Micro({expression})"

    def bucket(self, expression: str, seconds: int) -> str:
        micros = int(seconds) * 1_000_000
        return f"fromUnixTimestamp64Micro(intDiv(toUnixTimestamp64Micro({expression}), {micros}) * {micros}, 'UTC')"

    def quantile(self, expression: str, level: float) -> str:
        return f"quantileExactInclusive({float(level)!r})({expression})"

    def tag(self, column: str, param: str) -> str:
        return f"{column}[{param}]"

    def each_tag(self, column: str) -> str:
        return f"arrayJoin(mapKeys({column}))"

    def clear(
        self, table: str, columns: Sequence[Column], where: str, instead: Mapping[str, str] = NOTHING_INSTEAD
    ) -> str:
        empty = {"text": "''", "tags": "CAST(map(), 'Map(String, String)')", "texts": "CAST([], 'Array(String)')"}
        changes = ", ".join(f"`{column.name}` = {instead.get(column.name, empty[column.kind])}" for column in columns)
        return f"ALTER TABLE {table} UPDATE {changes} WHERE {where} SETTINGS mutations_sync = 2"

    def folded(self, expression: str) -> str:
        return f"replaceRegexpAll(lowerUTF8({expression}), '[ _-]', '')"

    def one_of(self, expression: str, param: str) -> str:
        return f"has({param}, {expression})"

    def final(self, table: str) -> str:
        # FINAL stands after an alias in ClickHouse and there is none here; a subquery takes both.
        return f"(SELECT * FROM {table} FINAL)"  # noqa: S608 - a table of ours
