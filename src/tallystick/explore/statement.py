"""The one shape of SQL behind every figure, as text and parameters; no value is ever in the text.

Both periods are read in one statement: a branch for each period and kind of row, each
with its own time range, summed together. Kinds of row:

- charges with ``batch_seq <= mark``, for the whole charge periods inside the period;
- posted events at its edges, where it cuts a charge period (a comparison "until 15:07");
- events not yet posted, ``mark < ingest_seq <= last``;
- or, when a dimension is not one of a charge's, all events up to ``last``;
- what bills add to all that: the true-ups of the reconciliations that count. They know no dimension that no
  charge keeps (customer, user, run, tags): there they belong to the unknown.

So the figures are those of the moment when mark and last were read, whatever is posted
or ingested meanwhile.
"""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tallystick.explore.buckets import Offsets
from tallystick.explore.conditions import TAG_PREFIX, normal
from tallystick.explore.model import Filter, Grain, Measure, Query
from tallystick.kernel.period import DAY_US, HOUR_US, SECOND_US, Period
from tallystick.ledger.post import EVENT_SUMS
from tallystick.usage.dimensions import CHARGE_DIMENSIONS
from tallystick.usage.meters import METERS

Param = str | int | bool | None | Sequence[str] | Sequence[int]
Params = dict[str, Param]

EVENTS, CHARGES, TRUE_UPS = "usage_event", "charge", "true_up"
COUNTS: tuple[str, ...] = (
    "calls", "attempts", "errors", "estimated_calls", "unpriced_calls", "unpriced_tokens", "input_tokens", "output_tokens",
)  # fmt: skip
CURRENCY = "currency"
TRUED = "trued"  # how many true-ups a group has: it is there though nobody called
QUANTITIES: tuple[str, ...] = tuple(f"q_{meter.name}" for meter in METERS)
# A metered charge is rated at what its contract says, so until it is billed its contracted cost is its effective one.
# It has no billed cost at all.
_NOTHING = "CASE WHEN 1 = 0 THEN effective_cost END"
COST_COLUMNS: Mapping[Measure, str] = {
    "effective": "effective_cost",
    "list": "list_cost",
    "contracted": "effective_cost",
    "billed": _NOTHING,
}
# What bills make of it: the difference to what was metered, or all that is billed.
TRUE_UP_COSTS: Mapping[Measure, str] = {
    "effective": "effective_cost",
    "list": "list_cost",
    "contracted": "coalesce(contracted_cost, CASE WHEN part <> 'covered' THEN list_cost END)",
    "billed": "billed_cost",
}
WHOLE_COSTS: Mapping[Measure, str] = {
    "effective": "whole_cost",
    "list": _NOTHING,
    "contracted": _NOTHING,
    "billed": "billed_cost",
}


