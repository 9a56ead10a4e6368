"""Second opinions: what another list, an override or a contract says of a price, held against a book. Pure.

A quote never prices a call. It is compared with what holds at an instant, in whole grains,
and where the two are more than one part in a hundred apart somebody should look.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tallystick.kernel.errors import ConfigError
from tallystick.kernel.money import grains_from_decimal, text_from_grains
from tallystick.pricing.book import PriceBook, Segment
from tallystick.pricing.contract import Contract, covers
from tallystick.pricing.model import PriceCard
from tallystick.pricing.override import CHEAPEST_PER_MILLION, DEAREST_PER_MILLION
from tallystick.usage.meters import BY_NAME, TOKEN_METERS

TOLERANCE = 100  # parts of a price: a difference of more than one in so many is said
MILLION = 10**6


@dataclass(frozen=True, slots=True)
class Quote:
    """What somebody says one class of tokens costs.

    Attributes:
        provider, model: As the source spells them.
        meter: One of TOKEN_METERS.
        above: Holds when the input is greater than this; 0 is the base.
        price: Grains for one token.
    """

    provider: str
    model: str
    meter: str
    price: int
    service_tier: str = ""
    above: int = 0
    region: str = ""


@dataclass(frozen=True, slots=True)
class PriceList:
    """A list that somebody brought as a second opinion.

    Attributes:
        shape: How the file is written: `litellm`, `models.dev` or `openrouter`.
        content_hash: Of the file, so that the same one is known again.
        left_out: Lines of the file that could not be used, each with its place and why.
    """

    name: str
    shape: str
    file: str
    content_hash: str
    quotes: tuple[Quote, ...]
    left_out: tuple[str, ...] = ()
    list_id: str = ""
    imported_at: int = 0


@dataclass(frozen=True, slots=True)
class Apart:
    """A quote and the price it differs from.

    Attributes:
        provider, model: As the book names them.
        held: Grains for one token by the book.
        card: Where the book has it from.
    """

    quote: Quote
    provider: str
    model: str
    held: int
    card: PriceCard


@dataclass(frozen=True, slots=True)
class Comparison:
    """All quotes of one source against a book.

    Attributes:
        compared: How many classes of tokens both have a price for.
        apart: Those that differ.
        missing: Quotes for which the book has no price: another model, tier or class.
    """

    compared: int
    apart: tuple[Apart, ...]
    missing: int


def quote_of(provider: str, model: str, meter: str, per_million: Decimal, **conditions: object) -> Quote:
    """A quote from an amount for a million tokens.

    Raises:
        ConfigError: The amount is not one that anybody charges.
    """
    if not per_million.is_finite() or per_million < 0:
        raise ConfigError(f"{meter} = {per_million} is no price")
    if per_million and not CHEAPEST_PER_MILLION <= per_million <= DEAREST_PER_MILLION:
        raise ConfigError(
            f"{meter} = {per_million:f} a million tokens is outside {CHEAPEST_PER_MILLION:f} to {DEAREST_PER_MILLION:,}"
        )
    return Quote(provider, model, meter, grains_from_decimal(per_million / MILLION), **conditions)  # type: ignore[arg-type]


def is_apart(one: int, other: int) -> bool:
    """Whether two prices differ by more than one part in a hundred of the second."""
    return abs(one - other) * TOLERANCE > other


def compare(book: PriceBook, quotes: Iterable[Quote], at_us: int) -> Comparison:
    """Each class of tokens once: of several spellings of one model the book's own name counts, else the first."""
    chosen: dict[tuple[object, ...], tuple[Quote, str, str, tuple[Segment, ...]]] = {}
    missing = 0
    for quote in sorted(quotes, key=lambda one: (one.model, one.provider)):
        found = book.resolve(quote.provider, quote.model, quote.service_tier, quote.region)
        held = tuple(one for one in found.segments if one.start_us <= at_us < one.end_us and _priced(one, quote))
        if not held:
            missing += 1
            continue
        key = (found.provider, found.model, quote.service_tier, quote.region, quote.above, quote.meter)
        if key not in chosen or quote.model.lower() == found.model.lower():
            chosen[key] = (quote, found.provider, found.model, held)
    apart = [
        Apart(quote, provider, model, price, segment.card)
        for quote, provider, model, held in chosen.values()
        for segment, price in _nearest(held, quote)
        if is_apart(quote.price, price)
    ]
    return Comparison(len(chosen), tuple(apart), missing)


def _priced(segment: Segment, quote: Quote) -> bool:
    return segment.card.currency == "USD" and _price(segment, quote) is not None


def _price(segment: Segment, quote: Quote) -> int | None:
    """The price of a request one token above the quote's threshold."""
    for step in segment.steps:
        if quote.above + 1 > step.above:
            return step.prices.get(quote.meter)
    return None


def _nearest(held: Sequence[Segment], quote: Quote) -> list[tuple[Segment, int]]:
    """The one price that comes closest: where prices change with the hour, a quote may be of any hour."""
    priced = [(one, price) for one in held if (price := _price(one, quote)) is not None]
    return sorted(priced, key=lambda pair: abs(pair[1] - quote.price))[:1]


def quotes_of_cards(cards: Iterable[PriceCard]) -> list[Quote]:
    """Every price per token of cards, as quotes."""
    return [
        Quote(card.provider, card.model, meter, price, card.service_tier, tier.above_input_tokens, card.region)
        for card in cards
        if card.currency == "USD"
        for tier in card.tiers
        for meter, price in tier.prices.items()
        if meter in TOKEN_METERS
    ]


def idle_contracts(contracts: Iterable[Contract], cards: Sequence[PriceCard]) -> list[Contract]:
    """Contracts that cover no price of the book: most often a misspelling."""
    keys = {(card.provider, card.model, card.service_tier) for card in cards}
    return [one for one in contracts if not one.fixed and not any(covers(one, *key) for key in keys)]


def advice(one: Apart) -> str:
    """The command that puts the quote's price into the book."""
    words = ["tally prices set", one.provider, one.model, f"--price {one.quote.meter}={million(one.quote.price)}"]
    words += [f"--tier {one.quote.service_tier}"] if one.quote.service_tier else []
    words += [f"--above {one.quote.above}"] if one.quote.above else []
    return " ".join(words)


def class_of(one: Apart) -> str:
    """What is priced, in words: model, tier, size and class of tokens."""
    words = [one.model, one.quote.service_tier, f"above {one.quote.above:,} tokens" if one.quote.above else ""]
    return " ".join(word for word in (*words, BY_NAME[one.quote.meter].name.replace("_", " ")) if word)


def million(grains: int) -> str:
    """A price for one token written for a million."""
    return text_from_grains(grains * MILLION)
