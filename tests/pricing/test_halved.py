"""Tiers that are sold at half: figures by hand, dollars a million are grains a token times a million."""

import pytest

from tallystick.connectors.list_prices import list_prices
from tallystick.pricing.book import PriceBook
from tallystick.pricing.corrected import corrected
from tallystick.pricing.halved import HALVES, Half, halved
from tallystick.pricing.model import Tier
from tallystick.pricing.rate import rate
from tests.pricing.sample import card, day, used


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook(corrected(list_prices()))


def cost(book: PriceBook, provider: str, model: str, tier: str, **usage: int) -> int | None:
    measured = used(**(usage or {"uncached_input": 1, "plain_output": 1}))
    at = day("2026-11-02")
    return rate(book, provider=provider, model=model, service_tier=tier, region="", at_us=at, measured=measured).cost


@pytest.mark.parametrize(
    ("provider", "model", "tier", "given", "made"),
    [
        ("aws.bedrock", "us.amazon.nova-pro-v1:0", "batch", 400_000, 1_600_000),
        ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "batch", 1_650_000, 8_250_000),
        ("aws.bedrock", "global.anthropic.claude-haiku-4-5-20251001-v1:0", "batch", 500_000, 2_500_000),
        ("gcp.vertex_ai", "gemini-2.5-flash-image", "batch", 150_000, 1_250_000),
        ("gcp.gemini", "gemini-2.5-pro", "flex", 625_000, 5_000_000),
        ("gcp.gemini", "gemini-2.5-flash", "flex", 150_000, 1_250_000),
    ],
)
def test_a_tier_that_is_sold_at_half_costs_half(
    book: PriceBook, provider: str, model: str, tier: str, given: int, made: int
) -> None:
    assert cost(book, provider, model, tier, uncached_input=1) == given
    assert cost(book, provider, model, tier, plain_output=1) == made
    assert cost(book, provider, model, "priority") is None


def test_what_no_page_prices_in_the_tier_stays_unknown(book: PriceBook) -> None:
    assert cost(book, "aws", "us.amazon.nova-pro-v1:0", "batch", cache_read=1) is None
    assert cost(book, "aws", "us.amazon.nova-pro-v1:0", "flex") is None
    assert cost(book, "aws", "eu.amazon.nova-pro-v1:0", "batch") is None
    assert cost(book, "google", "gemini-4-argon", "flex") is None
    assert cost(book, "google", "claude-opus-4-5", "batch") is None
    assert cost(book, "google", "gemini-embedding-001", "batch", uncached_input=1) is None
    assert cost(book, "aws", "mistral.ministral-3-8b-instruct", "batch") is None


def test_a_tier_of_the_lists_own_stays_and_each_size_and_date_is_halved() -> None:
    rule = Half("p", "^m", "batch", "https://example.org")
    dated = card(tiers=(Tier(0, {"uncached_input": 4, "cache_read": 1, "searches": 9}), Tier(5, {"uncached_input": 7})))
    own = [card("mm"), card("mm", prices={"uncached_input": 3}, service_tier="batch")]
    (found,) = halved([dated, *own, card("other"), card(provider="q"), card("m2", prices={})], [rule])
    assert [dict(tier.prices) for tier in found.tiers] == [{"uncached_input": 2, "searches": 9}, {"uncached_input": 4}]
    assert (found.service_tier, found.match, found.notes) == ("batch", None, ("https://example.org",))


def test_every_rule_is_still_needed_and_says_where_it_is_from() -> None:
    made = {(one.provider, one.service_tier) for one in halved(list_prices())}
    assert made == {(one.provider, one.service_tier) for one in HALVES}
    assert all(one.rests_on.startswith("https://") for one in HALVES)
