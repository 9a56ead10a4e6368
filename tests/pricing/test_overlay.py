"""Overrides over a list: component by component, cut at their dates."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.connectors.list_prices import list_prices
from tallystick.connectors.price_overrides import parse_overrides
from tallystick.kernel.errors import ConfigError
from tallystick.kernel.money import text_from_grains
from tallystick.pricing.book import PriceBook
from tallystick.pricing.listed import tiers_of
from tallystick.pricing.model import Clause, PriceCard, Rated, Tier
from tallystick.pricing.overlay import merge_overrides
from tallystick.pricing.override import Override
from tallystick.pricing.rate import rate
from tallystick.usage.meters import TOKEN_METERS
from tests.pricing.sample import card, day, used

NOV, DEC = day("2026-11-01"), day("2026-12-01")
LIST = {"uncached_input": 2, "cache_read": 1, "plain_output": 10}


def cost(
    cards: list[PriceCard], at: int = NOV, tier: str = "", provider: str = "p", model: str = "m", **usage: int
) -> Rated:
    return rate(
        PriceBook(cards), provider=provider, model=model, service_tier=tier, region="", at_us=at, measured=used(**usage)
    )


def merged(cards: list[PriceCard], *overrides: Override) -> list[PriceCard]:
    return merge_overrides(cards, overrides, "override test")


def test_an_override_wins_by_component_and_leaves_the_rest() -> None:
    cards = merged([card(prices=LIST)], Override("p", "m", {"uncached_input": 7}))
    assert cost(cards, uncached_input=1, cache_read=1, plain_output=1).cost == 7 + 1 + 10


def test_an_override_holds_between_its_dates() -> None:
    cards = merged([card(prices=LIST)], Override("p", "m", {"uncached_input": 7}, NOV, DEC))
    assert [cost(cards, at, uncached_input=1).cost for at in (NOV - 1, NOV, DEC - 1, DEC)] == [2, 7, 7, 2]


def test_a_change_of_the_list_inside_an_override_shows_through_in_other_components() -> None:
    listed = [card(prices=LIST, valid_to=DEC), card(prices={**LIST, "plain_output": 20}, valid_from=DEC)]
    cards = merged(listed, Override("p", "m", {"uncached_input": 7}, NOV))
    assert [cost(cards, at, uncached_input=1, plain_output=1).cost for at in (NOV - 1, NOV, DEC)] == [12, 17, 27]


def test_of_overlapping_entries_the_later_start_wins_in_any_order_of_the_file() -> None:
    early, late = Override("p", "m", {"uncached_input": 7}, NOV), Override("p", "m", {"uncached_input": 8}, DEC)
    for entries in ((early, late), (late, early)):
        cards = merged([card(prices=LIST)], *entries)
        assert [cost(cards, at, uncached_input=1).cost for at in (NOV - 1, NOV, DEC)] == [2, 7, 8]


def test_an_entry_above_a_size_holds_from_there_up() -> None:
    base, long = Override("p", "m", {"uncached_input": 7}), Override("p", "m", {"uncached_input": 9}, above=100)
    cards = merged([card(prices=LIST)], long, base)
    assert [cost(cards, uncached_input=size).cost for size in (100, 101)] == [700, 909]


def test_a_model_of_your_own_needs_no_list() -> None:
    cards = merged([], Override("house", "llama-7b", {"uncached_input": 3}, NOV))
    assert cost(cards, provider="house", model="Llama-7B", uncached_input=5).cost == 15
    assert cost(cards, NOV - 1, provider="house", model="llama-7b", uncached_input=5).cost is None
    assert cost(cards, provider="house", model="llama-7b", plain_output=5).unpriced == ("plain_output",)


def test_a_tier_of_your_own_prices_what_the_list_leaves_unpriced() -> None:
    cards = merged([card(prices=LIST)], Override("p", "m", {"uncached_input": 1}, service_tier="scale"))
    assert cost(cards, tier="scale", uncached_input=5).cost == 5
    assert cost(cards, uncached_input=5).cost == 10


def test_a_sellers_override_keeps_the_makers_other_prices() -> None:
    maker = [
        card("gpt", LIST, provider="openai", match=Clause("starts_with", "gpt")),
        card("gpt", {"uncached_input": 1}, provider="openai", service_tier="batch", match=None),
    ]
    cards = merged(maker, Override("azure", "gpt", {"uncached_input": 7}))
    assert cost(cards, provider="azure", model="gpt-2024", uncached_input=1, plain_output=1).cost == 17
    assert cost(cards, provider="azure", model="gpt", tier="batch", uncached_input=1).cost == 1
    assert cost(cards, provider="openai", model="gpt", uncached_input=1).cost == 2


def test_an_alias_of_a_listed_model_is_an_error_that_names_it() -> None:
    with pytest.raises(ConfigError) as caught:
        merged(
            [card("gpt", match=Clause("starts_with", "gpt"))],
            Override("p", "gpt-2024", {"uncached_input": 7}, where="f:3"),
        )
    assert 'write model = "gpt"' in caught.value.next_steps
    assert caught.value.where == "f:3"


def test_another_currency_keeps_nothing_of_the_list() -> None:
    result = cost(
        merged([card(prices=LIST)], Override("p", "m", {"uncached_input": 7}, currency="EUR")),
        uncached_input=1,
        cache_read=1,
    )
    assert (result.currency, result.cost, result.unpriced) == ("EUR", 7, ("cache_read",))


token_prices = st.dictionaries(st.sampled_from(TOKEN_METERS), st.integers(100, 10**9), min_size=1, max_size=5)
token_usage = st.dictionaries(st.sampled_from(TOKEN_METERS), st.integers(0, 10**6), max_size=6)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from([0, 1000, 200_000]), token_prices, min_size=1), token_usage)
def test_an_override_equal_to_the_list_costs_the_same(ladder: dict[int, dict[str, int]], usage: dict[str, Any]) -> None:
    tiers = tiers_of(ladder)
    listed = [card(tiers=tiers)]
    entries = parse_overrides("\n".join(written(tier) for tier in tiers if tier.prices), "same.toml")
    plain, over = cost(listed, **usage), cost(merged(listed, *entries), **usage)
    assert (over.cost, over.lines, over.unpriced) == (plain.cost, plain.lines, plain.unpriced)


def written(tier: Tier) -> str:
    """A card's tier as an entry of the file, per million tokens."""
    lines = [f'{meter} = "{text_from_grains(price * 1_000_000)}"' for meter, price in tier.prices.items()]
    return "\n".join(
        ['[[price]]\nprovider = "p"\nmodel = "m"', f"above_input_tokens = {tier.above_input_tokens}", *lines]
    )


