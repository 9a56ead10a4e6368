"""A report read by columns gives the lines and the rejections that it gives line by line, whatever its rows hold."""

import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.bills.batch import LineBatch
from tallystick.bills.columns import LINE_FIELDS
from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.aws.cur import parse_cur
from tallystick.connectors.aws.cur_columns import parse_cur_columns
from tallystick.connectors.aws.cur_facts import Reading
from tallystick.ports import Page
from tallystick.usage.dimensions import ATTRIBUTION
from tests.connectors.aws.reports import MEMBER, PROFILE, csv_of, page_of, parquet_of, row

READING = Reading({"team": "user:team", "feature": "part"}, "1M Tokens", {"abcd1234": "anthropic.claude-sonnet-4-6"})
PLAN = "arn:aws:savingsplans::1:savingsplan/9"
MANY = "340282366920938463463374607431768211455"
# What a column may hold, good and bad.
CELLS = {
    "line_item_line_item_type": [
        "Usage", "Usage", "Usage", "DiscountedUsage", "SavingsPlanCoveredUsage", "SavingsPlanNegation", "RIFee", "Fee",
        "SavingsPlanRecurringFee", "SavingsPlanUpfrontFee", "Tax", "Credit", "EdpDiscount", "Refund", "Surprise", "",
    ],
    "line_item_unblended_cost": ["1.1684", "0", "-0.5", "1e-7", "0.0000000000005", "1,5", "nan", MANY, ""],
    "line_item_net_unblended_cost": ["", "", "0", "0.9", "x"],
    "discount_total_discount": ["", "-1.1684", "oops"],
    "pricing_public_on_demand_cost": ["1.1684", "0", "", "free"],
    "pricing_public_on_demand_rate": ["0.0008", "", "bad"],
    "line_item_unblended_rate": ["0.0008", "", ".5", "5."],
    "line_item_usage_amount": ["1460.5", "0.0001", "-3", "", "1e23", "many"],
    "pricing_unit": ["1K tokens", "Units", "Hrs", "", "Tokens"],
    "line_item_usage_type": ["USE1-NovaPro-input-tokens", "USE1-MP:USE1_InputTokenCount-Units", "BoxUsage:t3.micro", ""],
    "line_item_product_code": ["AmazonBedrock", "AmazonEC2", "AmazonSageMaker", "xyz123", ""],
    "product_servicecode": ["AmazonBedrock", "AmazonEC2", ""],
    "product_product_name": ["", "Claude Sonnet 4.5 (Amazon Bedrock Edition)"],
    "bill_billing_entity": ["AWS", "AWS Marketplace"],
    "line_item_line_item_description": ["", "AWS Marketplace software usage|Million Input Tokens", "5 per 1K tokens"],
    "line_item_resource_id": ["", PROFILE, "arn:aws:ec2:::i-1"],
    "line_item_usage_start_date": ["2026-11-02T08:00:00.000Z", "1969-11-02", "2300-01-01T00:00:00Z", "yesterday", ""],
    "line_item_usage_end_date": ["2026-11-02T09:00:00.000Z", "2026-11-01T00:00:00Z", "", "later"],
    "bill_billing_period_start_date": ["2026-11-01T00:00:00.000Z"] * 5 + ["2026-10-01T00:00:00.000Z", "", "x"],
    "line_item_currency_code": ["USD", "usd", "EUR", "", "Dollar"],
    "bill_payer_account_id": ["111111111111", "222222222222", ""],
    "line_item_usage_account_id": [MEMBER, ""],
    "reservation_reservation_a_r_n": ["", "arn:reserved"],
    "reservation_effective_cost": ["", "0.25", "?"],
    "reservation_unused_recurring_fee": ["", "0.125"],
    "savings_plan_savings_plan_a_r_n": ["", PLAN],
    "savings_plan_savings_plan_effective_cost": ["", "0.5"],
    "savings_plan_total_commitment_to_date": ["", "9"],
    "savings_plan_used_commitment": ["", "7"],
    "tags": ["{}", '{"resourceTags/user:team": "red", "part": "b"}', '{"part": "b", "a": ""}', "{", '{"part": "\\ud800"}'],
    "cost_category": ["{}", '{"unit": "north"}', "no map", "[1]"],
}  # fmt: skip
ROWS = st.fixed_dictionaries({}, optional={name: st.sampled_from(cells) for name, cells in CELLS.items()})


def by_line(page: Page) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
    return _sorted(parse_cur(page, READING))


def by_columns(page: Page) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
    return _sorted(parse_cur_columns(page, READING))


def _sorted(
    read: Iterator[LineBatch | BillLine | Rejected],
) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
    """Lines, then reasons, by their place; no place twice."""
    lines: dict[int, dict[str, Any]] = {}
    reasons: dict[int, str] = {}
    for one in read:
        made = _of_batch(one) if isinstance(one, LineBatch) else [] if isinstance(one, Rejected) else [_of_line(one)]
        if isinstance(one, Rejected):
            assert one.line_no not in reasons
            reasons[one.line_no] = one.reason
        for line in made:
            assert line["line_no"] not in lines
            lines[line["line_no"]] = line
    return lines, reasons


