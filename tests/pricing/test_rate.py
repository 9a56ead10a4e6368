"""Rating over a small book: laws first, then the edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.pricing.book import PriceBook
from tallystick.pricing.model import PriceCard, Rated, Tier
from tallystick.pricing.rate import priced, rate, rated
from tallystick.usage.meters import METERS
from tallystick.usage.model import Measured, UsageEvent
from tests.pricing.sample import card, day, used

WHOLE = [meter.name for meter in METERS if meter.scale == 1]
quantities = st.dictionaries(st.sampled_from(WHOLE), st.integers(0, 10**9), max_size=6)
prices = st.dictionaries(st.sampled_from(WHOLE), st.integers(0, 10**12), min_size=1, max_size=6)


def of(book: PriceBook, measured: Measured, tier: str = "", at: int = day("2026-11-01"), region: str = "") -> Rated:
    return rate(book, provider="p", model="m", service_tier=tier, region=region, at_us=at, measured=measured)


@given(prices, quantities, quantities)
def test_rating_is_additive_over_usage_of_one_price(
    unit: dict[str, int], one: dict[str, int], two: dict[str, int]
) -> None:
    book = PriceBook([card(prices=unit)])
    both = {name: one.get(name, 0) + two.get(name, 0) for name in one | two}
    apart = [of(book, used(**usage)).cost or 0 for usage in (one, two)]
    assert (of(book, used(**both)).cost or 0) == sum(apart)


@given(prices, quantities)
def test_the_cost_is_the_sum_of_the_lines_and_each_line_is_quantity_times_price(
    unit: dict[str, int], usage: dict[str, int]
) -> None:
    result = of(PriceBook([card(prices=unit)]), used(**usage))
    for line in result.lines:
        assert (line.cost is None) == (line.unit_price is None)
        assert line.unit_price is None or line.cost == line.quantity * line.unit_price
    known = [line.cost for line in result.lines if line.cost is not None]
    assert (result.cost or 0) == sum(known)
    assert result.unpriced == tuple(line.meter for line in result.lines if line.cost is None)


@given(quantities)
def test_under_an_unknown_model_nothing_has_a_price(usage: dict[str, int]) -> None:
    result = of(PriceBook([card("other")]), used(**usage))
    assert not result.price_id
    assert all(line.cost is None for line in result.lines)
    assert result.cost in (None, 0)
    assert (result.cost is None) == bool(result.unpriced)


@pytest.mark.parametrize(("size", "price"), [(0, 2), (99, 2), (100, 2), (101, 3), (999, 3), (1000, 3), (1001, 5)])
def test_the_whole_request_moves_to_the_tier_above_its_threshold(size: int, price: int) -> None:
    tiers = (Tier(0, {"plain_output": 2}), Tier(100, {"plain_output": 3}), Tier(1000, {"plain_output": 5}))
    result = of(PriceBook([card(tiers=tiers)]), used(size, plain_output=7))
    assert result.cost == 7 * price


def test_a_request_without_a_total_is_sized_by_its_classes() -> None:
    tiers = (Tier(0, {"uncached_input": 2}), Tier(100, {"uncached_input": 3}))
    measured = Measured({"uncached_input": 101}, None, None, "estimated")
    assert of(PriceBook([card(tiers=tiers)]), measured).cost == 101 * 3


def test_facts_are_billed_only_where_the_card_prices_them() -> None:
    usage = used(uncached_input=10, requests=1, tool_calls=4, fetches=2)
    assert of(PriceBook([card()]), usage).cost == 20
    assert of(PriceBook([card()]), usage).unpriced == ()
    assert of(PriceBook([card(prices={"uncached_input": 2, "requests": 500})]), usage).cost == 520


def test_a_search_without_a_price_is_unpriced_and_visible() -> None:
    result = of(PriceBook([card()]), used(uncached_input=10, searches=3))
    assert (result.cost, result.unpriced) == (20, ("searches",))


def test_meters_fall_back_only_where_the_provider_bills_both_alike() -> None:
    book = PriceBook([card(prices={"uncached_input": 2, "cache_read": 1, "plain_output": 10})])
    alike = used(uncached_input_image=1, uncached_input_video=1, cache_read_image=1, reasoning_output=1)
    assert of(book, alike).cost == 2 + 2 + 1 + 10
    apart = used(uncached_input_audio=1, cache_read_audio=1, cache_write_5m=1, plain_output_image=1)
    assert of(book, apart).cost is None
    assert len(of(book, apart).unpriced) == 4


def test_a_price_of_its_own_beats_the_fallback() -> None:
    book = PriceBook([card(prices={"plain_output": 10, "reasoning_output": 7})])
    assert of(book, used(plain_output=1, reasoning_output=1)).cost == 17


def test_reported_zero_costs_nothing_and_absent_is_unknown() -> None:
    book = PriceBook([card()])
    assert of(book, used(uncached_input=0, plain_output=0)).cost == 0
    assert of(book, used(requests=1)).cost == 0
    assert of(book, Measured()).cost is None


@pytest.mark.parametrize(("micros", "grains"), [(500_000, 0), (1_500_000, 2), (2_500_000, 2), (2_500_001, 3)])
def test_parts_of_a_second_round_half_to_even(micros: int, grains: int) -> None:
    assert of(PriceBook([card(prices={"seconds": 1})]), used(seconds=micros)).cost == grains


def test_a_price_holds_from_its_first_microsecond_to_before_its_end() -> None:
    first, second = day("2026-02-01"), day("2026-03-01")
    book = PriceBook(
        [
            card(prices={"uncached_input": 2}, valid_from=first, valid_to=second),
            card(prices={"uncached_input": 9}, valid_from=second + 10),
        ]
    )
    costs = [of(book, used(uncached_input=1), at=at).cost for at in (first - 1, first, second - 1, second, second + 10)]
    assert costs == [None, 2, 2, None, 9]
    assert "no price holds on that date" in of(book, used(uncached_input=1), at=first - 1).why


def test_a_card_without_an_end_lasts_until_the_next_starts() -> None:
    book = PriceBook(
        [card(prices={"uncached_input": 2}), card(prices={"uncached_input": 3}, valid_from=day("2026-03-01"))]
    )
    assert of(book, used(uncached_input=1), at=day("2026-03-01") - 1).cost == 2
    assert of(book, used(uncached_input=1), at=day("2026-03-01")).cost == 3


def test_prices_by_the_hour_take_their_minutes_and_leave_the_rest() -> None:
    hour = 3_600_000_000
    book = PriceBook([card(prices={"uncached_input": 2}), card(prices={"uncached_input": 4}, hours=(60, 240))])
    costs = [
        of(book, used(uncached_input=1), at=day("2026-03-01") + at).cost
        for at in (hour - 1, hour, 4 * hour - 1, 4 * hour)
    ]
    assert costs == [2, 4, 4, 2]


def test_a_correction_replaces_the_price_and_the_old_book_can_be_read_again() -> None:
    wrong = card(prices={"uncached_input": 9}, known_since=100, withdrawn_at=200)
    right = card(prices={"uncached_input": 3}, known_since=200)
    book = PriceBook([wrong, right])
    assert of(book, used(uncached_input=1)).cost == 3
    assert of(book.as_of(150), used(uncached_input=1)).cost == 9
    assert of(book.as_of(200), used(uncached_input=1)).cost == 3
    assert of(book.as_of(99), used(uncached_input=1)).cost is None


def test_of_two_cards_of_one_date_the_one_known_later_wins() -> None:
    cards = [card(prices={"uncached_input": 9}, known_since=5), card(prices={"uncached_input": 3}, known_since=6)]
    assert of(PriceBook(cards), used(uncached_input=1)).cost == 3
    assert of(PriceBook(cards[::-1]), used(uncached_input=1)).cost == 3


def test_a_region_with_a_card_of_its_own_is_priced_by_it_and_others_by_the_general_one() -> None:
    book = PriceBook([card(prices={"uncached_input": 2}), card(prices={"uncached_input": 3}, region="eu")])
    assert [of(book, used(uncached_input=1), region=name).cost for name in ("", "eu", "us")] == [2, 3, 2]


def two_tiers() -> PriceBook:
    return PriceBook([card(prices={"uncached_input": 2}), card(prices={"uncached_input": 1}, service_tier="batch")])


def event(**more: object) -> UsageEvent:
    given: dict[str, object] = {
        "event_id": "e",
        "call_id": "e",
        "occurred_at": day("2026-11-01"),
        "provider": "p",
        "request_model": "m",
        "measured": used(uncached_input=100),
    }
    return UsageEvent(**(given | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("requested", "served", "cost"),
    [("", "", 200), ("batch", "", 100), ("batch", "default", 200), ("auto", "batch", 100), ("flex", "", None)],
)
def test_the_responses_tier_decides_else_the_requested_one(requested: str, served: str, cost: int | None) -> None:
    got = priced(two_tiers(), event(requested_service_tier=requested, service_tier=served))
    assert got.list_cost == cost


def test_the_responses_model_decides_unless_only_the_requested_one_is_known() -> None:
    book = PriceBook([card("m"), card("dear", {"uncached_input": 50})])
    assert rated(book, event(response_model="dear")).cost == 5000
    assert rated(book, event(response_model="m-2031")).model == "m"
    assert rated(book, event(response_model="x", request_model="y")).model == "x"
    assert rated(book, event(response_model="", request_model="m")).cost == 200


def test_a_priced_event_carries_model_price_and_costs() -> None:
    held = card(prices={"uncached_input": 2}, currency="EUR")
    got = priced(PriceBook([held]), event(request_model="M", measured=used(uncached_input=5, searches=1, requests=1)))
    assert (got.model, got.price_id, got.currency) == ("m", held.price_id, "EUR")
    assert (got.priced, got.list_cost, got.effective_cost) == ({"uncached_input": 10}, 10, 10)
    assert got.unpriced == ("searches",)


def test_an_event_of_an_unknown_model_keeps_its_name_and_has_no_cost() -> None:
    got = priced(PriceBook([card()]), event(request_model="House-7B"))
    assert (got.model, got.price_id, got.priced, got.list_cost) == ("House-7B", "", {}, None)


def test_names_of_absurd_length_are_unknown_and_not_remembered() -> None:
    book = PriceBook([card()])
    assert not book.resolve("p", "m" * 10_000).known
    assert book.resolve("p", "m").known


def test_a_card_is_frozen() -> None:
    held: PriceCard = card()
    with pytest.raises(AttributeError):
        held.model = "other"  # type: ignore[misc]


def test_a_full_memory_is_emptied_and_answers_stay_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tallystick.pricing.book._REMEMBERED", 2)
    book = PriceBook([card()])
    names = ["m", "M", "x", "y", "m"]
    assert [book.resolve("p", name).known for name in names] == [True, True, False, False, True]
