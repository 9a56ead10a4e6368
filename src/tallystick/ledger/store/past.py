"""What past calls were to budgets: used, refused, spent elsewhere, shown once more."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from tallystick.kernel.money import grains_from_decimal
from tallystick.ledger.budget_sums import Sum, Wanted, sums_params, sums_statement, unknown_statement
from tallystick.ledger.past_calls import METER_NAMES, calls_statement, hours_statement, meters_statement
from tallystick.ledger.spend_sums import Elsewhere, Who, elsewhere_statement
from tallystick.ledger.store.tables import EVENTS
from tallystick.storage.engine import Engine


def sum_for_budgets(engine: Engine, wanted: Wanted, *, after: int, upto: int) -> list[Sum]:
    """What each group used, of the events with after < ingest_seq <= upto: whoever knows the rest adds it."""
    where = "ingest_seq > $after AND ingest_seq <= $upto"
    return _sums(engine, wanted, where, {"after": after, "upto": upto})


def sum_events_for_budgets(engine: Engine, wanted: Wanted, event_ids: Sequence[str]) -> list[Sum]:
    """The same of single events, by their ids; those that the ledger does not hold add nothing."""
    instant = engine.dialect.instant
    where = f"occurred_at >= {instant('$start0')}"
    held = sorted(engine.known(EVENTS, "event_id", event_ids, where=where, params={"start0": wanted.starts[0]}))
    if not held:
        return []
    return _sums(engine, wanted, engine.dialect.one_of("event_id", "$ids"), {"ids": held})


def read_unknown_tokens(
    engine: Engine, wanted: Wanted, *, after: int, upto: int
) -> list[tuple[tuple[str, ...], int, int, str]]:
    """Attempts whose tokens are not known for certain: group, span, tokens as far as known, decision."""
    where = "ingest_seq > $after AND ingest_seq <= $upto"
    sql = unknown_statement(engine.dialect, EVENTS, wanted, where)
    count = len(wanted.dimensions)
    rows = engine.rows(sql, {**sums_params(wanted), "after": after, "upto": upto})
    return [
        (tuple(map(str, row[:count])), int(str(row[count])), int(str(row[count + 1])), str(row[count + 2]))
        for row in rows
    ]


def _sums(engine: Engine, wanted: Wanted, where: str, params: Mapping[str, int | Sequence[str]]) -> list[Sum]:
    sql = sums_statement(engine.dialect, EVENTS, wanted, where)
    count = len(wanted.dimensions)
    return [
        Sum(tuple(map(str, row[:count])), *(int(Decimal(str(value))) for value in row[count:]))
        for row in engine.rows(sql, {**sums_params(wanted), **params})
    ]


def sum_elsewhere(
    engine: Engine, who: Who, values: Sequence[str], keys: Sequence[str], around: tuple[int, int, int]
) -> list[Elsewhere]:
    """What these people, teams or provider keys spent other than through these keys of ours.

    Args:
        around: First instant in, the instant that divides before from after, first instant out.
    """
    if not values:
        return []
    sql = elsewhere_statement(engine.dialect, EVENTS, who)
    first, at, end = around
    rows = engine.rows(sql, {"from": first, "at": at, "to": end, "values": list(values), "keys": list(keys)})
    return [Elsewhere(str(one), str(source), _grains(before), _grains(after)) for one, source, before, after in rows]


def read_refusals(engine: Engine, since_us: int, limit: int) -> list[tuple[int, str]]:
    """Instant and decision of calls that budgets refused since an instant, oldest first."""
    dialect = engine.dialect
    rows = engine.rows(
        f"SELECT {dialect.micros('occurred_at')}, decision FROM {dialect.final(EVENTS)} "
        f"WHERE occurred_at >= {dialect.instant('$since')} AND verdict IN ('blocked', 'paused', 'tripped', 'degraded') "
        f"AND decision <> '' ORDER BY occurred_at LIMIT {int(limit)}",
        {"since": since_us},
    )
    return [(int(str(at)), str(decision)) for at, decision in rows]


def count_hours(engine: Engine, period: tuple[int, int]) -> list[tuple[int, int]]:
    """Each hour of a period that has attempts, its start in microseconds and how many they are."""
    rows = engine.rows(hours_statement(engine.dialect, EVENTS), {"from": period[0], "to": period[1]})
    return [(int(str(hour)), int(str(count))) for hour, count in rows]


def count_meters(engine: Engine, period: tuple[int, int]) -> list[str]:
    """The meters that attempts of a period have quantities of."""
    ((*counts,),) = engine.rows(meters_statement(engine.dialect, EVENTS), {"from": period[0], "to": period[1]})
    return [name for name, count in zip(METER_NAMES, counts, strict=True) if count]


def read_calls(
    engine: Engine, dimensions: Sequence[str], meters: Sequence[str], period: tuple[int, int]
) -> list[tuple[Any, ...]]:
    """Attempts of a period by time: instant, bound and cost in nano-units, input and output tokens, bytes of the
    request, `max_tokens`, bytes of tools, then the dimensions, then the meters' quantities.
    """
    sql = calls_statement(engine.dialect, EVENTS, dimensions, meters)
    return engine.rows(sql, {"from": period[0], "to": period[1]})


def _grains(value: object) -> int:
    return grains_from_decimal(Decimal(str(value)))
