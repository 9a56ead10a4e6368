"""A replay says what a plain reference says, call by call."""

from collections.abc import Iterator
from dataclasses import replace as changed
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.budgets.cover import covers, group_values
from tallystick.budgets.model import Budget
from tallystick.budgets.window import slots
from tallystick.kernel.errors import Denied
from tallystick.kernel.money import text_from_grains
from tallystick.operations.context import Context, now_us
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.replay import check_replay_scope, replay
from tallystick.org.model import Principal
from tallystick.pricing.book import PriceBook
from tallystick.pricing.model import PriceCard, Tier
from tallystick.routing.model import Conditions, Effects, Rule
from tallystick.usage.model import Measured, UsageEvent
from tests.ledger.sample import an_event
from tests.operations.budgeted import open_context

NOW = now_us()
MINUTE_US = 60 * 10**6


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with open_context(tmp_path) as (context, _):
        yield context


def run(context: Context, *budgets: Budget, rules: tuple[Rule, ...] = (), book: PriceBook | None = None) -> dict:  # type: ignore[type-arg]
    return replay(context, book or PriceBook([]), (budgets, rules), NOW - 90 * 86_400 * 10**6)


budgets = st.builds(
    Budget,
    st.sampled_from("abc"),
    st.sampled_from("abc"),
    st.integers(1, 3_000),
    unit=st.sampled_from(["usd", "requests"]),
    where=st.dictionaries(st.just("team"), st.sampled_from([("x",), ("!x",)])),
    group_by=st.sampled_from([(), ("customer",)]),
    window=st.sampled_from(["hour", "day", "total"]),
    action=st.sampled_from(["block", "alert", "pause"]),
    trip_seconds=st.just(0),
)
events = st.builds(
    an_event,
    st.integers(0, 10**6),
    occurred_at=st.integers(0, 300).map(lambda minutes: NOW - minutes * MINUTE_US),
    dimensions=st.dictionaries(
        st.sampled_from(["team", "customer", "workload_class"]), st.sampled_from(["x", "critical"])
    ),
    effective_cost=st.integers(0, 10**6),
    bound_cost=st.none() | st.integers(10**6, 2 * 10**6),
)


