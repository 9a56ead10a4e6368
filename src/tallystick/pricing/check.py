"""What is wrong or doubtful about the book itself. Pure; what it costs is the operations' to add."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from tallystick.kernel.money import divide_half_even, text_from_grains
from tallystick.pricing.book import PriceBook
from tallystick.pricing.model import PriceCard
from tallystick.pricing.opinion import is_apart
from tallystick.pricing.override import CHEAPEST_PER_MILLION, DEAREST_PER_MILLION
from tallystick.usage.meters import BY_NAME, TOKEN_METERS
from tallystick.usage.units import Unit, convert, meant, parse_unit

Kind = Literal[
    "price_sources_disagree", "price_stale", "price_of_unknown_model", "price_out_of_bounds", "tokenizer_drift"
]
_MILLION = 10**6


@dataclass(frozen=True, slots=True)
class Finding:
    """Something somebody should look at.

    Attributes:
        subject: What it is about: the same subject is the same finding.
        what: One sentence.
        evidence: The figures behind it, as text.
        amount: Grains of `currency` that hang on it, None where nobody can say.
    """

    kind: Kind
    subject: str
    what: str
    evidence: Mapping[str, str] = field(default_factory=dict)
    amount: int | None = None
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Revealed:
    """A unit price as a bill reveals it.

    Attributes:
        unit_price: Grains for one `unit`.
        long: Whether it is the price of long contexts.
        first_us, last_us: Of the charges it was seen on.
        quantity: Whole units of the meter that were charged at it.
    """

    source: str
    provider: str
    model: str
    meter: str
    service_tier: str
    region: str
    unit: str
    unit_price: int
    first_us: int
    last_us: int
    quantity: int
    long: bool = False
    currency: str = "USD"


def is_listed(card: PriceCard, package: str) -> bool:
    """Whether a card comes from the list and not from somebody here."""
    return card.source.startswith(package)


def out_of_bounds(cards: Iterable[PriceCard]) -> list[Finding]:
    """Prices per token that nobody charges: most likely per token where per million was meant, or the reverse."""
    found = []
    for card in cards:
        for tier in card.tiers if card.withdrawn_at is None else ():
            for meter, price in tier.prices.items():
                million = Decimal(price) * _MILLION / 10**12
                if meter in TOKEN_METERS and price and not CHEAPEST_PER_MILLION <= million <= DEAREST_PER_MILLION:
                    name = f"{card.provider} {card.model} {card.service_tier or 'standard'} {meter}"
                    found.append(
                        Finding(
                            "price_out_of_bounds",
                            f"{name} {card.valid_from}",
                            f"{name} costs {million:f} per million tokens, outside {CHEAPEST_PER_MILLION:f} to {DEAREST_PER_MILLION:,}",
                            {"source": card.source, "price": text_from_grains(price)},
                        )
                    )
    return found


def of_unknown_models(cards: Sequence[PriceCard], package: str) -> list[Finding]:
    """Prices that were set for names that no list knows: most often a misspelling."""
    listed = PriceBook(card for card in cards if is_listed(card, package))
    own = {
        (card.provider, card.model, card.source)
        for card in cards
        if card.withdrawn_at is None and not is_listed(card, package)
    }
    return [
        Finding(
            "price_of_unknown_model",
            f"{provider} {model}",
            f'a price is set for "{model}" of {provider}, which no list knows',
            {"source": source},
        )
        for provider, model, source in sorted(own)
        if not listed.resolve(provider, model).known
    ]


def against_bill(book: PriceBook, one: Revealed) -> Finding | None:
    """The finding where a bill charges another unit price than the book says; None where they agree or cannot be compared."""
    billed = _grains_per_unit(one)
    segment = (book.paid or book).resolve(one.provider, one.model, one.service_tier, one.region).at(one.last_us)
    if billed is None or segment is None or segment.card.currency != one.currency:
        return None
    step = segment.steps[0] if one.long else segment.steps[-1]
    held = step.prices.get(one.meter)
    if held is None or not is_apart(billed, held):
        return None
    scale = BY_NAME[one.meter].scale
    return Finding(
        "price_sources_disagree",
        f"bill {one.source} {one.provider} {one.model} {one.service_tier} {one.meter} {one.region} {'long' * one.long}".strip(),
        f"{one.source} charges {one.model} {one.meter} at {text_from_grains(billed * _MILLION)} a million, "
        f"the book says {text_from_grains(held * _MILLION)}",
        {
            "bill": text_from_grains(billed),
            "book": text_from_grains(held),
            "book_source": segment.card.source,
            "days": str(max(1, (one.last_us - one.first_us) // 86_400_000_000 + 1)),
        },
        divide_half_even((billed - held) * one.quantity, scale),
        one.currency,
    )


def _grains_per_unit(one: Revealed) -> int | None:
    """The bill's price for one unit as our meter counts it (a token, a second, a request)."""
    meter = BY_NAME.get(one.meter)
    unit = parse_unit(one.unit)
    own = parse_unit(meter.unit) if meter else None
    if unit is None or own is None:
        return None
    units = convert(Decimal(1), meant(unit, own.kind), Unit(own.kind, own.size))
    if units is None or units <= 0:
        return None
    return int((Decimal(one.unit_price) / units).to_integral_value())
