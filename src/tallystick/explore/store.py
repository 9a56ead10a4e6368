"""The ledger as read for the query model: sums, series, requests, values, sources."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from collections.abc import Sequence
from dataclasses import replace
from decimal import Context, Decimal
from typing import Any

from tallystick.explore.assemble import Groups, Series, Summed, add, add_series
from tallystick.explore.buckets import bucket_index, bucket_starts, offsets
from tallystick.explore.ledger_rows import LedgerAsked, LedgerRow, LedgerSums, rows_sql, sums_sql
from tallystick.explore.model import SERIES_ROWS, Grain, Query, Sums
from tallystick.explore.paging import UNKNOWN_COST, Cursor, PageAsked
from tallystick.explore.sources import ImportRun, SourceStatus
from tallystick.explore.statement import (
    CHARGES,
    COUNTS,
    CURRENCY,
    EVENTS,
    QUANTITIES,
    TRUE_UPS,
    TRUED,
    Scope,
    Shape,
    Snapshot,
    Statement,
    branches,
    condition_sql,
    local_sql,
    true_up_condition,
    within,
)
from tallystick.kernel.money import PLACES
from tallystick.kernel.period import SECOND_US, Period
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.engine import Engine

_SUMS = ("cost", "costed", *COUNTS, *QUANTITIES)
# Nobody compares single meters, and planning a statement grows with its columns.
_SUMS_BEFORE = ("cost", "costed", *COUNTS)
_WIDE = Context(prec=60)


def sum_groups(engine: Engine, scope: Scope) -> Groups:
    """The largest groups by cost, at most `query.limit`, and the total of all.

    The total is what the database sums over everything; only where every group came
    back is it added up here, which is the same.
    """
    limit = scope.query.limit
    if not scope.query.group_by:
        total = _read_groups(engine, scope, ())[0]
        return Groups((total,), 1, total)
    found = _read_groups(engine, scope, scope.query.group_by)
    rows = tuple(found[:limit])
    if len(found) <= limit:
        return Groups(rows, len(rows), add(rows))
    return Groups(rows, _count_groups(engine, scope), _read_groups(engine, scope, ())[0])


def _read_groups(engine: Engine, scope: Scope, group_by: Sequence[str]) -> list[Summed]:
    """Groups by falling cost, one more than the limit when there are more; without dimensions the total."""
    statement = Statement(engine.dialect)
    shape = Shape(tuple(group_by), (*_SUMS, TRUED))
    names = [f"g{number}" for number in range(len(group_by))]
    sums = [_side_sum(name, 1) for name in _SUMS]
    sums += [_side_sum(name, 0) for name in _SUMS_BEFORE if scope.query.previous]
    inner = branches(statement, scope, shape)
    tail = ""
    if group_by:
        tail = f" GROUP BY {', '.join(names)} HAVING {_ANY_ROWS}"
        tail += f" ORDER BY coalesce(c1, 0) DESC, {', '.join(names)} LIMIT {statement.bind(scope.query.limit + 1)}"
    sql = f"SELECT {', '.join([*names, *sums])} FROM ({inner}) AS part{tail}"
    return [_summed(row, len(group_by)) for row in engine.rows(sql, statement.params)]


# Charges that cancel each other leave no group behind.
_ANY_ROWS = f"sum(abs(s_calls)) + sum(abs(s_attempts)) + sum(s_{TRUED}) > 0"


def _side_sum(name: str, side: int) -> str:
    alias = f" AS c{side}" if name == "cost" else ""
    return f"sum(CASE WHEN side = {side} THEN s_{name} END){alias}"


def _count_groups(engine: Engine, scope: Scope) -> int:
    statement = Statement(engine.dialect)
    shape = Shape(tuple(scope.query.group_by), ("calls", "attempts", TRUED))
    names = ", ".join(f"g{number}" for number in range(len(scope.query.group_by)))
    inner = f"SELECT {names} FROM ({branches(statement, scope, shape)}) AS part GROUP BY {names} HAVING {_ANY_ROWS}"
    return _whole(engine.rows(f"SELECT count(*) FROM ({inner}) AS found", statement.params)[0][0])


def _summed(row: Sequence[Any], width: int) -> Summed:
    values = tuple(str(value) for value in row[:width])
    now, costed = _sums(row[width : width + len(_SUMS)])
    before, costed_before = _sums(row[width + len(_SUMS) :])
    return Summed(values, now, before, (costed, costed_before))


def _sums(figures: Sequence[Any]) -> tuple[Sums, int]:
    if not figures:
        return Sums(cost=0), 0
    cost, costed = _grains(figures[0]), _whole(figures[1])
    counts = {name: _whole(value) for name, value in zip(COUNTS, figures[2:], strict=False)}
    quantities = zip(QUANTITIES, figures[2 + len(COUNTS) :], strict=False)
    known = {name.removeprefix("q_"): _whole(value) for name, value in quantities if value}
    return Sums(cost=cost, quantities=known, **counts), costed


def _whole(value: Any) -> int:
    return int(value) if value is not None else 0


def _grains(value: Any) -> int:
    """Of a sum with 12 places, which is whole in grains: no rounding, and faster than the general way."""
    return int(_WIDE.scaleb(value, PLACES)) if isinstance(value, Decimal) else 0


def sum_series(engine: Engine, scope: Scope, groups: Groups) -> Series:
    """Costs per bucket: in total for both periods, and of the first `SERIES_ROWS` groups for the present one."""
    query = scope.query
    if query.grain is None:
        return Series()
    shown = [row.values for row in groups.rows[:SERIES_ROWS]] if query.group_by else [()]
    starts = bucket_starts(query.period, query.grain, query.zone)
    rows = _read_series(engine, scope, starts, shown)
    if len(shown) == groups.count:
        total = add_series(rows.values(), len(starts))
    else:
        total = _read_series(engine, scope, starts, [()])[()]
    before: tuple[int, ...] = ()
    if query.previous:
        earlier = replace(scope, query=replace(query, period=query.previous))
        before = _read_series(engine, earlier, bucket_starts(query.previous, query.grain, query.zone), [()])[()]
    return Series(starts, total, before, rows)


_Values = tuple[str, ...]


def _read_series(
    engine: Engine, scope: Scope, starts: tuple[int, ...], shown: Sequence[_Values]
) -> dict[_Values, tuple[int, ...]]:
    """Costs per bucket of the query's period for these groups; the one group ``()`` means everything."""
    query = scope.query
    assert query.grain is not None
    index = bucket_index(starts, query.grain, query.zone)
    found = {values: [0] * len(starts) for values in shown}
    for at, *values, cost in _read_points(engine, scope, shown) if shown and starts else ():
        row = found.get(tuple(map(str, values)))
        if row is not None:
            row[index(_whole(at))] += _grains(cost)
    return {values: tuple(row) for values, row in found.items()}