@pytest.mark.parametrize(
    ("provider", "model"), [("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-4o"), ("openai", "o3")]
)
def test_a_listed_model_written_out_as_overrides_costs_the_same(provider: str, model: str) -> None:
    listed = [one for one in list_prices() if (one.provider, one.model) == (provider, model)]
    standard = [one for one in listed if not one.service_tier and one.valid_to is None]
    text = (
        "\n".join(
            written(Tier(tier.above_input_tokens, {n: p for n, p in tier.prices.items() if n in TOKEN_METERS}))
            for one in standard
            for tier in one.tiers
        )
        .replace('"p"', f'"{provider}"')
        .replace('"m"', f'"{model}"')
    )
    cards = merged(listed, *parse_overrides(text, "same.toml"))
    for size in (1000, 200_000, 200_001, 300_000):
        usage: dict[str, Any] = {"uncached_input": size, "cache_read": 17, "plain_output": 333, "searches": 2}
        one = cost(listed, provider=provider, model=model, **usage)
        assert cost(cards, provider=provider, model=model, **usage).cost == one.cost is not None


def test_before_the_list_began_only_the_overrides_own_prices_hold() -> None:
    listed = [card(prices=LIST, valid_from=DEC)]
    cards = merged(listed, Override("p", "m", {"uncached_input": 7}, NOV))
    early, late = (cost(cards, at, uncached_input=1, plain_output=1) for at in (NOV, DEC))
    assert (early.cost, early.unpriced, late.cost) == (7, ("plain_output",), 17)


def test_an_override_of_a_model_priced_by_the_hour_holds_at_every_hour() -> None:
    listed = [card(prices=LIST), card(prices={**LIST, "plain_output": 20}, hours=(60, 240))]
    cards = merged(listed, Override("p", "m", {"uncached_input": 7}, NOV))
    two_hours = 2 * 3_600_000_000
    assert [cost(cards, at, uncached_input=1, plain_output=1).cost for at in (NOV, NOV + two_hours)] == [17, 27]
