import pytest

from tallystick.kernel.errors import DataError
from tallystick.ledger.check import check_columns
from tallystick.ledger.columns import SUMMED
from tallystick.ledger.post import EVENT_SUMS
from tallystick.storage.arrow import extremes


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("q_cache_read", -1),
        ("q_cache_read", 10**12 + 1),
        ("input_tokens", 10**15),
        ("effective_cost", 10**24 + 1),
        ("c_cache_read", -(10**24) - 1),
        ("occurred_at", -1),
        ("occurred_at", 2**62),
    ],
)
def test_a_figure_that_would_break_a_sum_is_refused_by_name(column: str, value: int) -> None:
    columns = {"event_id": ["good", "bad"], "occurred_at": [1, 1], column: [0, value]}

    with pytest.raises(DataError, match=f"event bad: {column} is {value}"):
        check_columns(columns, extremes)


def test_the_largest_figures_are_taken() -> None:
    check_columns(
        {"event_id": ["e"], "occurred_at": [0], "q_cache_read": [10**12], "effective_cost": [10**24]}, extremes
    )


def test_unknown_figures_and_credits_are_taken() -> None:
    check_columns({"event_id": ["e"], "occurred_at": [1], "q_cache_read": [None], "effective_cost": [-5]}, extremes)


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="team has 1 values, event_id has 2"):
        check_columns({"event_id": ["a", "b"], "occurred_at": [1, 2], "team": ["x"]}, extremes)


def test_every_sum_of_a_charge_is_told_how_to_come_from_events() -> None:
    assert list(EVENT_SUMS) == [column.name for column in SUMMED]


def test_a_quantity_is_negative_only_where_every_row_corrects_a_report() -> None:
    batch = {"event_id": ["a", "b"], "occurred_at": [1, 1], "q_cache_read": [5, -3]}

    check_columns(batch | {"source_key": ["report 1", "report 1"]}, extremes)
    with pytest.raises(DataError, match="event b: q_cache_read is -3"):
        check_columns(batch | {"source_key": ["report 1", ""]}, extremes)