def _read_points(engine: Engine, scope: Scope, shown: Sequence[_Values]) -> list[tuple[Any, ...]]:
    """Rows of local time, group columns, cost; some groups too many, for a list of tuples is no parameter."""
    query = replace(scope.query, previous=None)
    statement = Statement(engine.dialect)
    group_by = query.group_by if shown != [()] else ()
    known = offsets(query.period, query.zone)
    shape = Shape(tuple(group_by), ("cost",), lambda column: local_sql(statement, column, known, query.grain or "day"))
    names = [f"g{number}" for number in range(len(group_by))]
    wanted = [
        statement.speech.one_of(name, statement.bind(sorted({values[place] for values in shown})))
        for place, name in enumerate(names)
    ]
    where = f" WHERE {' AND '.join(wanted)}" if wanted else ""
    keys = ", ".join(["k", *names])
    inner = branches(statement, replace(scope, query=query), shape)
    return engine.rows(f"SELECT {keys}, sum(s_cost) FROM ({inner}) AS part{where} GROUP BY {keys}", statement.params)


def list_costs(engine: Engine, scope: Scope, most: int) -> list[tuple[int, _Values, int]]:
    """What each group cost on each local day of the period: where it belongs, group, grains; hours where the query's
    grain is the hour. At most `most` and one more.
    """
    query = replace(scope.query, previous=None)
    statement = Statement(engine.dialect)
    known = offsets(query.period, query.zone)
    grain: Grain = "hour" if query.grain == "hour" else "day"
    shape = Shape(query.group_by, ("cost",), lambda column: local_sql(statement, column, known, grain))
    keys = ", ".join(["k", *(f"g{number}" for number in range(len(query.group_by)))])
    inner = branches(statement, replace(scope, query=query), shape)
    rows = engine.rows(
        f"SELECT {keys}, sum(s_cost) FROM ({inner}) AS part GROUP BY {keys} LIMIT {statement.bind(most + 1)}",
        statement.params,
    )
    return [(_whole(at), tuple(map(str, values)), _grains(cost)) for at, *values, cost in rows]


