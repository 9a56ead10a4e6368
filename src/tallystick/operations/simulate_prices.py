"""Replay real usage under other prices: what a change would cost whom."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.period import DAY_US, day_start, local_day
from tallystick.operations.context import Context, now_us
from tallystick.operations.load_prices import load_book
from tallystick.operations.rate_events import RATING, prepare_rating
from tallystick.pricing.book import PriceBook
from tallystick.pricing.replayed import EVENTS, Bent, grouped, relation, within
from tallystick.pricing.scenario import Change, Scenario, apply, meets
from tallystick.storage.engine import Engine

DIMENSIONS = ("team", "feature", "customer", "model")
_Key = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class Effect:
    """What one group would pay in one month.

    Attributes:
        value: Of the dimension; "" where it is not known.
        month: `2026-11`, of the instance's zone.
        before, after: Grains under the book of now and under the scenario, None where nothing has a price.
        unpriced_before, unpriced_after: Tokens without a price.
    """

    value: str
    month: str
    currency: str
    before: int | None
    after: int | None
    calls: int
    unpriced_before: int
    unpriced_after: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """The answer: for each dimension its groups by month."""

    scenario: Scenario
    start_us: int
    end_us: int
    effects: Mapping[str, Sequence[Effect]]


def simulate_prices(
    context: Context, scenario: Scenario, *, start_us: int | None = None, end_us: int | None = None
) -> Simulation:
    """Rate the usage of a period twice, in SQL: under the book of now and under the scenario.

    The period is the last thirty days unless said otherwise. A change that starts after the
    period's end is shown as if it had held all through it: that is what is asked.

    Raises:
        ConfigError: The scenario names a model by an alias.
    """
    end = now_us() if end_us is None else end_us
    start = end - 30 * DAY_US if start_us is None else start_us
    book = load_book(context.config_db)
    asked = Scenario(scenario.name, tuple(_brought_forward(one, end) for one in scenario.changes))
    other = PriceBook(apply(book.cards, asked))
    months = _months(start, end, context.zone)
    starts = [day_start(first, context.zone) for first in months]
    with RATING:
        bent = _bent(context.ledger, book, asked, (start, end))
        before = _sums(context.ledger, book, (), (start, end), starts)
        after = _sums(context.ledger, other, bent, (start, end), starts)
    names = [f"{first:%Y-%m}" for first in months]
    return Simulation(scenario, start, end, {one: _effects(before[one], after[one], names) for one in DIMENSIONS})


def compare_books(context: Context, one: PriceBook, other: PriceBook, start_us: int, end_us: int) -> Sequence[Effect]:
    """What each model's usage of a period costs under two books: `before` under the one, `after` under the other."""
    months = _months(start_us, end_us, context.zone)
    starts = [day_start(first, context.zone) for first in months]
    with RATING:
        before = _sums(context.ledger, one, (), (start_us, end_us), starts)["model"]
        after = _sums(context.ledger, other, (), (start_us, end_us), starts)["model"]
    return totals(_effects(before, after, [f"{first:%Y-%m}" for first in months]))


def _brought_forward(change: Change, end: int) -> Change:
    if change.start_us < end:
        return change
    override = change.override and replace(change.override, start_us=0, end_us=None)
    return replace(change, start_us=0, end_us=None, override=override)


def _months(start: int, end: int, zone: str) -> list[date]:
    """The first days of the months that a period touches."""
    found = [local_day(start, zone).replace(day=1)]
    while True:
        last = found[-1]
        later = date(last.year + last.month // 12, last.month % 12 + 1, 1)
        if day_start(later, zone) >= end:
            return found
        found.append(later)


def _bent(engine: Engine, book: PriceBook, scenario: Scenario, period: tuple[int, int]) -> list[Bent]:
    """What the scenario does to usage, with the names of models in the ledger that it is about."""
    changes = [one for one in scenario.changes if (one.tokens, one.to_tier, one.per_request) != (None, None, None)]
    if not changes:
        return []
    dialect = engine.dialect
    rows = engine.rows(
        f"SELECT DISTINCT provider, model FROM {dialect.final(EVENTS)} u WHERE {within(dialect)}",  # noqa: S608 - names of ours
        {"from": period[0], "to": period[1]},
    )
    pairs = [(str(provider), str(model)) for provider, model in rows]
    return [
        Bent(
            tuple(f"{p}/{m}" for p, m in pairs if meets(book.resolve(p, m).provider or p, m, one)),
            one.start_us,
            one.end_us,
            one.tokens,
            one.to_tier,
            one.per_request is not None,
        )
        for one in changes
    ]


def _sums(
    engine: Engine, book: PriceBook, bent: Sequence[Bent], period: tuple[int, int], months: Sequence[int]
) -> dict[str, dict[_Key, tuple[int | None, int, int]]]:
    events, values = relation(engine.dialect, bent)
    params: dict[str, Any] = {**values, "from": period[0], "to": period[1]}
    rated = prepare_rating(engine, book, events, params)
    params |= {f"month{number}": month for number, month in enumerate(months) if number}
    return {
        one: dict(_read(row) for row in engine.rows(grouped(engine.dialect, rated, one, len(months)), params))
        for one in DIMENSIONS
    }


def _read(row: Sequence[Any]) -> tuple[_Key, tuple[int | None, int, int]]:
    value, month, currency, cost, calls, unpriced = row
    return (str(value), int(month), str(currency)), (_grains(cost), int(calls), int(unpriced or 0))


def _grains(cost: Any) -> int | None:
    return None if cost is None else grains_from_decimal(cost)


def _effects(
    before: Mapping[_Key, tuple[int | None, int, int]],
    after: Mapping[_Key, tuple[int | None, int, int]],
    months: Sequence[str],
) -> list[Effect]:
    nothing: tuple[int | None, int, int] = (None, 0, 0)
    found = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key, nothing), after.get(key, nothing)
        found.append(Effect(key[0], months[key[1]], key[2], old[0], new[0], max(old[1], new[1]), old[2], new[2]))
    return found


def totals(effects: Sequence[Effect]) -> list[Effect]:
    """The groups over all months, the largest change first; `month` is empty."""
    held: dict[tuple[str, str], list[Effect]] = defaultdict(list)
    for one in effects:
        held[one.value, one.currency].append(one)
    sums = [
        Effect(
            value,
            "",
            currency,
            _sum([one.before for one in group]),
            _sum([one.after for one in group]),
            sum(one.calls for one in group),
            sum(one.unpriced_before for one in group),
            sum(one.unpriced_after for one in group),
        )
        for (value, currency), group in held.items()
    ]
    return sorted(sums, key=lambda one: (-abs((one.after or 0) - (one.before or 0)), one.value))


def _sum(costs: Sequence[int | None]) -> int | None:
    known = [one for one in costs if one is not None]
    return sum(known) if known else None
