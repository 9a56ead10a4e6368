"""What the book says of a name, for people: how it was matched, which prices hold and held, and from where."""

from collections.abc import Iterable
from dataclasses import dataclass

from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import rfc3339
from tallystick.pricing.book import PriceBook, minute_of_week
from tallystick.pricing.model import PriceCard
from tallystick.usage.meters import BY_NAME, TOKEN_METERS

_MILLION = 1_000_000
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to "why this price?".

    Attributes:
        asked_provider, asked_model: As given.
        provider, model: Where the name arrived; provider empty when no list knows it.
        why: How, in one sentence.
        cards: All cards of the model by condition and date, withdrawn ones last.
        in_force: Ids of the cards that hold at `at_us`.
    """

    asked_provider: str
    asked_model: str
    provider: str
    model: str
    known: bool
    why: str
    at_us: int
    cards: tuple[PriceCard, ...]
    in_force: frozenset[str]


def explain(book: PriceBook, provider: str, model: str, at_us: int) -> Explanation:
    """How a raw name is matched and priced."""
    found = book.resolve(provider, model)
    cards = [
        card for card in book.cards if found.known and (card.provider, card.model) == (found.provider, found.model)
    ]
    return Explanation(
        provider,
        model,
        found.provider,
        found.model,
        found.known,
        found.why,
        at_us,
        tuple(sorted(cards, key=_by_condition)),
        in_force(book, cards, at_us),
    )


def in_force(book: PriceBook, cards: Iterable[PriceCard], at_us: int) -> frozenset[str]:
    """Ids of the cards that hold at an instant, each under its own conditions."""
    keys = {(card.provider, card.model, card.service_tier, card.region) for card in cards if card.withdrawn_at is None}
    held = (segment for key in keys for segment in book.segments(*key))
    minute = minute_of_week(at_us)
    return frozenset(
        one.card.price_id
        for one in held
        if one.start_us <= at_us < one.end_us and one.from_minute <= minute < one.to_minute
    )


def _by_condition(card: PriceCard) -> tuple[object, ...]:
    return (
        card.withdrawn_at is not None,
        card.provider,
        card.model,
        card.service_tier,
        card.region,
        card.valid_from,
        card.hours or (0, 0),
        card.days,
        card.known_since,
    )


def select(book: PriceBook, *, provider: str, model: str, at_us: int, history: bool) -> list[PriceCard]:
    """Cards whose provider and model hold the given texts, in order; without history only those that hold now."""
    wanted = [
        card for card in book.cards if provider.lower() in card.provider.lower() and model.lower() in card.model.lower()
    ]
    if not history:
        now = in_force(book, wanted, at_us)
        wanted = [card for card in wanted if card.price_id in now]
    return sorted(wanted, key=_by_condition)


def card_to_wire(card: PriceCard) -> dict[str, object]:
    """A card as JSON: prices as decimal strings per million tokens, or per one counted unit."""
    return {
        "price_id": card.price_id,
        "provider": card.provider,
        "model": card.model,
        "service_tier": card.service_tier or "standard",
        "region": card.region,
        "currency": card.currency,
        "valid_from": rfc3339(card.valid_from) if card.valid_from else None,
        "valid_to": None if card.valid_to is None else rfc3339(card.valid_to),
        "hours": [_clock(minute) for minute in card.hours] if card.hours else None,
        "days": [_DAYS[day] for day in card.days] or None,
        "known_since": rfc3339(card.known_since) if card.known_since else None,
        "withdrawn_at": None if card.withdrawn_at is None else rfc3339(card.withdrawn_at),
        "source": card.source,
        "notes": list(card.notes),
        "tiers": [
            {
                "above_input_tokens": tier.above_input_tokens,
                "prices": {meter: _price(meter, tier.prices[meter]) for meter in BY_NAME if meter in tier.prices},
            }
            for tier in card.tiers
        ],
    }


def explanation_to_wire(explanation: Explanation) -> dict[str, object]:
    """An explanation as JSON."""
    return {
        "asked": {"provider": explanation.asked_provider, "model": explanation.asked_model},
        "known": explanation.known,
        "provider": explanation.provider,
        "model": explanation.model,
        "why": explanation.why,
        "at": rfc3339(explanation.at_us),
        "cards": [
            {**card_to_wire(card), "in_force": card.price_id in explanation.in_force} for card in explanation.cards
        ],
    }


def _price(meter: str, grains: int) -> dict[str, object]:
    per = _MILLION if meter in TOKEN_METERS else 1
    return {"price": text_from_grains(grains * per), "per": per, "unit": BY_NAME[meter].unit}


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
