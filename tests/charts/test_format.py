"""Amounts, counts, shares and changes as people read them."""

from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tallystick.charts.format import change, count, count_short, money, money_short, percent, places_for, ratio, shares
from tallystick.charts.scale import nice_ticks

GRAINS = 10**12
amounts = st.integers(-(10**24), 10**24)


def test_amounts_are_written_as_people_write_them():
    assert money(46_840_134_000_000_000) == "$46,840.13"
    assert money(123_000_000) == "$0.000123"
    assert money(787 * 10**9) == "$0.787"
    assert money(-5 * GRAINS) == "−$5.00"
    assert money(3 * GRAINS, "EUR") == "€3.00"
    assert money(3 * GRAINS, "CHF") == "CHF\u20093.00"


def test_unknown_is_a_dash_and_zero_is_zero():
    assert money(None) == "–"
    assert money(0) == "$0.00"
    assert count(None) == "–"


def test_something_is_never_written_as_nothing():
    assert money(1, places=2) == "<$0.01"
    assert percent(1, 10**9) == "<0.1%"
    assert percent(10**9 - 1, 10**9) == "99.9%"
    assert ratio(1_000_001, 1_000_000) == "+<0.1%"


def test_half_cents_round_to_even():
    assert money(125 * 10**10, places=1) == "$1.2"
    assert money(135 * 10**10, places=1) == "$1.4"


def test_axis_labels_are_short():
    assert [money_short(n * GRAINS) for n in (0, 500, 1500, 2000, 2_500_000)] == ["$0", "$500", "$1.5k", "$2k", "$2.5M"]
    assert money_short(5 * 10**8) == "$0.0005"
    assert [count_short(n) for n in (12, 1200, 5_755_516)] == ["12", "1.2k", "5.76M"]


def test_changes_say_direction_in_words_and_signs():
    rise = change(23_013 * GRAINS, 18_864 * GRAINS)
    assert (rise.direction, rise.amount, rise.ratio, rise.arrow) == ("up", "+$4,149", "+22.0%", "▲")
    fall = change(90 * GRAINS, 100 * GRAINS)
    assert (fall.direction, fall.amount, fall.ratio, fall.arrow) == ("down", "−$10", "−10.0%", "▼")
    assert change(5, 5).amount == "no change"
    assert change(None, 5).direction == "unknown"
    assert ratio(5, 0) == "new"
    assert ratio(120, 10) == "×12"


@given(st.lists(st.integers(0, 10**20), min_size=1, max_size=40))
def test_shares_sum_to_exactly_a_hundred_percent(values):
    found = shares(values)

    assert sum(found) == (1000 if sum(values) else 0)
    for value, tenths in zip(values, found, strict=True):
        assert not sum(values) or abs(tenths * sum(values) - value * 1000) < sum(values)


@given(amounts, st.integers(0, 12))
def test_a_written_amount_is_within_half_its_last_place(grains, places):
    text = money(grains, places=places)
    if "<" in text:
        assert 0 < abs(grains) * 2 * 10**places <= GRAINS
        return
    shown = Decimal(text.replace("$", "").replace(",", "").replace("−", "-"))
    assert abs(shown - Decimal(grains).scaleb(-12)) <= Decimal(5).scaleb(-places - 1)


@given(st.integers(1, 10**13))
def test_decimals_show_three_digits_or_cents(grains):
    assert 2 <= places_for(grains) <= 12


@given(st.integers(0, 10**24), st.integers(2, 6))
def test_ticks_start_at_zero_cover_the_largest_and_are_even(largest, wanted):
    ticks = nice_ticks(largest, wanted)

    assert ticks[0] == 0
    assert ticks[-1] >= largest
    assert len({after - before for before, after in pairwise(ticks)}) == 1
    assert len(ticks) <= wanted + 2
