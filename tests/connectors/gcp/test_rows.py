"""Rows of the billing export as lines: expected values are worked out by hand."""

import copy
import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.gcp.connect import KIND, GcpSource, connect
from tallystick.connectors.gcp.rows import IGNORED
from tallystick.connectors.sheets import read_rows
from tallystick.kernel.errors import ConfigError
from tallystick.kernel.period import days
from tallystick.ports import Page, Setup, SourceFailed
from tests.connectors.mutated import broken, leaves, with_leaf
from tests.contracts import gcp_source

OCTOBER = days(date(2026, 10, 1), date(2026, 11, 1))
USD = 10**12
ROW: dict[str, Any] = {
    "billing_account_id": "01AB-2",
    "service": {"id": "C7E2", "description": "Vertex AI"},
    "sku": {"id": "FDAB", "description": "Gemini 2.5 Flash GA Text Input - Predictions"},
    "usage_start_time": "2026-10-02 10:00:00 UTC",
    "usage_end_time": "2026-10-02 11:00:00 UTC",
    "project": {
        "id": "ai-prod", "number": "123", "name": "AI", "labels": [{"key": "cost-center", "value": "42"}],
        "ancestry_numbers": "/1/2/", "ancestors": [{"resource_name": "projects/123", "display_name": "AI"}],
    },
    "labels": [{"key": "team", "value": "search"}, {"key": "squad", "value": "s1"}],
    "system_labels": [{"key": "compute.googleapis.com/cores", "value": "4"}],
    "tags": [{"key": "env", "value": "prod", "inherited": True, "namespace": "99"}],
    "location": {"location": "us-central1", "country": "US", "region": "us-central1", "zone": "us-central1-a"},
    "transaction_type": "GOOGLE",
    "seller_name": "Google LLC",
    "cost": 0.45,
    "currency": "USD",
    "currency_conversion_rate": 1.5,
    "usage": {"amount": 1500000.0, "unit": "count", "amount_in_pricing_units": 1.5, "pricing_unit": "million count"},
    "credits": [
        {"name": "Contract", "amount": -0.045, "full_name": "Contract discount", "id": "x", "type": "DISCOUNT"},
        {"name": "CUD", "amount": -0.1, "full_name": "", "id": "cud-1", "type": "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE"},
    ],
    "invoice": {"month": "202610", "publisher_type": "GOOGLE"},
    "cost_type": "regular",
    "adjustment_info": {"id": "a1", "description": "d", "mode": "m", "type": "t"},
    "export_time": "2026-10-02 14:20:11.123 UTC",
    "price": {"effective_price": 0.3, "tier_start_amount": 0, "unit": "million count", "pricing_unit_quantity": 1},
    "cost_at_list": 0.5,
    "cost_at_effective_price_default": 0.46,
    "cost_at_list_consumption_model": 0.51,
    "consumption_model": {"id": "c1", "description": "Default"},
    "resource": {"name": "r1", "global_name": "//aiplatform.googleapis.com/r1"},
    "subscription": {"instance_id": "s-1"},
}  # fmt: skip


def made(**options: str) -> GcpSource:
    assert KIND.connect is connect
    return connect(Setup("g", "acct", options or {"detailed_folder": "/x"}, lambda name: "", lambda: 0))


def page(body: bytes, stream: str = "detailed") -> Page:
    return Page(stream, OCTOBER, 0, "", "", body, "acct")


def read(rows: list[Any], source: GcpSource | None = None) -> list[BillLine | Rejected]:
    body = "\n".join(json.dumps(row) for row in rows).encode()
    return list((source or made()).parse(page(body)))


def lines(rows: list[Any], source: GcpSource | None = None) -> list[BillLine]:
    found = read(rows, source)
    assert all(isinstance(one, BillLine) for one in found), found
    return [one for one in found if isinstance(one, BillLine)]


def changed(**values: Any) -> dict[str, Any]:
    return copy.deepcopy(ROW) | values


