"""The stored decision: the verdict can be made again from it, and it says what people ask."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.budgets import decision as decision_module
from tallystick.budgets.decision import Decision, decision_dict
from tallystick.budgets.decision_text import decision_text
from tallystick.budgets.judge import judge, judge_away, prejudge
from tallystick.budgets.model import NANO, Bound, Budget, Granted, Judgement, Standing, Try
from tests.budgets.recompute import verdict
from tests.budgets.sample import BOUND, CALL, NOON, asking, bounds, budget, budgets, granting, standings

counted = st.lists(st.tuples(budgets(), standings), max_size=5)
policies = st.sampled_from(["block", "ceiling", "allow"])


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    """A decision as a gateway makes it: refuse at once, ask, degrade and ask again; or the counters are away."""
    pairs, bound, policy = draw(counted), draw(bounds), draw(policies)
    dimensions = CALL | draw(st.sampled_from([{}, {"workload_class": "critical"}]))
    covering = tuple(one for one, _ in pairs)
    ask = asking(covering, bound, dimensions)
    tried = Try("gpt-x", dimensions, covering, bound, ask)
    more: dict[str, Any] = {"unknown_price": policy, "counters": {"kind": "process", "state": "ok"}}
    refused = prejudge(covering, dimensions, bound, policy)
    if refused is not None:
        return Decision(NOON, refused, tried=tried, **more)
    if draw(st.integers(0, 9)) == 0:
        more["counters"] = {"kind": "redis", "state": "away"}
        return Decision(NOON, judge_away(covering, ask), tried=tried, **more)
    granted = granting(ask.holds, [one for _, one in pairs], ask.most, ask.least)
    judgement, tried = judge(covering, granted, ask, model="gpt-x"), replace(tried, granted=granted)
    if judgement.verdict != "degraded":
        return Decision(NOON, judgement, tried=tried, **more)
    first, ask = tried, asking(covering, replace(bound, base_grains=bound.base_grains // 10), dimensions)
    again = granting(ask.holds, [draw(standings) for _ in pairs], ask.most, ask.least)
    second = Try("small", dimensions, covering, bound, ask, again)
    judgement = judge(covering, again, ask, degraded=judgement.breaking, model="small")
    return Decision(NOON, judgement, tried=second, first=first, **more)


@given(decisions())
def test_the_verdict_can_be_made_again_from_what_is_stored(made: Decision) -> None:
    stored = json.loads(json.dumps(decision_dict(made)))
    assert verdict(stored) == stored["verdict"] == made.judgement.verdict
    if stored["first_try"]:
        assert verdict({**stored, **stored["first_try"], "first_try": None}) == "degraded"
    for one in stored["budgets"]:
        if one.get("posted") is not None and one["enforced"]:
            room = one["asked"] <= max(0, one["limit"] - one["posted"] - one["reserved"])
            assert one["has_room"] == (room and one.get("tripped_until", 0) <= stored["at"])


@given(
    decisions(),
    st.text(),
    st.dictionaries(st.sampled_from([*CALL, "user\n"]), st.sampled_from(["locked", "header", "body", "default"])),
    st.none() | st.integers(0, 10**6),
    st.booleans(),
)
def test_the_text_of_a_decision_is_the_same_document(
    made: Decision, said: str, sources: dict[str, str], cap: int | None, changed: bool
) -> None:
    for tried in (made.tried, made.first):
        whole = replace(
            made, tried=tried, reason=said, sources=sources, requested_model=said[::-1], sent_model="gpt\"x\\",
            requested_max=cap, granted_max=cap, max_set=changed, identity={"id": said, "kind": "tally key"},
            rules=[{"id": said, "effect": "allow"}] if changed else (), outcome={"served_from": said} if cap else {},
        )  # fmt: skip
        assert decision_text(whole) == json.dumps(decision_dict(whole), ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize("change", [{"posted": 10**15}, {"limit": 0}, {"tripped_until": 2**62}, {"asked": 10**15}])
def test_a_changed_number_changes_the_verdict_that_is_made_again(change: dict[str, int]) -> None:
    stored = decision_dict(example(budget("b", group_by=("team",)), Standing(0, 0, None)))
    assert verdict(stored) == "allowed"
    stored["budgets"][0].update(change)
    assert verdict(stored) == "blocked"


@pytest.mark.parametrize("word", ["denied", "cached"])
def test_what_came_before_the_budgets_is_told_too(word: Any) -> None:
    made = Decision(
        NOON,
        Judgement(word, "model_denied" if word == "denied" else ""),
        rules=[{"id": "rule_1", "effect": "deny" if word == "denied" else "allow"}],
        outcome={"served_from": "cache"} if word == "cached" else {},
    )
    stored = decision_dict(made)
    assert verdict(stored) == stored["verdict"] == word
    assert (stored["bound"], stored["budgets"], stored["dimensions"]) == (None, [], {})


def test_the_script_is_short_and_stands_alone() -> None:
    text = (Path(__file__).parent / "recompute.py").read_text()
    assert sum(1 for line in text.splitlines() if line.strip()) <= 30
    assert "import" not in text


def example(held: Budget, standing: Standing) -> Decision:
    bound = Bound(1000, 4000, 3_000_000, 2_000_000, True, source="by hand", price_id="price_1")
    ask = asking([held], bound, at_us=NOON + 5)
    granted = granting(ask.holds, [standing], ask.most, ask.least, NOON + 5)
    judgement = judge([held], granted, ask)
    return Decision(
        NOON + 5,
        judgement,
        reason="because",
        identity={"id": "key_1", "kind": "tally"},
        sources={"team": "header", "key": "locked"},
        tried=Try("gpt-x", CALL, (held,), bound, ask, granted),
        requested_model="gpt-x",
        sent_model="gpt-x",
        requested_max=4000,
        granted_max=4000,
        counters={"kind": "shared", "state": "ok"},
    )


def test_a_decision_in_full() -> None:
    held = budget("search", 10 * NANO, group_by=("team",), where={"key": ("*",)}, degrade_to="s", action="degrade")
    stored = decision_dict(example(held, Standing(9_999_000_000, 1_000, None)))
    told = stored.pop("budgets")[0]
    key = told.pop("counter")
    assert len(bytes.fromhex(key)) == 16
    assert told == {
        "id": "bud_search", "name": "search", "unit": "usd", "action": "degrade", "window": "month",
        "degrade_to": "s", "group": {"team": "search"}, "on_claims": ["team"], "enforced": True,
        "window_start": 1793491200000000, "window_end": 1796083200000000,
        "limit": 10_000_000_000, "posted": 9_999_000_000, "reserved": 1000, "asked": 8_003_000,
        "has_room": False,
    }  # fmt: skip
    assert stored == {
        "at": NOON + 5, "at_text": "2026-11-23T12:00:00.000005Z", "verdict": "degraded", "code": "",
        "reason": "because", "breaking": "bud_search", "reset": 1796083200000000, "alerts": [],
        "identity": {"id": "key_1", "kind": "tally"},
        "dimensions": {
            "provider": {"value": "openai", "from": "request"}, "model": {"value": "gpt-x", "from": "request"},
            "key": {"value": "key_1", "from": "locked"}, "team": {"value": "search", "from": "header"},
            "run": {"value": "r-1", "from": "request"},
        },
        "unknown_price": "ceiling", "rules": [], "models": {"requested": "gpt-x", "sent": "gpt-x"},
        "max_tokens": {"requested": 4000, "granted": 4000, "set_by_gateway": False},
        "counters": {"kind": "shared", "state": "ok"}, "model": "gpt-x",
        "bound": {
            "input_tokens": 1000, "output_tokens": 4000, "capped": True, "choices": 1, "amount": 8_003_000_000,
            "amount_text": "$0.008003", "price": "exact", "price_id": "price_1", "source": "by hand", "unbounded": "",
        },
        "first_try": None, "outcome": {},
    }  # fmt: skip


def test_a_breaker_an_alert_and_a_try_without_an_ask() -> None:
    held = budget("fast", 5, unit="requests", window="minute", rolling=True, trip_seconds=60)
    told = decision_dict(example(held, Standing(5, 0, None)))["budgets"][0]
    assert (told["tripped_until"], told["trip_seconds"], told["has_room"]) == (NOON + 5 + 60_000_000, 60, False)
    assert "text" not in told
    told = decision_dict(example(budget(action="alert", limit=1), Standing(5, 0, None)))
    assert (told["verdict"], told["alerts"]) == ("alerted", ["bud_b"])
    assert (told["budgets"][0]["enforced"], told["budgets"][0]["has_room"]) == (False, False)
    bare = Decision(NOON, Judgement("allowed"), tried=Try("m", CALL, (), BOUND))
    assert decision_dict(bare)["budgets"] == []


def test_a_changed_budget_of_the_same_name_is_told_as_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision_module, "_MOST_REMEMBERED", 1)
    for action in ("block", "pause", "block"):
        stored = decision_dict(example(budget("b", action=action), Standing(0, 0, None)))
        assert stored["budgets"][0]["action"] == action


def test_amounts_of_a_refused_call_are_those_of_the_least_output() -> None:
    made = example(budget(), Standing(0, 0, None))
    assert made.tried is not None
    assert made.tried.ask is not None
    ask = replace(made.tried.ask, least=10)
    refused = replace(made.tried, ask=ask, granted=Granted(False, 0, (Standing(0, 0, 1),), (0,)))
    assert decision_dict(replace(made, tried=refused))["budgets"][0]["asked"] == 3000 + 20_000
