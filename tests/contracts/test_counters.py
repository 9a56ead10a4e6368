"""What the port of the budget counters promises, on each of its implementations."""

import asyncio
from collections.abc import Iterator

import pytest

from tallystick.budgets.model import Hold, Standing
from tallystick.counters.process import ProcessCounters
from tallystick.counters.redis import RedisCounters
from tallystick.counters.shared import SharedCounters
from tallystick.ports import CountersAway
from tests.counters.driven import DAY, HOUR_US, NOON_US, SECOND, Driven, ask, hold, key
from tests.redis_server import running_redis

IMPLEMENTATIONS = ("process", "shared", pytest.param("redis", marks=pytest.mark.service("redis-server")))


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


def opened(name: str, request: pytest.FixtureRequest) -> Driven:
    """Empty counters that nobody has built."""
    folder = request.getfixturevalue("tmp_path")
    if name == "redis":
        # Names of their own: a test begins empty without a server of its own.
        where = {"namespace": folder.name, "deadline_ms": 5000}
        url = request.getfixturevalue("redis_url")
        return Driven.on_loop(lambda: RedisCounters(url, owner="gateway-1", **where))
    if name == "shared":
        return Driven(SharedCounters(folder / "counters", counters=1024, reservations=512))
    return Driven(ProcessCounters())


@pytest.fixture(params=IMPLEMENTATIONS)
def empty(request: pytest.FixtureRequest) -> Iterator[Driven]:
    driven = opened(request.param, request)
    yield driven
    driven.close()


@pytest.fixture
def counters(empty: Driven) -> Driven:
    empty.mark_built()
    return empty


# ── reserving ────────────────────────────────────────────────────────────────


def test_a_counter_seen_first_now_is_made_and_reserved_in_one_act(counters: Driven) -> None:
    granted = counters.reserve(ask("evt_1", hold("new", 40, 100)))
    assert granted.granted
    assert granted.output == 100
    assert granted.standings == (Standing(0, 0, 100),)
    assert granted.lacking == ()
    assert counters.stands("new") == (0, 40)


def test_reserved_counts_as_used(counters: Driven) -> None:
    assert counters.reserve(ask("evt_1", hold("a", 60, 100))).granted
    refused = counters.reserve(ask("evt_2", hold("a", 41, 100)))
    assert not refused.granted
    assert refused.lacking == (0,)
    assert refused.standings == (Standing(0, 60, 100),)
    assert counters.reserve(ask("evt_3", hold("a", 40, 100))).granted
    assert counters.stands("a") == (0, 100)


def test_it_is_all_or_nothing_and_every_lacking_hold_is_named(counters: Driven) -> None:
    assert counters.reserve(ask("evt_1", hold("b", 10, 10), hold("d", 10, 10))).granted
    refused = counters.reserve(
        ask("evt_2", hold("a", 1, 10), hold("b", 1, 10), hold("c", 1, None), hold("d", 1, 10), hold("e", 11, 10))
    )
    assert refused.lacking == (1, 3, 4)
    assert refused.output == 0
    assert [one.posted + one.reserved for one in counters.read("a", "b", "c", "d", "e")] == [0, 10, 0, 10, 0]
    assert [one.reservation_id for one in counters.open()] == ["evt_1"]


def test_twelve_holds_at_once(counters: Driven) -> None:
    holds = [hold(f"n{number}", number, 1000 + number, ends_us=NOON_US + DAY) for number in range(12)]
    granted = counters.reserve(ask("evt_1", *holds))
    assert granted.standings == tuple(Standing(0, 0, 1000 + number) for number in range(12))
    assert [one.reserved for one in counters.read(*(f"n{number}" for number in range(12)))] == list(range(12))


def test_an_ask_without_holds_is_granted_and_settled(counters: Driven) -> None:
    assert counters.reserve(ask("evt_1", most=77)).output == 77
    counters.settle("evt_1", [])
    assert counters.open() == []


