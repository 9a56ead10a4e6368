"""What the demo's budgets made of its calls: amounts that its rows sum to, and no cost that was not there before."""

import json

import pytest

from tallystick.demo.budgets import demo_budgets
from tallystick.kernel.period import rfc3339
from tests.demo.test_generate import NOW_US, built

MONTH_US = 1_793_491_200_000_000  # 2026-11-01 UTC


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    columns, _ = built(events=20_000)
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def test_a_small_share_of_rows_has_a_verdict_and_a_decision(rows) -> None:
    told = [one for one in rows if one["verdict"]]
    kinds = {one["verdict"] for one in told}
    assert "allowed" in kinds
    assert kinds <= {"allowed", "alerted", "degraded", "blocked"}
    assert 0 < len(told) < len(rows) // 20
    assert all(one["decision"] for one in told)


def test_a_decision_says_what_the_rows_before_it_sum_to(rows) -> None:
    assert rfc3339(MONTH_US) == "2026-11-01T00:00:00Z"
    compared = 0
    for one in rows:
        listed = json.loads(one["decision"])["budgets"] if one["decision"] else []
        for line in listed:
            if line["id"] == "bud_demo_platform" and line["window_start"] == MONTH_US:
                before = [
                    -(-(other["effective_cost"] or 0) // 1000)
                    for other in rows
                    if other["team"] == "Platform" and MONTH_US <= other["occurred_at"] < one["occurred_at"]
                ]
                assert line["posted"] == sum(before)
                compared += 1
    assert compared >= 3


def test_refused_calls_reached_nobody_and_degraded_ones_name_both_models(rows) -> None:
    for one in rows:
        if one["outcome"] == "refused":
            assert (one["attempt"], one["verdict"], one["input_tokens"]) == (0, "blocked", None)
        if one["verdict"] == "degraded":
            assert (one["request_model"], one["sent_model"]) == ("claude-opus-5", "claude-sonnet-5")
            assert json.loads(one["decision"])["first_try"]["budgets"]


def test_smaller_demos_have_smaller_budgets() -> None:
    large, small = demo_budgets(212_000, NOW_US), demo_budgets(106_000, NOW_US)
    assert len(large) == 8
    for one, half in zip(large, small, strict=True):
        assert half.limit == (one.limit if one.unit == "requests" else one.limit // 2)
