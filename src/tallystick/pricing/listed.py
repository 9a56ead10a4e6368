"""From a list's entry of a model to price cards: the dates of prices and of their variants.

Two rules that a list leaves open, and why they are so, are argued in
``docs/decisions/0004-list-prices.md``:

1. A variant (batch, flex, …) holds from before the date it is listed with, for that is
   when the list's authors added it: back to the start of the standard price it was
   quoted against. A discount that is one flat ratio of the standard price (batch, flex)
   is carried at that ratio over the older standard prices too; a premium is not, and is
   unknown there.
2. A time-of-day price holds from the dated price it is listed after.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from tallystick.kernel.money import divide_half_even
from tallystick.pricing.fingerprint import identify
from tallystick.pricing.model import Clause, PriceCard, Tier

DISCOUNTS = frozenset({"batch", "flex"})
FOREVER_US = 2**62

Ladder = Mapping[int, Mapping[str, int]]
"""Threshold (0 is the base) to meter to grains; a meter missing at a threshold keeps the price below it."""


@dataclass(frozen=True, slots=True)
class Dated:
    """Prices from an instant, all day or in some minutes of it.

    Attributes:
        start_us: None for an entry without a date.
        hours: Minutes of the UTC day, start in, end out; may cross midnight.
    """

    prices: Ladder
    start_us: int | None = None
    hours: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One model of a list.

    Attributes:
        prices: In the list's order: the first without a date, later ones win.
        variants: (service tier, region) to its entries; an entry holds only the meters that differ.
    """

    provider: str
    model: str
    prices: tuple[Dated, ...]
    variants: Mapping[tuple[str, str], tuple[Dated, ...]]
    match: Clause
    order: int
    source: str
    notes: tuple[str, ...] = ()


def cards_of(listed: Listed) -> list[PriceCard]:
    """All cards of a model, with their ids; the standard ones carry the matching rule."""
    blank = PriceCard("", listed.provider, listed.model, (), source=listed.source, order=listed.order)
    periods = list(_periods(listed.prices))
    found = [
        replace(card, match=listed.match, notes=listed.notes)
        for start, end, entry in periods
        for card in _cards(blank, start, end, entry)
    ]
    plain = [(start, end, entry.prices) for start, end, entry in periods if entry.hours is None]
    for (tier, region), entries in sorted(listed.variants.items()):
        variant = replace(blank, service_tier=tier, region=region)
        for start, end, prices in _variant_periods(plain, entries, tier in DISCOUNTS):
            found += _cards(variant, start, end, Dated(prices))
    return [identify(card) for card in found]


def _cards(blank: PriceCard, start: int, end: int | None, entry: Dated) -> Iterator[PriceCard]:
    card = replace(blank, valid_from=start, valid_to=end, tiers=tiers_of(entry.prices))
    if entry.hours is None:
        yield card
        return
    low, high = entry.hours
    parts = [(low, high)] if low < high else [(low, 24 * 60), (0, high)]
    for part in parts:
        if part[0] < part[1]:
            yield replace(card, hours=part)


def tiers_of(ladder: Ladder) -> tuple[Tier, ...]:
    """The tiers by rising threshold, each with every price: what a tier leaves out comes from below."""
    tiers: list[Tier] = []
    prices: dict[str, int] = {}
    for above in sorted({0, *ladder}):
        prices = {**prices, **ladder.get(above, {})}
        tiers.append(Tier(above, prices))
    return tuple(tiers)


def _periods(entries: tuple[Dated, ...]) -> Iterator[tuple[int, int | None, Dated]]:
    """Start, end and entry of each price; one for part of the day lasts as long as the one before it."""
    dates = sorted({entry.start_us or 0 for entry in entries})
    ends = dict(zip(dates, [*dates[1:], None], strict=True))
    start = 0
    for entry in entries:
        if entry.hours is None or entry.start_us is not None:
            start = entry.start_us or 0
        yield start, ends[start], entry


def _variant_periods(
    plain: list[tuple[int, int | None, Ladder]], entries: tuple[Dated, ...], is_discount: bool
) -> Iterator[tuple[int, int | None, Ladder]]:
    ordered = sorted(entries, key=lambda entry: entry.start_us or 0)
    first, added = ordered[0], ordered[0].start_us or 0
    quoted = next(period for period in reversed(plain) if period[0] <= added)
    for start, end, base in plain:
        inside = [entry.start_us or 0 for entry in ordered[1:] if start < (entry.start_us or 0) < (end or FOREVER_US)]
        for low, high in pairwise([start, *inside, end or FOREVER_US]):
            last = high if high < FOREVER_US else None
            held = [entry for entry in ordered if (entry.start_us or 0) <= low]
            if held or start == quoted[0]:
                yield low, last, _over(base, (held or [first])[-1].prices)
            elif is_discount:
                yield from _carried_back((low, last, base), quoted[2], first)


def _carried_back(
    period: tuple[int, int | None, Ladder], quoted: Ladder, first: Dated
) -> Iterator[tuple[int, int | None, Ladder]]:
    """An older standard price at the discount's ratio to the one it was quoted against, where it has one ratio."""
    low, high, base = period
    ratio = _flat_ratio(quoted, first.prices)
    if ratio is not None:
        meters = {meter for prices in first.prices.values() for meter in prices}
        scaled = {
            above: {meter: _times(price, ratio) for meter, price in prices.items() if meter in meters}
            for above, prices in base.items()
        }
        yield low, high, _over(base, scaled)


def _flat_ratio(base: Ladder, variant: Ladder) -> Fraction | None:
    """The one ratio of all the variant's prices to the standard ones; None when they differ."""
    ratios: set[Fraction] = set()
    below = {tier.above_input_tokens: tier.prices for tier in tiers_of(base)}
    for tier in tiers_of(variant):
        standard = below[max(above for above in below if above <= tier.above_input_tokens)]
        for meter, price in tier.prices.items():
            if not standard.get(meter):
                return None
            ratios.add(Fraction(price, standard[meter]))
    return ratios.pop() if len(ratios) == 1 else None


def _times(price: int, ratio: Fraction) -> int:
    return divide_half_even(price * ratio.numerator, ratio.denominator)


def _over(base: Ladder, variant: Ladder) -> Ladder:
    """The standard prices with the variant's in their place; what it leaves out stays standard.

    A meter the variant names once is flat in it, even where the standard price has steps.
    """
    named = {meter for prices in variant.values() for meter in prices}
    merged: dict[int, dict[str, int]] = {}
    for above in sorted({0, *base, *variant}):
        kept = {meter: price for meter, price in base.get(above, {}).items() if meter not in named}
        merged[above] = {**kept, **variant.get(above, {})}
    return merged
