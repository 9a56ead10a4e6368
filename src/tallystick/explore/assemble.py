"""From rows of the database to a breakdown: pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import zip_longest

from tallystick.explore.model import Breakdown, Freshness, Query, Row, Sums

_COUNTS = tuple(one.name for one in fields(Sums) if one.name not in {"cost", "quantities"})


@dataclass(frozen=True, slots=True)
class Summed:
    """One group as the database sums it.

    Attributes:
        values: Of the group's dimensions.
        costed: Rows with a cost figure in the present and the previous period: 0 means
            unknown where there are rows at all.
    """

    values: tuple[str, ...]
    now: Sums
    before: Sums
    costed: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Groups:
    """The largest groups and everything.

    Attributes:
        count: How many groups there are.
        total: Of all groups, also those beyond the limit.
    """

    rows: tuple[Summed, ...]
    count: int
    total: Summed


@dataclass(frozen=True, slots=True)
class Series:
    """Costs per bucket, in grains.

    Attributes:
        starts: Instants of the buckets.
        total, previous: Of everything, in the present and the previous period.
        rows: By the values of a group.
    """

    starts: tuple[int, ...] = ()
    total: tuple[int, ...] = ()
    previous: tuple[int, ...] = ()
    rows: Mapping[tuple[str, ...], tuple[int, ...]] | None = None


def assemble(query: Query, groups: Groups, series: Series, freshness: Freshness) -> Breakdown:
    """The answer to a query."""
    if query.measure == "billed" and not any(groups.total.costed):
        series = Series(series.starts)  # nothing is billed, in any bucket
    rows = tuple(_row(query, one, series) for one in groups.rows if query.group_by or _has_rows(one))
    rest = None
    if groups.count > len(groups.rows):
        rest = _row(query, subtract(groups.total, groups.rows), Series(), named=False)
    return Breakdown(
        query=query,
        rows=rows,
        total=replace(_row(query, groups.total, Series(), named=False), series=series.total),
        freshness=freshness,
        others=rest,
        other_groups=groups.count - len(groups.rows),
        buckets=series.starts,
        previous_series=series.previous,
    )


def _row(query: Query, one: Summed, series: Series, *, named: bool = True) -> Row:
    return Row(
        group=dict(zip(query.group_by, one.values, strict=True)) if named else {},
        now=_known(one.now, one.costed[0]),
        before=_known(one.before, one.costed[1]) if query.previous else None,
        series=(series.rows or {}).get(one.values, ()) if query.group_by else series.total,
    )


def _known(sums: Sums, costed: int) -> Sums:
    """A cost is unknown where there are rows and none has a figure; where there are no rows it is 0."""
    unknown = not (costed or _is_empty(sums))
    return replace(sums, cost=None if unknown else sums.cost or 0)


def _is_empty(sums: Sums) -> bool:
    return not (sums.calls or sums.attempts or sums.input_tokens or sums.output_tokens)


def _has_rows(one: Summed) -> bool:
    return any(one.costed) or not (_is_empty(one.now) and _is_empty(one.before))


def add(rows: Iterable[Summed], values: tuple[str, ...] = ()) -> Summed:
    """The sum of groups."""
    total = Summed(values, Sums(cost=0), Sums(cost=0))
    for row in rows:
        total = _combined(total, row, 1)
    return total


def subtract(total: Summed, rows: Iterable[Summed]) -> Summed:
    """What is left of a total: exact, for all are whole numbers."""
    for row in rows:
        total = _combined(total, row, -1)
    return total


def _combined(left: Summed, right: Summed, sign: int) -> Summed:
    return Summed(
        left.values,
        _sums(left.now, right.now, sign),
        _sums(left.before, right.before, sign),
        (left.costed[0] + sign * right.costed[0], left.costed[1] + sign * right.costed[1]),
    )


def _sums(left: Sums, right: Sums, sign: int) -> Sums:
    names = {*left.quantities, *right.quantities}
    quantities = {name: left.quantities.get(name, 0) + sign * right.quantities.get(name, 0) for name in sorted(names)}
    return Sums(
        cost=(left.cost or 0) + sign * (right.cost or 0),
        quantities={name: value for name, value in quantities.items() if value},
        **{name: getattr(left, name) + sign * getattr(right, name) for name in _COUNTS},
    )


def add_series(rows: Iterable[Sequence[int]], length: int) -> tuple[int, ...]:
    """The sum of series, bucket by bucket."""
    summed = tuple(sum(values) for values in zip_longest(*rows, fillvalue=0))
    return summed + (0,) * (length - len(summed))