@pytest.mark.parametrize(
    ("room", "base", "per_output", "output"),
    [
        (1000, 0, 1000, 1000),  # tokens: one each
        (999, 0, 1000, 999),
        (1000, 400, 1000, 600),
        (1000, 0, 3, 5000),  # 3 grains each: 5000 of them are 15 nano
        (14, 0, 3, 4666),  # ceil(4666 x 3 / 1000) = 14, of 4667 it is 15
        (15, 1, 3, 4666),
        (1, 0, 1001, None),  # one is already ceil(1.001) = 2
        (2, 0, 1001, 1),
        (75, 0, 75_000, 1),
        (74, 0, 75_000, None),
        (10, 11, 0, None),
        (10, 10, 0, 5000),
    ],
)
def test_the_largest_output_that_fits_is_granted(
    counters: Driven, room: int, base: int, per_output: int, output: int | None
) -> None:
    one = hold("a", base, room, per_output=per_output)
    granted = counters.reserve(ask("evt_1", one, most=5000, least=1))
    assert granted.granted == (output is not None)
    assert granted.output == (output or 0)
    assert counters.stands("a") == (0, 0 if output is None else base + -(-output * per_output // 1000))


def test_the_tightest_hold_decides_the_output_for_all(counters: Driven) -> None:
    holds = (hold("usd", 10, 1_000_000, per_output=15_000_000), hold("tokens", 100, 900, per_output=1000))
    granted = counters.reserve(ask("evt_1", *holds, hold("told", 0, None, per_output=1000), most=64_000, least=10))
    assert granted.output == 66  # usd: (1,000,000 - 10) / 15,000; tokens would allow 800
    assert [one.reserved for one in counters.read("usd", "tokens", "told")] == [990_010, 166, 66]


def test_less_than_the_least_output_is_refused(counters: Driven) -> None:
    one = hold("a", 0, 1000, per_output=1000)
    assert not counters.reserve(ask("evt_1", one, most=5000, least=1001)).granted
    assert counters.reserve(ask("evt_2", one, most=5000, least=1000)).output == 1000


def test_a_hold_without_a_limit_counts_and_never_refuses(counters: Driven) -> None:
    for number in range(3):
        granted = counters.reserve(ask(f"evt_{number}", hold("a", 10**15, None, per_output=10**6)))
        assert granted.standings[0].limit is None
    assert counters.stands("a") == (0, 3 * (10**15 + 10**5))


def test_what_asks_for_nothing_is_never_refused(counters: Driven) -> None:
    counters.correct("a", 0, 120)
    assert counters.reserve(ask("evt_1", hold("a", 0, 100))).granted
    assert counters.reserve(ask("evt_2", hold("zero", 0, 0))).granted
    assert not counters.reserve(ask("evt_3", hold("a", 1, 100))).granted
    assert not counters.reserve(ask("evt_4", hold("zero", 1, 0))).granted


def test_a_limit_may_change_from_call_to_call(counters: Driven) -> None:
    assert counters.reserve(ask("evt_1", hold("a", 50, 100))).granted
    assert not counters.reserve(ask("evt_2", hold("a", 1, 50))).granted
    assert counters.reserve(ask("evt_3", hold("a", 150, 200))).granted


def test_earlier_slots_count_and_are_not_charged(counters: Driven) -> None:
    counters.correct("slot1", 0, 30)
    counters.reserve(ask("evt_1", hold("slot2", 20, None)))
    rolling = hold("slot3", 51, 100, also=(key("slot1"), key("slot2"), key("never")))
    refused = counters.reserve(ask("evt_2", rolling))
    assert refused.standings == (Standing(30, 20, 100),)
    assert not refused.granted
    assert counters.reserve(ask("evt_3", hold("slot3", 50, 100, also=rolling.also))).granted
    assert [one.reserved for one in counters.read("slot1", "slot2", "slot3")] == [0, 20, 50]


@pytest.mark.parametrize(
    ("before", "before_limit", "limit", "carried"),
    [(0, 100, 100, 100), (70, 100, 100, 30), (100, 100, 100, 0), (130, 100, 100, 0), (0, 500, 100, 100)],
)
def test_what_the_window_before_left_unused_is_added_at_most_one_limit(
    counters: Driven, before: int, before_limit: int, limit: int, carried: int
) -> None:
    counters.correct("before", 0, before)
    one = hold("now", limit + carried, limit, carry=(key("before"), before_limit))
    granted = counters.reserve(ask("evt_1", one))
    assert granted.granted
    assert granted.standings == (Standing(0, 0, limit + carried),)
    assert not counters.reserve(ask("evt_2", hold("now", 1, limit, carry=one.carry))).granted


def test_what_is_reserved_in_the_window_before_is_not_carried(counters: Driven) -> None:
    counters.reserve(ask("evt_1", hold("before", 40, 100)))
    granted = counters.reserve(ask("evt_2", hold("now", 1, 100, carry=(key("before"), 100))))
    assert granted.standings == (Standing(0, 0, 160),)


def test_the_same_reservation_again_gives_the_same_answer_and_reserves_nothing_more(counters: Driven) -> None:
    one = ask("evt_1", hold("a", 10, 100, per_output=1000), most=500, least=1)
    first = counters.reserve(one)
    counters.reserve(ask("evt_2", hold("a", 0, 100)))
    assert first.output == 90
    assert counters.reserve(one) == first
    assert counters.stands("a") == (0, 100)
    counters.settle("evt_1", None)
    assert counters.stands("a") == (100, 0)


def test_amounts_beyond_2_to_the_53_are_exact(counters: Driven) -> None:
    much = 2**60
    assert counters.reserve(ask("evt_1", hold("a", much - 1, much))).granted
    assert not counters.reserve(ask("evt_2", hold("a", 2, much))).granted
    assert counters.reserve(ask("evt_3", hold("a", 1, much))).granted
    assert not counters.reserve(ask("evt_4", hold("a", 1, much))).granted
    counters.settle("evt_1", [much - 3])
    assert counters.stands("a") == (much - 3, 1)
    clamped = counters.reserve(ask("evt_5", hold("a", 0, much, per_output=1500), most=50, least=1))
    assert clamped.output == 1
    assert counters.stands("a") == (much - 3, 3)


@pytest.mark.parametrize("below", [1, 2, 3, 999, 1000, 1001, 1002])
def test_the_largest_output_is_exact_where_floats_are_not(counters: Driven, below: int) -> None:
    per_output, most = 987_654_321_987, 9_007_199
    one = Hold(key("a"), 7, per_output, 7 + -(-most * per_output // 1000) - below)
    granted = counters.reserve(ask("evt_1", one, most=most + 50, least=1))
    assert granted.output == (one.limit - 7) * 1000 // per_output  # type: ignore[operator]
    assert granted.output == most - 1


# ── settling ─────────────────────────────────────────────────────────────────


def test_settling_posts_what_was_used_and_frees_the_rest(counters: Driven) -> None:
    counters.reserve(ask("evt_1", hold("a", 40, 100), hold("b", 7, None)))
    counters.settle("evt_1", [25, 9])
    assert counters.stands("a") == (25, 0)
    assert counters.stands("b") == (9, 0)
    assert counters.reserve(ask("evt_2", hold("a", 75, 100))).granted


def test_settling_happens_exactly_once(counters: Driven) -> None:
    counters.reserve(ask("evt_1", hold("a", 40, 100)))
    for amounts in ([25], [25], [30], None, [0]):
        counters.settle("evt_1", amounts)
    assert counters.stands("a") == (25, 0)


def test_an_unknown_reservation_changes_nothing(counters: Driven) -> None:
    counters.reserve(ask("evt_1", hold("a", 40, 100)))
    counters.settle("evt_never", [1])
    counters.settle("evt_never", None)
    assert counters.stands("a") == (0, 40)


def test_none_posts_the_bound_that_was_granted(counters: Driven) -> None:
    counters.reserve(ask("evt_1", hold("a", 10, 60, per_output=1000), most=500, least=1))
    counters.settle("evt_1", None)
    assert counters.stands("a") == (60, 0)


def test_zeros_release(counters: Driven) -> None:
    counters.reserve(ask("evt_1", hold("a", 100, 100), hold("b", 1, 1)))
    counters.settle("evt_1", [0, 0])
    assert counters.stands("a") == (0, 0)
    assert counters.reserve(ask("evt_2", hold("a", 100, 100), hold("b", 1, 1))).granted


def test_above_the_bound_the_truth_is_posted_and_later_calls_are_refused(counters: Driven) -> None:
    counters.reserve(ask("evt_1", hold("a", 40, 100)))
    counters.settle("evt_1", [140])
    assert counters.stands("a") == (140, 0)
    refused = counters.reserve(ask("evt_2", hold("a", 1, 100)))
    assert refused.standings == (Standing(140, 0, 100),)
    assert not refused.granted


def test_open_reservations_tell_owner_time_counters_and_amounts(counters: Driven) -> None:
    counters.reserve(ask("evt_1", hold("a", 10, 100), hold("b", 0, None, per_output=1500), most=3))
    counters.reserve(ask("evt_2", hold("a", 1, 100)))
    counters.settle("evt_2", [1])
    (one,) = counters.open()
    assert (one.reservation_id, one.owner, one.expires_us) == ("evt_1", "gateway-1", NOON_US + HOUR_US)
    assert tuple(one.keys) == (key("a"), key("b"))
    assert tuple(one.amounts) == (10, 5)


def test_a_reservation_counts_until_it_is_settled_however_late(counters: Driven) -> None:
    counters.reserve(ask("evt_1", hold("a", 100, 100)))
    for days in (1, 40, 400):
        assert not counters.reserve(ask(f"late_{days}", hold("a", 1, 100), at_us=NOON_US + days * DAY)).granted
    counters.settle("evt_1", [30])
    assert counters.stands("a") == (30, 0)


# ── breakers ─────────────────────────────────────────────────────────────────

TRIP = 60 * SECOND


def breaker(amount: int = 1, limit: int = 3, **more: object) -> Hold:
    return hold("loop", amount, limit, trip_us=TRIP, **more)


def test_a_breaker_without_room_opens_and_then_refuses_what_would_fit(counters: Driven) -> None:
    counters.reserve(ask("evt_1", breaker(3)))
    counters.settle("evt_1", [3])
    refused = counters.reserve(ask("evt_2", hold("other", 5, 10), breaker()))
    assert refused.lacking == (1,)
    assert refused.standings == (Standing(0, 0, 10), Standing(3, 0, 3, NOON_US + TRIP))
    assert counters.stands("other") == (0, 0)
    again = counters.reserve(ask("evt_3", breaker(0, 1000), at_us=NOON_US + TRIP - 1))
    assert again.lacking == (0,)
    assert again.standings[0].tripped_until_us == NOON_US + TRIP
    assert counters.read("loop")[0].tripped_until_us == NOON_US + TRIP


def test_an_open_breaker_is_not_held_open_by_what_it_refuses(counters: Driven) -> None:
    counters.reserve(ask("evt_1", breaker(4)))
    counters.reserve(ask("evt_2", breaker(4), at_us=NOON_US + TRIP // 2))
    assert counters.reserve(ask("evt_3", breaker(), at_us=NOON_US + TRIP)).granted


def test_a_hold_refused_elsewhere_trips_no_breaker_that_has_room(counters: Driven) -> None:
    counters.reserve(ask("evt_1", breaker(), hold("full", 11, 10)))
    assert counters.read("loop")[0].tripped_until_us == 0
    assert counters.reserve(ask("evt_2", breaker())).granted


def test_after_the_cool_down_one_call_is_let_through_and_closes_it_by_its_end(counters: Driven) -> None:
    counters.reserve(ask("evt_1", breaker(4)))
    later = NOON_US + TRIP
    assert counters.reserve(ask("evt_2", breaker(), at_us=later)).granted
    waiting = counters.reserve(ask("evt_3", breaker(), at_us=later + SECOND))
    assert waiting.lacking == (0,)
    assert waiting.standings[0].tripped_until_us == later + 5 * SECOND
    counters.settle("evt_2", [1])
    assert counters.read("loop")[0].tripped_until_us == 0
    assert counters.reserve(ask("evt_4", breaker(), at_us=later + SECOND)).granted
    assert counters.reserve(ask("evt_5", breaker(), at_us=later + SECOND)).granted


def test_the_call_let_through_is_waited_for_five_seconds(counters: Driven) -> None:
    counters.reserve(ask("evt_1", breaker(4)))
    later = NOON_US + TRIP
    assert counters.reserve(ask("evt_2", breaker(), at_us=later)).granted
    assert not counters.reserve(ask("evt_3", breaker(), at_us=later + 5 * SECOND - 1)).granted
    assert counters.reserve(ask("evt_4", breaker(), at_us=later + 5 * SECOND)).granted
    assert counters.read("loop")[0].tripped_until_us == 0
    assert counters.reserve(ask("evt_5", breaker(), at_us=later + 5 * SECOND)).granted


def test_a_half_open_breaker_without_room_opens_anew(counters: Driven) -> None:
    counters.reserve(ask("evt_1", breaker(4)))
    later = NOON_US + TRIP + SECOND
    assert not counters.reserve(ask("evt_2", breaker(4), at_us=later)).granted
    assert counters.read("loop")[0].tripped_until_us == later + TRIP


def test_a_call_refused_elsewhere_is_not_the_one_let_through(counters: Driven) -> None:
    counters.reserve(ask("evt_1", breaker(4)))
    later = NOON_US + TRIP
    assert counters.reserve(ask("evt_2", breaker(), hold("full", 11, 10), at_us=later)).lacking == (1,)
    assert counters.reserve(ask("evt_3", breaker(), at_us=later)).granted


def test_a_late_end_closes_no_breaker_that_opened_anew(counters: Driven) -> None:
    counters.reserve(ask("evt_1", breaker(4)))
    later = NOON_US + TRIP
    assert counters.reserve(ask("evt_2", breaker(), at_us=later)).granted
    assert not counters.reserve(ask("evt_3", breaker(4), at_us=later + 6 * SECOND)).granted
    counters.settle("evt_2", [1])
    assert counters.read("loop")[0].tripped_until_us == later + 6 * SECOND + TRIP


def test_a_breaker_is_closed_by_hand_and_others_are_untouched(counters: Driven) -> None:
    counters.reserve(ask("evt_1", breaker(4), hold("loop2", 4, 3, trip_us=TRIP)))
    counters.reopen("loop", "never")
    assert [one.tripped_until_us for one in counters.read("loop", "loop2", "never")] == [0, NOON_US + TRIP, 0]
    assert counters.reserve(ask("evt_2", breaker())).granted


def test_a_breaker_that_only_counts_never_refuses(counters: Driven) -> None:
    counters.reserve(ask("evt_1", breaker(4)))
    assert counters.reserve(ask("evt_2", hold("loop", 9, None, trip_us=TRIP))).granted


def test_a_breaker_stays_open_when_its_window_moves_on(counters: Driven) -> None:
    counters.reserve(ask("evt_1", hold("slot1", 4, 3, trip_us=TRIP, breaker=key("mind"))))
    moved = hold("slot2", 1, 3, trip_us=TRIP, breaker=key("mind"))
    assert counters.reserve(ask("evt_2", moved, at_us=NOON_US + SECOND)).lacking == (0,)
    assert counters.reserve(ask("evt_3", moved, at_us=NOON_US + TRIP)).granted
    assert not counters.reserve(ask("evt_4", moved, at_us=NOON_US + TRIP)).granted
    counters.settle("evt_3", [1])
    assert counters.reserve(ask("evt_5", moved, at_us=NOON_US + TRIP)).granted
    assert counters.stands("slot2") == (1, 1)


# ── repair ───────────────────────────────────────────────────────────────────


def test_a_correction_never_overwrites_a_settlement(counters: Driven) -> None:
    assert counters.correct("a", 0, 50)
    counters.reserve(ask("evt_1", hold("a", 10, 100)))
    counters.settle("evt_1", [7])
    assert not counters.correct("a", 50, 99)
    assert counters.stands("a") == (57, 0)
    assert counters.correct("a", 57, 60)
    assert counters.stands("a") == (60, 0)


def test_a_correction_leaves_what_is_reserved(counters: Driven) -> None:
    counters.reserve(ask("evt_1", hold("a", 10, 100)))
    assert counters.correct("a", 0, 95)
    assert counters.stands("a") == (95, 10)
    counters.settle("evt_1", [1])
    assert counters.stands("a") == (96, 0)


def test_counters_are_not_asked_before_they_are_built(empty: Driven) -> None:
    assert not empty.built()
    with pytest.raises(CountersAway, match="empty"):
        empty.reserve(ask("evt_1", hold("a", 1, 100)))
    assert empty.correct("a", 0, 100, NOON_US + DAY)
    assert empty.stands("a") == (100, 0)
    empty.mark_built()
    assert empty.built()
    assert not empty.reserve(ask("evt_1", hold("a", 1, 100))).granted


def test_many_counters_stand_side_by_side(counters: Driven) -> None:
    for number in range(300):
        assert counters.reserve(ask(f"evt_{number}", hold(f"n{number}", number, 1000), hold("all", 1, 300))).granted
    assert not counters.reserve(ask("evt_more", hold("all", 1, 300))).granted
    for number in range(300):
        counters.settle_later(f"evt_{number}", [number // 2, 1])
    counters.settle("evt_299", None)
    while counters.open():
        counters.run(asyncio.sleep(0.01))
    assert [one.posted for one in counters.read(*(f"n{number}" for number in range(300)))] == [
        number // 2 for number in range(300)
    ]
    assert counters.stands("all") == (300, 0)


def test_no_counter_is_forgotten_within_a_day_of_its_end_nor_while_something_is_held(counters: Driven) -> None:
    ends = NOON_US + HOUR_US
    for name in ("over", "held"):
        counters.reserve(ask(name, hold(name, 10, 100, ends_us=ends)))
    counters.settle("over", [10])
    for step, at_us in enumerate((ends + DAY - 1, ends + 4 * DAY)):
        for number in range(20):
            one = f"new_{step}_{number}"
            counters.reserve(ask(one, hold(one, 1, 100, ends_us=at_us + DAY), at_us=at_us))
        assert counters.stands("held") == (0, 10)
        assert counters.stands("over") == (10, 0) or step
