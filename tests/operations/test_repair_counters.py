"""Counters are built from the ledger and healed to it, and a settlement is never lost on the way."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.budgets.cover import counter_key, covers, group_values
from tallystick.budgets.model import Budget
from tallystick.budgets.store import list_drift, write_budget
from tallystick.budgets.window import previous, slots
from tallystick.counters.process import ProcessCounters
from tallystick.operations.context import Context, now_us
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.ledger_sums import LedgerSums
from tallystick.operations.repair_counters import Repair, build_counters, repair_counters
from tallystick.usage.model import Measured, UsageEvent
from tests.ledger.sample import an_event
from tests.operations.budgeted import an_ask, open_context

HOUR_US = 3600 * 10**6
NOW = now_us()
SEARCH = Budget("bud_1", "search", 10**12, where={"team": ("Search",)}, window="total")
EACH = Budget("bud_2", "each customer", 10**12, group_by=("customer",), window="total")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[Context, ProcessCounters]]:
    with open_context(tmp_path) as both:
        yield both


def keep(context: Context, *budgets: Budget) -> None:
    with context.config_db.transaction():
        for budget in budgets:
            write_budget(context.config_db, budget)


def a_call(number: int, **changes: object) -> UsageEvent:
    dimensions = {"team": "Search", "customer": "acme"}
    lately = {"occurred_at": NOW - number, "dimensions": dimensions, "effective_cost": 5_000_000}
    return an_event(number, **(lately | changes))


def posted(context: Context, budget: Budget, values: tuple[str, ...] = (), start: int = 0) -> int:
    assert context.counters is not None
    (standing,) = context.counters.read([counter_key(budget.budget_id, values, start)])
    return standing.posted


def a_repair(context: Context, drain: list[UsageEvent] | None = None) -> Repair:
    assert context.counters is not None
    return Repair(context, context.counters, lambda: ingest_events(context, drain or []))


def test_empty_counters_are_built_from_the_ledger(opened: tuple[Context, ProcessCounters]) -> None:
    context, counters = opened
    keep(context, SEARCH, EACH)
    ingest_events(context, [a_call(1), a_call(2), a_call(3, dimensions={"customer": "beta"}, effective_cost=1)])
    assert not asyncio.run(counters.built())

    repair_counters(a_repair(context))

    assert asyncio.run(counters.built())
    assert posted(context, SEARCH) == 10_000
    assert posted(context, EACH, ("acme",)) == 10_000
    assert posted(context, EACH, ("beta",)) == 1


@pytest.mark.parametrize("planted", [-3_000, 7_000])
def test_a_planted_difference_is_healed_and_told(opened: tuple[Context, ProcessCounters], planted: int) -> None:
    context, counters = opened
    keep(context, SEARCH)
    ingest_events(context, [a_call(1)])
    repair = a_repair(context)
    build_counters(repair)
    key = counter_key("bud_1", (), 0)
    assert asyncio.run(counters.correct(key, 5_000, 5_000 + planted, 0))

    assert repair_counters(repair) == 1

    assert posted(context, SEARCH) == 5_000
    (drift,) = list_drift(context.config_db, 10)
    assert (drift.before, drift.after, drift.counter) == (5_000 + planted, 5_000, key.hex())
    assert repair_counters(repair) == 0


def test_a_row_still_in_the_spool_is_no_difference(opened: tuple[Context, ProcessCounters]) -> None:
    context, _ = opened
    keep(context, SEARCH)
    repair = a_repair(context, drain=[a_call(1)])
    build_counters(repair)
    (context.data_dir / "spool" / "gw_1").mkdir(parents=True)
    late = a_call(2)
    asyncio.run(_reserve_and_settle(opened[1], context, late))
    repair.drain = lambda: ingest_events(context, [late])

    assert repair_counters(repair) == 0
    assert posted(context, SEARCH) == 10_000
    assert list_drift(context.config_db, 10) == []


async def _reserve_and_settle(counters: ProcessCounters, context: Context, event: UsageEvent) -> None:
    granted = await counters.reserve(an_ask([SEARCH], {"team": "Search"}, now_us(), event.event_id))
    assert granted.granted
    counters.settle(event.event_id, [5_000])


def test_an_open_reservation_is_not_posted_though_its_row_is_there(opened: tuple[Context, ProcessCounters]) -> None:
    context, counters = opened
    keep(context, SEARCH)
    repair = a_repair(context)
    build_counters(repair)
    (context.data_dir / "spool" / "gw_1").mkdir(parents=True)
    event = a_call(7)
    asyncio.run(counters.reserve(an_ask([SEARCH], {"team": "Search"}, now_us(), event.event_id)))
    ingest_events(context, [event])

    assert repair_counters(repair) == 0
    assert posted(context, SEARCH) == 0
    counters.settle(event.event_id, [5_000])
    assert repair_counters(repair) == 0
    assert posted(context, SEARCH) == 5_000


def test_what_a_living_gateway_could_not_settle_is_settled_for_it_once(
    opened: tuple[Context, ProcessCounters],
) -> None:
    context, counters = opened
    keep(context, SEARCH)
    repair = a_repair(context)
    build_counters(repair)
    (context.data_dir / "spool" / "gw_1").mkdir(parents=True)
    key = counter_key("bud_1", (), 0)
    event = a_call(7, decision=json.dumps({"budgets": [{"counter": key.hex(), "unit": "usd", "asked": 1}]}))
    asyncio.run(_reserve_all(counters, [event]))
    ingest_events(context, [event])

    assert repair_counters(repair) == 0
    assert posted(context, SEARCH) == 5_000
    counters.settle(event.event_id, [5_000])
    assert posted(context, SEARCH) == 5_000


def test_a_settlement_between_reading_and_setting_wins(opened: tuple[Context, ProcessCounters]) -> None:
    context, counters = opened
    keep(context, SEARCH)
    repair = a_repair(context)
    build_counters(repair)
    (context.data_dir / "spool" / "gw_1").mkdir(parents=True)
    asyncio.run(counters.correct(counter_key("bud_1", (), 0), 0, 99, 0))
    events = [a_call(number) for number in range(3)]
    asyncio.run(_reserve_all(counters, events))
    waiting = list(events)

    def drain() -> None:
        """Each time the repair drains, a further call has just been settled."""
        if waiting:
            event = waiting.pop()
            counters.settle(event.event_id, [5_000])
            ingest_events(context, [event])

    repair.drain = drain
    repair_counters(repair)

    assert not waiting
    assert posted(context, SEARCH) == 15_000


async def _reserve_all(counters: ProcessCounters, events: list[UsageEvent]) -> None:
    for event in events:
        await counters.reserve(an_ask([SEARCH], {"team": "Search"}, now_us(), event.event_id))


def test_what_a_dead_gateway_left_is_settled_at_its_row_or_released(opened: tuple[Context, ProcessCounters]) -> None:
    context, counters = opened
    keep(context, SEARCH)
    repair = a_repair(context)
    build_counters(repair)
    key = counter_key("bud_1", (), 0)
    decision = json.dumps({"budgets": [{"counter": key.hex(), "unit": "usd"}]})
    known, lost = a_call(1, decision=decision), a_call(2)
    broken = a_call(3, decision=decision, outcome="interrupted", effective_cost=None, bound_cost=9_000_000,
                    measured=Measured())  # fmt: skip
    asyncio.run(_reserve_all(counters, [known, lost, broken]))
    ingest_events(context, [known, broken])

    repair_counters(repair)

    assert asyncio.run(counters.open_reservations()) == []
    assert posted(context, SEARCH) == 5_000 + 9_000
    assert list_drift(context.config_db, 10) == []


def test_a_cost_in_another_currency_is_settled_at_the_bound_of_its_call(
    opened: tuple[Context, ProcessCounters],
) -> None:
    context, counters = opened
    keep(context, SEARCH)
    repair = a_repair(context)
    build_counters(repair)
    key = counter_key("bud_1", (), 0)
    decision = json.dumps({"budgets": [{"counter": key.hex(), "unit": "usd"}]})
    event = a_call(1, decision=decision, currency="CNY", bound_cost=9_000_000)
    asyncio.run(_reserve_all(counters, [event]))
    ingest_events(context, [event])

    repair_counters(repair)

    assert posted(context, SEARCH) == 9_000
    assert list_drift(context.config_db, 10) == []


def test_a_living_gateway_keeps_its_reservations(opened: tuple[Context, ProcessCounters]) -> None:
    context, counters = opened
    keep(context, SEARCH)
    repair = a_repair(context)
    build_counters(repair)
    (context.data_dir / "spool" / "gw_1").mkdir(parents=True)
    asyncio.run(_reserve_all(counters, [a_call(1)]))

    repair_counters(repair)

    assert [one.reservation_id for one in asyncio.run(counters.open_reservations())] == [a_call(1).event_id]


def test_calls_in_flight_when_the_counters_were_lost_count_with_what_was_asked(
    opened: tuple[Context, ProcessCounters],
) -> None:
    context, _ = opened
    keep(context, SEARCH)
    ingest_events(context, [a_call(1)])
    key = counter_key("bud_1", (), 0)
    asked = json.dumps({"budgets": [{"counter": key.hex(), "unit": "usd", "asked": 70_000}]})
    repair = a_repair(context)
    repair.in_flight = lambda: [a_call(2, decision=asked)]

    build_counters(repair)
    assert posted(context, SEARCH) == 75_000
    assert repair_counters(repair) == 0

    repair.in_flight = tuple
    ingest_events(context, [a_call(2, decision=asked)])
    repair_counters(repair)
    assert posted(context, SEARCH) == 10_000


budgets = st.builds(
    Budget,
    st.sampled_from(["a", "b", "c", "d"]),
    st.just("n"),
    st.just(1),
    unit=st.sampled_from(["usd", "requests", "tokens"]),
    where=st.dictionaries(
        st.sampled_from(["team", "request_model", "key_stage"]), st.sampled_from([("x",), ("!x",), ("*",)]), max_size=2
    ),
    group_by=st.sampled_from([(), ("customer",), ("team", "key"), ("model",)]),
    window=st.sampled_from(["hour", "day", "month", "total"]),
    zone=st.sampled_from(["UTC", "Asia/Kolkata"]),
    carry_over=st.booleans(),
)
rolling = st.builds(
    Budget, st.sampled_from(["e", "f"]), st.just("n"), st.just(1), window=st.sampled_from(["hour", "day"]),
    rolling=st.just(True), window_count=st.sampled_from([1, 3]), group_by=st.sampled_from([(), ("customer",)]),
)  # fmt: skip
events = st.builds(
    an_event,
    st.integers(0, 10**6),
    occurred_at=st.integers(0, 40 * 4).map(lambda quarter: NOW - quarter * HOUR_US // 4),
    dimensions=st.dictionaries(st.sampled_from(["team", "customer"]), st.sampled_from(["x", "y"])),
    request_model=st.sampled_from(["x", "y"]),
    key=st.sampled_from(["k", ""]),
    effective_cost=st.integers(0, 10**9),
)


def test_every_counter_is_expected_where_its_calls_would_have_counted(
    opened: tuple[Context, ProcessCounters],
) -> None:
    context, _ = opened

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(st.one_of(budgets, rolling), max_size=5, unique_by=lambda one: one.budget_id),
        st.lists(events, max_size=15, unique_by=lambda one: one.event_id),
    )
    def check(some: list[Budget], calls: list[UsageEvent]) -> None:
        for table in ("usage_event", "charge", "ledger_mark"):
            context.ledger.execute(f"DELETE FROM {table}")
        ingest_events(context, calls)
        found = LedgerSums(context).expected([one for one in some if _can_carry(one)], NOW)
        assert {one.key: one.amount for one in found if one.amount} == _by_hand(some, calls)

    check()


def _can_carry(budget: Budget) -> bool:
    return not (budget.carry_over and (budget.rolling or budget.window == "total"))


def _by_hand(some: list[Budget], calls: list[UsageEvent]) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for budget in filter(_can_carry, some):
        slot, earlier = slots(budget, NOW)
        counts = {slot.start_us, *earlier}
        before = previous(budget, NOW) if budget.carry_over else None
        counts |= {before.start_us} if before else set()
        for call in calls:
            dimensions = {
                **call.dimensions, "request_model": call.request_model, "model": call.request_model,
                "key": call.key or "pk_", "provider": call.provider,
            }  # fmt: skip
            start = slots(budget, call.occurred_at)[0].start_us
            if start in counts and covers(budget, dimensions):
                key = counter_key(budget.budget_id, group_values(budget, dimensions), start)
                amount = {"usd": -(-(call.effective_cost or 0) // 1000), "requests": 1, "tokens": 120}[budget.unit]
                found[key] = found.get(key, 0) + amount
    return {key: amount for key, amount in found.items() if amount}
