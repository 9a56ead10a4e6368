from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.ledger.columns import EVENT_COLUMNS
from tallystick.ledger.rows import from_row, to_columns, to_row
from tallystick.usage.model import Measured, UsageEvent
from tests.ledger.sample import an_event, usage_events

EMPTY = {"text": "", "int": 0, "money": 0, "instant": 0, "bool": False, "tags": {}, "texts": ()}
DEFAULTS = {column.name: None if column.nullable else EMPTY[column.kind] for column in EVENT_COLUMNS}


@settings(max_examples=50)
@given(usage_events())
def test_an_event_survives_its_row(event: UsageEvent) -> None:
    assert from_row(DEFAULTS | to_row(event)) == event


@settings(max_examples=30)
@given(st.lists(usage_events(), min_size=1, max_size=5))
def test_columns_hold_what_the_rows_hold(events: list[UsageEvent]) -> None:
    columns = to_columns(events)

    for number, event in enumerate(events):
        row = {name: values[number] for name, values in columns.items()}
        assert from_row(DEFAULTS | row) == event


def test_a_reported_zero_is_kept_apart_from_nothing() -> None:
    row = to_row(an_event(1, measured=Measured({"cache_read": 0}, 0, None, "reported")))

    assert row["q_cache_read"] == 0
    assert row["input_tokens"] == 0
    assert "output_tokens" not in row


def test_tokens_without_a_cost_are_counted_as_unpriced() -> None:
    measured = Measured({"uncached_input": 70, "cache_read": 30, "plain_output": 5, "searches": 2}, 100, 5, "reported")

    row = to_row(an_event(1, measured=measured, priced={"uncached_input": 700}))

    assert row["unpriced_tokens"] == 35  # 30 cache_read + 5 plain_output; searches are no tokens
