"""What budgets would have counted, from the ledger: on each engine the same as adding up event by event."""

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.ledger.budget_sums import Sum, Wanted, can_be_summed
from tallystick.ledger.spend_sums import Elsewhere
from tallystick.ledger.store import (
    count_hours,
    count_meters,
    read_calls,
    read_events,
    read_last_seq,
    read_refusals,
    read_unknown_tokens,
    sum_elsewhere,
    sum_events_for_budgets,
    sum_for_budgets,
)
from tallystick.operations.check_budget import Described, check_budget
from tallystick.operations.context import Context, now_us
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.start_ledger import start_ledger
from tallystick.org.model import Principal
from tallystick.pricing.book import PriceBook
from tallystick.usage.model import Measured, UsageEvent
from tests.ledger.sample import HOUR, START, an_event

WANTED = Wanted(("team", "request_model", "key"), (START, START + HOUR, START + 3 * HOUR), START + 5 * HOUR)

tokens = st.none() | st.integers(0, 10**9)
money = st.none() | st.integers(-(10**18), 10**18)
calls = st.builds(
    an_event,
    st.integers(0, 10**6),
    occurred_at=st.integers(-2, 7 * 4).map(lambda quarter: START + quarter * HOUR // 4),
    attempt=st.integers(0, 3),
    source=st.sampled_from(["gateway", "gateway", "demo", "import:x"]),
    request_model=st.sampled_from(["a", "b", ""]),
    sent_model=st.sampled_from(["", "", "c"]),
    outcome=st.sampled_from(["ok", "error", "cut", "client_gone", "interrupted", "refused"]),
    key=st.sampled_from(["key_1", ""]),
    key_fingerprint=st.sampled_from(["f", ""]),
    dimensions=st.dictionaries(st.just("team"), st.sampled_from(["x", "y"])),
    measured=st.builds(
        Measured, input_tokens=tokens, output_tokens=tokens, state=st.sampled_from(["reported", "estimated", "absent"])
    ),
    effective_cost=money,
    currency=st.sampled_from(["USD", "USD", "EUR"]),
    bound_cost=st.just(0) | money,
)


@pytest.fixture
def ledger(context: Context) -> Context:
    start_ledger(context)
    return context


def by_hand(events: Iterable[UsageEvent], wanted: Wanted) -> dict[tuple[tuple[str, ...], int], list[int]]:
    """The same, one event after another."""
    found: dict[tuple[tuple[str, ...], int], list[int]] = {}
    for event in events:
        late = wanted.end_us and event.occurred_at >= wanted.end_us
        if event.attempt < 1 or event.source not in wanted.sources or event.occurred_at < wanted.starts[0] or late:
            continue
        span = max(at for at, start in enumerate(wanted.starts) if event.occurred_at >= start)
        key, model = event.key or f"pk_{event.key_fingerprint}", event.sent_model or event.request_model
        sums = found.setdefault(((event.dimensions.get("team", ""), model, key), span), [0, 0, 0, 0, 0])
        measured, cost, bound = event.measured, event.effective_cost, event.bound_cost
        broke = event.outcome in {"error", "cut", "client_gone", "interrupted"} and measured.state != "reported"
        abroad = cost is not None and event.currency != "USD"
        if abroad:
            cost = None
        if bound is not None and (cost is None or broke or bound == 0):
            cost = bound
        sums[0] += -(-(cost or 0) // 1000)
        sums[1] += (measured.input_tokens or 0) + (measured.output_tokens or 0)
        sums[2] += 1
        sums[3] += measured.input_tokens is None or measured.output_tokens is None or broke
        sums[4] += abroad
    return found


def keyed(sums: Iterable[Sum]) -> dict[tuple[tuple[str, ...], int], list[int]]:
    return {(one.values, one.span): [one.nano, one.tokens, one.requests, one.unknown, one.foreign] for one in sums}


def test_sums_are_those_of_adding_up_by_hand(ledger: Context) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(calls, max_size=20, unique_by=lambda event: event.event_id), st.booleans(), st.booleans())
    def check(events: list[UsageEvent], endless: bool, demo: bool) -> None:
        for table in ("usage_event", "charge", "ledger_mark"):
            ledger.ledger.execute(f"DROP TABLE IF EXISTS {table}")
        start_ledger(ledger)
        ingest_events(ledger, events)
        wanted = Wanted(
            WANTED.dimensions, WANTED.starts, 0 if endless else WANTED.end_us, ("gateway", "demo")[: 1 + demo]
        )
        upto = read_last_seq(ledger.ledger)
        assert keyed(sum_for_budgets(ledger.ledger, wanted, after=0, upto=upto)) == by_hand(events, wanted)
        some = [event.event_id for event in events[::2]]
        assert keyed(sum_events_for_budgets(ledger.ledger, wanted, [*some, "evt_none"])) == by_hand(events[::2], wanted)

    check()


def test_each_call_is_rounded_up_by_itself(ledger: Context) -> None:
    ingest_events(ledger, [an_event(number, effective_cost=1001) for number in range(3)])

    (found,) = sum_for_budgets(ledger.ledger, Wanted((), (START,), 0), after=0, upto=10)

    assert (found.values, found.nano) == ((), 6)


def test_a_cost_in_another_currency_is_never_taken_for_dollars_and_is_counted_beside(ledger: Context) -> None:
    ingest_events(
        ledger,
        [
            an_event(1, effective_cost=5_000),
            an_event(2, effective_cost=7_000, currency="EUR"),
            an_event(3, effective_cost=7_000, currency="EUR", bound_cost=9_000),
            an_event(4, effective_cost=None, currency="EUR"),
        ],
    )

    (found,) = sum_for_budgets(ledger.ledger, Wanted((), (START,), 0), after=0, upto=10)

    assert (found.nano, found.requests, found.foreign) == (5 + 9, 4, 2)


def test_who_asks_budgets_is_told_of_costs_that_they_cannot_read(ledger: Context) -> None:
    call, someone = Described(provider="openai", model="m", input_tokens=1, max_tokens=1), Principal("ann", "admin")
    before = check_budget(ledger, PriceBook([]), call, someone)
    at = now_us() - 1_000_000
    ingest_events(
        ledger, [an_event(number, occurred_at=at, currency=code) for number, code in enumerate(("USD", "EUR"))]
    )
    after = check_budget(ledger, PriceBook([]), call, someone)

    assert before["other_currency"] == 0
    assert "another currency" not in before["text"]
    assert after["other_currency"] == 1
    assert "1 rows of the last 31 days cost another currency than USD" in after["text"]


def test_what_came_later_can_be_added_to_what_is_known(ledger: Context) -> None:
    ingest_events(ledger, [an_event(1, effective_cost=5_000)])
    first = read_last_seq(ledger.ledger)
    ingest_events(ledger, [an_event(2, effective_cost=7_000)])
    wanted = Wanted(("team",), (START,), 0)

    (before,) = sum_for_budgets(ledger.ledger, wanted, after=0, upto=first)
    (since,) = sum_for_budgets(ledger.ledger, wanted, after=first, upto=read_last_seq(ledger.ledger))

    assert (before.nano, since.nano) == (5, 7)


def test_the_ledger_does_not_know_what_a_request_looked_like() -> None:
    assert can_be_summed("team")
    assert not can_be_summed("request_fingerprint")


def test_past_calls_come_by_time_with_what_they_were_held_to(ledger: Context) -> None:
    ingest_events(
        ledger,
        [
            an_event(1, occurred_at=START + HOUR, bound_cost=2_001, effective_cost=None, request_bytes=7),
            an_event(2, occurred_at=START, effective_cost=1_000, sent_model="m"),
            an_event(3, occurred_at=START, attempt=0),
            an_event(4, occurred_at=START + 3 * HOUR),
        ],
    )
    period = (START, START + 2 * HOUR)
    meters = count_meters(ledger.ledger, period)

    assert meters == ["uncached_input", "plain_output"]
    assert [count for _, count in count_hours(ledger.ledger, period)] == [1, 1]
    assert read_calls(ledger.ledger, ("team", "request_model"), meters, period) == [
        (START, None, 1, 100, 20, None, None, None, "Support", "m", 100, 20),
        (START + HOUR, 3, None, 100, 20, 7, None, None, "Support", "", 100, 20),
    ]


def test_spend_past_known_keys_is_summed_before_and_after(ledger: Context) -> None:
    mine = {"dimensions": {"user": "ann"}}
    ingest_events(
        ledger,
        [
            an_event(1, occurred_at=START, key="key_1", effective_cost=10, **mine),
            an_event(2, occurred_at=START, key="key_2", effective_cost=20, **mine),
            an_event(3, occurred_at=START + HOUR, source="import:x", effective_cost=30, **mine),
            an_event(4, occurred_at=START + HOUR, source="import:x", effective_cost=None, **mine),
            an_event(5, occurred_at=START + 2 * HOUR, source="import:x", effective_cost=99, **mine),
        ],
    )
    around = (START, START + HOUR, START + 2 * HOUR)

    assert sum_elsewhere(ledger.ledger, "user", ["ann", "bob"], ["key_1"], around) == [
        Elsewhere("ann", "gateway", 20, 0),
        Elsewhere("ann", "import:x", 0, 30),
    ]
    assert sum_elsewhere(ledger.ledger, "user", [], ["key_1"], around) == []


def test_spend_in_another_currency_counts_past_a_budget_with_its_bound_and_never_with_its_number(
    ledger: Context,
) -> None:
    mine = {"dimensions": {"user": "ann"}, "occurred_at": START, "source": "import:x", "effective_cost": 7_000}
    ingest_events(
        ledger,
        [
            an_event(1, **mine),
            an_event(2, currency="CNY", **mine),
            an_event(3, currency="CNY", bound_cost=900, **mine),
        ],
    )

    found = sum_elsewhere(ledger.ledger, "user", ["ann"], [], (START, START + HOUR, START + 2 * HOUR))

    assert found == [Elsewhere("ann", "import:x", 7_900, 0)]


def test_what_a_past_call_cost_in_another_currency_is_not_known(ledger: Context) -> None:
    ingest_events(
        ledger,
        [
            an_event(1, occurred_at=START, effective_cost=7_000),
            an_event(2, occurred_at=START, effective_cost=7_000, currency="CNY", bound_cost=9_000),
        ],
    )

    assert [row[1:3] for row in read_calls(ledger.ledger, (), [], (START, START + 1))] == [(None, 7), (9, None)]


def test_refusals_and_single_events_are_found_again(ledger: Context) -> None:
    refused = an_event(1, occurred_at=START, verdict="blocked", decision='{"breaking": "b"}', attempt=0)
    ingest_events(ledger, [refused, an_event(2, occurred_at=START, verdict="allowed", decision="{}")])

    assert read_refusals(ledger.ledger, START, 10) == [(START, '{"breaking": "b"}')]
    assert read_refusals(ledger.ledger, START + 1, 10) == []
    assert read_events(ledger.ledger, [refused.event_id, "evt_none"], START) == [refused]
    assert read_events(ledger.ledger, [refused.event_id], START + 1) == []


def test_tokens_that_are_not_known_come_with_their_decision(ledger: Context) -> None:
    broke = an_event(1, outcome="cut", decision="{}", measured=Measured(input_tokens=5, state="estimated"))
    ingest_events(ledger, [broke, an_event(2, decision="{}")])

    assert read_unknown_tokens(ledger.ledger, Wanted(("team",), (START,), 0), after=0, upto=9) == [
        (("Support",), 0, 5, "{}")
    ]
