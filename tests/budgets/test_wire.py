"""Budgets on the wire: what is written reads back the same, and what is wrong is named with a way out."""

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.budgets.cover import DIMENSIONS
from tallystick.budgets.model import ACTIONS, NANO, UNITS, WINDOWS, Budget, Override, Threshold
from tallystick.budgets.window import ENDLESS
from tallystick.budgets.wire import from_wire, limit_text, parse_limit, parse_threshold, threshold_text, to_wire
from tallystick.kernel.errors import UsageError
from tests.budgets.sample import NOON

texts = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), max_size=12)
dimensions = st.sampled_from(DIMENSIONS)
words = st.one_of(st.just("*"), texts.filter(lambda text: text.strip("!") != "" and "*" not in text and text[0] != "!"))
values = st.builds(lambda no, word: no + word, st.sampled_from(["", "!"]), words)
limits = st.integers(1, 10**18)
instants = st.integers(0, 10**16)


@st.composite
def whole_budgets(draw: st.DrawFn) -> Budget:
    window = draw(st.sampled_from(WINDOWS))
    endless = window in ENDLESS
    rolling = not endless and draw(st.booleans())
    action = draw(st.sampled_from(ACTIONS))
    unit = draw(st.sampled_from(UNITS))
    kinds = st.sampled_from(["limit"] if rolling or endless else ["limit", "pace", "forecast"])
    start = draw(instants)
    return Budget(
        budget_id=draw(texts),
        name="n" + draw(texts),
        limit=draw(limits),
        unit=unit,
        window=window,
        where=draw(
            st.dictionaries(dimensions, st.lists(values, min_size=1, max_size=3, unique=True).map(tuple), max_size=3)
        ),
        group_by=draw(st.lists(dimensions, max_size=3, unique=True).map(tuple)),
        action=action,
        degrade_to="small" if action == "degrade" else "",
        zone=draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"])),
        fiscal_start=draw(st.integers(1, 12)),
        rolling=rolling,
        window_count=draw(st.integers(1, 1000)) if rolling else 1,
        thresholds=tuple(draw(st.lists(st.builds(Threshold, kinds, st.integers(1, 1000)), max_size=3))),
        carry_over=not rolling and not endless and draw(st.booleans()),
        overrides=(Override(draw(limits), start, start + draw(st.integers(1, 10**12)), draw(texts), draw(texts)),),
        fail=draw(st.sampled_from(["open", "closed"])),
        unknown_price=draw(st.sampled_from([None, "block", "ceiling", "allow"])),
        strict=draw(st.booleans()),
        trip_seconds=draw(st.integers(0, 1000)) if action == "block" else 0,
        owner=draw(texts),
        preset=draw(texts),
        created_at=draw(instants),
        deleted_at=draw(st.one_of(st.none(), instants)),
        version=draw(st.integers(0, 2**62)),
    )


@given(whole_budgets())
def test_a_budget_read_back_is_the_same(one: Budget) -> None:
    wire = json.loads(json.dumps(to_wire(one)))
    assert from_wire(wire) == one
    assert len(wire) == len(fields(Budget))


def test_the_least_that_can_be_said() -> None:
    assert from_wire({"name": "search", "limit": "100"}) == Budget("", "search", 100 * NANO)


def test_a_budget_as_people_write_it() -> None:
    made = from_wire(
        {
            "name": " search-month ", "limit": "0.10", "window": "quarter", "fiscal_start": 4, "zone": "Europe/Berlin",
            "where": {"Cost-Center": "4711", "tier": ["gold", "! free"], "session": ["*"]}, "group_by": ["Team", "run-id", "run"],
            "thresholds": ["80%", "pace:120", "FORECAST: 100 %", 50], "unknown_price": "", "carry_over": None,
            "overrides": [{"limit": 5, "from": "2026-11-23T13:00:00+01:00", "until": "2026-11-23T12:00:01Z"}],
        }
    )  # fmt: skip
    assert made == Budget(
        "", "search-month", 100_000_000, window="quarter", fiscal_start=4, zone="Europe/Berlin",
        where={"cost_center": ("4711",), "customer_tier": ("gold", "!free"), "conversation": ("*",)},
        group_by=("team", "run"),
        thresholds=(Threshold("limit", 80), Threshold("pace", 120), Threshold("forecast", 100), Threshold("limit", 50)),
        overrides=(Override(5 * NANO, NOON, NOON + 1_000_000),),
    )  # fmt: skip


