"""Cards changed from one instant to another: cut at the edges, the part between made anew.

What contracts and scenarios do to a book. Unlike an override nothing is put where no card was.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from tallystick.kernel.money import divide_half_even
from tallystick.pricing.fingerprint import identify
from tallystick.pricing.model import PriceCard, Tier

_Key = tuple[str, str, str, str]
HUNDRED_PERCENT = 1_000_000
"""A factor of one, in millionths: 12.5 % off is 875,000."""


def revise(
    cards: Iterable[PriceCard], start_us: int, end_us: int | None, change: Callable[[PriceCard], PriceCard]
) -> list[PriceCard]:
    """The cards with those that hold between two instants changed there, and only there."""
    held = list(cards)
    starts: dict[_Key, list[int]] = {}
    for card in held:
        starts.setdefault(_key(card), []).append(card.valid_from)
    found: list[PriceCard] = []
    for card in held:
        later = min((start for start in starts[_key(card)] if start > card.valid_from), default=None)
        found += _cut(card, earliest(card.valid_to, later), (start_us, end_us), change)
    return found


def _cut(
    card: PriceCard, end: int | None, span: tuple[int, int | None], change: Callable[[PriceCard], PriceCard]
) -> list[PriceCard]:
    low, high = max(card.valid_from, span[0]), earliest(end, span[1])
    if high is not None and low >= high:
        return [card]
    changed = identify(change(replace(card, valid_from=low, valid_to=high)))
    pieces = [identify(replace(card, valid_to=low))] if card.valid_from < low else []
    pieces.append(changed)
    if high is not None and (end is None or high < end):
        pieces.append(identify(replace(card, valid_from=high, valid_to=end)))
    return pieces


def scaled(card: PriceCard, millionths: int) -> PriceCard:
    """The card with every unit price times a factor, each rounded once, half to even."""
    tiers = tuple(
        Tier(
            tier.above_input_tokens,
            {meter: divide_half_even(price * millionths, HUNDRED_PERCENT) for meter, price in tier.prices.items()},
        )
        for tier in card.tiers
    )
    return replace(card, tiers=tiers)


def earliest(one: int | None, other: int | None) -> int | None:
    """The earlier of two ends; None is no end."""
    return other if one is None else one if other is None else min(one, other)


def _key(card: PriceCard) -> _Key:
    return (card.provider, card.model, card.service_tier, card.region)
