"""The installed list, beside the package's own answers: every model, several dates, every spelling it names."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.data import providers
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import TieredPrices, Usage

from tallystick.connectors.list_prices import METERED, UNMETERED, list_prices
from tallystick.kernel.money import decimal_from_grains
from tallystick.kernel.period import instant
from tallystick.pricing.book import PriceBook
from tallystick.pricing.match import Matcher
from tallystick.pricing.model import PriceCard
from tallystick.pricing.rate import rate
from tests.pricing.sample import used

DATES = [datetime(*day, 12, tzinfo=UTC) for day in ((2025, 3, 1), (2026, 9, 1), (2026, 11, 20), (2027, 2, 1))]


@pytest.fixture(scope="module")
def cards() -> list[PriceCard]:
    return list_prices()


@pytest.fixture(scope="module")
def book(cards: list[PriceCard]) -> PriceBook:
    return PriceBook(cards)


def test_every_unit_of_the_list_is_metered_or_known_to_be_left_out() -> None:
    names = {name for _, model in models() for entry in entries(model) for name in entry.__dict__}
    assert names <= {*METERED, *UNMETERED, "cache_write_mtok"}


def test_every_condition_of_a_variant_is_one_we_know() -> None:
    found = {key for _, model in models() for variant in model.price_variants or () for key in variant.when}
    assert found <= {"processing", "service_tier", "speed", "route", "search_type"}


@pytest.mark.parametrize("at", DATES)
def test_each_models_standard_price_is_the_packages_own(book: PriceBook, at: datetime) -> None:
    """Input and output of 1,000 tokens each, wherever the list prices both and not by the hour of the day."""
    compared = 0
    for provider, model in models():
        price = model.get_prices(at)
        if by_the_hour(model) or not {"input_mtok", "output_mtok"} <= set(price.__dict__):
            continue
        if price.input_mtok is None or price.output_mtok is None:
            continue
        if by_the_package(provider, model.id) not in (model.id, None):
            continue
        theirs = model.calc_price(Usage(input_tokens=1000, output_tokens=1000), provider, genai_request_timestamp=at)
        ours = cost(book, provider.id, model.id, at)
        extra = Decimal(0) if price.requests_kcount is None else price.requests_kcount / 1000
        assert ours is not None
        assert abs(ours + extra - theirs.total_price) <= Decimal("2000e-12"), (provider.id, model.id)
        compared += 1
    assert compared > 2000


def test_each_variant_is_the_packages_own_once_it_is_dated(book: PriceBook) -> None:
    at, compared = DATES[2], 0
    for provider, model in models():
        for variant in model.price_variants or ():
            tier = next(iter(variant.when.values()))
            if set(variant.when) & {"route", "search_type"} or tier == "default" or not active(variant, at):
                continue
            usage = Usage(input_tokens=1000, output_tokens=1000)
            theirs = model.calc_price(usage, provider, genai_request_timestamp=at, price_context=variant.when)
            assert cost(book, provider.id, model.id, at, tier) == theirs.total_price, (provider.id, model.id, tier)
            compared += 1
    assert compared > 150


def active(variant: Any, at: datetime) -> bool:
    price = {**variant.prices.__dict__}
    if not {"input_mtok", "output_mtok"} <= set(price):
        return False
    return variant.constraint is None or bool(variant.constraint.active(at))


def test_every_spelling_the_list_names_is_matched_as_the_package_matches_it(cards: list[PriceCard]) -> None:
    matcher = Matcher(cards)
    compared = 0
    for provider, model in models():
        for name in {model.id, *spellings(model.match)}:
            theirs = by_the_package(provider, name)
            ours = matcher.find(provider.id, name)
            if theirs is not None and ours is None:
                # What Mistral points at newer models at times that no page tells.
                assert (provider.id, name[-7:].lower()) == ("mistral", "-latest"), (provider.id, name)
            elif theirs is not None:
                assert ours is not None
                assert ours.model == theirs, (provider.id, name)
                compared += 1
    assert compared > 4000


def test_no_two_cards_share_an_id_and_none_has_a_negative_price(cards: list[PriceCard]) -> None:
    assert len({card.price_id for card in cards}) == len(cards)
    assert all(price >= 0 for card in cards for tier in card.tiers for price in tier.prices.values())


def test_a_zero_is_a_free_model_and_nothing_else(cards: list[PriceCard]) -> None:
    zero = {(card.provider, card.model) for card in cards if 0 in card.tiers[0].prices.values()}
    empty = {(provider.id, model.id) for provider, model in models() if any(not e.__dict__ for e in entries(model))}
    assert zero
    assert zero <= empty


def test_two_readings_of_the_list_are_equal(cards: list[PriceCard]) -> None:
    assert list_prices() == cards


def test_the_hot_path_imports_no_price_package() -> None:
    script = (
        "import sys, tallystick.pricing.rate, tallystick.pricing.store, tallystick.operations.load_prices;"
        "sys.exit('genai_prices' in sys.modules or 'pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def cost(book: PriceBook, provider: str, model: str, at: datetime, tier: str = "") -> Decimal | None:
    measured = used(uncached_input=1000, plain_output=1000)
    result = rate(
        book, provider=provider, model=model, service_tier=tier, region="", at_us=instant(at), measured=measured
    )
    return None if result.cost is None else decimal_from_grains(result.cost)


def by_the_package(provider: Any, name: str) -> str | None:
    try:
        return str(get_snapshot().find_provider_model(name, provider, None, None)[1].id)
    except LookupError:
        return None


def models() -> Iterator[tuple[Any, Any]]:
    for provider in providers:
        for model in provider.models:
            yield provider, model


def entries(model: Any) -> list[Any]:
    return [entry.prices for entry in model.prices] if isinstance(model.prices, list) else [model.prices]


def by_the_hour(model: Any) -> bool:
    return isinstance(model.prices, list) and any(hasattr(entry.constraint, "start_time") for entry in model.prices)


def spellings(clause: Any) -> Iterator[str]:
    """Names made from a rule's own texts."""
    for name in ("equals", "starts_with", "ends_with", "contains"):
        if hasattr(clause, name):
            yield getattr(clause, name)
            yield getattr(clause, name).upper()
    for part in getattr(clause, "or_", ()):
        yield from spellings(part)


def test_a_tiered_price_of_the_list_has_its_thresholds_on_the_card(cards: list[PriceCard]) -> None:
    for provider, model in models():
        price = model.prices if not isinstance(model.prices, list) else model.prices[0].prices
        if isinstance(price.input_mtok, TieredPrices):
            held = [card for card in cards if (card.provider, card.model) == (provider.id, model.id)]
            thresholds = {tier.above_input_tokens for tier in held[0].tiers}
            assert thresholds >= {0, *(tier.start for tier in price.input_mtok.tiers)}
