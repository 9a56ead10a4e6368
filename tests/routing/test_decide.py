"""Rules: first match per kind of effect, shadow does nothing, and what describes a rule comes back as it was."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.kernel.errors import UsageError
from tallystick.routing.decide import apply, in_hours, in_order, meets
from tallystick.routing.model import NO_PLAN, CallFacts, Conditions, Effects, Hours, Rule, Span
from tallystick.routing.wire import from_wire, to_wire

# 2026-07-01 23:30 in Berlin, which is 21:30 UTC.
EVENING = 1_782_941_400_000_000
FACTS = CallFacts({"team": "search", "model": "gpt-4o", "provider": "openai"}, EVENING, input_bytes=1000, messages=3)


def rule(name: str, shadow: bool = False, priority: int = 100, **effects: Any) -> Rule:
    return Rule(name, name, effects=Effects(**effects), shadow=shadow, priority=priority)


def test_the_first_rule_of_each_kind_counts() -> None:
    rules = in_order(
        [
            rule("b", models=("gpt-4o-mini",), max_output=5),
            rule("a", provider="azure"),
            rule("c", cache_seconds=60, priority=1),
            rule("d", cache_seconds=9, max_output=7),
        ]
    )
    plan = apply(rules, FACTS)
    assert (plan.provider, plan.models, plan.max_output, plan.cache_seconds) == ("azure", (), 5, 60)
    assert plan.by == {"cache": "c", "route": "a", "max_output": "b"}


def test_a_rule_that_denies_ends_the_asking() -> None:
    plan = apply([rule("no", deny="not here"), rule("later", max_output=5)], FACTS)
    assert (plan.deny, plan.max_output, plan.by) == ("not here", None, {"deny": "no"})


def test_a_rule_in_shadow_says_what_it_would_have_done_and_takes_from_nobody() -> None:
    plan = apply(
        [rule("try", shadow=True, max_output=1), rule("real", max_output=5), rule("late", True, max_output=9)], FACTS
    )
    assert plan.max_output == 5
    assert plan.shadowed == ("try",)
    lone = apply([rule("try", shadow=True, deny="x")], FACTS)
    assert (lone.deny, lone.by, lone.shadowed) == ("", {}, ("try",))


@pytest.mark.parametrize(
    ("conditions", "met"),
    [
        (Conditions(), True),
        (Conditions({"team": ("search", "ads")}), True),
        (Conditions({"team": ("ads",)}), False),
        (Conditions({"model": ("GPT-4o",)}), True),
        (Conditions({"customer": ("*",)}), False),
        (Conditions({"environment": ("!production",)}), True),
        (Conditions({"team": ("!search",)}), False),
        (Conditions(input_bytes=Span(1000, 1000)), True),
        (Conditions(input_bytes=Span(1001)), False),
        (Conditions(messages=Span(most=3)), True),
        (Conditions(messages=Span(4)), False),
        (Conditions(max_tokens=Span(most=100)), False),
        (Conditions(tools=False), True),
        (Conditions(tools=True), False),
        (Conditions(budget="search a month", budget_percent=0), False),
        (Conditions(hours=Hours(22 * 60, 6 * 60, "Europe/Berlin")), True),
        (Conditions(hours=Hours(22 * 60, 6 * 60)), False),
    ],
)
def test_all_conditions_must_be_true(conditions: Conditions, met: bool) -> None:
    assert meets(conditions, FACTS) is met


def test_a_budgets_state_is_at_least_the_per_cent_asked() -> None:
    asks = Conditions(budget="search a month", budget_percent=80)
    assert not meets(asks, replace(FACTS, budgets={"search a month": 79}))
    assert meets(asks, replace(FACTS, budgets={"search a month": 80}))


def test_hours_end_before_their_end() -> None:
    noon = Hours(12 * 60, 13 * 60)
    day = 86_400_000_000
    assert in_hours(noon, day + 12 * 3_600_000_000)
    assert not in_hours(noon, day + 13 * 3_600_000_000)


WORD = st.text("abcdefgh", min_size=1, max_size=6)
SPAN = st.one_of(st.just(Span()), st.integers(0, 9).map(lambda n: Span(n, n + 5)), st.integers(0, 9).map(Span))
CONDITIONS = st.builds(
    Conditions,
    where=st.dictionaries(st.sampled_from(["team", "model", "key"]), st.lists(WORD, min_size=1, max_size=3).map(tuple)),
    input_bytes=SPAN,
    max_tokens=SPAN,
    messages=SPAN,
    tools=st.sampled_from([None, True, False]),
    hours=st.sampled_from([None, Hours(0, 90), Hours(1380, 1, "Asia/Kolkata")]),
)
EFFECTS = st.one_of(
    st.builds(Effects, models=st.lists(WORD, min_size=1, max_size=3).map(tuple), max_output=st.integers(1, 99)),
    st.builds(Effects, provider=WORD, deny=WORD),
    st.builds(Effects, cache_seconds=st.integers(1, 99), cache_scope=st.sampled_from([("key",), ("team", "customer")])),
)
RULES = st.builds(
    Rule,
    rule_id=st.just(""),
    name=WORD,
    conditions=CONDITIONS,
    effects=EFFECTS,
    priority=st.integers(0, 3),
    shadow=st.booleans(),
)


@given(RULES)
def test_a_rule_survives_being_written_down(one: Rule) -> None:
    assert from_wire(to_wire(one)) == one


@given(st.lists(RULES, max_size=6), st.sampled_from(["search", "a", "b"]))
def test_a_plan_does_not_depend_on_the_order_of_rows_and_shadow_changes_nothing(rules: list[Rule], team: str) -> None:
    named = [replace(one, name=f"{one.name}{at}") for at, one in enumerate(rules)]
    facts = replace(FACTS, dimensions={"team": team})
    plan = apply(in_order(named), facts)
    assert apply(in_order(reversed(named)), facts) == plan
    awake = apply(in_order(one for one in named if not one.shadow), facts)
    assert replace(plan, shadowed=()) == awake
    assert (plan is NO_PLAN) == (not plan.by and not plan.shadowed)


def test_a_rule_begins_in_shadow() -> None:
    assert from_wire({"name": "x", "then": {"deny": "no"}}).shadow


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        ({"name": "x", "then": {}}, "no effect"),
        ({"name": "x/y", "then": {"deny": "no"}}, "cannot name a rule"),
        ({"name": "x", "then": {"deni": "no"}}, 'no field "deni"'),
        ({"name": "x", "wen": {}, "then": {"deny": "no"}}, 'no field "wen"'),
        ({"name": "x", "when": {"squad": "a"}, "then": {"deny": "no"}}, '"squad" is no dimension'),
        ({"name": "x", "when": {"hours": {"from": "25:00", "to": "1:00"}}, "then": {"deny": "no"}}, "no time of day"),
        (
            {"name": "x", "when": {"hours": {"from": "01:00", "to": "01:00"}}, "then": {"deny": "n"}},
            "begins when it ends",
        ),
        ({"name": "x", "when": {"messages": {"least": 3, "most": 1}}, "then": {"deny": "no"}}, "is empty"),
        ({"name": "x", "then": {"model": "a", "provider": "b"}}, "contradict"),
        ({"name": "x", "then": {"cache_seconds": 0}}, "whole number from 1"),
        ({"name": "x", "then": {"max_output": True}}, "whole number"),
        ({"name": "x", "then": {"cache_scope": "team"}}, "without then.cache_seconds"),
        ({"name": "x", "then": {"cache_seconds": 5, "cache_scope": ["model"]}}, "separate no callers"),
        ({"name": "x", "shadow": "no", "then": {"deny": "no"}}, "true or false"),
    ],
)
def test_what_cannot_be_understood_is_said(wire: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        from_wire(wire)
