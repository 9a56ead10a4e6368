"""Replay real usage under other prices: what a change would cost whom."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.period import DAY_US, day_start, local_day
from tallystick.ledger.adjust import SOURCE_KEY
from tallystick.ledger.duplicates import not_taken_back
from tallystick.operations.context import Context, now_us
from tallystick.operations.contract_months import month_factors
from tallystick.operations.load_prices import load_book
from tallystick.operations.rate_events import RATING, prepare_rating
from tallystick.pricing import store
from tallystick.pricing.book import PriceBook
from tallystick.pricing.contract import contracted
from tallystick.pricing.replayed import EVENTS, Bent, grouped, relation, within
from tallystick.pricing.scenario import Change, Scenario, apply, meets
from tallystick.storage.engine import Engine

DIMENSIONS = ("team", "feature", "customer", "model")
OnProgress = Callable[[int, int], None]
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
    """The answer: for each dimension its groups by month.

    Attributes:
        idle: Numbers of the changes, from 1, that are about no model used in the period.
        as_if: Numbers of the changes that start after it, and are shown as if they had held all through it.
    """

    scenario: Scenario
    start_us: int
    end_us: int
    effects: Mapping[str, Sequence[Effect]]
    idle: tuple[int, ...] = ()
    as_if: tuple[int, ...] = ()


def simulate_prices(
    context: Context,
    scenario: Scenario,
    *,
    start_us: int | None = None,
    end_us: int | None = None,
    on_progress: OnProgress | None = None,
) -> Simulation:
    """Rate the usage of a period twice, in SQL: under the book of now and under the scenario.

    The period is the last thirty days unless said otherwise. A change that starts after the
    period's end is shown as if it had held all through it: that is what is asked. What
    contracts make of a list price they make of the changed one too; a month's volume step is
    the one that it reached as things were.

    Args:
        on_progress: Called with months rated and months to rate, each twice.

    Raises:
        ConfigError: The scenario names a model by an alias.
    """
    end = now_us() if end_us is None else end_us
    start = end - 30 * DAY_US if start_us is None else start_us
    book = PriceBook(load_book(context.config_db).cards)
    later = tuple(number for number, one in enumerate(scenario.changes, 1) if one.start_us >= end)
    asked = Scenario(scenario.name, tuple(_brought_forward(one, end) for one in scenario.changes))
    other = PriceBook(apply(book.cards, asked))
    spans = _months(start, end, context.zone)
    report = on_progress or (lambda done, total: None)
    with RATING:
        used = _used(context.ledger, book, (start, end))
        bent = [_bent(used, one) for one in asked.changes if _bends(one)]
        paid = _paid(context, (book, other), (start, end))
        before = _sums(context.ledger, paid[0], (), spans, lambda done: report(done, 2 * len(spans)))
        after = _sums(context.ledger, paid[1], bent, spans, lambda done: report(len(spans) + done, 2 * len(spans)))
    names = [name for name, _ in spans]
    effects = {one: _effects(before[one], after[one], names) for one in DIMENSIONS}
    idle = tuple(number for number, one in enumerate(asked.changes, 1) if not _bent(used, one).names)
    return Simulation(scenario, start, end, effects, idle, later)


def _paid(context: Context, books: tuple[PriceBook, PriceBook], period: tuple[int, int]) -> list[PriceBook]:
    """The books as contracts have them."""
    contracts = store.list_contracts(context.config_db)
    if not contracts:
        return list(books)
    months = month_factors(context, books[0], period)
    return [PriceBook(contracted(one.cards, contracts, months)) for one in books]


def _brought_forward(change: Change, end: int) -> Change:
    if change.start_us < end:
        return change
    override = change.override and replace(change.override, start_us=0, end_us=None)
    return replace(change, start_us=0, end_us=None, override=override)


def _months(start: int, end: int, zone: str) -> list[tuple[str, tuple[int, int]]]:
    """The months that a period touches, each with what of it lies in the period."""
    found: list[tuple[str, tuple[int, int]]] = []
    first = local_day(start, zone).replace(day=1)
    while (low := max(start, day_start(first, zone))) < end:
        later = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        found.append((f"{first:%Y-%m}", (low, min(end, day_start(later, zone)))))
        first = later
    return found


def _used(engine: Engine, book: PriceBook, period: tuple[int, int]) -> list[tuple[str, str, str]]:
    """What a period's usage is of: provider of the price list, provider and model as events carry them."""
    dialect = engine.dialect
    rows = engine.rows(
        f"SELECT DISTINCT provider, model FROM {dialect.final(EVENTS)} u WHERE {within(dialect)}",  # noqa: S608 - names of ours
        {"from": period[0], "to": period[1]},
    )
    pairs = [(str(provider), str(model)) for provider, model in rows]
    return [(book.resolve(provider, model).provider or provider, provider, model) for provider, model in pairs]


