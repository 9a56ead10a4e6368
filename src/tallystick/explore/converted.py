"""An answer in one currency out of answers in several: pure.

Each day's amount of each currency is converted at that day's rate and rounded half to even to
the grain, once; its groups (and hours) share what it came to, each within a grain of its own
conversion. So the total is the same however it is grouped, and rows + others = total.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from tallystick.explore.assemble import Groups, Series, Summed, add
from tallystick.explore.buckets import bucket_index, bucket_starts
from tallystick.explore.model import SERIES_ROWS, Conversion, Query, RateUsed
from tallystick.kernel.period import local_day
from tallystick.pricing.currency import Leg, RateTable, converted, find_rate, split

Values = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """What a group cost on a day, or in an hour of it.

    Attributes:
        at: As the database says where it belongs: see `buckets.bucket_index`.
        grains: In the currency it was charged in.
    """

    at: int
    day: date
    values: Values
    grains: int


@dataclass(frozen=True, slots=True)
class Part:
    """All there is in one currency on days with a rate; groups in both periods, their costs by day."""

    currency: str
    groups: tuple[Summed, ...]
    now: tuple[Cell, ...] = ()
    before: tuple[Cell, ...] = ()


@dataclass(slots=True)
class Rates:
    """The table as one answer uses it, with what it has used.

    Attributes:
        days: Of each rate the days on which it was used.
    """

    table: RateTable
    target: str
    via: str = ""
    days: dict[Leg, set[date]] = field(default_factory=lambda: defaultdict(set))

    def factor(self, currency: str, day: date) -> Fraction:
        """What an amount of a day is multiplied by.

        Raises:
            ValueError: No rate says; such days are no part of what is converted.
        """
        found = find_rate(self.table, currency, self.target, day, self.via)
        if found is None:
            raise ValueError(f"no rate from {currency} to {self.target} on {day}")
        for leg in found.legs:
            self.days[leg].add(day)
        return found.factor

    def conversion(self, currencies: Iterable[str]) -> Conversion:
        """What was used, by pair and date."""
        used = [RateUsed(leg, len(days)) for leg, days in self.days.items()]
        used.sort(key=lambda one: (one.leg.rate.base, one.leg.rate.quote, one.leg.rate.on))
        return Conversion(self.target, self.via, tuple(sorted(set(currencies))), tuple(used))


def cell_of(query: Query, row: tuple[int, Values, int]) -> Cell:
    """A row of `explore.store.list_costs`."""
    at, values, grains = row
    if query.grain == "hour":
        return Cell(at, local_day(at, query.zone), values, grains)
    return Cell(at, (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).date(), values, grains)


def convert_cells(currency: str, cells: Iterable[Cell], rates: Rates) -> Iterator[tuple[Cell, int]]:
    """Each cell with what it comes to in the other currency."""
    days: dict[date, dict[Values, list[Cell]]] = defaultdict(lambda: defaultdict(list))
    for cell in sorted(cells, key=lambda one: (one.day, one.values, one.at)):
        if cell.grains:
            days[cell.day][cell.values].append(cell)
    for day, groups in days.items():
        factor = rates.factor(currency, day)
        sums = [sum(cell.grains for cell in group) for group in groups.values()]
        for share, group in zip(split(converted(sum(sums), factor), sums, factor), groups.values(), strict=True):
            parts = split(share, [cell.grains for cell in group], factor)
            yield from zip(group, parts, strict=True)


def convert_parts(query: Query, parts: Sequence[Part], rates: Rates) -> tuple[Groups, Series]:
    """Groups and series in the query's currency, of all parts together."""
    now = [one for part in parts for one in convert_cells(part.currency, part.now, rates)]
    before = [one for part in parts for one in convert_cells(part.currency, part.before, rates)]
    found = _groups(parts, _by_group(now), _by_group(before))
    total = add(found)
    shown = found[: query.limit] if query.group_by else [total]
    groups = Groups(tuple(shown), len(found) if query.group_by else 1, total)
    return groups, _series(query, groups, now, before)


def _by_group(cells: Iterable[tuple[Cell, int]]) -> Counter[Values]:
    costs: Counter[Values] = Counter()
    for cell, grains in cells:
        costs[cell.values] += grains
    return costs


def _groups(parts: Iterable[Part], now: Mapping[Values, int], before: Mapping[Values, int]) -> list[Summed]:
    """Each group over all currencies, by falling cost, then by name."""
    apart: dict[Values, list[Summed]] = defaultdict(list)
    for part in parts:
        for one in part.groups:
            apart[one.values].append(one)
    found = []
    for values, ones in apart.items():
        whole = add(ones, values)
        costs = replace(whole.now, cost=now.get(values, 0)), replace(whole.before, cost=before.get(values, 0))
        found.append(replace(whole, now=costs[0], before=costs[1]))
    return sorted(found, key=lambda one: (-(one.now.cost or 0), one.values))


def _series(
    query: Query, groups: Groups, now: Iterable[tuple[Cell, int]], before: Iterable[tuple[Cell, int]]
) -> Series:
    if query.grain is None:
        return Series()
    starts = bucket_starts(query.period, query.grain, query.zone)
    index = bucket_index(starts, query.grain, query.zone)
    total = [0] * len(starts)
    rows = {one.values: [0] * len(starts) for one in groups.rows[:SERIES_ROWS]} if query.group_by else {}
    for cell, grains in now:
        place = index(cell.at)
        total[place] += grains
        if cell.values in rows:
            rows[cell.values][place] += grains
    previous = _previous(query, before)
    return Series(starts, tuple(total), previous, {values: tuple(row) for values, row in rows.items()})


def _previous(query: Query, before: Iterable[tuple[Cell, int]]) -> tuple[int, ...]:
    if query.previous is None or query.grain is None:
        return ()
    starts = bucket_starts(query.previous, query.grain, query.zone)
    index = bucket_index(starts, query.grain, query.zone)
    total = [0] * len(starts)
    for cell, grains in before:
        total[index(cell.at)] += grains
    return tuple(total)