def list_basis_costs(engine: Engine, scope: Scope) -> list[tuple[int, str, int]]:
    """What `sum_by_basis` sums, by local day: where it belongs, basis, grains."""
    if not scope.snapshot.runs:
        return []
    statement = Statement(engine.dialect, trued=True)
    query = scope.query
    day = local_sql(statement, "charge_period_start", offsets(query.period, query.zone), "day")
    where = f"{true_up_condition(statement, scope, query.period)} AND {condition_sql(statement, scope)}"
    rows = engine.rows(
        f"SELECT {day} AS k, basis, sum(whole_cost) FROM {TRUE_UPS} WHERE {where} GROUP BY k, basis", statement.params
    )
    return [(_whole(at), str(basis), _grains(whole)) for at, basis, whole in rows]


def list_currencies(engine: Engine, scope: Scope) -> tuple[str, ...]:
    """The currencies of the rows that a query finds in either of its periods, whatever currency it asks for."""
    statement = Statement(engine.dialect)
    inner = branches(statement, replace(scope, mixed=True), Shape((CURRENCY,), ("calls", "attempts", TRUED)))
    sql = f"SELECT g0 FROM ({inner}) AS part GROUP BY g0 HAVING {_ANY_ROWS} ORDER BY g0"
    return tuple(str(code) for (code,) in engine.rows(sql, statement.params))


def known_values(engine: Engine, query: Query, snapshot: Snapshot, dimension: str) -> list[str]:
    """Every value that a dimension of charges has in the query's periods, of posted and unposted rows."""
    statement = Statement(engine.dialect)
    first = min(period.start_us for period in (query.period, query.previous or query.period))
    span = Period(first - snapshot.seconds * SECOND_US, query.period.end_us)
    mark, column = statement.bind(snapshot.mark), statement.column(dimension)
    sql = f"SELECT DISTINCT {column} FROM {CHARGES} WHERE {within(statement, 'charge_period_start', span)} AND batch_seq <= {mark}"
    if snapshot.last > snapshot.mark:
        where = f"{within(statement, 'occurred_at', span)} AND ingest_seq > {mark}"
        sql = f"{sql} UNION DISTINCT SELECT DISTINCT {column} FROM {EVENTS} WHERE {where}"
    if snapshot.runs:
        runs = statement.speech.one_of("run_id", statement.bind(list(snapshot.runs)))
        sql = f"{sql} UNION DISTINCT SELECT DISTINCT {column} FROM {TRUE_UPS} WHERE {runs}"
    return [str(value) for (value,) in engine.rows(sql, statement.params)]


def sum_by_basis(engine: Engine, scope: Scope) -> dict[str, int]:
    """What the record takes from bills, by basis: the effective cost of what they cover and add, in grains."""
    if not scope.snapshot.runs:
        return {}
    statement = Statement(engine.dialect, trued=True)
    where = f"{true_up_condition(statement, scope, scope.query.period)} AND {condition_sql(statement, scope)}"
    rows = engine.rows(f"SELECT basis, sum(whole_cost) FROM {TRUE_UPS} WHERE {where} GROUP BY basis", statement.params)
    return {str(basis): _grains(whole) for basis, whole in rows}


def read_extent(engine: Engine) -> tuple[int, int] | None:
    """The first and the last instant of all events, None when there are none; charges outlive their events."""
    first, last = (engine.dialect.micros(f"{end}(occurred_at)") for end in ("min", "max"))
    ((count, start, end),) = engine.rows(f"SELECT count(*), {first}, {last} FROM {EVENTS}")
    if not count:
        return None
    first = engine.dialect.micros("min(charge_period_start)")
    ((charges, charged),) = engine.rows(f"SELECT count(*), {first} FROM {CHARGES}")
    return (min(_whole(start), _whole(charged)) if charges else _whole(start)), _whole(end)


def list_values(engine: Engine, scope: Scope, limit: int) -> list[str]:
    """The values of the query's one dimension in its period, the dearest first."""
    statement = Statement(engine.dialect)
    shape = Shape(scope.query.group_by[:1], ("cost", "calls"))
    sql = (
        f"SELECT g0 FROM ({branches(statement, scope, shape)}) AS part GROUP BY g0 "
        f"ORDER BY coalesce(sum(s_cost), 0) DESC, sum(s_calls) DESC, g0 LIMIT {statement.bind(limit)}"
    )
    return [str(value) for (value,) in engine.rows(sql, statement.params)]


