"""The bound is a bound: over made-up books, over the real list, and by hand at the edges."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tallystick.budgets import bound as bound_module
from tallystick.budgets.bound import BoundPolicy, BoundRequest, bound
from tallystick.budgets.model import Bound
from tallystick.connectors.list_prices import list_prices
from tallystick.pricing.book import PriceBook
from tallystick.pricing.model import PriceCard, Tier
from tallystick.pricing.rate import rate
from tallystick.usage.meters import INPUT_METERS, METERS, OUTPUT_METERS
from tallystick.usage.model import Measured
from tests.pricing.sample import card, day

AT = day("2026-11-01")
MEDIA = ("_image", "_audio", "_video")
TEXT_IN = [name for name in INPUT_METERS if not name.endswith(MEDIA)]
MEDIA_IN = [name for name in INPUT_METERS if name.endswith(MEDIA)]
POLICY = BoundPolicy(
    "ceiling", ceiling_input=30, ceiling_output=180, assumed_output_tokens=500, assumed_input_tokens=2000,
    assumed_searches=3,
)  # fmt: skip


def asked(**more: Any) -> BoundRequest:
    return BoundRequest(**({"provider": "p", "model": "m", "at_us": AT, "input_bytes": 100, "max_tokens": 10} | more))


@st.composite
def requests(draw: st.DrawFn) -> BoundRequest:
    return asked(
        input_bytes=draw(st.sampled_from([0, 1, 99, 100, 101, 5000, 300_000])),
        service_tier=draw(st.sampled_from(["", "auto", "default", "priority", "flex", "on_demand"])),
        region=draw(st.sampled_from(["", "eu"])),
        media_tokens=draw(st.sampled_from([0, 0, 1000])),
        added_tokens=draw(st.sampled_from([0, 350])),
        max_tokens=draw(st.sampled_from([None, 0, 1, 4096])),
        choices=draw(st.integers(1, 3)),
        output=draw(st.sampled_from([True, True, False])),
        searches=draw(st.sampled_from([0, 0, 5, None])),
        cache_writes=draw(st.booleans()),
        media_output=draw(st.booleans()),
        counted=draw(st.sampled_from([{}, {"images": 2, "fetches": 3, "seconds": 1_500_001}])),
    )


def spread(draw: st.DrawFn, total: int, names: list[str]) -> dict[str, int]:
    """So many tokens over classes, with the weight now on one and now on another."""
    found: dict[str, int] = {}
    for name in draw(st.permutations(names)):
        found[name] = draw(st.one_of(st.just(total), st.integers(0, total)))
        total -= found[name]
    return found


def measured(draw: st.DrawFn, request: BoundRequest, output: int) -> Measured:
    """What a response to the request may say at most."""
    text_in = [name for name in TEXT_IN if request.cache_writes or not name.startswith("cache_write")]
    out = [name for name in OUTPUT_METERS if request.media_output or not name.endswith(MEDIA)]
    used = spread(draw, draw(st.integers(0, request.input_bytes + request.added_tokens)), text_in)
    of_media = spread(draw, draw(st.integers(0, request.media_tokens)), [*MEDIA_IN, "uncached_input"])
    used = {name: used.get(name, 0) + of_media.get(name, 0) for name in {**used, **of_media}}
    given_out = spread(draw, draw(st.integers(0, output)), out)
    total_in, total_out = sum(used.values()), sum(given_out.values())
    used |= given_out | {"requests": 1, "tool_calls": draw(st.integers(0, total_out))}
    used["searches"] = draw(st.integers(0, 3 if request.searches is None else request.searches))
    used |= {name: draw(st.integers(0, most)) for name, most in request.counted.items()}
    said_in = draw(st.sampled_from([total_in, None]))
    return Measured(used, said_in, total_out, "reported")


def check(draw: st.DrawFn, book: PriceBook, request: BoundRequest) -> Bound:
    """Draw an answer within what was granted: its cost by the same book is within the bound."""
    found = bound(book, request, POLICY)
    output = draw(st.integers(0, found.output_tokens))
    usage = measured(draw, request, output)
    tiers = ["", "default", request.service_tier]
    tiers += ["priority"] if request.service_tier in {"", "auto"} else []
    for region in ("", "eu", request.region):
        for served in tiers:
            cost = rate(
                book, provider=request.provider, model=request.model, service_tier=served or request.service_tier,
                region=region, at_us=request.at_us, measured=usage,
            ).cost  # fmt: skip
            assert (cost or 0) <= found.base_grains + output * found.grains_per_output, (served, region)
    return found


@st.composite
def cards(draw: st.DrawFn) -> list[PriceCard]:
    found = []
    names = st.sampled_from([meter.name for meter in METERS])
    for tier in draw(st.lists(st.sampled_from(["", "priority", "flex"]), min_size=1, unique=True)):
        for region in draw(st.lists(st.sampled_from(["", "eu"]), min_size=1, unique=True)):
            prices = draw(st.dictionaries(names, st.integers(0, 400), min_size=1, max_size=8))
            above = draw(st.sampled_from([[], [100], [100, 1000], [200_000]]))
            factors = draw(st.lists(st.integers(0, 3), min_size=2, max_size=2))
            tiers = [Tier(0, prices)] + [
                Tier(size, {name: price * factor for name, price in prices.items()})
                for size, factor in zip(above, factors, strict=False)
            ]
            found.append(card(tiers=tuple(tiers), service_tier=tier, region=region))
    return found


@settings(max_examples=200, deadline=None)
@given(cards(), requests(), st.data())
def test_no_answer_within_the_granted_tokens_costs_more(
    held: list[PriceCard], request: BoundRequest, data: st.DataObject
) -> None:
    check(data.draw, PriceBook(held), request)


@cache
def real() -> tuple[PriceBook, list[tuple[str, str, str]]]:
    found = list_prices()
    return PriceBook(found), sorted({(one.provider, one.model, one.service_tier) for one in found})


@pytest.mark.slow
@settings(max_examples=400, deadline=None)  # the first answer waits for the list to be read
@given(requests(), st.integers(0, 10**6), st.integers(0, 86_399), st.data())
def test_no_answer_of_any_model_on_the_list_costs_more(
    request: BoundRequest, which: int, second: int, data: st.DataObject
) -> None:
    book, names = real()
    provider, model, tier = names[which % len(names)]
    tier = data.draw(st.sampled_from([tier, request.service_tier]))
    request = replace(request, provider=provider, model=model, service_tier=tier, at_us=AT + second * 10**6)
    check(data.draw, book, request)


@given(requests(), requests())
def test_more_bytes_or_output_never_make_a_smaller_bound(one: BoundRequest, other: BoundRequest) -> None:
    book = PriceBook(
        [card(tiers=(Tier(0, {"uncached_input": 2, "plain_output": 9}), Tier(100, {"uncached_input": 1})))]
    )
    assume(one.max_tokens is not None)
    more = replace(one, input_bytes=one.input_bytes + other.input_bytes, media_tokens=one.media_tokens + 1)
    left, right = bound(book, one, POLICY), bound(book, more, POLICY)
    assert left.base_grains <= right.base_grains
    assert left.input_tokens <= right.input_tokens


def priced(prices: dict[str, int], policy: BoundPolicy = POLICY, **more: Any) -> tuple[int, int, str]:
    found = bound(PriceBook([card(prices=prices)]), asked(**more), policy)
    return found.base_grains, found.grains_per_output, found.price


PLAIN = {"uncached_input": 2, "plain_output": 10}


def test_classes_by_hand() -> None:
    assert priced(PLAIN) == (200, 10, "exact")
    assert priced(PLAIN | {"cache_read": 3}) == (300, 10, "exact")
    assert priced(PLAIN | {"cache_write_1h": 4}) == (400, 10, "exact")
    assert priced(PLAIN | {"cache_write_1h": 4}, cache_writes=False) == (200, 10, "exact")
    assert priced(PLAIN | {"uncached_input_audio": 50}) == (200, 10, "exact")
    assert priced(PLAIN | {"uncached_input_audio": 50}, media_tokens=7) == (200 + 350, 10, "exact")
    assert priced(PLAIN, media_tokens=7) == (214, 10, "exact")
    assert priced(PLAIN, added_tokens=7) == (214, 10, "exact")
    assert priced(PLAIN | {"reasoning_output": 12}) == (200, 12, "exact")
    assert priced(PLAIN | {"plain_output_audio": 90}) == (200, 90, "exact")
    assert priced(PLAIN | {"plain_output_audio": 90}, media_output=False) == (200, 10, "exact")
    assert priced(PLAIN | {"tool_calls": 5}) == (200, 15, "exact")
    assert priced(PLAIN | {"requests": 1000}) == (1200, 10, "exact")
    assert priced(PLAIN | {"searches": 1000}) == (200, 10, "exact")
    assert priced(PLAIN | {"searches": 1000}, searches=4) == (4200, 10, "exact")
    assert priced({"seconds": 3}, counted={"seconds": 1_500_001}) == (5, 0, "exact")
    assert priced({"uncached_input": 2}, output=False) == (200, 0, "exact")
    assert priced({"uncached_input": 0, "plain_output": 0}) == (0, 0, "exact")


def test_sizes_at_their_thresholds() -> None:
    book = PriceBook([card(tiers=(Tier(0, PLAIN), Tier(100, {"uncached_input": 3, "plain_output": 8})))])
    found = [bound(book, asked(input_bytes=size), POLICY) for size in (99, 100, 101)]
    # The dearer output of the small size still holds: a large prompt may turn out small.
    assert [(one.base_grains, one.grains_per_output) for one in found] == [(198, 10), (200, 10), (303, 10)]


def test_tiers_that_may_come_to_hold() -> None:
    dear, cheap = {"uncached_input": 4, "plain_output": 20}, {"uncached_input": 1, "plain_output": 5}
    book = PriceBook([card(prices=PLAIN), card(prices=dear, service_tier="priority"), card(prices=cheap, service_tier="flex"),
                      card(prices={"uncached_input": 9, "plain_output": 9}, region="eu")])  # fmt: skip
    found = {
        tier: bound(book, asked(service_tier=tier), POLICY)
        for tier in ("", "auto", "default", "flex", "priority", "batch")
    }
    assert {tier: one.grains_per_output for tier, one in found.items()} == {
        "": 20, "auto": 20, "default": 10, "flex": 10, "priority": 20, "batch": 180,
    }  # fmt: skip
    assert {one.base_grains for tier, one in found.items() if tier != "batch"} == {900}
    assert found["batch"].price == "ceiling"
    assert found["priority"].price == "exact"
    assert bound(book, asked(service_tier="default"), POLICY).price_id == book.cards[0].price_id


def test_an_unknown_price_follows_the_policy() -> None:
    for model in ("other", ""):
        assert priced(PLAIN, model=model) == (3000, 180, "ceiling")
        assert priced(PLAIN, replace(POLICY, unknown_price="block"), model=model) == (0, 0, "unknown")
        assert priced(PLAIN, replace(POLICY, unknown_price="allow"), model=model) == (0, 0, "unknown")
    # Half a price is none; what is known of it counts where it is dearer than the ceiling.
    assert priced({"uncached_input": 50}) == (5000, 180, "ceiling")
    assert priced({"plain_output": 500}) == (3000, 500, "ceiling")
    assert priced({"uncached_input": 50}, replace(POLICY, unknown_price="block")) == (0, 0, "unknown")
    assert priced({"searches": 7}, searches=1) == (3007, 180, "ceiling")
    found = bound(PriceBook([card(prices=PLAIN, valid_from=AT + 1)]), asked(), POLICY)
    assert (found.price, found.price_id) == ("ceiling", "")


def test_a_currency_that_is_not_ours_is_no_price() -> None:
    book = PriceBook([card(prices={"uncached_input": 2, "plain_output": 10}, currency="EUR")])
    assert bound(book, asked(), POLICY).price == "ceiling"
    both = PriceBook([card(prices=PLAIN), card(prices=PLAIN, service_tier="priority", currency="EUR")])
    assert bound(both, asked(service_tier="default"), POLICY).price == "exact"


def test_a_subscription_covers_the_call() -> None:
    assert priced(PLAIN, replace(POLICY, covered=True))[2] == "covered"
    assert priced(PLAIN, replace(POLICY, covered=True), model="other")[2] == "covered"


def test_what_has_no_bound_is_assumed_and_says_so() -> None:
    book = PriceBook([card(prices=PLAIN | {"searches": 1000})])
    found = bound(book, asked(searches=None), POLICY)
    assert (found.unbounded, found.input_tokens) == ("web searches without a ceiling", 2000)
    assert found.base_grains == 2000 * 2 + 3 * 1000
    found = bound(book, asked(unbounded="a stored conversation", input_bytes=5000), POLICY)
    assert (found.unbounded, found.input_tokens, found.base_grains) == ("a stored conversation", 5000, 10_000)


@pytest.mark.parametrize(
    ("more", "output", "capped"),
    [
        ({}, 10, True),
        ({"choices": 3}, 30, True),
        ({"max_tokens": None, "choices": 3}, 1500, False),
        ({"max_tokens": 0}, 0, True),
        ({"max_tokens": None, "output": False}, 0, True),
    ],
)
def test_how_much_output_there_may_be(more: dict[str, Any], output: int, capped: bool) -> None:
    found = bound(PriceBook([card()]), asked(**more), POLICY)
    assert (found.output_tokens, found.capped) == (output, capped)


def test_the_source_says_how_it_was_made() -> None:
    million = 1_000_000
    book = PriceBook([card(prices={"uncached_input": 2 * million, "plain_output": 10 * million})])
    assert bound(book, asked(), POLICY).source == "input of at most 100 tokens, tokens at up to $2 and 10 a million"
    said = bound(PriceBook([card(prices={"requests": 5})]), asked(), POLICY).source
    assert said == "input of at most 100 tokens, priced by what it counts"
    assert bound(book, asked(model="x"), POLICY).source.endswith("at assumed ceiling prices")
    assert bound(book, asked(model="x"), replace(POLICY, unknown_price="allow")).source.endswith("at no known price")


def test_answers_do_not_depend_on_what_was_asked_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bound_module, "_MOST_REMEMBERED", 2)
    book = PriceBook(
        [card(name, {"uncached_input": price, "plain_output": price}) for price, name in enumerate("abcd", 1)]
    )
    found = [bound(book, asked(model=name), POLICY).grains_per_output for name in "abcdabcd"]
    assert found == [1, 2, 3, 4, 1, 2, 3, 4]


PRICED = {"uncached_input": 3, "plain_output": 8}
SEVERAL = (
    card(prices=PLAIN, valid_from=AT - 500_000_000),
    card(tiers=(Tier(0, PRICED), Tier(100, {"uncached_input": 7})), valid_from=AT + 200_000_001),
    card(prices={"uncached_input": 9, "plain_output": 30}, hours=(1, 3), valid_from=AT - 500_000_000),
    card(prices=PLAIN | {"requests": 5}, service_tier="priority", valid_from=AT + 20_000_001),
    card(prices={"seconds": 4}, model="timed"),
)
INSTANTS = [AT + 60_000_000 * minute + micro for minute in range(4) for micro in (-1, 0, 20_000_000, 20_000_001)]


@given(
    requests(),
    st.sampled_from(["m", "m", "m", "timed", "other"]),
    st.lists(st.sampled_from([0, 100, 101]), min_size=2, max_size=2, unique=True),
    st.sampled_from([1, -1]),
)
@settings(max_examples=30)
def test_a_remembered_price_bounds_as_a_fresh_book_would(
    request: BoundRequest, model: str, sizes: list[int], direction: int
) -> None:
    remembering, later = PriceBook(SEVERAL), replace(request, model=model, media_tokens=0, added_tokens=0)
    for at_us in INSTANTS[::direction]:
        for size in sizes:
            now = replace(later, at_us=at_us, input_bytes=size)
            assert bound(remembering, now, POLICY) == bound(PriceBook(SEVERAL), now, POLICY)
