"""What holds before anybody has set a budget."""

import pytest

from tallystick.budgets.cover import BudgetBook
from tallystick.budgets.defaults import default_budgets, preset
from tallystick.budgets.model import FINGERPRINT, KEY_STAGE, NANO, Budget, Threshold
from tallystick.budgets.wire import from_wire, to_wire
from tests.budgets.sample import budget

DEFAULTS = default_budgets(50.0, 10.0, 600, 300, "Europe/Berlin")
CALL = {"key": "k", "run": "r", "conversation": "c", FINGERPRINT: "f"}
IDS = ["key-day", "run", "conversation", "run-velocity", "conversation-velocity", "run-loop", "conversation-loop"]


def covering(call: dict[str, str]) -> list[str]:
    return [one.budget_id for one in BudgetBook(DEFAULTS).covering(call)]


def test_a_key_that_is_not_declared_production_is_blocked_and_one_that_is_only_alerts() -> None:
    assert covering(CALL) == [f"default:{one}" for one in IDS]
    assert covering(CALL | {KEY_STAGE: "production"}) == [f"default:{one}-production" for one in IDS]
    assert {one.action for one in DEFAULTS if one.where[KEY_STAGE] == ("!production",)} == {"block"}
    spared = [one for one in DEFAULTS if one.where[KEY_STAGE] == ("production",)]
    assert {(one.action, one.trip_seconds) for one in spared} == {("alert", 0)}


def test_no_header_makes_a_key_production() -> None:
    claimed = CALL | {"environment": "production", "lifecycle_stage": "production"}
    assert covering(claimed) == covering(CALL)


def test_a_call_without_a_run_is_still_held_by_its_key() -> None:
    assert covering({"key": "k"}) == ["default:key-day"]
    assert covering({"key": "k", "run": "r"}) == ["default:key-day", "default:run", "default:run-velocity"]


def by_id(name: str) -> Budget:
    return next(one for one in DEFAULTS if one.budget_id == f"default:{name}")


def test_each_by_hand() -> None:
    day = by_id("key-day")
    assert (day.limit, day.unit, day.window, day.zone, day.group_by) == (
        50 * NANO,
        "usd",
        "day",
        "Europe/Berlin",
        ("key",),
    )
    run = by_id("run")
    assert (run.limit, run.unit, run.window, run.group_by) == (10 * NANO, "usd", "run", ("key", "run"))
    velocity = by_id("conversation-velocity")
    assert (velocity.limit, velocity.unit, velocity.window, velocity.window_count) == (600, "requests", "minute", 1)
    assert (velocity.rolling, velocity.trip_seconds, velocity.group_by) == (True, 60, ("key", "conversation"))
    loop = by_id("run-loop")
    assert (loop.limit, loop.window, loop.window_count, loop.rolling) == (300, "minute", 10, True)
    assert loop.group_by == ("key", "run", FINGERPRINT)


def test_an_amount_of_zero_leaves_its_budgets_out_and_cents_are_exact() -> None:
    assert default_budgets(0, 0, 0, 0, "UTC") == ()
    only = default_budgets(0.1, 0, 0, 0, "UTC")
    assert [(one.budget_id, one.limit) for one in only] == [
        ("default:key-day", 100_000_000),
        ("default:key-day-production", 100_000_000),
    ]


def test_ids_are_apart_and_the_wire_takes_them_all() -> None:
    assert len({one.budget_id for one in DEFAULTS}) == len(DEFAULTS) == 14
    for one in DEFAULTS:
        assert from_wire(to_wire(one)) == one


@pytest.mark.parametrize(
    ("stage", "action"),
    [
        ("experiment", "block"),
        ("test", "block"),
        ("unknown_provider", "block"),
        ("odd", "block"),
        ("production", "alert"),
    ],
)
def test_a_stage_sets_action_and_thresholds(stage: str, action: str) -> None:
    made = preset(budget(trip_seconds=60), stage)
    assert (made.action, made.preset) == (action, stage)
    assert made.thresholds == (Threshold("limit", 50), Threshold("limit", 80), Threshold("limit", 100))
    assert made.trip_seconds == (60 if action == "block" else 0)
    assert from_wire(to_wire(made)) == made
    assert preset(budget(action="degrade", degrade_to="m"), stage).degrade_to == ""
