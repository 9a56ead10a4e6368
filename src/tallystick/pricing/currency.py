"""What one currency is worth in another, by a dated table that the user supplies.

A rate holds from its date until the next one of its pair: a file of daily rates gives
days, a file of monthly averages gives months, as the file keeps them. The rate of a day is
the newest on or before it. Without one the rate is unknown, never 1.

- A pair that is given is used as given; only where none is in force is the pair the other
  way round read backwards, which divides and loses nothing.
- Two rates are crossed through a third currency only where somebody names it.
- A corrected rate is a row that is known later; no row is edited, so that a table can be
  read as it was known at any instant.

Money converts by day and currency: the day's sum is converted and rounded half to even to
the grain, once, and shared among its parts by `split`, so that the parts sum to it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from tallystick.kernel.money import divide_half_even

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """So many of `quote` are one of `base`, from a date until the pair's next.

    Attributes:
        base, quote: ISO 4217 codes, upper case; different.
        on: The first day on which it holds.
        rate: Exact as it was given; above 0.
        source: Who says so.
        known_since: Microseconds; a later row of the same pair and date corrects an earlier one.
    """

    base: str
    quote: str
    on: date
    rate: Decimal
    source: str = ""
    known_since: int = 0

    @property
    def key(self) -> tuple[str, str, date]:
        """What a corrected rate has in common with the one it corrects."""
        return (self.base, self.quote, self.on)


@dataclass(frozen=True, slots=True)
class Leg:
    """A rate as it was used: as given, or backwards."""

    rate: ExchangeRate
    backwards: bool = False

    @property
    def factor(self) -> Fraction:
        """What an amount is multiplied by."""
        given = Fraction(self.rate.rate)
        return 1 / given if self.backwards else given


@dataclass(frozen=True, slots=True)
class Found:
    """The way from one currency to another on a day.

    Attributes:
        legs: The rates used: none from a currency to itself, two where a currency was named to cross through.
    """

    legs: tuple[Leg, ...] = ()

    @property
    def factor(self) -> Fraction:
        """What an amount is multiplied by, exactly."""
        product = Fraction(1)
        for leg in self.legs:
            product *= leg.factor
        return product


@dataclass(frozen=True, slots=True)
class RateTable:
    """Rates by pair, each pair's by rising date, one a date."""

    pairs: Mapping[Pair, Sequence[ExchangeRate]]


def rate_table(rates: Iterable[ExchangeRate], known_us: int | None = None) -> RateTable:
    """The table as it was known at an instant; as it is known now without one."""
    newest: dict[tuple[str, str, date], ExchangeRate] = {}
    for one in rates:
        held = newest.get(one.key)
        if (known_us is None or one.known_since <= known_us) and (held is None or held.known_since <= one.known_since):
            newest[one.key] = one
    pairs: dict[Pair, list[ExchangeRate]] = {}
    for one in sorted(newest.values(), key=lambda rate: rate.on):
        pairs.setdefault((one.base, one.quote), []).append(one)
    return RateTable(pairs)


def find_rate(table: RateTable, source: str, target: str, day: date, via: str = "") -> Found | None:
    """How an amount of `source` becomes one of `target` on a day; None where no rate says.

    Args:
        table: From `rate_table`.
        source: Currency of the amount.
        target: Currency that is wanted.
        day: The rates in force on it are used.
        via: A currency to cross through where the pair itself has no rate; none unless named.
    """
    if source == target:
        return Found()
    direct = _leg(table, source, target, day)
    if direct is not None:
        return Found((direct,))
    first, second = (_leg(table, source, via, day), _leg(table, via, target, day)) if via else (None, None)
    return None if first is None or second is None else Found((first, second))


def _leg(table: RateTable, source: str, target: str, day: date) -> Leg | None:
    for pair, backwards in (((source, target), False), ((target, source), True)):
        found = rate_in_force(table, pair, day)
        if found is not None:
            return Leg(found, backwards)
    return None


def rate_in_force(table: RateTable, pair: Pair, day: date) -> ExchangeRate | None:
    """The newest rate of a pair on or before a day, as it is given."""
    rates = table.pairs.get(pair, ())
    place = bisect_right(rates, day, key=lambda one: one.on)
    return rates[place - 1] if place else None


def first_day(table: RateTable, source: str, target: str, via: str = "") -> date | None:
    """The first day from which `find_rate` finds a way, on every later day too; None for never.

    `date.min` from a currency to itself.
    """
    if source == target:
        return date.min
    ways = [_first_direct(table, source, target)]
    if via:
        legs = [_first_direct(table, *pair) for pair in ((source, via), (via, target))]
        known = [day for day in legs if day is not None]
        ways.append(max(known) if len(known) == len(legs) else None)
    return min((day for day in ways if day is not None), default=None)


def _first_direct(table: RateTable, source: str, target: str) -> date | None:
    starts = [rates[0].on for pair in ((source, target), (target, source)) if (rates := table.pairs.get(pair))]
    return min(starts, default=None)


def converted(grains: int, factor: Fraction) -> int:
    """An amount in the other currency, half to even to the grain.

    >>> converted(3, Fraction(1, 2)), converted(-10**12, Fraction("0.92"))
    (2, -920000000000)
    """
    return divide_half_even(grains * factor.numerator, factor.denominator)


def split(total: int, parts: Sequence[int], factor: Fraction) -> list[int]:
    """The parts of a converted sum: each within a grain of its own conversion, together exactly `total`.

    Args:
        total: The conversion of the parts' sum: its exact value rounded up or down.
        parts: Grains before, in an order that does not depend on the asker; among equals the first gets more.
        factor: What the sum was multiplied by.

    >>> split(2, [1, 1, 1], Fraction(1, 2))
    [1, 1, 0]
    """
    floors = [part * factor.numerator // factor.denominator for part in parts]
    rests = [part * factor.numerator % factor.denominator for part in parts]
    for place in sorted(range(len(parts)), key=lambda one: (-rests[one], one))[: total - sum(floors)]:
        floors[place] += 1
    return floors