def list_tags(engine: Engine, scope: Scope, limit: int) -> list[str]:
    """The names of tags that calls of the period carry, the most frequent first."""
    statement = Statement(engine.dialect)
    where = f"{within(statement, 'occurred_at', scope.query.period)} AND {condition_sql(statement, scope)}"
    names = f"SELECT {engine.dialect.each_tag('tags')} AS name FROM {engine.dialect.final(EVENTS)} WHERE {where}"
    sql = (
        f"SELECT name FROM ({names}) AS found GROUP BY name ORDER BY count(*) DESC, name LIMIT {statement.bind(limit)}"
    )
    return [str(name) for (name,) in engine.rows(sql, statement.params)]


def list_event_rows(engine: Engine, scope: Scope, asked: PageAsked) -> list[tuple[Any, ...]]:
    """Rows of events that the filters let through, after the cursor: newest first, or dearest first."""
    statement = Statement(engine.dialect)
    parts = [within(statement, "occurred_at", scope.query.period), condition_sql(statement, scope)]
    if asked.cursor:
        parts.append(_after(statement, asked.cursor))
    order = "occurred_at DESC, event_id DESC"
    if asked.sort == "cost":
        order = f"{_ordered_cost(statement)} DESC, {order}"
    return engine.rows(
        f"SELECT {asked.columns} FROM {engine.dialect.final(EVENTS)} WHERE {' AND '.join(parts)} "
        f"ORDER BY {order} LIMIT {statement.bind(asked.limit)}",
        statement.params,
    )


def _ordered_cost(statement: Statement) -> str:
    return f"coalesce(effective_cost, CAST({statement.bind(UNKNOWN_COST)} AS DECIMAL(38, 12)))"


def _after(statement: Statement, cursor: Cursor) -> str:
    at, last = statement.speech.instant(statement.bind(cursor.occurred_at)), statement.bind(cursor.event_id)
    later = f"(occurred_at < {at} OR (occurred_at = {at} AND event_id < {last}))"
    if cursor.sort == "newest":
        return f"occurred_at <= {at} AND {later}"  # the first half lets the engine skip what is newer
    cost, reached = _ordered_cost(statement), f"CAST({statement.bind(cursor.cost)} AS DECIMAL(38, 12))"
    return f"({cost} < {reached} OR ({cost} = {reached} AND {later}))"


def list_source_rows(engine: Engine) -> list[SourceStatus]:
    """How many rows each source has brought, in which currency, from when to when."""
    first, last = engine.dialect.micros("min(occurred_at)"), engine.dialect.micros("max(occurred_at)")
    found = engine.rows(
        f"SELECT source, currency, count(*), {first}, {last} FROM {engine.dialect.final(EVENTS)} "
        "GROUP BY source, currency ORDER BY source, currency"
    )
    return [
        SourceStatus(str(name), _whole(count), _whole(first_at), _whole(last_at), currency=str(currency))
        for name, currency, count, first_at, last_at in found
    ]


def list_import_runs(config_db: ConfigDb) -> list[ImportRun]:
    """The last import of each source."""
    rows = config_db.rows(
        "SELECT source, ended_at, file, shape, rejected, duplicates FROM import_run ORDER BY started_at, import_id"
    )
    runs = {
        str(source): ImportRun(
            str(source),
            None if ended is None else _whole(ended),
            str(file),
            str(shape),
            _whole(rejected),
            _whole(duplicates),
        )
        for source, ended, file, shape, rejected, duplicates in rows
    }
    return list(runs.values())


def list_ledger_rows(engine: Engine, asked: LedgerAsked) -> list[LedgerRow]:
    """A page of the ledger's rows, the newest first."""
    statement = Statement(engine.dialect)
    return [_ledger_row(row, asked.charges) for row in engine.rows(rows_sql(statement, asked), statement.params)]


def sum_ledger_rows(engine: Engine, asked: LedgerAsked) -> LedgerSums:
    """What all the rows come to."""
    statement = Statement(engine.dialect)
    ((count, *costs),) = engine.rows(sums_sql(statement, asked), statement.params)
    return LedgerSums(_whole(count), *(None if one is None else _grains(one) for one in costs))


def _ledger_row(row: Sequence[Any], names: Sequence[str]) -> LedgerRow:
    width = 2 + len(names)
    texts, figures = row[width : width + 6], row[width + 6 :]
    counts = [None if one is None else int(one) for one in figures[:3]]
    costs = [None if one is None else _grains(one) for one in figures[3:]]
    return LedgerRow(int(row[0]), row[1], dict(zip(names, row[2:width], strict=True)), *texts, *counts, *costs)
