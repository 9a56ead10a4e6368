"""A month of several accounts is the sum of theirs, figure by figure."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.bills.combine import combined
from tallystick.bills.reconciliation import CLASSES, ClassTotal, Reconciliation

GRAINS = st.integers(-(10**15), 10**15)
BASES = ("metered", "reported", "invoiced")


@st.composite
def runs(draw):
    """A month of one account: its classes take its difference apart, its shares sum to its record."""
    names = draw(st.lists(st.sampled_from(CLASSES), unique=True, max_size=4))
    classes = tuple(ClassTotal(name, draw(GRAINS), draw(st.integers(1, 9))) for name in CLASSES if name in names)
    metered, pending = draw(GRAINS), draw(GRAINS)
    difference = sum(one.amount for one in classes)
    shares = {name: draw(GRAINS) for name in BASES}
    return Reconciliation(
        draw(st.text(min_size=1, max_size=4)), draw(st.text(min_size=1, max_size=4)), "USD", 0, 1, draw(st.integers(0, 9)),
        metered=metered, billed=metered + difference, difference=difference, record=sum(shares.values()), pending=pending,
        classes=classes, shares=shares, reported=draw(st.none() | GRAINS), invoiced=draw(st.none() | GRAINS),
        unpriced_tokens=draw(st.integers(0, 9)), claims=draw(st.integers(0, 9)), lines=draw(st.integers(0, 9)),
        loads=tuple(draw(st.lists(st.sampled_from("abc"), unique=True))), billed_until=draw(st.none() | st.integers(0, 9)),
    )  # fmt: skip


@given(st.lists(runs(), min_size=1, max_size=4))
def test_every_figure_is_the_sum_and_the_classes_take_the_whole_difference_apart(parts):
    found = combined(parts)
    for name in ("metered", "billed", "difference", "record", "pending", "unpriced_tokens", "claims", "lines"):
        assert getattr(found, name) == sum(getattr(one, name) for one in parts), name
    assert found.metered + sum(one.amount for one in found.classes) == found.billed
    assert [one.name for one in found.classes] == [
        name for name in CLASSES if any(name == one.name for run in parts for one in run.classes)
    ]
    assert sum(one.claims for one in found.classes) == sum(one.claims for run in parts for one in run.classes)
    assert sum(found.shares.values()) == found.record
    assert sorted(found.loads) == sorted({load for one in parts for load in one.loads})
    assert (found.account, found.run_id) == ("", "")


@pytest.mark.parametrize(
    ("amounts", "whole"), [((None, None), None), ((3, None), 3), ((None, 0), 0), ((3, -3), 0), ((3, 4), 7)]
)
def test_what_no_account_says_stays_unknown(amounts, whole):
    blank = Reconciliation("r", "a", "USD", 0, 1, 0, metered=0, billed=0, difference=0, record=0)
    parts = [replace(blank, reported=one, invoiced=one, billed_until=one) for one in amounts]
    found = combined(parts)
    assert (found.reported, found.invoiced) == (whole, whole)
    assert found.billed_until == (None if whole is None else max(one for one in amounts if one is not None))


def test_a_class_that_cancels_out_between_accounts_stays_and_the_grade_is_that_of_all_money():
    blank = Reconciliation("r", "a", "USD", 0, 1, 0, metered=100, billed=100, difference=0, record=100)
    dearer = replace(blank, classes=(ClassTotal("price_drift", 5, 1),), shares={"invoiced": 90, "metered": 10})
    cheaper = replace(blank, classes=(ClassTotal("price_drift", -5, 2),), shares={"reported": 90, "metered": 10})
    found = combined([dearer, cheaper])
    assert found.classes == (ClassTotal("price_drift", 0, 3),)
    # 90 of 200 are invoiced, 90 reported, 20 metered.
    assert (found.shares, found.coverage, found.grade) == (
        {"invoiced": 90, "metered": 20, "reported": 90},
        900_000,
        "B",
    )
