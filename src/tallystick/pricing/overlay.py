"""Overrides laid over the list: cards are cut at an entry's dates, and its prices put in between."""

from collections.abc import Iterable
from dataclasses import replace

from tallystick.kernel.errors import ConfigError
from tallystick.pricing.fingerprint import identify
from tallystick.pricing.listed import tiers_of
from tallystick.pricing.match import Matcher
from tallystick.pricing.model import Clause, PriceCard, Tier
from tallystick.pricing.override import Override

# Rank of a maker's model among those its seller lists itself.
_AFTER_OWN = 100_000


def merge_overrides(cards: Iterable[PriceCard], overrides: Iterable[Override], source: str) -> list[PriceCard]:
    """The list's cards with the overrides laid over them; every card that changed has a new id.

    Of two entries that overlap, the one that starts later wins.

    Raises:
        ConfigError: An entry names a model by an alias of the list's.
    """
    merged = list(cards)
    matcher = Matcher(merged)
    for override in sorted(overrides, key=lambda one: (one.above, one.start_us)):
        merged += _adopted(merged, matcher, override)
        same = [card for card in merged if _is_of(card, override)]
        rest = [card for card in merged if not _is_of(card, override)]
        merged = [*rest, *_laid_over(same, override, source)]
    return [identify(card) for card in merged]


def _is_of(card: PriceCard, override: Override) -> bool:
    return (card.provider, card.model, card.service_tier, card.region) == (
        override.provider,
        override.model,
        override.service_tier,
        override.region,
    )


def _adopted(cards: list[PriceCard], matcher: Matcher, override: Override) -> list[PriceCard]:
    """The maker's cards of a model, as the seller's own: what an entry leaves out must keep its price.

    Empty where the seller has cards of the model itself, or nobody has.
    """
    match = matcher.find(override.provider, override.model)
    if match is None or any(_is_sold_by(card, override.provider, override.model) for card in cards):
        return []
    if match.model != override.model:
        raise ConfigError(
            f'model "{override.model}" is {match.provider}\'s "{match.model}" in the list',
            where=override.where,
            next_steps=[f'write model = "{match.model}"'],
        )
    return [
        replace(card, provider=override.provider, order=card.order + _AFTER_OWN)
        for card in cards
        if _is_sold_by(card, match.provider, match.model)
    ]


def _is_sold_by(card: PriceCard, provider: str, model: str) -> bool:
    return (card.provider, card.model) == (provider, model)


def _laid_over(cards: list[PriceCard], override: Override, source: str) -> list[PriceCard]:
    """The cards of one key, cut at the override's edges, its prices put into the part between."""
    found: list[PriceCard] = []
    covered: list[tuple[int, int | None]] = []
    starts = sorted({card.valid_from for card in cards})
    for card in cards:
        later = next((start for start in starts if start > card.valid_from), None)
        start, end = card.valid_from, _earliest(card.valid_to, later)
        low, high = max(start, override.start_us), _earliest(end, override.end_us)
        if high is not None and low >= high:
            found.append(card)
            continue
        if start < low:
            found.append(replace(card, valid_to=low))
        found.append(_with_prices(replace(card, valid_from=low, valid_to=high), override, source))
        covered.append((low, high))
        if high is not None and (end is None or high < end):
            found.append(replace(card, valid_from=high, valid_to=end))
    for low, high in _gaps(override, covered):
        found.append(_fresh(override, low, high, source))
    return found


def _earliest(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)


def _gaps(override: Override, covered: list[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    """The parts of the override's time that no card of the list covers."""
    gaps: list[tuple[int, int | None]] = []
    reached: int | None = override.start_us
    for low, high in sorted(covered, key=lambda pair: pair[0]):
        if reached is None:
            break
        if low > reached:
            gaps.append((reached, low))
        reached = None if high is None else max(reached, high)
    if reached is not None and (override.end_us is None or reached < override.end_us):
        gaps.append((reached, override.end_us))
    return gaps


def _fresh(override: Override, low: int, high: int | None, source: str) -> PriceCard:
    card = PriceCard(
        "",
        override.provider,
        override.model,
        (Tier(0, {}),),
        service_tier=override.service_tier,
        region=override.region,
        valid_from=low,
        valid_to=high,
        match=Clause("equals", override.model),
        order=-1,
    )
    return _with_prices(card, override, source)


def _with_prices(card: PriceCard, override: Override, source: str) -> PriceCard:
    """The card with the override's prices from its threshold up.

    A list price in another currency cannot be mixed in, so nothing of it is kept.
    """
    tiers = card.tiers
    if card.currency != override.currency:
        tiers = tuple(Tier(tier.above_input_tokens, {}) for tier in tiers)
    ladder = {tier.above_input_tokens: dict(tier.prices) for tier in tiers} or {0: {}}
    if override.above not in ladder:
        below = max((above for above in ladder if above < override.above), default=0)
        ladder[override.above] = dict(ladder.get(below, {}))
    for above, prices in ladder.items():
        if above >= override.above:
            prices.update(override.prices)
    return replace(card, tiers=tiers_of(ladder), currency=override.currency, source=source)
