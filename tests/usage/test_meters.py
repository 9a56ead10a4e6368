"""The meters are one table: everything about a column of usage follows from its line."""

import pytest

from tallystick.ledger.columns import CHARGE_COLUMNS, EVENT_COLUMNS
from tallystick.usage.dimensions import ALIASES, ATTRIBUTION, CHARGE_DIMENSIONS, GROUPABLE, canonical_dimension
from tallystick.usage.meters import BY_NAME, METERS
from tallystick.usage.model import Measured, UsageEvent


def test_every_meter_has_a_quantity_and_a_cost_in_events_and_charges() -> None:
    for columns in (EVENT_COLUMNS, CHARGE_COLUMNS):
        names = {column.name for column in columns}
        assert {f"{kind}_{meter.name}" for kind in "qc" for meter in METERS} <= names


def test_what_a_meter_falls_back_on_is_a_meter_of_the_same_side() -> None:
    for meter in METERS:
        assert not meter.falls_back or BY_NAME[meter.falls_back].side == meter.side


def test_charge_dimensions_can_be_grouped_by() -> None:
    assert set(CHARGE_DIMENSIONS) <= set(GROUPABLE)
    assert set(ALIASES.values()) <= set(ATTRIBUTION)


@pytest.mark.parametrize("word", ["Cost-Center", "cost_center", " COST-center "])
def test_hyphen_case_and_underscore_are_alike(word: str) -> None:
    assert canonical_dimension(word) == "cost_center"


def test_a_quantity_without_a_cost_is_unpriced_unless_it_is_only_a_fact() -> None:
    measured = Measured({"uncached_input": 5, "plain_output": 0, "requests": 1, "searches": 2}, 5, 0, "reported")
    event = UsageEvent("e", "c", 0, measured=measured, priced={"uncached_input": 10})
    assert event.unpriced == ("searches",)