def _bends(change: Change) -> bool:
    return (change.tokens, change.to_tier, change.per_request) != (None, None, None)


def _bent(used: Sequence[tuple[str, str, str]], change: Change) -> Bent:
    """What a change does to usage, with the names of models in the ledger that it is about."""
    names = tuple(f"{provider}/{model}" for seller, provider, model in used if meets(seller, model, change))
    return Bent(
        names, change.start_us, change.end_us, change.tokens, change.to_tier, requests=change.per_request is not None
    )


def _sums(
    engine: Engine,
    book: PriceBook,
    bent: Sequence[Bent],
    spans: Sequence[tuple[str, tuple[int, int]]],
    on_month: Callable[[int], None],
) -> dict[str, dict[_Key, tuple[int | None, int, int]]]:
    # A call that two captures brought is one call, and what takes its copy back is no usage.
    events, values = relation(engine.dialect, bent, f"{not_taken_back('u')} AND u.source_key <> '{SOURCE_KEY}'")
    params: dict[str, Any] = {**values, "from": spans[0][1][0], "to": spans[-1][1][1]}
    rated = prepare_rating(engine, book, events, params)
    sql = grouped(engine.dialect, rated, DIMENSIONS)
    found: dict[str, dict[_Key, tuple[int | None, int, int]]] = {one: {} for one in DIMENSIONS}
    for number, (_, (start, end)) in enumerate(spans):
        for row in engine.rows(sql, params | {"from": start, "to": end}):
            at = [int(str(mark)) for mark in row[: len(DIMENSIONS)]].index(0)
            currency, cost, calls, unpriced = row[2 * len(DIMENSIONS) :]
            key = (str(row[len(DIMENSIONS) + at]), number, str(currency))
            found[DIMENSIONS[at]][key] = (_grains(cost), int(str(calls)), int(str(unpriced or 0)))
        on_month(number + 1)
    return found


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
    sums = _added(effects, lambda one: (one.value, "", one.currency))
    return sorted(sums, key=lambda one: (-abs((one.after or 0) - (one.before or 0)), one.value))


def whole(found: Simulation, *, by_month: bool = False) -> list[Effect]:
    """All usage, a row for each currency, and for each month if wanted; `value` is empty."""
    sums = _added(found.effects["model"], lambda one: ("", one.month if by_month else "", one.currency))
    return sorted(sums, key=lambda one: (one.month, one.currency))


def not_covered(found: Simulation) -> list[Effect]:
    """Models with tokens that have no price before or after, which are therefore in no sum; the most tokens first."""
    models = [one for one in totals(found.effects["model"]) if one.unpriced_before or one.unpriced_after]
    return sorted(models, key=lambda one: (-max(one.unpriced_before, one.unpriced_after), one.value))


def _added(effects: Sequence[Effect], key: Callable[[Effect], tuple[str, str, str]]) -> list[Effect]:
    """Effects of equal value, month and currency in one."""
    held: dict[tuple[str, str, str], list[Effect]] = defaultdict(list)
    for one in effects:
        held[key(one)].append(one)
    return [
        Effect(
            value,
            month,
            currency,
            _sum([one.before for one in group]),
            _sum([one.after for one in group]),
            sum(one.calls for one in group),
            sum(one.unpriced_before for one in group),
            sum(one.unpriced_after for one in group),
        )
        for (value, month, currency), group in held.items()
    ]


def _sum(costs: Sequence[int | None]) -> int | None:
    known = [one for one in costs if one is not None]
    return sum(known) if known else None
