"""Reports in AWS's shapes, written by hand for these tests; nothing here is read by the code under test."""

import csv
import gzip
import io
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from tallystick.kernel.period import Period, days
from tallystick.ports import Page, Setup

NOVEMBER = days(date(2026, 11, 1), date(2026, 12, 1))
OCTOBER = days(date(2026, 10, 1), date(2026, 11, 1))
SECOND = days(date(2026, 11, 2), date(2026, 11, 3))
NOON = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()) * 1_000_000
PAYER, MEMBER = "111111111111", "012345678901"
PROFILE = f"arn:aws:bedrock:us-east-1:{MEMBER}:application-inference-profile/abcd1234"

BASE = {
    "identity_line_item_id": "abc",
    "bill_billing_period_start_date": "2026-11-01T00:00:00.000Z",
    "bill_billing_period_end_date": "2026-12-01T00:00:00.000Z",
    "bill_payer_account_id": PAYER,
    "bill_billing_entity": "AWS",
    "bill_invoicing_entity": "Amazon Web Services, Inc.",
    "bill_invoice_id": "",
    "line_item_usage_account_id": MEMBER,
    "line_item_usage_start_date": "2026-11-02T08:00:00.000Z",
    "line_item_usage_end_date": "2026-11-02T09:00:00.000Z",
    "line_item_line_item_type": "Usage",
    "line_item_product_code": "AmazonBedrock",
    "product_servicecode": "AmazonBedrock",
    "product_product_name": "",
    "product_region_code": "us-east-1",
    "line_item_usage_type": "USE1-NovaPro-input-tokens",
    "line_item_operation": "InvokeModelInference",
    "line_item_usage_amount": "1460.5",
    "pricing_unit": "1K tokens",
    "line_item_currency_code": "USD",
    "line_item_unblended_rate": "0.0008",
    "line_item_unblended_cost": "1.1684",
    "line_item_net_unblended_cost": "",
    "discount_total_discount": "",
    "pricing_public_on_demand_cost": "1.1684",
    "pricing_public_on_demand_rate": "0.0008",
    "line_item_line_item_description": "",
    "line_item_resource_id": "",
    "line_item_iam_principal": "",
    "reservation_reservation_a_r_n": "",
    "reservation_effective_cost": "",
    "reservation_unused_amortized_upfront_fee_for_billing_period": "",
    "reservation_unused_recurring_fee": "",
    "savings_plan_savings_plan_a_r_n": "",
    "savings_plan_savings_plan_effective_cost": "",
    "savings_plan_total_commitment_to_date": "",
    "savings_plan_used_commitment": "",
    "tags": "{}",
    "cost_category": "{}",
}


def row(**changes: str) -> dict[str, str]:
    """A row of a CUR 2.0: an hour of Nova Pro, with what is said otherwise."""
    unknown = changes.keys() - BASE.keys()
    assert not unknown, unknown
    return BASE | changes


def csv_of(*rows: dict[str, str], packed: bool = False) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    body = out.getvalue().encode()
    return gzip.compress(body) if packed else body


_FLOATS = ("_cost", "_amount", "_discount", "_fee_for_billing_period", "_fee", "_commitment", "_commitment_to_date")
_INSTANTS = ("_start_date", "_end_date")


def parquet_of(*rows: dict[str, str]) -> bytes:
    """The same rows as AWS types them in Parquet: costs are doubles, dates timestamps, tags maps."""
    import json

    columns = {}
    for name in rows[0]:
        cells = [one[name] or None for one in rows]
        if name in {"tags", "cost_category"}:
            maps = [list(json.loads(cell or "{}").items()) for cell in cells]
            columns[name] = pa.array(maps, pa.map_(pa.string(), pa.string()))
        elif name.endswith(_FLOATS):
            columns[name] = pa.array([None if cell is None else float(cell) for cell in cells], pa.float64())
        elif name.endswith(_INSTANTS):
            instants = [None if cell is None else datetime.fromisoformat(cell).replace(tzinfo=None) for cell in cells]
            columns[name] = pa.array(instants, pa.timestamp("ms"))
        else:
            columns[name] = pa.array(cells, pa.string())
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def page_of(body: bytes, stream: str = "cur2", window: Period = NOVEMBER, cursor: str = "") -> Page:
    return Page(stream, window, 0, cursor, "", body, "aws-main")


def setup_of(**options: str) -> Setup:
    secrets = {"secret_access_key": "planted-secret", "session_token": "planted-token"}
    return Setup("aws", "aws-main", options, lambda name: secrets.get(name, ""), lambda: NOON)
