"""Second opinions against a book; prices are whole grains."""

from decimal import Decimal

import pytest

from tallystick.kernel.errors import ConfigError
from tallystick.pricing.book import PriceBook
from tallystick.pricing.model import Tier
from tallystick.pricing.opinion import Quote, advice, class_of, compare, is_apart, quote_of
from tests.pricing.sample import card, day

NOW = day("2026-11-24")
SIZES = (Tier(0, {"uncached_input": 3_000_000}), Tier(200_000, {"uncached_input": 6_000_000}))


@pytest.mark.parametrize(
    ("price", "apart"), [(2_020_000, False), (2_020_001, True), (1_980_000, False), (1_979_999, True)]
)
def test_more_than_one_part_in_a_hundred_is_apart(price: int, apart: bool) -> None:
    assert is_apart(price, 2_000_000) is apart
    found = compare(
        PriceBook([card(prices={"plain_output": 2_000_000})]), [Quote("p", "m", "plain_output", price)], NOW
    )
    assert (found.compared, len(found.apart), found.missing) == (1, int(apart), 0)


def test_a_free_model_and_one_with_any_price_are_apart() -> None:
    assert is_apart(1, 0)
    assert not is_apart(0, 0)


def test_a_quote_is_held_against_the_price_of_its_tier_and_size() -> None:
    book = PriceBook([card(tiers=SIZES), card(prices={"uncached_input": 1_500_000}, service_tier="batch")])
    quotes = [
        Quote("p", "m", "uncached_input", 3_000_000),
        Quote("p", "m", "uncached_input", 1_500_000, "batch"),
        Quote("p", "m", "uncached_input", 4_500_000, "", 200_000),
    ]
    (one,) = compare(book, quotes, NOW).apart
    assert (one.quote.above, one.held) == (200_000, 6_000_000)
    assert class_of(one) == "m above 200,000 tokens uncached input"
    assert advice(one) == "tally prices set p m --price uncached_input=4.5 --above 200000"


def test_what_the_book_has_no_price_for_is_counted_and_not_compared() -> None:
    book = PriceBook([card(prices={"uncached_input": 2}), card("past", valid_to=day("2026-01-01"))])
    quotes = [
        Quote("p", "m", "uncached_input", 2, "flex"),
        Quote("p", "m", "cache_read", 2),
        Quote("p", "other", "uncached_input", 2),
        Quote("p", "past", "uncached_input", 9),
    ]
    found = compare(book, quotes, NOW)
    assert (found.compared, found.apart, found.missing) == (0, (), 4)


def test_of_several_spellings_of_one_model_its_own_name_counts() -> None:
    from tallystick.pricing.model import Clause

    book = PriceBook([card(prices={"uncached_input": 2}, match=Clause("starts_with", "m"))])
    quotes = [Quote("p", name, "uncached_input", price) for name, price in (("m-a", 9), ("m", 2), ("m-z", 9))]
    found = compare(book, quotes, NOW)
    assert (found.compared, found.apart) == (1, ())


def test_a_price_of_any_hour_agrees_with_a_quote_of_that_hour() -> None:
    day_price, night = card(prices={"uncached_input": 4}), card(prices={"uncached_input": 2}, hours=(0, 480))
    book = PriceBook([day_price, night])
    for price, apart in ((4, 0), (2, 0), (3, 1)):
        assert len(compare(book, [Quote("p", "m", "uncached_input", price)], NOW).apart) == apart


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity", "10000.01", "0.00009"])
def test_an_amount_nobody_charges_is_no_quote(amount: str) -> None:
    with pytest.raises(ConfigError):
        quote_of("p", "m", "uncached_input", Decimal(amount))
