"""Bill lines on each engine: a load replaces its slice, and what was never named does not count."""

from dataclasses import replace
from decimal import Decimal

from tallystick.bills.model import BillLine, Load
from tallystick.bills.store import append_lines, append_loads, list_lines, list_loads, sum_by_id
from tallystick.operations.context import Context
from tallystick.operations.start_ledger import start_ledger

DAY = 86_400_000_000
OCTOBER = 1_790_812_800_000_000  # 2026-10-01
LINE = BillLine(
    layer="cost",
    dataset="costs",
    slice_key="2026-10-01",
    line_no=1,
    charge_period_start=OCTOBER,
    charge_period_end=OCTOBER + DAY,
    currency="USD",
    provider="openai",
    provider_account="openai",
    raw_model="gpt-5.6-luna",
    meter="uncached_input",
    quantity=12_345,
    consumed_quantity=Decimal("12345"),
    consumed_unit="Tokens",
    pricing_quantity=Decimal("0.012345"),
    billed_cost=123_456_789_012_345,
    dimensions={"team": "search"},
    tags={"cost-center": "42"},
    extra={"quantity_unit": "tokens"},
)


def load(load_id: str, at: int) -> Load:
    return Load(load_id, "openai", "costs", "2026-10-01", "openai", load_id, at, 1, 0, "USD", OCTOBER, OCTOBER, {"billed_cost": 10**24 + 1})  # fmt: skip


def test_a_line_comes_back_as_it_was_read(context: Context) -> None:
    start_ledger(context)
    plain = replace(LINE, line_no=2, meter="", quantity=None, consumed_quantity=None, pricing_quantity=None, billed_cost=None, tags={}, extra={}, dimensions={}, ai=False)  # fmt: skip
    append_lines(context.ledger, "openai", "load_1", "page_1", [LINE, plain])
    append_loads(context.config_db, [load("load_1", 1)])

    assert list_lines(context.ledger, ["load_1"], (OCTOBER, OCTOBER + 1)) == [
        ("openai", "page_1", LINE),
        ("openai", "page_1", plain),
    ]
    assert list_lines(context.ledger, ["load_1"], (OCTOBER + 1, OCTOBER + DAY)) == []
    assert list_lines(context.ledger, [], (OCTOBER, OCTOBER + DAY)) == []
    assert list_loads(context.config_db) == [load("load_1", 1)]


def test_lines_are_summed_by_an_id_apart_for_each_name_and_layer(context: Context) -> None:
    start_ledger(context)
    red = replace(LINE, sub_account_id="p1", sub_account_name="Red", billed_cost=5)
    rated = replace(red, layer="usage", sub_account_name="", billed_cost=None, effective_cost=10**20)
    lines = [
        red,
        replace(red, effective_cost=7),
        rated,
        replace(rated, effective_cost=None),
        replace(red, dataset="claude_code"),
    ]
    append_lines(context.ledger, "openai", "load_1", "page_1", lines)

    assert sum_by_id(context.ledger, ["load_1"], (OCTOBER, OCTOBER + 1), "project") == [
        ("p1", "", "USD", OCTOBER, 10**20, None, None, 1, 2),
        ("p1", "Red", "USD", OCTOBER, None, 12, None, 0, 2),
    ]
    assert sum_by_id(context.ledger, ["load_1"], (OCTOBER, OCTOBER + 1), "key")[0][:3] == ("", "", "USD")
    assert sum_by_id(context.ledger, [], (OCTOBER, OCTOBER + 1), "person") == []


def test_the_newest_load_of_a_slice_counts(context: Context) -> None:
    start_ledger(context)
    append_loads(context.config_db, [load("load_1", 1), replace(load("load_2", 1), slice_key="2026-10-02")])
    append_loads(context.config_db, [load("load_3", 5)])

    assert [one.load_id for one in list_loads(context.config_db)] == ["load_2", "load_3"]
    assert list_loads(context.config_db, "openai", all_of_them=True)[0] == replace(load("load_1", 1), superseded_at=5)
    assert list_loads(context.config_db, "anthropic") == []


def test_lines_of_a_load_that_was_never_named_are_dropped_at_the_next_start(context: Context) -> None:
    start_ledger(context)
    append_lines(context.ledger, "openai", "load_1", "page_1", [LINE])
    append_loads(context.config_db, [load("load_1", 1)])
    append_lines(context.ledger, "openai", "load_2", "page_1", [LINE, LINE])

    start_ledger(context)

    assert context.ledger.rows("SELECT load_id FROM bill_line") == [("load_1",)]
