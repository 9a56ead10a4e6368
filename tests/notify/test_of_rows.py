"""From a row's decision to an alert. Decisions are written by hand, but for the one that the budgets themselves write."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.notify.of_rows import alerts_of, is_telling
from tallystick.usage.model import Measured, UsageEvent

NOON = 1_795_435_200_000_000
DAY = 86_400_000_000
START = NOON - DAY // 2
BUDGET: dict[str, Any] = {
    "id": "bud_1",
    "name": "Support",
    "group": {"team": "support"},
    "counter": "9f2c",
    "unit": "usd",
    "window": "day",
    "window_start": START,
    "window_end": START + DAY,
    "rolling": False,
    "trip_seconds": 0,
    "limit": 50_000_000_000,
    "posted": 49_980_000_000,
    "reserved": 410_000_000,
}
OTHER = BUDGET | {"id": "bud_2", "name": "Company", "group": {}, "counter": "00aa"}


def _row(verdict: str = "blocked", budget: dict[str, Any] | None = None, **decision: Any) -> UsageEvent:
    told = {"code": "budget_exceeded", "reason": "", "breaking": "bud_1", "first_try": None}
    told |= {"budgets": [OTHER, budget or BUDGET]} | decision
    return UsageEvent(
        "evt_1", "call_1", NOON, attempt=0, outcome="refused", verdict=verdict, decision=json.dumps(told), key="key_7",
        request_model="gpt-4o", model="gpt-4o", provider="openai",
    )  # fmt: skip


def test_a_refusal_names_who_what_and_until_when() -> None:
    (alert,) = alerts_of(_row(reason="The budget “Support” has $0.00 left; this call may cost $0.12."))
    assert alert.kind == "budget_blocked"
    assert alert.title == "Team=support is refused: the budget “Support” has no room"
    assert alert.lines == (
        "The budget “Support” has $0.00 left; this call may cost $0.12.",
        "$50.00 limit, $49.98 used, $0.410 held for calls in flight (window: day).",
        "First such call: 2026-11-23T12:00:00Z, key key_7, model gpt-4o.",
        "The window ends 2026-11-24T00:00:00Z. A higher limit holds for the very next call.",
    )
    assert alert.link == "/requests/evt_1"
    assert alert.subject == f"budget_blocked:bud_1:9f2c:{START}:budget_exceeded"
    assert alert.severity == "warning"


@pytest.mark.parametrize(
    ("verdict", "kind", "title"),
    [
        ("paused", "budget_blocked", "Team=support is refused: the budget “Support” has no room"),
        ("tripped", "breaker_tripped", "Team=support is stopped: the breaker “Support” has tripped"),
    ],
)
def test_each_verdict_has_its_words(verdict: str, kind: str, title: str) -> None:
    (alert,) = alerts_of(_row(verdict))
    assert (alert.kind, alert.title) == (kind, title)


def test_a_refusal_for_want_of_a_price_says_so() -> None:
    (alert,) = alerts_of(_row(code="price_unknown"))
    assert alert.title == (
        "Team=support is refused: no price is known for the model and the budget “Support” wants one"
    )


def test_a_cheaper_model_is_told_of_with_the_budget_of_the_first_try() -> None:
    full = BUDGET | {"posted": 50_000_000_000}
    row = _row("degraded", first_try={"budgets": [full]}, budgets=[BUDGET | {"posted": 1}])
    (alert,) = alerts_of(replace(row, attempt=1, outcome="ok", sent_model="gpt-4o-mini"))
    assert alert.kind == "budget_degraded"
    assert alert.title == "Team=support gets the model gpt-4o-mini: the budget “Support” has no room"
    assert "$50.00 used" in alert.lines[0]


def test_a_budget_without_groups_and_in_tokens_reads_well() -> None:
    (alert,) = alerts_of(_row(budget=BUDGET | {"group": {}, "unit": "tokens", "limit": 5000, "posted": 4990}))
    assert alert.title == "A call is refused: the budget “Support” has no room"
    assert alert.lines[0].startswith("5,000 tokens limit, 4,990 tokens used")


def test_another_call_of_the_window_is_the_same_incident_and_the_next_window_is_not() -> None:
    first = next(alerts_of(_row()))
    later = next(alerts_of(replace(_row(), event_id="evt_2", occurred_at=NOON + DAY // 4)))
    tomorrow = next(alerts_of(_row(budget=BUDGET | {"window_start": START + DAY, "window_end": START + 2 * DAY})))
    other = next(alerts_of(_row(budget=BUDGET | {"counter": "beef"})))
    assert first.subject == later.subject
    assert len({first.subject, tomorrow.subject, other.subject}) == 3


def test_a_breaker_that_stays_open_is_one_incident_though_its_window_rolls() -> None:
    minute = 60_000_000
    rolling = BUDGET | {"rolling": True, "trip_seconds": 300, "window_end": NOON, "window_start": NOON - minute}
    at = NOON - NOON % (300 * 1_000_000)

    def subject(offset: int) -> str:
        moved = rolling | {"window_start": at + offset - minute, "window_end": at + offset}
        return next(alerts_of(replace(_row("tripped", moved), occurred_at=at + offset))).subject

    assert subject(0) == subject(minute) == subject(4 * minute)
    assert subject(0) != subject(6 * minute)


def test_a_model_without_a_price_is_told_of_once_for_the_same_meters() -> None:
    measured = Measured({"uncached_input": 10, "plain_output": 3, "requests": 1}, 10, 3, "reported")
    row = UsageEvent(
        "evt_1", "call_1", NOON, provider="openai", model="new-model", measured=measured, verdict="allowed"
    )
    assert is_telling(row)
    (alert,) = alerts_of(row)
    assert alert.kind == "price_unknown"
    assert alert.subject == "price_unknown:openai:new-model:uncached_input, plain_output"
    assert alert.title == "No price is known for new-model at openai, so its cost is unknown"
    priced = replace(row, priced={"uncached_input": 1, "plain_output": 1})
    assert not is_telling(priced)
    assert not list(alerts_of(priced))


@pytest.mark.parametrize("verdict", ["", "allowed", "alerted", "denied", "cached"])
def test_what_needs_nobody_says_nothing(verdict: str) -> None:
    row = _row(verdict)
    assert not is_telling(row)
    assert not list(alerts_of(row))


@pytest.mark.parametrize("decision", ["", "null", "[]", "{", '{"budgets": 3}', '{"breaking": null, "budgets": [{}]}'])
def test_a_decision_that_cannot_be_read_is_no_alert_and_no_error(decision: str) -> None:
    assert not list(alerts_of(replace(_row(), decision=decision)))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(sorted(BUDGET)), _JSON), st.dictionaries(st.sampled_from(["code", "reason"]), _JSON)
)
def test_whatever_a_budget_holds_is_left_out_rather_than_raised(budget: dict[str, Any], top: dict[str, Any]) -> None:
    for alert in alerts_of(_row(budget=BUDGET | budget | {"id": "bud_1"}, **top)):
        assert "\n" not in alert.title
        assert alert.title.isprintable()
