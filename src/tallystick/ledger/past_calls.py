"""Calls of the past in the order of time, as SQL over events: text only."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from collections.abc import Sequence
from typing import Protocol

from tallystick.ledger.budget_sums import CURRENCY, column_of
from tallystick.ledger.duplicates import not_taken_back
from tallystick.usage.meters import METERS

METER_NAMES = tuple(meter.name for meter in METERS)
# Money in nano-units, rounded up, as counters hold it.
_NANO = "CAST(ceil({0} * 1000000000) AS {1})"
# Budgets know no rates: what a call cost in another currency is not known in theirs.
_COST = f"CASE WHEN currency = '{CURRENCY}' THEN effective_cost END"
_FIXED = ("input_tokens", "output_tokens", "request_bytes", "requested_max_tokens", "tools_bytes")


class Speaks(Protocol):
    """As much of an engine's dialect as these statements take."""

    name: str

    def instant(self, param: str) -> str: ...

    def micros(self, expression: str) -> str: ...

    def bucket(self, expression: str, seconds: int) -> str: ...

    def final(self, table: str) -> str: ...


def calls_statement(dialect: Speaks, table: str, dimensions: Sequence[str], meters: Sequence[str]) -> str:
    """Attempts that reached a provider: instant, bound, cost, tokens, sizes, then dimensions, then meters.

    Parameters `from` and `to`, microseconds.
    """
    whole = "BIGINT" if dialect.name == "duckdb" else "Nullable(Int64)"
    money = [_NANO.format(name, whole) for name in ("bound_cost", _COST)]
    columns = [dialect.micros("occurred_at"), *money, *_FIXED]
    columns += [*map(column_of, dimensions), *(f"q_{name}" for name in meters)]
    return (
        f"SELECT {', '.join(columns)} FROM {dialect.final(table)} WHERE {within(dialect)} "
        "ORDER BY occurred_at, event_id"
    )


def hours_statement(dialect: Speaks, table: str) -> str:
    """How many there are in each hour that has any, by hour: the same parameters."""
    hour = dialect.bucket("occurred_at", 3600)
    return (
        f"SELECT {dialect.micros('hour')}, count(*) FROM (SELECT {hour} AS hour FROM {dialect.final(table)} "
        f"WHERE {within(dialect)}) AS hours GROUP BY hour ORDER BY hour"
    )


def meters_statement(dialect: Speaks, table: str) -> str:
    """For each meter whether any has a quantity of it: the same parameters."""
    counts = ", ".join(f"count(q_{name})" for name in METER_NAMES)
    return f"SELECT {counts} FROM {dialect.final(table)} WHERE {within(dialect)}"


def within(dialect: Speaks) -> str:
    """The rows looked at: every attempt of the time, wherever it was recorded; once, though two captures have it."""
    since, until = dialect.instant("$from"), dialect.instant("$to")
    return f"occurred_at >= {since} AND occurred_at < {until} AND attempt >= 1 AND {not_taken_back()}"
