"""The price book: all cards, and which of them holds for one call.

A book is immutable but for its memory of answers. What was known at another time is
another book (`as_of`); what changed is a new book.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from tallystick.kernel.period import MINUTE_US
from tallystick.pricing.bedrock import place_of
from tallystick.pricing.listed import FOREVER_US
from tallystick.pricing.match import Matcher, canonical_provider
from tallystick.pricing.model import PriceCard
from tallystick.usage.meters import METERS

DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES
# The epoch was a Thursday; weeks begin on Monday.
EPOCH_MINUTE = 3 * DAY_MINUTES

_REMEMBERED = 50_000
LONGEST_NAME = 256

# What a provider may write for its ordinary, undiscounted service.
STANDARD_TIERS = frozenset({"", "default", "standard", "standard_only", "auto", "on_demand", "on-demand"})
_TIER_NAMES = {"on_demand_flex": "flex", "on_demand_priority": "priority"}


@dataclass(frozen=True, slots=True)
class Step:
    """Unit prices of one size class of input, fallbacks of meters resolved.

    Attributes:
        above: Holds when input_tokens is greater than this.
        prices: Meter name to grains per unit.
    """

    above: int
    prices: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Segment:
    """One card in one stretch of time and part of the week. Segments of one model never overlap.

    Attributes:
        start_us, end_us: First microsecond in, first out.
        from_minute, to_minute: Minutes of the UTC week, Monday's midnight is 0, start in, end out.
        steps: By falling threshold; the last is the base.
    """

    start_us: int
    end_us: int
    from_minute: int
    to_minute: int
    card: PriceCard
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the book says of one name under one set of conditions, for all time.

    Attributes:
        provider: The price list used; empty when none knows the model.
        model: Canonical, or the raw name when unknown.
        known: Whether the model is known, priced or not.
        segments: By time; empty when nothing is priced.
        starts: `start_us` of each segment.
        why: One sentence for people.
    """

    provider: str
    model: str
    known: bool
    segments: tuple[Segment, ...]
    starts: tuple[int, ...]
    why: str

    def at(self, at_us: int) -> Segment | None:
        """The segment that holds at an instant."""
        index = bisect_right(self.starts, at_us) - 1
        if index < 0:
            return None
        minute = minute_of_week(at_us)
        start = self.starts[index]
        while index >= 0 and self.starts[index] == start:
            segment = self.segments[index]
            if at_us < segment.end_us and segment.from_minute <= minute < segment.to_minute:
                return segment
            index -= 1
        return None


