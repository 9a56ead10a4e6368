"""Bills are told by their columns, and a cloud's own export means what its FOCUS columns mean."""

import json
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tallystick.connectors.files.bills import open_bill
from tallystick.connectors.files.tables import tables
from tallystick.focus.batch import FocusReader
from tallystick.focus.place import Place
from tallystick.kernel.errors import DataError

UNIT = 10**12
FOCUS = "ChargePeriodStart,ChargePeriodEnd,ChargeCategory,BilledCost,BillingCurrency\n"
MAY = "2026-05-01,2026-05-02,Usage,"
CUR = {
    "identity/LineItemId": "a1",
    "bill/PayerAccountId": "111122223333",
    "bill/InvoicingEntity": "Amazon Web Services, Inc.",
    "bill/BillingPeriodStartDate": "2026-05-01T00:00:00.000Z",
    "bill/BillingPeriodEndDate": "2026-06-01T00:00:00.000Z",
    "lineItem/UsageAccountId": "444455556666",
    "lineItem/LineItemType": "Usage",
    "lineItem/UsageStartDate": "2026-05-03T00:00:00Z",
    "lineItem/UsageEndDate": "2026-05-03T01:00:00Z",
    "lineItem/ProductCode": "AmazonBedrock",
    "lineItem/UsageType": "USE1-Claude4Sonnet-input-tokens",
    "lineItem/UsageAmount": "2.5",
    "lineItem/CurrencyCode": "USD",
    "lineItem/UnblendedCost": "0.0075",
    "pricing/unit": "1K tokens",
    "pricing/publicOnDemandCost": "0.01",
    "savingsPlan/SavingsPlanEffectiveCost": "0.005",
    "savingsPlan/TotalCommitmentToDate": "10",
    "savingsPlan/UsedCommitment": "7.5",
    "resourceTags/user:team": "search",
}
AZURE = {
    "SubscriptionId": "sub-1",
    "Date": "05/03/2026",
    "BillingPeriodStartDate": "05/01/2026",
    "BillingPeriodEndDate": "05/31/2026",
    "BillingAccountId": "8899",
    "MeterCategory": "Azure OpenAI",
    "MeterName": "gpt-4o-0806-Inp-glbl Tokens",
    "UnitOfMeasure": "1K",
    "Quantity": "12",
    "CostInBillingCurrency": "0.03",
    "BillingCurrencyCode": "EUR",
    "ChargeType": "Usage",
    "Frequency": "UsageBased",
    "Tags": '"team": "search","env": "dev"',
}
OCI = {
    "lineItem/referenceNo": "r1",
    "lineItem/tenantId": "ocid1.tenancy",
    "lineItem/intervalUsageStart": "2026-05-03T10:00Z",
    "lineItem/intervalUsageEnd": "2026-05-03T11:00Z",
    "product/service": "GENERATIVE_AI",
    "product/Description": "Large Cohere",
    "usage/billedQuantity": "3",
    "cost/skuUnitDescription": "Hours",
    "cost/myCost": "1.5E-2",
    "cost/currencyCode": "USD",
    "lineItem/isCorrection": "true",
    "tags/Ops.Team": "search",
}
GCP = {
    "billing_account_id": "01-AA",
    "service": {"id": "S1", "description": "Vertex AI"},
    "sku": {"id": "K1", "description": "Gemini 2.5 Pro Text Output - Predictions"},
    "usage_start_time": "2026-05-03 10:00:00 UTC",
    "usage_end_time": "2026-05-03 11:00:00 UTC",
    "project": {"id": "search-prod", "name": "Search"},
    "labels": [{"key": "team", "value": "search"}],
    "cost": 2.5,
    "currency": "USD",
    "usage": {"amount": 1000, "unit": "count"},
    "credits": [{"name": "promo", "amount": -0.5}, {"name": "more", "amount": -0.25}],
    "invoice": {"month": "202605"},
    "cost_type": "regular",
}


def read(path: Path) -> tuple[str, list[dict[str, Any]], list[str]]:
    """Title, rows by column, and reasons of what was refused."""
    with ExitStack() as closing:
        bill = open_bill(path, closing)
        assert bill is not None
        place = Place(dataset=bill.dataset, needs_cost=bill.native is None or bill.native.needs_cost)
        rows: list[dict[str, Any]] = []
        bad: list[str] = []
        for table in tables(bill.file, bill.first):
            names, columns = table.names, table.columns
            if bill.native:
                focus = bill.native.to_focus(names, columns, len(table.lines))
                names, columns = tuple(focus), list(focus.values())
            batch = FocusReader(names, place).read(columns, table.lines)
            assert len(table.digests) == len(table.lines)
            rows += [{name: column[row] for name, column in batch.data.items()} for row in range(len(batch.kept))]
            bad += [one.reason for one in (*table.broken, *batch.rejected)]
        return bill.title, rows, bad