def _of_batch(batch: LineBatch) -> list[dict[str, Any]]:
    names = [name for name in (*LINE_FIELDS, *(f"d_{name}" for name in ATTRIBUTION)) if name != "model"]
    return [dict(zip(names, values, strict=True)) for values in zip(*(batch.data[name] for name in names), strict=True)]


def _of_line(line: BillLine) -> dict[str, Any]:
    found: dict[str, Any] = {name: getattr(line, name) for name in LINE_FIELDS if name != "model"}
    for name in ("consumed_quantity", "pricing_quantity"):
        if found[name] is not None:
            found[name] = round(found[name].scaleb(12))
    return found | {f"d_{name}": line.dimensions.get(name, "") for name in ATTRIBUTION}


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=25))
def test_any_rows_give_the_same_lines_and_reasons_by_columns_as_line_by_line(changes: list[dict[str, str]]) -> None:
    page = page_of(csv_of(*(row(**one) for one in changes)))
    assert by_columns(page) == by_line(page)


@pytest.mark.parametrize("written", [csv_of, parquet_of])
def test_columns_are_read_by_columns(written: Any) -> None:
    """Nothing of good rows falls back to single lines, and the one odd row among them does."""
    rows = [
        row(line_item_unblended_cost="2.5", tags='{"resourceTags/user:team": "red"}'),
        row(line_item_line_item_type="SavingsPlanCoveredUsage", savings_plan_savings_plan_effective_cost="0.5"),
        row(line_item_line_item_type="Surprise"),
        row(line_item_line_item_type="Tax", line_item_product_code="AmazonEC2", product_servicecode="AmazonEC2",
            line_item_usage_type="", line_item_operation=""),
    ]  # fmt: skip
    page = page_of(written(*rows))
    batch, *rest = parse_cur_columns(page, READING)
    assert isinstance(batch, LineBatch)
    assert list(batch.data["line_no"]) == [1, 2, 4]
    assert list(batch.data["billed_cost"]) == [2_500_000_000_000, 0, 1_168_400_000_000]
    assert list(batch.data["effective_cost"]) == [2_500_000_000_000, 500_000_000_000, 1_168_400_000_000]
    assert list(batch.data["d_team"]) == ["red", "", ""]
    assert list(batch.data["ai"]) == [True, True, False]
    assert list(batch.data["quantity"]) == [1_460_500, 1_460_500, None]
    (odd,) = rest
    assert isinstance(odd, Rejected)
    assert (odd.line_no, "Surprise" in odd.reason) == (3, True)
    assert by_columns(page) == by_line(page)


def test_a_broken_row_keeps_its_place_and_the_rows_after_it_theirs() -> None:
    good = csv_of(row(), row(), row(line_item_unblended_cost="9"))
    header, first, second, third = good.splitlines(keepends=True)
    page = page_of(header + first + b"too,few\n" + second + third + b"also,too,few\n")
    lines, reasons = by_columns(page)
    assert sorted(lines) == [1, 3, 4]
    assert lines[4]["billed_cost"] == 9_000_000_000_000
    assert sorted(reasons) == [2, 5]
    assert (lines, reasons) == by_line(page)


def test_a_part_that_lacks_a_needed_column_is_refused_whole() -> None:
    broken = csv_of({name: cell for name, cell in row().items() if name != "line_item_unblended_cost"})
    assert by_columns(page_of(broken)) == by_line(page_of(broken))
    assert list(by_columns(page_of(b"PAR1 is no Parquet"))[1]) == [0]


def test_a_product_that_is_no_map_is_a_rejected_line_and_no_broken_page() -> None:
    page = page_of(csv_of(row() | {"product": "{"}, row() | {"product": '{"region": "eu-west-1"}'}))
    lines, reasons = by_columns(page)
    assert reasons == {1: "product holds '{', which is no map"}
    assert sorted(lines) == [2]
    assert (lines, reasons) == by_line(page)


def test_amounts_that_parquet_types_as_decimals_are_amounts() -> None:
    table = pq.read_table(io.BytesIO(parquet_of(row(line_item_unblended_cost="2.5"), row())))
    place = table.column_names.index("line_item_unblended_cost")
    typed = pa.array([Decimal("2.500000000001"), Decimal("-1")], pa.decimal128(20, 12))
    out = io.BytesIO()
    pq.write_table(table.set_column(place, "line_item_unblended_cost", typed), out)
    page = page_of(out.getvalue())
    lines, reasons = by_columns(page)
    assert not reasons
    assert [lines[place]["billed_cost"] for place in (1, 2)] == [2_500_000_000_001, -1_000_000_000_000]
    assert (lines, reasons) == by_line(page)
