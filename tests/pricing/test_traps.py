"""Where price lists and usage reports mislead: figures by hand, from the providers' pages.

Dollars per million tokens are grains per token times a million: $3 is 3,000,000 grains a token.
"""

import pytest

from tallystick.connectors.list_prices import list_prices
from tallystick.pricing.book import PriceBook
from tallystick.pricing.model import Rated
from tallystick.pricing.rate import rate
from tests.pricing.sample import day, used


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook(list_prices())


def of(book: PriceBook, provider: str, model: str, at: str, tier: str = "", **usage: int) -> Rated:
    return rate(
        book, provider=provider, model=model, service_tier=tier, region="", at_us=day(at), measured=used(**usage)
    )


def test_cached_tokens_are_priced_once_whether_a_provider_counts_them_in_its_input_or_beside_it(
    book: PriceBook,
) -> None:
    # OpenAI: 10,000 prompt tokens of which 8,000 cached: 2,000 x 2.50 + 8,000 x 1.25 = 0.005 + 0.010.
    openai = of(book, "openai", "gpt-4o", "2026-11-10", uncached_input=2_000, cache_read=8_000)
    assert openai.cost == 15_000_000_000
    # Anthropic: input_tokens 2,000 and beside it cache_read_input_tokens 8,000: 2,000 x 3 + 8,000 x 0.30.
    anthropic = of(book, "anthropic", "claude-sonnet-4-5", "2026-11-10", uncached_input=2_000, cache_read=8_000)
    assert anthropic.cost == 8_400_000_000


def test_an_hour_of_cache_costs_twice_the_input_and_five_minutes_a_quarter_more(book: PriceBook) -> None:
    # 100,000 tokens at 3.75 and at 6 a million: 0.375 and 0.60.
    short = of(book, "anthropic", "claude-sonnet-4-5", "2026-11-10", cache_write_5m=100_000)
    hour = of(book, "anthropic", "claude-sonnet-4-5", "2026-11-10", cache_write_1h=100_000)
    unsaid = of(book, "anthropic", "claude-sonnet-4-5", "2026-11-10", cache_write_unknown=100_000)
    assert (short.cost, hour.cost, unsaid.cost) == (375_000_000_000, 600_000_000_000, 375_000_000_000)


@pytest.mark.parametrize("at", ["2025-11-01", "2026-09-01", "2026-10-11", "2026-10-15", "2026-11-01"])
def test_batch_is_half_the_price_also_before_the_list_wrote_it_down(book: PriceBook, at: str) -> None:
    # 100,000 in and 1,000 out at 1.50 and 7.50; at the standard price it would be 0.315.
    found = of(book, "anthropic", "claude-sonnet-4-5", at, "batch", uncached_input=100_000, plain_output=1_000)
    assert found.cost == 157_500_000_000
    # 100,000 in and 1,000 out at 0.125 and 1.00; at the standard price it would be 0.027.
    small = of(book, "openai", "gpt-5-mini", at, "batch", uncached_input=100_000, plain_output=1_000)
    assert small.cost == 13_500_000_000


def test_a_tier_that_no_list_prices_is_unpriced_and_never_the_standard_price(book: PriceBook) -> None:
    for tier in ("nonsense", "scale", "provisioned"):
        found = of(book, "anthropic", "claude-sonnet-4-5", "2026-09-01", tier, uncached_input=100_000)
        assert found.cost is None
        assert found.unpriced == ("uncached_input",)
        assert "stays unpriced" in found.why


def test_a_premium_is_not_carried_back_over_prices_it_was_never_quoted_against(book: PriceBook) -> None:
    # o3 cost 10 and 40 until 10 June 2025; priority (3.50 and 14) is quoted against 2 and 8.
    usage = {"uncached_input": 1_000_000, "plain_output": 1_000_000}
    assert of(book, "openai", "o3", "2025-06-09", "priority", **usage).cost is None
    assert of(book, "openai", "o3", "2025-06-10", "priority", **usage).cost == 17_500_000_000_000


def test_a_price_that_changes_in_mid_month_parts_the_month(book: PriceBook) -> None:
    # A million in and a million out each day of June 2025: nine days at 50, twenty-one at 10.
    days = [f"2025-06-{number:02}" for number in range(1, 31)]
    usage = {"uncached_input": 1_000_000, "plain_output": 1_000_000}
    month = sum(of(book, "openai", "o3", at, **usage).cost or 0 for at in days)
    assert month == (9 * 50 + 21 * 10) * 10**12


@pytest.mark.parametrize(
    ("size", "cost"),
    [
        (199_999, 199_999 * 3_000_000 + 100 * 15_000_000),
        (200_000, 200_000 * 3_000_000 + 100 * 15_000_000),
        (200_001, 200_001 * 6_000_000 + 100 * 22_500_000),
    ],
)
def test_a_long_context_moves_the_whole_request_one_token_above_the_threshold(
    book: PriceBook, size: int, cost: int
) -> None:
    found = of(book, "anthropic", "claude-sonnet-4-5", "2026-11-10", uncached_input=size, plain_output=100)
    assert found.cost == cost


def test_cached_tokens_count_towards_the_size_of_a_request(book: PriceBook) -> None:
    # 200,001 tokens of which one is not cached: 1 x 6 + 200,000 x 0.60 a million.
    found = of(book, "anthropic", "claude-sonnet-4-5", "2026-11-10", uncached_input=1, cache_read=200_000)
    assert found.cost == 6_000_000 + 200_000 * 600_000