def csv(path: Path, *records: dict[str, Any]) -> Path:
    lines = [list(records[0]), *([str(one[name]) for name in records[0]] for one in records)]
    path.write_text("".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) + "\n" for line in lines))
    return path


def one(path: Path) -> tuple[str, dict[str, Any]]:
    title, rows, bad = read(path)
    assert (len(rows), bad) == (1, [])
    return title, rows[0]


def seen(row: dict[str, Any], *names: str) -> list[Any]:
    return [row[name] for name in names]


def test_an_aws_report_is_read_from_any_spelling_of_its_columns(tmp_path: Path) -> None:
    modern = {
        name.replace("/", "_").replace("Item", "_item"): cell for name, cell in CUR.items() if name[:8] != "resource"
    }
    for record in (CUR, modern):
        title, row = one(csv(tmp_path / "cur.csv", record))
        assert title == "AWS Cost and Usage Report"
        assert seen(row, "slice_key", "sub_account_id", "provider", "raw_model", "meter", "quantity") == [
            "111122223333/2026-05", "444455556666", "aws.bedrock", "Claude4Sonnet", "uncached_input", 2500,
        ]  # fmt: skip
        assert seen(row, "billed_cost", "effective_cost", "list_cost") == [75 * UNIT // 10_000] * 2 + [UNIT // 100]
    assert one(csv(tmp_path / "cur.csv", CUR))[1]["tags"] == {"user:team": "search"}
    assert one(csv(tmp_path / "cur.csv", CUR))[1]["d_team"] == "search"


@pytest.mark.parametrize(
    ("kind", "category", "effective"),
    [
        ("SavingsPlanCoveredUsage", "Usage", UNIT // 200), ("SavingsPlanRecurringFee", "Purchase", 5 * UNIT // 2),
        ("SavingsPlanNegation", "Usage", 0), ("Tax", "Tax", 75 * UNIT // 10_000), ("Credit", "Credit", 75 * UNIT // 10_000),
        ("DiscountedUsage", "Usage", None), ("Novel", "Novel", 75 * UNIT // 10_000),
    ],
)  # fmt: skip
def test_what_aws_amortises_is_effective_where_it_is_used(
    tmp_path: Path, kind: str, category: str, effective: int | None
) -> None:
    row = one(csv(tmp_path / "cur.csv", {**CUR, "lineItem/LineItemType": kind}))[1]
    assert seen(row, "charge_category", "effective_cost", "billed_cost") == [category, effective, 75 * UNIT // 10_000]


def test_azure_days_are_whole_and_its_periods_include_their_end(tmp_path: Path) -> None:
    title, row = one(csv(tmp_path / "azure.csv", AZURE))
    assert title == "Azure usage details"
    assert seen(row, "provider", "raw_model", "meter", "quantity", "currency", "billed_cost") == [
        "azure.ai.openai", "gpt-4o-0806", "uncached_input", 12_000, "EUR", 3 * UNIT // 100,
    ]  # fmt: skip
    assert row["charge_period_end"] - row["charge_period_start"] == 86_400 * 10**6
    assert row["billing_period_end"] - row["billing_period_start"] == 31 * 86_400 * 10**6
    assert seen(row, "slice_key", "tags", "d_environment", "charge_frequency") == [
        "8899/2026-05", {"team": "search", "env": "dev"}, "dev", "Usage-Based",
    ]  # fmt: skip
    assert read(csv(tmp_path / "azure.csv", {**AZURE, "Date": "31/05/2026"}))[2][0].startswith("ChargePeriodStart: ")


def test_oracle_costs_and_corrections(tmp_path: Path) -> None:
    title, row = one(csv(tmp_path / "oci.csv", OCI))
    assert title == "Oracle cost report"
    assert seen(row, "ai", "charge_class", "billed_cost", "tags", "slice_key") == [
        True, "Correction", 15 * UNIT // 1000, {"Ops.Team": "search"}, "ocid1.tenancy/2026-05",
    ]  # fmt: skip


def test_google_credits_come_off_the_cost(tmp_path: Path) -> None:
    lines = tmp_path / "gcp.jsonl"
    lines.write_text(json.dumps(GCP) + "\n")
    pq.write_table(pa.Table.from_pylist([GCP]), tmp_path / "gcp.parquet")
    flat = {
        "billing_account_id": "01-AA", "service.description": "Vertex AI", "sku.description": GCP["sku"]["description"],
        "sku.id": "K1", "project.id": "search-prod", "invoice.month": "202605", "credits": json.dumps(GCP["credits"]),
        "labels": json.dumps(GCP["labels"]), "usage.amount": "1000", "usage.unit": "count",
        **{name: GCP[name] for name in ("usage_start_time", "usage_end_time", "cost", "currency", "cost_type")},
    }  # fmt: skip
    for path in (lines, tmp_path / "gcp.parquet", csv(tmp_path / "gcp.csv", flat)):
        title, row = one(path)
        assert title == "Google Cloud billing export"
        assert seen(row, "billed_cost", "effective_cost", "provider", "slice_key", "tags", "sub_account_id") == [
            175 * UNIT // 100, 175 * UNIT // 100, "gcp.vertex_ai", "01-AA/2026-05", {"team": "search"}, "search-prod",
        ]  # fmt: skip
        assert seen(row, "meter", "quantity") == ["", None], "a count may be tokens or anything else"
    assert "credits" in read(csv(tmp_path / "gcp.csv", {**flat, "credits": "[{"}))[2][0]


def test_invoices_commitments_and_periods_stand_apart(tmp_path: Path) -> None:
    period = {"BillingPeriodStart": "2026-05-01", "BillingPeriodEnd": "2026-06-01", "InvoiceIssuerName": "AWS"}
    invoice = {**period, "InvoiceDetailId": "d1", "InvoiceId": "i1", "BilledCost": "12.5", "BillingAccountId": "1",
               "BillingCurrency": "USD", "ChargeCategory": "Tax", "InvoiceIssueStatus": "Issued"}  # fmt: skip
    title, row = one(csv(tmp_path / "a.csv", invoice))
    assert title == "FOCUS invoice details"
    assert seen(row, "dataset", "invoice_id", "billed_cost", "charge_category", "slice_key", "ai") == [
        "focus_invoice_detail", "i1", 25 * UNIT // 2, "Tax", "1/2026-05", False,
    ]  # fmt: skip
    commitment = {"ContractCommitmentId": "c1", "ContractId": "k1", "ContractCommitmentPeriodStart": "2026-05-01",
                  "ContractCommitmentPeriodEnd": "2027-05-01", "ContractCommitmentCost": "1000", "BillingCurrency": "USD"}  # fmt: skip
    row = one(csv(tmp_path / "a.csv", commitment))[1]
    assert seen(row, "dataset", "commitment_id", "billed_cost", "contracted_cost") == [
        "focus_contract_commitment", "c1", None, None,
    ]  # fmt: skip
    assert row["extra"]["ContractCommitmentCost"] == "1000"
    assert (
        one(csv(tmp_path / "a.csv", {**period, "BillingPeriodStatus": "Open"}))[1]["dataset"] == "focus_billing_period"
    )


def test_rows_of_the_wrong_width_and_broken_bytes_are_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((FOCUS + MAY + "1,USD\n" + MAY + "2\n").encode() + MAY.encode() + b"3,\xff\n" + b"\n")
    _, rows, bad = read(path)
    assert ([row["billed_cost"] for row in rows], bad) == (
        [UNIT],
        [
            "4 fields where the first line names 5",
            "not valid UTF-8; save the file as UTF-8 (iconv -f latin1 -t utf-8 FILE)",
        ],
    )


def test_a_byte_order_mark_and_semicolons_are_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbf" + (FOCUS + MAY + "1,USD\n").replace(",", ";").encode())
    assert one(path)[1]["billed_cost"] == UNIT


def test_a_zip_of_one_file_is_read_and_others_are_named_for_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("export/may.csv", FOCUS + MAY + "1,USD\n")
    assert one(path)[1]["billed_cost"] == UNIT
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("june.csv", FOCUS)
    with pytest.raises(DataError, match="2 files"):
        read(path)
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("[Content_Types].xml", "<x/>")
        packed.writestr("xl/workbook.xml", "<x/>")
    with pytest.raises(DataError, match="XLSX"):
        read(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("bomb.csv", FOCUS + (MAY + "1," + "U" * 1_000_000 + "\n") * 80)
    with pytest.raises(DataError, match="times its size"):
        read(path)


def test_a_parquet_file_that_claims_to_unpack_to_far_more_is_refused(tmp_path: Path) -> None:
    names = FOCUS.strip().split(",")
    table = pa.table({name: pa.array([text] * 100).take(pa.array([0] * 1_500_000)) for name, text in zip(
        names, ["2026-05-01", "2026-05-02", "Usage", "1", "USD"], strict=True)})  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet", use_dictionary=False, compression="zstd", compression_level=9)
    with pytest.raises(DataError, match="times its size"):
        read(tmp_path / "a.parquet")


def test_equal_content_has_equal_digests_and_other_columns_other_ones(tmp_path: Path) -> None:
    found = []
    for head in (FOCUS, FOCUS.replace("BilledCost", "EffectiveCost")):
        path = tmp_path / "a.csv"
        path.write_text(head + (MAY + "1,USD\n") * 2)
        with ExitStack() as closing:
            bill = open_bill(path, closing)
            assert bill is not None
            found += next(tables(bill.file)).digests
    assert found[0] == found[1] != found[2] == found[3]
