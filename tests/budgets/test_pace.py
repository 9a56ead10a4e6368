"""Pace, forecast, and the alerts that are due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.budgets.model import Budget, Override, Span, Standing, Threshold
from tallystick.budgets.pace import Pace, due, pace
from tallystick.budgets.window import span
from tests.budgets.sample import NOON, budget

HUNDRED = Span(1000, 1100)


def paced(used: int, at_us: int, held: Budget | None = None, reserved: int = 0, limit: int | None = None) -> Pace:
    return pace(held or budget(limit=200), HUNDRED, Standing(used, reserved, limit), at_us)


@pytest.mark.parametrize(
    ("used", "at_us", "told"),
    [
        (50, 1025, Pace(50, 200, 50, 1.0, 200, None)),
        (60, 1025, Pace(60, 200, 50, 1.2, 240, 1084)),
        (25, 1025, Pace(25, 200, 50, 0.5, 100, None)),
        (0, 1025, Pace(0, 200, 50, 0.0, 0, None)),
        (200, 1050, Pace(200, 200, 100, 2.0, 400, 1050)),
        (400, 1050, Pace(400, 200, 100, 4.0, 800, 1025)),
        (60, 1004, Pace(60, 200)),
        (10, 1005, Pace(10, 200, 10, 1.0, 200, None)),
        (60, 1200, Pace(60, 200, 200, 0.3, 60, None)),
    ],
)
def test_a_window_of_a_hundred_instants_by_hand(used: int, at_us: int, told: Pace) -> None:
    assert paced(used, at_us) == told


def test_what_is_reserved_is_not_used_and_carried_limits_count() -> None:
    assert paced(50, 1025, reserved=10**6) == paced(50, 1025)
    assert paced(50, 1025, limit=400) == Pace(50, 400, 100, 0.5, 200, None)
    held = budget(limit=200, overrides=(Override(100, 1000, 1100),))
    assert paced(50, 1025, held).limit == 100


def test_a_limit_too_small_for_a_pace_has_none() -> None:
    assert paced(3, 1025, budget(limit=1)) == Pace(3, 1, 0, None, 12, 1009)


def test_windows_without_an_end_and_rolling_ones_have_no_pace() -> None:
    for held in (budget(window="run"), budget(window="total"), budget(window="day", rolling=True)):
        assert pace(held, span(held, NOON), Standing(5, 0, None), NOON) == Pace(5, held.limit)


@given(st.integers(0, 10**12), st.integers(1, 10**12), st.integers(1005, 1099))
def test_the_limit_is_hit_in_the_window_exactly_when_the_forecast_passes_it(used: int, limit: int, at_us: int) -> None:
    told = paced(used, at_us, budget(limit=limit))
    assert told.forecast is not None
    assert told.expected is not None
    if told.hit_us is not None:
        assert told.forecast >= limit
        assert (told.hit_us <= at_us) == (used >= limit)
        elapsed = at_us - HUNDRED.start_us
        assert used * (told.hit_us - HUNDRED.start_us) >= limit * elapsed
        assert used * (told.hit_us - 1 - HUNDRED.start_us) < limit * elapsed
    assert told.expected <= limit


TOLD = (
    Threshold("limit", 50), Threshold("limit", 80), Threshold("limit", 100), Threshold("pace", 120),
    Threshold("forecast", 100),
)  # fmt: skip


@pytest.mark.parametrize(
    ("used", "at_us", "told"),
    [
        (99, 1003, ""),
        (100, 1003, "50"),
        (159, 1090, "50"),
        (160, 1090, "50 80"),
        (200, 1003, "50 80 100"),
        (60, 1025, "pace120 forecast100"),
        (59, 1025, "forecast100"),
        (50, 1025, "forecast100"),
        (49, 1025, ""),
        (300, 1100, "50 80 100 pace120 forecast100"),
    ],
)
def test_the_thresholds_that_are_due(used: int, at_us: int, told: str) -> None:
    found = due(budget(limit=200, thresholds=TOLD), HUNDRED, Standing(used, 0, None), at_us)
    assert " ".join(f"{one.of if one.of != 'limit' else ''}{one.percent}" for one in found) == told


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(1000, 1100))
def test_more_use_never_makes_fewer_alerts_due(used: int, more: int, at_us: int) -> None:
    held = budget(limit=200, thresholds=TOLD)
    few, many = (due(held, HUNDRED, Standing(amount, 0, None), at_us) for amount in (used, used + more))
    assert set(few) <= set(many)


def test_no_pace_is_due_where_there_is_none() -> None:
    held = budget(limit=200, window="total", thresholds=TOLD)
    assert due(held, Span(0, 0), Standing(500, 0, None), NOON) == list(TOLD[:3])
    assert due(budget(limit=1, thresholds=TOLD[3:4]), HUNDRED, Standing(9, 0, None), 1025) == []
