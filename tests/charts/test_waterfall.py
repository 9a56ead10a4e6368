"""Steps of a waterfall begin where the one before ended, and the last bar is their sum."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tallystick.charts.waterfall import stretches, waterfall

AMOUNTS = st.lists(st.integers(-(10**20), 10**20), max_size=12)


@given(AMOUNTS)
def test_steps_join_and_sum(amounts) -> None:
    *steps, whole = stretches(amounts)
    assert [one.end - one.start for one in steps] == amounts
    assert all(one.start == before.end for before, one in pairwise(steps))
    assert (whole.start, whole.end) == (0, sum(amounts))


@given(AMOUNTS)
def test_no_bar_leaves_its_frame(amounts) -> None:
    for drawn in waterfall(amounts, [f"step {number}" for number in range(len(amounts) + 1)]):
        (left,), (width,) = re.findall(r' x="([-\d.]+)"', drawn), re.findall(r'<rect[^>]* width="([-\d.]+)"', drawn)
        assert float(left) >= 0
        assert float(left) + float(width) <= 1000.2


def test_titles_are_escaped_and_rise_and_fall_are_told_apart() -> None:
    up, down, whole = waterfall([3, -1], ["<b>", "less", "all"])
    assert "&lt;b&gt;" in up
    assert "rise" in up
    assert "fall" in down
    assert "accent" in whole