def by_hand(some: list[Budget], calls: list[UsageEvent]) -> dict[tuple[str, tuple[str, ...], str], tuple[int, int]]:
    """Budget, group and verdict to calls and nano-units saved, without any cleverness."""
    used: dict[tuple[str, tuple[str, ...], int], int] = {}
    found: dict[tuple[str, tuple[str, ...], str], tuple[int, int]] = {}

    def note(budget: Budget, values: tuple[str, ...], verdict: str, saved: int) -> None:
        before = found.get((budget.budget_id, values, verdict), (0, 0))
        found[budget.budget_id, values, verdict] = (before[0] + 1, before[1] + saved)

    for call in sorted(calls, key=lambda one: (one.occurred_at, one.event_id)):
        dimensions = {**call.dimensions, "provider": call.provider}
        cost = -(-(call.effective_cost or 0) // 1000)
        bound = cost if call.bound_cost is None else -(-call.bound_cost // 1000)
        full = []
        mine = [one for one in some if covers(one, dimensions)]
        places = {}
        for budget in mine:
            values = group_values(budget, dimensions)
            places[budget.budget_id] = place = (budget.budget_id, values, slots(budget, call.occurred_at)[0].start_us)
            asked = 1 if budget.unit == "requests" else bound
            if asked and used.get(place, 0) + asked > budget.limit:
                critical = call.dimensions.get("workload_class") == "critical"
                if budget.action == "alert":
                    note(budget, values, "alerted", 0)
                elif not (budget.action == "pause" and critical):
                    full.append((budget.action != "block", budget, values))
        if full:
            _, budget, values = min(full, key=lambda one: one[0])
            note(budget, values, "paused" if budget.action == "pause" else "blocked", cost)
            continue
        for budget in mine:
            place = places[budget.budget_id]
            used[place] = used.get(place, 0) + (1 if budget.unit == "requests" else cost)
    return found


def test_a_replay_agrees_with_a_plain_reference(context: Context) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(budgets, min_size=1, max_size=3, unique_by=lambda one: one.budget_id),
        st.lists(events, max_size=20, unique_by=lambda one: one.event_id),
    )
    def check(some: list[Budget], calls: list[UsageEvent]) -> None:
        some = [changed(one, name=one.budget_id) for one in some]
        for table in ("usage_event", "charge", "ledger_mark"):
            context.ledger.execute(f"DELETE FROM {table}")
        ingest_events(context, calls)
        found = run(context, *some)
        told = {
            (one["budget"], tuple(one["group"].values()), one["verdict"]): (one["calls"], one["saved"])
            for one in found["budgets"]
        }
        expected = by_hand(some, calls)
        assert told == {key: (count, text_from_grains(saved * 1000)) for key, (count, saved) in expected.items()}
        assert found["calls"] == len(calls)

    check()


def a_card(model: str, price: int) -> PriceCard:
    return PriceCard(f"card {model}", "openai", model, (Tier(0, {"uncached_input": price, "plain_output": price}),))


def calls(count: int) -> list[UsageEvent]:
    measured = Measured({"uncached_input": 100, "plain_output": 900}, 100, 900, "reported")
    return [
        an_event(at, occurred_at=NOW - (count - at) * MINUTE_US, request_model="big", measured=measured,
                 effective_cost=10**12)
        for at in range(count)
    ]  # fmt: skip


def test_the_first_call_without_room_is_named_with_all_that_follow(context: Context) -> None:
    ingest_events(context, calls(5))

    found = run(context, Budget("b", "b", 2 * 10**9, window="total"))

    (told,) = found["budgets"]
    assert (told["verdict"], told["calls"], told["saved"]) == ("blocked", 3, "3")
    assert (found["calls"], found["stopped_calls"], found["saved"]) == (5, 3, "3")


def test_a_breaker_stays_open_and_then_counts_anew(context: Context) -> None:
    ingest_events(context, calls(10))
    breaker = Budget("b", "b", 2, "requests", "minute", rolling=True, window_count=3, trip_seconds=180)

    (told,) = run(context, breaker)["budgets"]

    assert told["verdict"] == "tripped"
    assert 4 <= told["calls"] <= 8


def test_who_sees_only_some_teams_cannot_replay_all_calls() -> None:
    with pytest.raises(Denied):
        check_replay_scope(Principal("x", "owner", teams=("a",)))


def test_a_rule_that_denies_saves_what_the_calls_cost(context: Context) -> None:
    ingest_events(context, calls(3))
    rule = Rule("r", "no", Conditions({"team": ("Support",)}), Effects(deny="no"), shadow=True)

    found = run(context, rules=(rule,))

    assert [(one["rule"], one["effect"], one["calls"], one["saved"]) for one in found["rules"]] == [
        ("no", "deny", 3, "3")
    ]


def test_a_degraded_call_is_priced_with_the_cheaper_model(context: Context) -> None:
    ingest_events(context, calls(3))
    book = PriceBook([a_card("big", 10**9), a_card("small", 10**7)])
    budget = Budget("b", "b", 10**9 + 5 * 10**6, window="total", action="degrade", degrade_to="small")

    found = run(context, budget, book=book)

    # One call for a dollar, then none of the cent that the cheaper model asks for a thousand tokens.
    assert [(one["verdict"], one["calls"], one["saved"]) for one in found["budgets"]] == [("blocked", 2, "2")]
    roomy = changed(budget, limit=10**9 + 25 * 10**6)
    assert [(one["verdict"], one["calls"], one["saved"]) for one in run(context, roomy, book=book)["budgets"]] == [
        ("degraded", 2, "1.98")
    ]


def test_a_route_and_a_cap_are_priced_anew(context: Context) -> None:
    ingest_events(context, calls(2))
    book = PriceBook([a_card("big", 10**9), a_card("small", 10**7)])
    route = Rule("r", "cheap", effects=Effects(models=("small",)), shadow=False)
    cap = Rule("r", "short", effects=Effects(max_output=400), shadow=False)

    assert run(context, rules=(route,), book=book)["rules"][0]["saved"] == "1.98"
    # 100 in and 400 out at a thousandth each, instead of a dollar.
    assert run(context, rules=(cap,), book=book)["rules"][0]["saved"] == "1"


def test_a_cheaper_model_with_a_price_in_another_currency_saves_nothing_that_is_known(context: Context) -> None:
    ingest_events(context, calls(2))
    book = PriceBook([a_card("big", 10**9), changed(a_card("small", 10**7), currency="CNY")])
    route = Rule("r", "cheap", effects=Effects(models=("small",)), shadow=False)

    (told,) = run(context, rules=(route,), book=book)["rules"]

    assert (told["saved"], told["unknown_calls"]) == ("0", 2)