GOOD = {"name": "b", "limit": "1"}


@pytest.mark.parametrize(
    ("change", "field", "said", "step"),
    [
        ({"limits": 1}, "limits", 'no field is called "limits"', '"limit"'),
        ({3: 1}, "3", 'no field is called "3"', ""),
        ({"name": None}, "name", "text", ""),
        ({"name": ""}, "name", "missing", ""),
        ({"name": "a\nb"}, "name", "printable", ""),
        ({"name": "n" * 257}, "name", "at most 256", ""),
        ({"owner": 5}, "owner", "text", ""),
        ({"limit": None}, "limit", "not an amount", '"100"'),
        ({"limit": 0.1}, "limit", "not an amount", "as text"),
        ({"limit": True}, "limit", "not an amount", ""),
        ({"limit": "ten"}, "limit", "not an amount", ""),
        ({"limit": "NaN"}, "limit", "not an amount", ""),
        ({"limit": "Infinity"}, "limit", "not an amount", ""),
        ({"limit": "1" * 65}, "limit", "not an amount", ""),
        ({"limit": 0}, "limit", "not above 0", "revoke"),
        ({"limit": "-1"}, "limit", "not above 0", ""),
        ({"limit": "1000000001"}, "limit", "more than 1000000000", ""),
        ({"limit": "1e999999999"}, "limit", "more than", ""),
        ({"limit": "0.0000000001"}, "limit", "finer than 9 decimals", ""),
        ({"limit": "1e-999999999"}, "limit", "finer than 9 decimals", ""),
        ({"limit": "1.0000000000000000000000000000000001"}, "limit", "finer than 9 decimals", ""),
        ({"limit": "1.5", "unit": "tokens"}, "limit", "finer than whole numbers", ""),
        ({"unit": "dollars"}, "unit", "none of usd, tokens, requests", ""),
        ({"window": "monthly"}, "window", "none of run", '"month"'),
        ({"action": ["block"]}, "action", "none of block", ""),
        ({"fail": "ajar"}, "fail", "none of open, closed", ""),
        ({"unknown_price": "no"}, "unknown_price", "none of block", ""),
        ({"zone": "Europe/Berln"}, "zone", "no time zone", '"Europe/Berlin"'),
        ({"zone": "../etc/passwd"}, "zone", "no time zone", "Europe/Berlin"),
        ({"zone": "Europe"}, "zone", "no time zone", ""),
        ({"fiscal_start": 13}, "fiscal_start", "from 1 to 12", ""),
        ({"fiscal_start": "4"}, "fiscal_start", "whole number", ""),
        ({"fiscal_start": True}, "fiscal_start", "whole number", ""),
        ({"rolling": "yes"}, "rolling", "neither true nor false", ""),
        ({"where": ["team"]}, "where", "an object", "search"),
        ({"where": {"taem": "a"}}, "where", 'no dimension is called "taem"', '"team"'),
        ({"where": {"zzz": "a"}}, "where", "no dimension", ""),
        ({"where": {"response_model": "a"}}, "where", "not known before the call", ""),
        ({"where": {"team": []}}, "where.team", "needs values", '"*"'),
        ({"where": {"team": 5}}, "where.team", "a list", ""),
        ({"where": {"team": ["a"], "Team": ["b"]}}, "where.team", "once", ""),
        ({"where": {"team": ["!"]}}, "where.team", "no value", "!value"),
        ({"where": {"team": [None]}}, "where.team", "no value", ""),
        ({"where": {"model": "gpt-*"}}, "where.model", "no value", "whole value"),
        ({"where": {"team": "v" * 257}}, "where.team", "no value", ""),
        ({"where": {"team": ["v"] * 1001}}, "where.team", "at most 1000", ""),
        ({"group_by": "team"}, "group_by", "a list", ""),
        ({"group_by": ["verdict"]}, "group_by", "not known before", ""),
        ({"thresholds": ["most"]}, "thresholds", "not a threshold", '"80%"'),
        ({"thresholds": ["speed:80"]}, "thresholds", "not a threshold", ""),
        ({"thresholds": ["0%"]}, "thresholds", "1 to 1000", ""),
        ({"thresholds": ["1001"]}, "thresholds", "1 to 1000", ""),
        ({"thresholds": ["12345"]}, "thresholds", "not a threshold", ""),
        ({"thresholds": ["٣%"]}, "thresholds", "not a threshold", ""),
        ({"thresholds": "80%"}, "thresholds", "a list", ""),
        ({"window": "run", "rolling": True}, "rolling", "cannot be rolling", ""),
        ({"window_count": 10}, "window_count", "only rolling", '"rolling": true'),
        ({"window_count": 1001, "rolling": True}, "window_count", "from 1 to 1000", ""),
        ({"window": "total", "carry_over": True}, "carry_over", "calendar", ""),
        ({"rolling": True, "carry_over": True}, "carry_over", "calendar", ""),
        ({"action": "degrade"}, "degrade_to", "need each other", "degrade_to"),
        ({"degrade_to": "small"}, "degrade_to", "need each other", ""),
        ({"trip_seconds": 60, "action": "alert"}, "trip_seconds", "a breaker blocks", ""),
        ({"trip_seconds": -1}, "trip_seconds", "whole number", ""),
        ({"window": "run", "thresholds": ["pace:120"]}, "thresholds", "pace and a forecast", ""),
        ({"rolling": True, "thresholds": ["forecast:100"]}, "thresholds", "pace and a forecast", ""),
        ({"overrides": ["x"]}, "overrides", "an object", ""),
        ({"overrides": [{"limits": 1}]}, "limits", "field of an override", '"limit"'),
        ({"overrides": [{"limit": 1}]}, "overrides", "from before until", ""),
        ({"overrides": [{"limit": 1, "from": "2026-11-23T00:00:00Z"}]}, "overrides", "from before until", ""),
        (
            {"overrides": [{"limit": 1, "from": "2026-11-23T00:00:00Z", "until": "2026-11-23T00:00:00Z"}]},
            "overrides", "from before until", "",
        ),
        (
            {"overrides": [{"limit": 0, "from": "2026-11-23T00:00:00Z", "until": "2026-11-24T00:00:00Z"}]},
            "overrides.limit", "not above 0", "",
        ),
        ({"created_at": "2026-11-23T00:00:00"}, "created_at", "not an instant", "2026-12-01"),
        ({"created_at": "yesterday"}, "created_at", "not an instant", ""),
        ({"deleted_at": "0001-01-01T00:00:00+14:00"}, "deleted_at", "not an instant", ""),
        ({"version": -1}, "version", "whole number", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_a_way_out(change: dict[Any, Any], field: str, said: str, step: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_wire({**GOOD, **change})
    assert caught.value.where == field
    assert said in caught.value.what
    assert step in " ".join(caught.value.next_steps)


@given(st.sampled_from(UNITS), limits)
def test_limits_are_exact_decimal_text(unit: str, limit: int) -> None:
    assert parse_limit(unit, limit_text(unit, limit)) == limit


@given(st.builds(Threshold, st.sampled_from(["limit", "pace", "forecast"]), st.integers(1, 1000)))
def test_thresholds_read_back_the_same(one: Threshold) -> None:
    assert parse_threshold(threshold_text(one)) == one


@pytest.mark.parametrize("limit", ["1000000000", "1e9", " 7 ", "0.000000001", "1.50000000000000", 12])
def test_odd_spellings_of_a_good_limit(limit: object) -> None:
    assert parse_limit("usd", limit) == round(float(str(limit)) * NANO)