def test_a_row_is_its_cost_and_a_line_for_each_credit() -> None:
    cost, contract, cud = lines([ROW])
    assert [(one.charge_category, one.billed_cost, one.effective_cost) for one in (cost, contract, cud)] == [
        ("Usage", 45 * USD // 100, 45 * USD // 100),
        ("Credit", -45 * USD // 1000, -45 * USD // 1000),
        ("Credit", -USD // 10, -USD // 10),
    ]
    assert (cost.list_cost, cost.contracted_cost, cost.contracted_unit_price) == (
        USD // 2,
        46 * USD // 100,
        3 * USD // 10,
    )
    assert (cost.raw_model, cost.meter, cost.quantity) == ("gemini-2.5-flash", "uncached_input", 1_500_000)
    assert (cost.consumed_quantity, cost.consumed_unit, cost.pricing_unit) == (1_500_000, "Tokens", "million count")
    assert [one.quantity for one in (contract, cud)] == [None, None]
    assert [one.consumed_quantity for one in (contract, cud)] == [None, None]
    assert (contract.commitment_id, cud.commitment_id) == ("", "cud-1")
    assert (contract.charge_description, contract.extra) == ("Contract", {"credit_type": "DISCOUNT", "credit_id": "x"})
    assert contract.raw_model == cost.raw_model and contract.tags == cost.tags


def test_a_row_says_who_where_and_what() -> None:
    line = lines([ROW], made(detailed_folder="/x", labels="feature=squad,cost_center=cost-center"))[0]
    assert (line.slice_key, line.sub_account_id, line.sub_account_name) == ("01AB-2/2026-10", "ai-prod", "AI")
    assert (line.region, line.resource_id, line.resource_name) == (
        "us-central1",
        "//aiplatform.googleapis.com/r1",
        "r1",
    )
    assert line.tags == {
        "team": "search", "squad": "s1", "tag/env": "prod", "project/cost-center": "42",
        "system/compute.googleapis.com/cores": "4",
    }  # fmt: skip
    assert line.dimensions == {"team": "search", "feature": "s1", "environment": "prod", "cost_center": "42"}
    # 2026-10-02 10:00 UTC, an hour.
    assert (line.charge_period_start, line.charge_period_end) == (1_790_935_200_000_000, 1_790_938_800_000_000)
    assert line.extra["location.zone"] == "us-central1-a"


def test_what_a_call_says_beats_what_its_project_says() -> None:
    both = changed(
        labels=[{"key": "team", "value": "call"}], project={"id": "p", "labels": [{"key": "team", "value": "p"}]}
    )
    line = lines([both], made(detailed_folder="/x", labels="team=team"))[0]
    assert line.dimensions["team"] == "call"
    assert line.tags["project/team"] == "p"


@pytest.mark.parametrize(
    ("cost_type", "category"),
    [("tax", "Tax"), ("adjustment", "Adjustment"), ("rounding_error", "Adjustment"), ("brand_new", "Adjustment")],
)
def test_what_is_no_usage_keeps_its_money_and_counts_nothing(cost_type: str, category: str) -> None:
    row = changed(
        cost_type=cost_type, cost=-0.01, credits=[], project=None, service=None, sku=None, usage=None, labels=[]
    )
    (line,) = lines([row])
    assert (line.charge_category, line.billed_cost, line.quantity, line.ai) == (category, -USD // 100, None, False)
    assert line.sub_account_id == ""


def test_the_month_is_the_invoice_s_and_rows_of_others_are_passed_over() -> None:
    late = changed(usage_start_time="2026-09-30 23:00:00 UTC", usage_end_time="2026-10-01 00:00:00 UTC", credits=[])
    (line,) = lines([late, changed(invoice={"month": "202611"})])
    assert line.slice_key == "01AB-2/2026-10"
    assert line.billing_period_start == OCTOBER.start_us


@pytest.mark.parametrize(
    ("sku", "usage", "quantity"),
    [
        ("Gemini 2.5 Pro Text Output", {"amount": 7, "unit": "count"}, 7),
        ("Gemini 2.5 Pro Text Output", {"amount": 7, "unit": "tokens"}, 7),
        ("Gemini 2.5 Pro Text Output", {"amount_in_pricing_units": 2, "pricing_unit": "million count"}, 2_000_000),
        ("Gemini 2.5 Pro Text Output", {"amount": 7, "unit": "furlongs"}, None),
        ("Gemini 2.5 Pro Text Output", {"amount": 7, "unit": "seconds"}, None),
        ("Gemini 2.5 Pro Text Output", {"amount": 7}, None),
        ("Gemini 1.5 Flash Text Input - Predictions", {"amount": 7, "unit": "count"}, None),
        ("Veo 3 Video Generation", {"amount": 8, "unit": "seconds"}, 8_000_000),
        ("Veo 3 Video Generation", {"amount": 8, "unit": "count"}, None),
        ("Imagen 4 Generation", {"amount": 3, "unit": "count"}, 3),
        ("Provisioned Throughput GSU Gemini 2.5 Pro 1 month", {"amount": 3, "unit": "month"}, None),
    ],
)
def test_a_unit_is_what_the_row_says(sku: str, usage: dict[str, Any], quantity: int | None) -> None:
    line = lines([changed(sku={"id": "s", "description": sku}, usage=usage)])[0]
    assert line.quantity == quantity
    assert line.consumed_quantity == usage.get("amount")


def test_what_is_no_ai_is_kept() -> None:
    line = lines([changed(service={"id": "95FF", "description": "Cloud Storage"})])[0]
    assert (line.ai, line.provider, line.service_name, line.meter) == (False, "", "Cloud Storage", "")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cost": None}, "cost is missing"),
        ({"cost": "much"}, "no number"),
        ({"currency": ""}, "currency"),
        ({"invoice": {}}, "invoice.month"),
        ({"invoice": "202610"}, "must be a record"),
        ({"usage_end_time": None}, "bound no time"),
        ({"credits": [{"name": "x"}]}, "no amount"),
        ({"labels": "team"}, "list of records"),
    ],
)
def test_a_row_that_cannot_be_used_is_rejected_whole_and_the_rest_lands(change: dict[str, Any], reason: str) -> None:
    bad, *rest = read([changed(**change), ROW])
    assert isinstance(bad, Rejected)
    assert reason in bad.reason
    assert len(rest) == 3


def test_a_line_that_was_cut_off_is_rejected() -> None:
    body = json.dumps(ROW).encode()
    found = list(made().parse(page(body + b"\n" + body[:-30])))
    assert isinstance(found[-1], Rejected)


def test_parquet_and_csv_say_the_same_as_json_lines() -> None:
    typed = changed(
        usage_start_time=datetime(2026, 10, 2, 10, tzinfo=UTC), usage_end_time=datetime(2026, 10, 2, 11, tzinfo=UTC)
    )
    out = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([typed]), out)
    found = [one for one in made().parse(page(out.getvalue().to_pybytes())) if isinstance(one, BillLine)]
    expected = lines([ROW])
    assert [(one.billed_cost, one.quantity, one.tags, one.raw_model) for one in found] == [
        (one.billed_cost, one.quantity, one.tags, one.raw_model) for one in expected
    ]
    flat: dict[str, str] = {}
    for name, value in ROW.items():
        if isinstance(value, dict):
            flat |= {
                f"{name}.{key}": json.dumps(one) if isinstance(one, list) else str(one) for key, one in value.items()
            }
        else:
            flat[name] = json.dumps(value) if isinstance(value, list) else str(value)
    text = io.StringIO()
    csv.DictWriter(text, list(flat)).writeheader()
    csv.DictWriter(text, list(flat)).writerow(flat)
    again = [one for one in made().parse(page(text.getvalue().encode())) if isinstance(one, BillLine)]
    assert [(one.billed_cost, one.quantity, one.tags, one.dimensions) for one in again] == [
        (one.billed_cost, one.quantity, one.tags, one.dimensions) for one in expected
    ]


def test_every_field_changes_a_line_or_is_left_out_with_a_reason() -> None:
    plain = repr(read([ROW]))
    for path in leaves(ROW):
        name = ".".join(str(part) for part in path if isinstance(part, str))
        touched = repr(read([with_leaf(ROW, path)])) != plain
        left_out = any(name == one or name.startswith(f"{one}.") for one in IGNORED)
        # The pricing unit stands twice; price.unit is read where usage has none.
        assert touched != left_out or name == "price.unit", name
    new = changed(brand_new="x", service={"id": "C7E2", "description": "Vertex AI", "tier": "gold"})
    extra = lines([new])[0].extra
    assert (extra["brand_new"], extra["service.tier"]) == ("x", "gold")


AMOUNTS = st.integers(-(10**9), 10**9).map(lambda amount: str(Decimal(amount).scaleb(-6)))


@given(st.lists(st.tuples(AMOUNTS, st.lists(AMOUNTS, max_size=3)), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_lines_sum_to_the_cost_and_the_credits(rows: list[tuple[str, list[str]]]) -> None:
    given = [changed(cost=cost, credits=[{"name": "c", "amount": one} for one in taken]) for cost, taken in rows]
    net = sum((Decimal(cost) + sum(map(Decimal, taken)) for cost, taken in rows), Decimal(0))
    assert sum(one.billed_cost or 0 for one in lines(given)) == int(net * USD)


@given(broken(ROW))
@settings(max_examples=60, deadline=None)
def test_any_file_is_lines_or_rejections_and_the_same_each_time(body: bytes) -> None:
    found = list(made().parse(page(body)))
    assert all(isinstance(one, BillLine | Rejected) for one in found)
    assert repr(found) == repr(list(made().parse(page(body))))


FOCUS: dict[str, Any] = {
    "BilledCost": "0.45", "BillingAccountId": "01AB-2", "BillingCurrency": "USD", "BillingPeriodStart": "1.7908128E9",
    "BillingPeriodEnd": "1793491200.0", "ChargeCategory": "Usage", "ChargeDescription": "Gemini 2.5 Pro Text Output Long",
    "ChargePeriodStart": "1790935200", "ChargePeriodEnd": "1790938800", "ConsumedQuantity": "12", "ConsumedUnit": "count",
    "ContractedCost": "0.45", "EffectiveCost": "0.4", "ListCost": "0.5", "ServiceName": "Vertex AI", "SkuId": "FDAB",
    "ProviderName": "Google Cloud", "RegionId": "us-central1", "SubAccountId": "ai-prod", "x_CostType": "regular",
    "x_Credits": [{"Name": "Contract", "Amount": "-0.045"}], "x_Labels": [{"Key": "team", "Value": "search"}],
    "x_Tags": [{"Key": "env", "Value": "prod"}], "x_ProjectLabels": [], "x_Project": {"Id": "ai-prod"},
    "x_ExportTime": "1790938800",
}  # fmt: skip


def focus(row: dict[str, Any]) -> list[BillLine | Rejected]:
    return list(made(focus_folder="/x").parse(page(json.dumps(row).encode(), "focus")))


def test_a_focus_row_is_read_without_the_columns_google_leaves_out() -> None:
    (line,) = focus(FOCUS)
    assert isinstance(line, BillLine)
    assert (line.billed_cost, line.effective_cost, line.list_cost) == (45 * USD // 100, 4 * USD // 10, USD // 2)
    assert (line.raw_model, line.meter, line.context, line.quantity) == ("gemini-2.5-pro", "plain_output", "long", 12)
    assert (line.service_category, line.sku_meter) == ("AI and Machine Learning", "Gemini 2.5 Pro Text Output Long")
    assert (line.slice_key, line.charge_period_start) == ("01AB-2/2026-10", 1_790_935_200_000_000)
    assert line.tags == {"team": "search", "tag/env": "prod"}
    assert "-0.045" in line.extra["x_Credits"]


def test_a_focus_row_of_tax_or_of_another_month() -> None:
    (tax,) = focus(FOCUS | {"x_CostType": "tax", "ServiceName": "", "ChargeDescription": ""})
    assert isinstance(tax, BillLine)
    assert (tax.charge_category, tax.ai, tax.quantity) == ("Tax", False, None)
    assert focus(FOCUS | {"BillingPeriodStart": "2026-09-01T00:00:00Z"}) == []


@pytest.mark.parametrize(
    ("body", "good", "bad"),
    [
        (json.dumps(ROW, indent=2), 1, 0),
        (json.dumps([ROW, ROW], indent=2), 2, 0),
        (json.dumps([ROW, 7]), 1, 1),
        (json.dumps(ROW) + "\n" + json.dumps(ROW) + "\n", 2, 0),
        (json.dumps(ROW) + "\n" + json.dumps(ROW)[:-20], 1, 1),
        (json.dumps([ROW, ROW])[:-20], 0, 1),
    ],
)
def test_objects_over_many_lines_or_in_a_list_are_rows_like_those_on_a_line_each(
    body: str, good: int, bad: int
) -> None:
    read = [row for _, row in read_rows(body.encode())]
    assert len([row for row in read if row == json.loads(json.dumps(ROW), parse_float=Decimal)]) == good
    assert len([row for row in read if isinstance(row, Rejected)]) == bad == len(read) - good


@pytest.mark.parametrize(
    ("body", "cut"),
    [
        (json.dumps(ROW) + "\n" + json.dumps(ROW), False),
        (json.dumps(ROW) + "\n" + json.dumps(ROW)[:-9], True),
        (json.dumps([ROW, ROW], indent=1), False),
        (json.dumps([ROW, ROW], indent=1)[:-9], True),
        ("cost,currency\n1,USD\n2,USD", False),
        ("cost,currency\n1,USD\n2", True),
        ('cost,currency\n1,USD\n2,"US', True),
        ("cost,currency\n", False),
    ],
)
def test_a_file_that_ends_in_mid_row_fails_its_month_before_anything_of_it_is_replaced(
    body: str, cut: bool, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_text(body)
    (tmp_path / "b.jsonl").write_text(json.dumps(ROW))
    source = made(detailed_folder=str(tmp_path))
    if cut:
        with pytest.raises(SourceFailed, match=r"'a.json' ends in the middle of a row") as caught:
            list(source.fetch(source.streams[0], OCTOBER))
        assert caught.value.retry_seconds
    else:
        assert len(list(source.fetch(source.streams[0], OCTOBER))) == 2


def test_files_of_a_folder_are_read_one_by_one(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl"):
        (tmp_path / name).write_text(json.dumps(ROW))
    (tmp_path / "notes.txt").write_text("no")
    source = made(detailed_folder=str(tmp_path))
    pages = list(source.fetch(source.streams[0], OCTOBER))
    assert [(one.number, one.cursor, one.next_cursor) for one in pages] == [
        (0, "", "file|b.jsonl"),
        (1, "file|b.jsonl", ""),
    ]
    assert list(source.fetch(source.streams[0], OCTOBER, "file|b.jsonl", 1)) == pages[1:]
    with pytest.raises(SourceFailed, match="changed"):
        list(source.fetch(source.streams[0], OCTOBER, "file|gone.jsonl", 1))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceFailed, match="holds no file"):
        made(detailed_folder=str(tmp_path / "empty")).check()


def test_a_setup_that_would_count_twice_or_reads_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="same costs"):
        made(detailed_folder="/x", standard_folder="/y")
    with pytest.raises(ConfigError, match="nothing to read"):
        made(location="EU")
    with pytest.raises(ConfigError, match="no table"):
        made(detailed_table="a.b`; DROP")
    with pytest.raises(ConfigError, match="token, metadata"):
        made(detailed_table="proj.data.table", auth="magic")


@pytest.mark.parametrize(
    ("secret", "reason"), [('{"type": "service_account"}', "service account's key"), ("", "empty"), ("a b", "no token")]
)
def test_a_token_that_is_none_is_told_without_its_text(secret: str, reason: str) -> None:
    options = {"detailed_table": "proj.data.table", "base_url": "http://127.0.0.1:1", "auth": "token"}
    source = connect(Setup("g", "acct", options, lambda name: secret, lambda: 0))
    with pytest.raises(SourceFailed, match=reason) as caught:
        list(source.fetch(source.streams[0], OCTOBER))
    assert caught.value.retry_seconds is None
    assert not secret or secret not in caught.value.reason


@given(broken(json.loads(gcp_source.page_of(gcp_source.SCHEMA, gcp_source.DATA["first"], 0))))
@settings(max_examples=40, deadline=None)
def test_any_answer_is_lines_or_rejections(body: bytes) -> None:
    source = made(detailed_table="proj.data.table")
    assert all(isinstance(one, BillLine | Rejected) for one in source.parse(page(body)))