class Speech(Protocol):
    """What the engines spell differently, of which this room needs these."""

    def instant(self, param: str) -> str: ...
    def micros(self, expression: str) -> str: ...
    def tag(self, column: str, param: str) -> str: ...
    def folded(self, expression: str) -> str: ...
    def one_of(self, expression: str, param: str) -> str: ...
    def final(self, table: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a reader sees.

    Attributes:
        mark: Highest ingest number that is in charges.
        last: Highest ingest number there was.
        seconds: Length of a charge's period.
        runs: The reconciliations whose true-ups count.
    """

    mark: int
    last: int
    seconds: int
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """A query as one reader may ask it.

    Attributes:
        teams: The only teams whose rows count, exactly; empty means all.
        charged: Whether charges can answer it.
        exact: The values that a filter lets through, where they are known: comparing
            them as they are costs a fraction of folding every row.
        mixed: Rows of every currency: to tell currencies apart, never for a sum of money.
    """

    query: Query
    snapshot: Snapshot
    teams: tuple[str, ...] = ()
    charged: bool = False
    exact: Mapping[Filter, tuple[str, ...]] = field(default_factory=dict)
    mixed: bool = False


@dataclass(slots=True)
class Statement:
    """SQL in the making, with the parameters it has bound so far.

    Attributes:
        trued: Whether columns are those of true-ups, where what no charge keeps is unknown.
    """

    speech: Speech
    params: Params = field(default_factory=dict)
    trued: bool = False

    def bind(self, value: Param) -> str:
        """The name of a parameter with this value."""
        name = f"p{len(self.params)}"
        self.params[name] = value
        return f"${name}"

    def column(self, dimension: str) -> str:
        """The expression of a dimension or tag."""
        if self.trued and dimension not in {*CHARGE_DIMENSIONS, CURRENCY}:
            return "substring(run_id, 1, 0)"  # nothing; a constant is no column to group by on every engine
        if dimension.startswith(TAG_PREFIX):
            return self.speech.tag("tags", self.bind(dimension.removeprefix(TAG_PREFIX)))
        return f'"{dimension}"'


def can_charges_answer(query: Query, charge_seconds: int, needed_seconds: int) -> bool:
    """Whether the hourly rows have every dimension that is asked for, in periods fine enough for its days."""
    asked = {*query.group_by, *(one.dimension for one in query.filters)}
    return asked <= set(CHARGE_DIMENSIONS) and charge_seconds <= needed_seconds


def filter_sql(statement: Statement, one: Filter) -> str:
    """The condition of a filter."""
    column, speech = statement.column(one.dimension), statement.speech
    values = [normal(value) for value in one.values]
    folded = speech.folded(column)
    if one.operator in {"is", "is_not"}:
        found = speech.one_of(folded, statement.bind(values))
        return found if one.operator == "is" else f"NOT {found}"
    place = "= 1" if one.operator == "starts_with" else "> 0"
    return "(" + " OR ".join(f"position({statement.bind(value)} IN {folded}) {place}" for value in values) + ")"


def condition_sql(statement: Statement, scope: Scope) -> str:
    """What every row must fulfil beside its time: currency, teams, filters."""
    parts = [] if scope.mixed else [f"currency = {statement.bind(scope.query.currency)}"]
    if scope.teams:
        parts.append(statement.speech.one_of('"team"', statement.bind(list(scope.teams))))
    for one in scope.query.filters:
        known = scope.exact.get(one)
        parts.append(filter_sql(statement, one) if known is None else _in_sql(statement, one.dimension, known))
    return " AND ".join(parts) or "1 = 1"


def _in_sql(statement: Statement, dimension: str, values: Sequence[str]) -> str:
    if len(values) > _LONG_LIST or not values:
        return statement.speech.one_of(statement.column(dimension), statement.bind(list(values)))
    return f"{statement.column(dimension)} IN ({', '.join(map(statement.bind, values))})"


_LONG_LIST = 20  # each value is a parameter, which planning pays for


def within(statement: Statement, column: str, period: Period) -> str:
    """That a row lies in a period."""
    start, end = (statement.speech.instant(statement.bind(at)) for at in (period.start_us, period.end_us))
    return f"{column} >= {start} AND {column} < {end}"


@dataclass(frozen=True, slots=True)
class Shape:
    """What each branch selects beside its side.

    Attributes:
        groups: The dimensions of the group columns, named g0, g1, …
        sums: Names of the sums.
        local: The local bucket of a row, a group too, named `k`: SQL of the column of its instant.
    """

    groups: tuple[str, ...]
    sums: tuple[str, ...]
    local: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of row of one period: 1 is the present side, 0 the previous one."""

    side: int
    table: str
    where: str


def branches(statement: Statement, scope: Scope, shape: Shape) -> str:
    """The rows of both periods, summed per group: columns side, [k], g0 …, sums."""
    if scope.query.convert and not scope.mixed:
        raise ValueError("amounts to be converted are summed a currency at a time")
    kinds = [*_kinds(statement, scope, 1, scope.query.period), *_kinds(statement, scope, 0, scope.query.previous)]
    found = []
    conditions: dict[bool, str] = {}
    for kind in kinds or [_Kind(1, EVENTS, "1 = 0")]:
        statement.trued = kind.table == TRUE_UPS
        if statement.trued not in conditions:
            conditions[statement.trued] = condition_sql(statement, scope)
        found.append(_branch(statement, scope, shape, kind, conditions[statement.trued]))
    statement.trued = False
    return " UNION ALL ".join(found)


def _kinds(statement: Statement, scope: Scope, side: int, period: Period | None) -> Iterator[_Kind]:
    """The kinds of row that make up a period."""
    if period is None or period.end_us <= period.start_us:
        return
    if scope.query.basis in {"record", "metered"} and scope.query.scope != "cloud":
        yield from _metered_kinds(statement, scope, side, period)
    if scope.snapshot.runs and scope.query.basis != "metered":
        yield _Kind(side, TRUE_UPS, true_up_condition(statement, scope, period))


def true_up_condition(statement: Statement, scope: Scope, period: Period) -> str:
    """Which true-ups count: of the runs that do, in the period, of the basis and scope that is asked for."""
    runs = statement.speech.one_of("run_id", statement.bind(list(scope.snapshot.runs)))
    parts = [within(statement, "charge_period_start", period), runs]
    if scope.query.basis != "record":
        parts.append(f"basis = {statement.bind(scope.query.basis)}")
    if scope.query.scope != "all":
        parts.append("ai" if scope.query.scope == "ai" else "NOT ai")
    return " AND ".join(parts)


def _metered_kinds(statement: Statement, scope: Scope, side: int, period: Period) -> Iterator[_Kind]:
    snapshot = scope.snapshot
    last = f"ingest_seq <= {statement.bind(snapshot.last)}"
    if not scope.charged:
        yield _Kind(side, EVENTS, f"{within(statement, 'occurred_at', period)} AND {last}")
        return
    mark = statement.bind(snapshot.mark)
    for edge in _edges(period, snapshot.seconds * SECOND_US):
        yield _Kind(side, EVENTS, f"{within(statement, 'occurred_at', edge)} AND ingest_seq <= {mark}")
    whole = _whole(period, snapshot.seconds * SECOND_US)
    if whole.end_us > whole.start_us:
        yield _Kind(side, CHARGES, f"{within(statement, 'charge_period_start', whole)} AND batch_seq <= {mark}")
    if snapshot.last > snapshot.mark:
        unposted = f"ingest_seq > {mark} AND {last}"
        yield _Kind(side, EVENTS, f"{within(statement, 'occurred_at', period)} AND {unposted}")


def _whole(period: Period, step: int) -> Period:
    start = -(-period.start_us // step) * step
    return Period(start, max(period.end_us // step * step, start))


def _edges(period: Period, step: int) -> list[Period]:
    whole = _whole(period, step)
    if whole.start_us >= period.end_us:
        return [period]
    edges = [Period(period.start_us, whole.start_us), Period(whole.end_us, period.end_us)]
    return [edge for edge in edges if edge.end_us > edge.start_us]


def _branch(statement: Statement, scope: Scope, shape: Shape, kind: _Kind, where: str) -> str:
    events = kind.table == EVENTS
    keys, names = [], []
    if shape.local:
        keys, names = [shape.local("occurred_at" if events else "charge_period_start")], ["k"]
    keys += [statement.column(name) for name in shape.groups]
    names += [f"g{number}" for number in range(len(shape.groups))]
    sums = [f"{_sum(name, scope.query, kind.table)} AS s_{name}" for name in shape.sums]
    chosen = [f"{kind.side} AS side", *(f"{key} AS {name}" for key, name in zip(keys, names, strict=True)), *sums]
    source = statement.speech.final(EVENTS) if events else kind.table
    grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
    return f"SELECT {', '.join(chosen)} FROM {source} WHERE {kind.where} AND {where}{grouped}"


def _sum(name: str, query: Query, table: str) -> str:
    cost = _cost(query, table)
    if name == "cost":
        return f"sum({cost})"
    if name == "costed":
        return f"CAST(count({cost}) AS BIGINT)"
    if name in QUANTITIES:
        return f"sum({name})"
    if name == TRUED:
        text = "count(*)" if table == TRUE_UPS else "0"
    elif table == TRUE_UPS:
        text = f"sum({name})" if name in {"input_tokens", "output_tokens"} else "0"
    else:
        text = EVENT_SUMS[name] if table == EVENTS else f"sum({name})"
    # Without the cast ClickHouse counts in unsigned numbers, which no UNION mixes with signed ones.
    return f"CAST(coalesce({text}, 0) AS BIGINT)"


def _cost(query: Query, table: str) -> str:
    if table != TRUE_UPS:
        return COST_COLUMNS[query.measure]
    return (TRUE_UP_COSTS if query.basis == "record" else WHOLE_COSTS)[query.measure]


def local_sql(statement: Statement, expression: str, known: Offsets, grain: Grain) -> str:
    """Where a UTC instant belongs, in microseconds: the start of its local hour, or the local midnight of its day
    or Monday written as if it were UTC. Months are left to whoever folds the days.

    Arithmetic on whole numbers only: a conversion to local time costs ten times as much.
    """
    micros = statement.speech.micros(expression)
    offset = statement.bind(known.micros[-1])
    for until, micros_before in reversed(tuple(zip(known.until, known.micros, strict=False))):
        offset = f"CASE WHEN {micros} < {statement.bind(until)} THEN {statement.bind(micros_before)} ELSE {offset} END"
    step, shift = _STEPS.get(grain, (DAY_US, 0))
    if grain == "hour":
        return f"{micros} - ({micros} + {offset}) % {step}"
    return f"{micros} + {offset} - ({micros} + {offset} + {shift}) % {step}"


# Length and shift: 1970 began on a Thursday, three days after a Monday.
_STEPS: Mapping[Grain, tuple[int, int]] = {"hour": (HOUR_US, 0), "week": (7 * DAY_US, 3 * DAY_US)}
