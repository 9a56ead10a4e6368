"""Well-known models, priced by hand: dollars per million tokens from the providers' public pages.

Expected costs are written as tokens x rate, class by class, in grains: one dollar per
million tokens is 1,000,000 grains per token.
"""

from typing import Any

import pytest

from tallystick.connectors.list_prices import list_prices
from tallystick.kernel.money import grains_from_text
from tallystick.pricing.book import PriceBook
from tallystick.pricing.rate import rate
from tests.pricing.sample import day, used

DOLLAR_PER_MILLION = 1_000_000
NOVEMBER = day("2026-11-10")


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook(list_prices())


def cost(book: PriceBook, provider: str, model: str, tier: str = "", at: int = NOVEMBER, **usage: int) -> int | None:
    return rate(
        book, provider=provider, model=model, service_tier=tier, region="", at_us=at, measured=used(**usage)
    ).cost


def test_gpt_4o_costs_2_50_in_1_25_cached_and_10_out(book: PriceBook) -> None:
    expected = 1200 * 2_500_000 + 3000 * 1_250_000 + 450 * 10_000_000
    assert cost(book, "openai", "gpt-4o", uncached_input=1200, cache_read=3000, plain_output=450) == expected
    assert grains_from_text("0.01125") == expected


def test_gpt_4o_by_its_dated_name_and_in_capitals_costs_the_same(book: PriceBook) -> None:
    for name in ("gpt-4o-2024-08-06", "GPT-4o", "openai/gpt-4o"):
        assert cost(book, "openai", name, uncached_input=1000, plain_output=100) == 1000 * 2_500_000 + 100 * 10_000_000


def test_gpt_4o_batch_is_half_price_also_before_the_list_wrote_it_down(book: PriceBook) -> None:
    half = 1000 * 1_250_000 + 100 * 5_000_000
    for at in ("2024-09-01", "2026-09-01", "2026-10-13", "2026-11-01"):
        assert cost(book, "openai", "gpt-4o", "batch", day(at), uncached_input=1000, plain_output=100) == half


def test_gpt_4o_mini_costs_15_cents_in_7_5_cached_and_60_cents_out(book: PriceBook) -> None:
    expected = 10_000 * 150_000 + 2_000 * 75_000 + 500 * 600_000
    assert cost(book, "openai", "gpt-4o-mini", uncached_input=10_000, cache_read=2_000, plain_output=500) == expected


def test_reasoning_is_priced_as_output(book: PriceBook) -> None:
    expected = 100 * 2_000_000 + 40 * 8_000_000 + 60 * 8_000_000
    assert cost(book, "openai", "o3", uncached_input=100, plain_output=40, reasoning_output=60) == expected


def test_o3_cost_five_times_more_until_10_june_2025(book: PriceBook) -> None:
    usage: dict[str, Any] = {"uncached_input": 1_000_000, "plain_output": 1_000_000}
    assert cost(book, "openai", "o3", at=day("2025-06-10") - 1, **usage) == grains_from_text("50")
    assert cost(book, "openai", "o3", at=day("2025-06-10"), **usage) == grains_from_text("10")


def test_o3_flex_before_the_price_cut_is_half_the_price_of_then(book: PriceBook) -> None:
    usage: dict[str, Any] = {"uncached_input": 1_000_000, "plain_output": 1_000_000}
    assert cost(book, "openai", "o3", "flex", day("2025-05-01"), **usage) == grains_from_text("25")
    assert cost(book, "openai", "o3", "flex", day("2025-07-01"), **usage) == grains_from_text("5")


def test_o3_priority_before_the_price_cut_is_unknown(book: PriceBook) -> None:
    usage: dict[str, Any] = {"uncached_input": 1_000_000, "plain_output": 1_000_000}
    assert cost(book, "openai", "o3", "priority", day("2025-05-01"), **usage) is None
    assert cost(book, "openai", "o3", "priority", day("2025-07-01"), **usage) == grains_from_text("17.5")


def test_claude_sonnet_4_5_prices_each_cache_lifetime_apart(book: PriceBook) -> None:
    expected = 1000 * 3_000_000 + 500 * 300_000 + 200 * 3_750_000 + 100 * 6_000_000 + 300 * 15_000_000
    got = cost(
        book,
        "anthropic",
        "claude-sonnet-4-5-20250929",
        uncached_input=1000,
        cache_read=500,
        cache_write_5m=200,
        cache_write_1h=100,
        plain_output=300,
    )
    assert got == expected


def test_a_cache_write_of_unreported_lifetime_costs_claudes_five_minutes(book: PriceBook) -> None:
    assert cost(book, "anthropic", "claude-sonnet-4-5", cache_write_unknown=1000) == 1000 * 3_750_000


def test_a_five_minute_cache_write_has_no_price_at_openai(book: PriceBook) -> None:
    assert cost(book, "openai", "gpt-6-sol", cache_write_5m=1000) is None
    assert cost(book, "openai", "gpt-6-sol", cache_write_30m=1000) == 1000 * 2_500_000


