"""Known errors of the list, mended where the provider's own page says otherwise. Pure.

A correction is laid over the list's cards like an override, below everything that people set. It
holds only while the list says what it was written against: once the list is mended, it steps aside.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from tallystick.pricing.bedrock import GOVCLOUD_CARDS
from tallystick.pricing.corrected_hours import with_workdays
from tallystick.pricing.halved import halved
from tallystick.pricing.model import PriceCard
from tallystick.pricing.overlay import merge_overrides
from tallystick.pricing.override import parse_override


@dataclass(frozen=True, slots=True)
class Correction:
    """What the list has wrong about one model.

    Attributes:
        listed_input: The list's price of a million tokens of input that this was written against, outside of
            hours with a price of their own.
        entries: As an override file has them, without provider and model.
        rests_on: The page that says it.
    """

    provider: str
    model: str
    listed_input: str
    entries: tuple[Mapping[str, object], ...]
    rests_on: str


def _long(given: str, read: str, written: str, hour: str, made: str) -> dict[str, object]:
    found: dict[str, object] = {"above_input_tokens": 200_000, "input": given, "cache_read": read}
    return (
        found
        | {"cache_write_5m": written, "cache_write_unknown": written, "output": made}
        | ({"cache_write_1h": hour} if hour else {})
    )


# The price of 5 September 2025 and the end of the night's discount are announced to the hour. The second price is that
# of V3.2-Exp, released on 29 September. Both names went over to V4 Flash between 13 and 26 April 2026: the day taken is
# three months before they ended on 24 July, as they were to.
_DEEPSEEK: tuple[Mapping[str, object], ...] = (
    {"from": datetime(2025, 9, 5, 16, tzinfo=UTC), "input": "0.56", "cache_read": "0.07", "output": "1.68"},
    {"from": datetime(2025, 9, 29, tzinfo=UTC), "input": "0.28", "cache_read": "0.028", "output": "0.42"},
    {"from": datetime(2026, 4, 24, tzinfo=UTC), "input": "0.14", "cache_read": "0.0028", "output": "0.28"},
)
# Sold from 29 September 2025 on at that price; the list has other sellers'.
_V3_2: tuple[Mapping[str, object], ...] = ({"input": "0.28", "cache_read": "0.028", "output": "0.42"},)
_DEEPSEEK_PAGE = "https://api-docs.deepseek.com/quick_start/pricing and /updates"
# The list itself has these steps for the same models at Anthropic and at Google; a region's endpoint is a tenth dearer.
_LONG_PAGE = "https://platform.claude.com/docs/en/about-claude/pricing; AWS bills it by usage types of long contexts"
_SONNET_4, _SONNET_4_5 = "anthropic.claude-sonnet-4-20250514-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0"

CORRECTIONS: tuple[Correction, ...] = (
    Correction("deepseek", "deepseek-chat", "0.135", _DEEPSEEK, _DEEPSEEK_PAGE),
    Correction("deepseek", "deepseek-reasoner", "0.135", _DEEPSEEK, _DEEPSEEK_PAGE),
    Correction("deepseek", "deepseek-v3.2", "0.2288", _V3_2, _DEEPSEEK_PAGE),
    Correction("deepseek", "deepseek-v3.2-exp", "0.27", _V3_2, _DEEPSEEK_PAGE),
    Correction("aws", f"regional.{_SONNET_4}", "3", (_long("6", "0.60", "7.50", "", "22.50"),), _LONG_PAGE),
    Correction("aws", f"global.{_SONNET_4}", "3", (_long("6", "0.60", "7.50", "", "22.50"),), _LONG_PAGE),
    Correction("aws", f"regional.{_SONNET_4_5}", "3.3", (_long("6.60", "0.66", "8.25", "13.20", "24.75"),), _LONG_PAGE),
    Correction("aws", f"global.{_SONNET_4_5}", "3", (_long("6", "0.60", "7.50", "12", "22.50"),), _LONG_PAGE),
)


def corrected(cards: Iterable[PriceCard], corrections: Sequence[Correction] = CORRECTIONS) -> list[PriceCard]:
    """The list's cards with its known errors mended; those that changed say so in their source and notes."""
    named = {(one.provider, one.model): one for one in corrections}
    held: dict[tuple[str, str], list[PriceCard]] = {}
    found: list[PriceCard] = []
    for card in cards:
        key = (card.provider, card.model)
        if key in named:
            held.setdefault(key, []).append(card)
        else:
            found.append(card)
    for key, listed in held.items():
        found += _mended(listed, named[key])
    return with_workdays(found) + halved(found) + _of_places(found)


def _of_places(cards: Sequence[PriceCard]) -> list[PriceCard]:
    """Prices of places that the list knows nothing of, for models that it knows."""
    known = {(card.provider, card.model) for card in cards}
    return [one for one in GOVCLOUD_CARDS if (one.provider, one.model) in known]


def _mended(listed: Sequence[PriceCard], one: Correction) -> list[PriceCard]:
    if not _still_wrong(listed, one):
        return list(listed)
    named = {"provider": one.provider, "model": one.model}
    entries = [parse_override({**named, **entry}, "a correction") for entry in one.entries]
    source = f"{listed[0].source}, corrected"
    return [
        replace(card, notes=(*card.notes, one.rests_on)) if card.source == source else card
        for card in merge_overrides(listed, entries, source)
    ]


def _still_wrong(listed: Sequence[PriceCard], one: Correction) -> bool:
    """Whether the list has one price for all time and sizes, and the one that is known to be wrong."""
    plain = [card for card in listed if not card.service_tier and not card.region and card.hours is None]
    wanted = int(Decimal(one.listed_input) * 10**6)
    return len(plain) == 1 and len(plain[0].tiers) == 1 and plain[0].tiers[0].prices.get("uncached_input") == wanted
