"""What a list leaves open about dates, and the rules that fill it."""

from collections.abc import Mapping

from tallystick.pricing.listed import Dated, Listed, cards_of
from tallystick.pricing.model import Clause, PriceCard
from tests.pricing.sample import day

JUNE, ADDED, LATER = day("2025-06-01"), day("2026-10-14"), day("2026-12-01")


def dollars(into: int, out: int, start: int | None = None, **more: Mapping[int, Mapping[str, int]]) -> Dated:
    ladder = {0: {"uncached_input": into, "plain_output": out}, **more.get("steps", {})}
    return Dated(ladder, start)


def listed(*prices: Dated, **variants: tuple[Dated, ...]) -> list[PriceCard]:
    conditions = {(tier, ""): entries for tier, entries in variants.items()}
    return cards_of(Listed("p", "m", prices, conditions, Clause("equals", "m"), 0, "list 1"))


def prices_of(cards: list[PriceCard], tier: str) -> list[tuple[int, int | None, int, int]]:
    return [
        (card.valid_from, card.valid_to, card.tiers[0].prices["uncached_input"], card.tiers[0].prices["plain_output"])
        for card in cards
        if card.service_tier == tier
    ]


def test_a_price_lasts_until_the_next() -> None:
    cards = listed(dollars(10, 40), dollars(2, 8, JUNE))
    assert prices_of(cards, "") == [(0, JUNE, 10, 40), (JUNE, None, 2, 8)]


def test_a_variant_holds_from_before_it_was_written_down() -> None:
    cards = listed(dollars(10, 40), batch=(dollars(5, 20, ADDED),))
    assert prices_of(cards, "batch") == [(0, None, 5, 20)]


def test_a_flat_discount_is_carried_over_older_prices_at_its_ratio() -> None:
    cards = listed(dollars(10, 40), dollars(2, 8, JUNE), batch=(dollars(1, 4, ADDED),))
    assert prices_of(cards, "batch") == [(0, JUNE, 5, 20), (JUNE, None, 1, 4)]


def test_a_discount_without_one_ratio_is_not_carried() -> None:
    cards = listed(dollars(10, 40), dollars(2, 8, JUNE), batch=(dollars(1, 6, ADDED),))
    assert prices_of(cards, "batch") == [(JUNE, None, 1, 6)]


def test_a_premium_is_not_carried() -> None:
    cards = listed(dollars(10, 40), dollars(2, 8, JUNE), priority=(dollars(4, 16, ADDED),))
    assert prices_of(cards, "priority") == [(JUNE, None, 4, 16)]


def test_a_variant_that_changes_with_the_price_is_told_apart() -> None:
    cards = listed(dollars(10, 40), dollars(20, 80, LATER), batch=(dollars(10, 40, LATER), dollars(5, 20, ADDED)))
    assert prices_of(cards, "batch") == [(0, LATER, 5, 20), (LATER, None, 10, 40)]


def test_a_variant_that_changes_between_prices_is_cut_there() -> None:
    cards = listed(dollars(10, 40), batch=(dollars(5, 20, ADDED), dollars(4, 16, LATER)))
    assert prices_of(cards, "batch") == [(0, LATER, 5, 20), (LATER, None, 4, 16)]


def test_what_a_variant_leaves_out_keeps_the_standard_price() -> None:
    base = Dated({0: {"uncached_input": 10, "cache_read": 3}})
    cards = listed(base, batch=(Dated({0: {"uncached_input": 5}}, ADDED),))
    assert [dict(card.tiers[0].prices) for card in cards] == [
        {"uncached_input": 10, "cache_read": 3},
        {"uncached_input": 5, "cache_read": 3},
    ]


def test_steps_are_filled_from_below_and_scaled_each() -> None:
    steps = {100: {"uncached_input": 20}}
    half = {100: {"uncached_input": 10}}
    cards = listed(dollars(6, 60), dollars(10, 40, JUNE, steps=steps), batch=(dollars(5, 20, ADDED, steps=half),))
    standard = [card for card in cards if card.service_tier == ""][-1]
    assert [(tier.above_input_tokens, dict(tier.prices)) for tier in standard.tiers] == [
        (0, {"uncached_input": 10, "plain_output": 40}),
        (100, {"uncached_input": 20, "plain_output": 40}),
    ]
    assert prices_of(cards, "batch") == [(0, JUNE, 3, 30), (JUNE, None, 5, 20)]


def test_hours_belong_to_the_dated_price_before_them() -> None:
    cards = listed(dollars(10, 40), dollars(2, 8, JUNE), Dated({0: {"uncached_input": 4}}, hours=(60, 240)))
    timed = [card for card in cards if card.hours]
    assert [(card.valid_from, card.valid_to, card.hours) for card in timed] == [(JUNE, None, (60, 240))]


def test_hours_over_midnight_are_two_cards() -> None:
    cards = listed(dollars(10, 40), Dated({0: {"uncached_input": 4}}, hours=(1380, 60)))
    assert sorted(card.hours for card in cards if card.hours) == [(0, 60), (1380, 1440)]


def test_ids_depend_on_what_is_sold_and_not_on_where_it_was_read() -> None:
    base = Listed("p", "m", (dollars(1, 2),), {}, Clause("equals", "m"), 0, "list 1")
    same = Listed("p", "m", (dollars(1, 2),), {}, Clause("equals", "mm"), 7, "list 2", ("a note",))
    other = Listed("p", "m", (dollars(1, 3),), {}, Clause("equals", "m"), 0, "list 1")
    (one,), (two,), (three,) = cards_of(base), cards_of(same), cards_of(other)
    assert one.price_id == two.price_id != three.price_id


def test_hours_until_midnight_are_one_card() -> None:
    cards = listed(dollars(10, 40), Dated({0: {"uncached_input": 4}}, hours=(1380, 0)))
    assert [card.hours for card in cards if card.hours] == [(1380, 1440)]


def test_a_discount_on_what_had_no_standard_price_has_no_ratio_to_carry() -> None:
    cards = listed(dollars(10, 40), dollars(2, 8, JUNE), batch=(Dated({0: {"cache_read": 1}}, ADDED),))
    assert [card.valid_from for card in cards if card.service_tier] == [JUNE]