@pytest.mark.parametrize(
    ("input_tokens", "in_rate", "out_rate"),
    [
        (199_999, 3_000_000, 15_000_000),
        (200_000, 3_000_000, 15_000_000),
        (200_001, 6_000_000, 22_500_000),
    ],
)
def test_claude_sonnet_4_5_moves_whole_above_200_000_tokens(
    book: PriceBook, input_tokens: int, in_rate: int, out_rate: int
) -> None:
    expected = input_tokens * in_rate + 1000 * out_rate
    assert cost(book, "anthropic", "claude-sonnet-4-5", uncached_input=input_tokens, plain_output=1000) == expected


def test_cached_tokens_count_towards_the_size_of_a_request(book: PriceBook) -> None:
    expected = 1 * 6_000_000 + 200_000 * 600_000
    assert cost(book, "anthropic", "claude-sonnet-4-5", uncached_input=1, cache_read=200_000) == expected


def test_claude_batch_is_half_in_every_class_and_size(book: PriceBook) -> None:
    at = day("2026-09-01")
    expected = 1000 * 1_500_000 + 200 * 1_875_000 + 300 * 7_500_000
    usage: dict[str, Any] = {"uncached_input": 1000, "cache_write_5m": 200, "plain_output": 300}
    assert cost(book, "anthropic", "claude-sonnet-4-5", "batch", at, **usage) == expected
    long = 200_001 * 3_000_000 + 10 * 11_250_000
    assert cost(book, "anthropic", "claude-sonnet-4-5", "batch", at, uncached_input=200_001, plain_output=10) == long


def test_a_web_search_of_claude_costs_a_cent(book: PriceBook) -> None:
    assert cost(book, "anthropic", "claude-sonnet-4-5", searches=3) == grains_from_text("0.03")


def test_bedrock_has_a_regional_price_of_its_own(book: PriceBook) -> None:
    name = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert cost(book, "aws.bedrock", name, uncached_input=1000, plain_output=100) == 1000 * 3_300_000 + 100 * 16_500_000


@pytest.mark.parametrize("name", ["claude-sonnet-4-5@20250929", "claude-sonnet-4-5"])
def test_vertex_names_are_understood(book: PriceBook, name: str) -> None:
    assert cost(book, "gcp.vertex_ai", name, uncached_input=1000) == 1000 * 3_000_000


def test_deepseek_charges_by_the_time_of_day(book: PriceBook) -> None:
    night, morning = day("2026-11-10") + 5 * 3_600_000_000, day("2026-11-10") + 2 * 3_600_000_000
    assert cost(book, "deepseek", "deepseek-v4-pro", at=night, uncached_input=100) == 100 * 660_000
    assert cost(book, "deepseek", "deepseek-v4-pro", at=morning, uncached_input=100) == 100 * 1_320_000


def test_a_peak_price_does_not_reach_back_before_the_price_it_was_listed_with(book: PriceBook) -> None:
    morning = day("2026-06-01") + 2 * 3_600_000_000
    assert cost(book, "deepseek", "deepseek-v4-pro", at=morning, uncached_input=100) == 100 * 435_000


def test_whisper_is_billed_by_the_second_of_audio(book: PriceBook) -> None:
    """0.36 dollars an hour is 100 grains a microsecond."""
    assert cost(book, "openai", "whisper-1", seconds=60_000_000) == grains_from_text("0.006")


def test_embeddings_of_text_embedding_3_small_cost_2_cents_a_million(book: PriceBook) -> None:
    assert cost(book, "openai", "text-embedding-3-small", uncached_input=12_345) == 12_345 * 20_000


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-99"), ("openai", "gpt-4o-2031-01-01"), ("nobody", "gpt-4o"), ("anthropic", ""), ("", "house-7b")],
)
def test_an_unknown_model_is_unpriced(book: PriceBook, provider: str, model: str) -> None:
    result = rate(
        book,
        provider=provider,
        model=model,
        service_tier="",
        region="",
        at_us=NOVEMBER,
        measured=used(uncached_input=5),
    )
    assert (result.cost, result.price_id, result.model) == (None, "", model)
    assert result.unpriced == ("uncached_input",)
    assert result.why


@pytest.mark.parametrize("tier", ["", "default", "standard", "auto", "on_demand", "Standard", "DEFAULT"])
def test_ordinary_service_is_the_standard_price(book: PriceBook, tier: str) -> None:
    assert cost(book, "openai", "gpt-4o", tier, uncached_input=1000) == 1000 * 2_500_000


@pytest.mark.parametrize("tier", ["nonsense", "scale", "flex", "provisioned_throughput"])
def test_a_tier_without_a_card_is_unpriced_and_says_so(book: PriceBook, tier: str) -> None:
    result = rate(
        book,
        provider="openai",
        model="gpt-4o",
        service_tier=tier,
        region="",
        at_us=NOVEMBER,
        measured=used(uncached_input=1000),
    )
    assert result.cost is None
    assert tier in result.why
    assert result.model == "gpt-4o"


def test_free_models_are_free_and_unlisted_prices_unknown(book: PriceBook) -> None:
    assert cost(book, "openrouter", "cohere/north-mini-code:free", uncached_input=1000, plain_output=5) == 0
    assert cost(book, "openrouter", "stealth/crouton-alpha", uncached_input=1000) is None
    assert cost(book, "openai", "omni-moderation-latest", uncached_input=1000) == 0
    assert cost(book, "cerebras", "qwen-3-coder-480b", uncached_input=1000) is None
