"""What a call asks of each counter, and what it is settled at."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.budgets.ask import enforced, holds, least_output, limit_at, unknown_policy
from tallystick.budgets.cover import counter_key
from tallystick.budgets.model import FINGERPRINT, NANO, Bound, Budget, Hold, Override
from tallystick.budgets.settle import actual, bound_cost
from tallystick.budgets.window import slots
from tests.budgets.sample import BOUND, CALL, NOON, at, bounds, budget, budgets

NOVEMBER, DECEMBER = at("2026-11-01T00:00:00+00:00"), at("2026-12-01T00:00:00+00:00")


def hold(one: Budget, bound: Bound = BOUND, at_us: int = NOON, **more: str) -> Hold:
    return holds([one], CALL | more, at_us, bound)[0]


def test_money_tokens_and_requests() -> None:
    bound = Bound(1000, 4000, 3_000_001, 2_000_000, True)
    money, tokens, requests = (hold(budget(unit=unit), bound) for unit in ("usd", "tokens", "requests"))
    assert (money.base, money.per_output, money.amount(4000)) == (3001, 2_000_000, 8_003_001)
    assert (tokens.base, tokens.per_output, tokens.amount(4000)) == (1000, 1000, 5000)
    assert (requests.base, requests.per_output, requests.amount(4000)) == (1, 0, 1)


def test_a_hold_in_full() -> None:
    key = counter_key("bud_b", ("search",), NOVEMBER)
    assert hold(budget(group_by=("team",))) == Hold(key, 3000, 2_000_000, 10 * NANO, DECEMBER)
    total = hold(budget(window="total"))
    assert (total.key, total.ends_us) == (counter_key("bud_b", (), 0), 0)
    run = hold(budget(window="run", group_by=("key",)))
    assert (run.key, run.ends_us) == (counter_key("bud_b", ("key_1", "r-1"), 0), 0)


def test_holds_are_in_the_order_of_the_budgets() -> None:
    found = holds([budget("a", unit="tokens"), budget("b", unit="requests"), budget("c")], CALL, NOON, BOUND)
    assert [one.base for one in found] == [1000, 1, 3000]


def test_alerts_and_a_pause_of_critical_work_only_count() -> None:
    assert hold(budget(action="alert")).limit is None
    assert hold(budget(action="alert", carry_over=True, created_at=0)).carry is None
    assert hold(budget(action="pause")).limit == 10 * NANO
    assert hold(budget(action="pause"), workload_class="batch").limit == 10 * NANO
    assert hold(budget(action="pause"), workload_class="critical").limit is None
    assert hold(budget(), workload_class="critical").limit == 10 * NANO
    assert enforced(budget(action="degrade", degrade_to="m"), {"workload_class": "critical"})


def test_a_covered_call_asks_for_no_money_and_still_for_tokens() -> None:
    covered = Bound(1000, 4000, 3_000_000, 2_000_000, True, price="covered")
    assert hold(budget(), covered).amount(4000) == 0
    assert hold(budget(unit="tokens"), covered).amount(4000) == 5000
    assert bound_cost(covered, 4000) == 0


def test_a_rolling_hold_counts_earlier_slots_and_is_kept_as_long_as_it_counts() -> None:
    held = budget(window="minute", rolling=True, trip_seconds=60, group_by=("run", FINGERPRINT), unit="requests")
    found = hold(held, request_fingerprint="ff")
    slot, earlier = slots(held, NOON)
    assert found.key == counter_key("bud_b", ("r-1", "ff"), slot.start_us)
    assert found.also == tuple(counter_key("bud_b", ("r-1", "ff"), start) for start in earlier)
    assert (len(found.also), found.ends_us) == (6, NOON + 70_000_000)
    assert found.trip_us == 60_000_000
    later = hold(held, at_us=NOON + 30_000_000, request_fingerprint="ff")
    assert found.breaker == later.breaker != b""
    assert found.key != later.key
    assert found.key in later.also


def test_what_the_window_before_left_is_carried_over_where_the_budget_existed_in_it() -> None:
    carrying = budget(carry_over=True, created_at=NOVEMBER - 1, overrides=(Override(5, NOVEMBER - 2, NOVEMBER),))
    found = hold(carrying)
    assert found.carry == (counter_key("bud_b", (), at("2026-10-01T00:00:00+00:00")), 5)
    assert found.ends_us == at("2027-01-01T00:00:00+00:00")
    assert hold(budget(carry_over=True, created_at=NOVEMBER)).carry is None
    assert hold(budget(carry_over=True, window="total")).carry is None
    assert hold(budget(carry_over=True, window="day", rolling=True)).carry is None


def test_the_last_override_that_holds_is_the_limit() -> None:
    one = budget(overrides=(Override(1, 0, 100), Override(2, 50, 60)))
    assert [limit_at(one, at_us) for at_us in (0, 49, 50, 59, 60, 99, 100)] == [1, 1, 2, 2, 1, 1, 10 * NANO]
    assert hold(budget(overrides=(Override(7, NOON, NOON + 1),))).limit == 7


@pytest.mark.parametrize(
    ("bound", "least"),
    [
        (Bound(1, 4000, 0, 0, True), 4000),
        (Bound(1, 4000, 0, 0, False), 1024),
        (Bound(1, 4000, 0, 0, False, 3), 3072),
        (Bound(1, 500, 0, 0, False), 500),
    ],
)
def test_the_least_output_to_be_of_use(bound: Bound, least: int) -> None:
    assert least_output(bound) == least


@pytest.mark.parametrize(
    ("words", "default", "policy"),
    [
        ([], "block", "ceiling"),
        ([], "allow", "allow"),
        ([{"action": "alert"}], "block", "ceiling"),
        ([{"unit": "requests"}], "block", "ceiling"),
        ([{}], "block", "block"),
        ([{}, {"unknown_price": "allow"}], "ceiling", "ceiling"),
        ([{"unknown_price": "allow"}], "block", "allow"),
        ([{"unknown_price": "allow"}, {"unknown_price": "block"}], "ceiling", "block"),
        ([{"unknown_price": "block", "action": "alert"}, {}], "allow", "allow"),
    ],
)
def test_the_strictest_word_on_unknown_prices_holds(words: list[dict[str, Any]], default: Any, policy: str) -> None:
    assert unknown_policy([budget(**one) for one in words], CALL, default) == policy


def test_what_is_not_known_afterwards_counts_with_its_bound() -> None:
    covering = [budget(), budget(unit="tokens"), budget(unit="requests")]
    assert actual(covering, 5_000_001, 77, BOUND, 100) == (5001, 77, 1)
    assert actual(covering, None, None, BOUND, 100) == (3000 + 200_000, 1100, 1)
    assert actual(covering, 0, 0, BOUND, 100) == (0, 0, 1)
    covered = Bound(1000, 4000, 3_000_000, 2_000_000, True, price="covered")
    assert actual(covering, 5_000_000, 77, covered, 100) == (0, 77, 1)
    assert actual(covering, None, None, covered, 100) == (0, 1100, 1)


@given(st.lists(budgets(), max_size=5), bounds, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_call_within_its_bound_is_never_settled_above_its_hold(
    covering: list[Budget], bound: Bound, output: int, less: int
) -> None:
    asked = [one.amount(output) for one in holds(covering, CALL, NOON, bound)]
    unknown = actual(covering, None, None, bound, output)
    cost, tokens = max(0, bound_cost(bound, output) - less), max(0, bound.input_tokens + output - less)
    for known in (unknown, actual(covering, cost, tokens, bound, output)):
        assert all(0 <= used <= held for used, held in zip(known, asked, strict=True))
    # As the ledger counts what is unknown: the row's bound, rounded up once.
    money = -(-bound_cost(bound, output) // 1000)
    assert all(used == money for used, one in zip(unknown, covering, strict=True) if one.unit == "usd")