def minute_of_week(at_us: int) -> int:
    """Whole minutes since Monday's midnight, UTC."""
    return (at_us // MINUTE_US + EPOCH_MINUTE) % WEEK_MINUTES


def card_tier(service_tier: str) -> str:
    """The condition of a card that a provider's service tier asks for; "" is the standard price."""
    name = service_tier.strip().lower()
    if name in STANDARD_TIERS:
        return ""
    return _TIER_NAMES.get(name, name)


class PriceBook:
    """Prices in force, by provider, model, tier and region.

    Args:
        cards: All of them, withdrawn ones too: they count only for `as_of`.
        paid: The book as contracts change it; None where there is none, and list prices are paid.
    """

    def __init__(self, cards: Iterable[PriceCard], paid: "PriceBook | None" = None) -> None:
        self.cards: tuple[PriceCard, ...] = tuple(cards)
        self.paid = paid
        live = [card for card in self.cards if card.withdrawn_at is None]
        self._by_key: dict[tuple[str, str, str, str], list[PriceCard]] = {}
        for card in live:
            self._by_key.setdefault((card.provider, card.model, card.service_tier, card.region), []).append(card)
        self._matcher = Matcher(live)
        self._memory: dict[tuple[str, str, str, str], Resolution] = {}

    def as_of(self, known_us: int) -> "PriceBook":
        """The book as it was known at an instant: later corrections left out, withdrawn prices back."""
        return PriceBook(
            replace(card, withdrawn_at=None)
            for card in self.cards
            if card.known_since <= known_us and (card.withdrawn_at is None or card.withdrawn_at > known_us)
        )

    def resolve(self, provider: str, model: str, service_tier: str = "", region: str = "") -> Resolution:
        """What the book says of a raw model name; answers are remembered."""
        if len(model) > LONGEST_NAME or len(service_tier) > LONGEST_NAME or len(region) > LONGEST_NAME:
            return Resolution("", model, False, (), (), f"no name is longer than {LONGEST_NAME} characters")
        key = (provider, model, service_tier, region)
        found = self._memory.get(key)
        if found is None:
            found = self._resolve(provider, model, service_tier, region)
            if len(self._memory) >= _REMEMBERED:
                self._memory.clear()
            self._memory[key] = found
        return found

    def segments(self, provider: str, model: str, service_tier: str, region: str) -> tuple[Segment, ...]:
        """The prices of a canonical model under exactly these conditions, by time."""
        return lay_out(self._by_key.get((provider, model, service_tier, region), ()))

    def _resolve(self, provider: str, model: str, service_tier: str, region: str) -> Resolution:
        match = self._matcher.find(provider, model) if model else None
        if match is None:
            return Resolution("", model, False, (), (), self._unknown(provider, model))
        tier = card_tier(service_tier)
        place = place_of(match.model, model, region) if match.provider == "aws" else ""
        cards = (
            (self._by_key.get((match.provider, match.model, tier, region)) if region else None)
            or self._by_key.get((match.provider, match.model, tier, place))
            or [one for one in self._by_key.get((match.provider, match.model, tier, ""), ()) if _holds_in(one, place)]
        )
        segments = lay_out(cards)
        why = match.why
        if place and not cards:
            why = f'{why}; "{place}" has prices of its own and none is known, so it stays unpriced'
        elif not cards:
            why = f'{why}; no price for service tier "{service_tier}", so it stays unpriced'
        elif not segments:
            why = f"{why}; the list gives no price for it"
        starts = tuple(segment.start_us for segment in segments)
        return Resolution(match.provider, match.model, True, segments, starts, why)

    def _unknown(self, provider: str, model: str) -> str:
        if not model:
            return "no model is named"
        if provider and not self._matcher.knows(provider):
            return f'no price list of provider "{canonical_provider(provider)}"'
        return f'no price list knows "{model}"'


def _holds_in(card: PriceCard, place: str) -> bool:
    """Whether a price for anywhere holds in a place that has its own: only where people set it so."""
    return not place or card.source.startswith(("override ", "set_"))


def lay_out(cards: Iterable[PriceCard]) -> tuple[Segment, ...]:
    """Cards of one key as segments that do not overlap.

    A card without an end lasts until a later one starts; of two with one start the one
    known later wins; inside a card's period its time-of-day companions take their hours.
    """
    held = [card for card in cards if any(tier.prices for tier in card.tiers)]
    steps = {id(card): _steps(card) for card in held}
    edges = sorted({edge for card in held for edge in (card.valid_from, card.valid_to) if edge is not None})
    segments: list[Segment] = []
    for start, end in zip(edges, [*edges, FOREVER_US][1:], strict=True):
        active = [c for c in held if c.valid_from <= start and (c.valid_to is None or c.valid_to > start)]
        for (low, high), card in _hours(active):
            segments.append(Segment(start, end, low, high, card, steps[id(card)]))
    return tuple(segments)


def _hours(active: list[PriceCard]) -> list[tuple[tuple[int, int], PriceCard]]:
    """Which card holds in which minutes of a week."""
    newest = sorted(active, key=lambda card: (card.valid_from, card.known_since), reverse=True)
    edges = sorted({0, WEEK_MINUTES, *(edge for card in active for part in _parts(card) for edge in part)})
    found: list[tuple[tuple[int, int], PriceCard]] = []
    for low, high in pairwise(edges):
        timed = [card for card in newest if any(start <= low < end for start, end in _parts(card))]
        plain = [card for card in newest if not _parts(card)]
        chosen = (timed or plain)[:1]
        if timed and plain and plain[0].valid_from > timed[0].valid_from:
            chosen = plain[:1]
        for card in chosen:
            since = found.pop()[0][0] if found and found[-1][1] is card and found[-1][0][1] == low else low
            found.append(((since, high), card))
    return found


def _parts(card: PriceCard) -> list[tuple[int, int]]:
    """The minutes of the week of a card that does not hold all week; empty for one that does."""
    if card.hours is None and not card.days:
        return []
    low, high = card.hours or (0, DAY_MINUTES)
    return [(day * DAY_MINUTES + low, day * DAY_MINUTES + high) for day in card.days or range(7)]


def _steps(card: PriceCard) -> tuple[Step, ...]:
    falling = sorted(card.tiers, key=lambda tier: tier.above_input_tokens, reverse=True)
    return tuple(Step(tier.above_input_tokens, _with_fallbacks(tier.prices)) for tier in falling)


def _with_fallbacks(prices: Mapping[str, int]) -> dict[str, int]:
    full = dict(prices)
    for meter in METERS:
        if meter.name not in full and meter.falls_back in full:
            full[meter.name] = full[meter.falls_back]
    return full
