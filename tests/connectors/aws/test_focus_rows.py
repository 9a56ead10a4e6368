"""AWS's FOCUS export: FOCUS's columns as everybody's, and what AWS adds tells Bedrock."""

import csv
import io
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.aws.kind import FOCUS, connect
from tallystick.ports import SourceFailed
from tests.connectors.aws.reports import MEMBER, NOVEMBER, PAYER, PROFILE, page_of, setup_of

BASE = {
    "BilledCost": "1.1684", "BillingAccountId": PAYER, "BillingAccountName": "Acme", "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-11-01T00:00:00Z", "BillingPeriodEnd": "2026-12-01T00:00:00Z",
    "ChargeCategory": "Usage", "ChargeClass": "", "ChargeDescription": "", "ChargeFrequency": "Usage-Based",
    "ChargePeriodStart": "2026-11-02T08:00:00Z", "ChargePeriodEnd": "2026-11-02T09:00:00Z",
    "ConsumedQuantity": "1460.5", "ConsumedUnit": "1K tokens", "ContractedCost": "1.1684", "EffectiveCost": "1.1684",
    "InvoiceIssuerName": "Amazon Web Services, Inc.", "ListCost": "1.1684", "ListUnitPrice": "0.0008",
    "PricingCategory": "Standard", "PricingQuantity": "1460.5", "PricingUnit": "1K tokens", "ProviderName": "AWS",
    "PublisherName": "AWS", "RegionId": "us-east-1", "ResourceId": PROFILE,
    "ServiceCategory": "AI and Machine Learning", "ServiceName": "Amazon Bedrock", "SkuId": "sku", "SkuPriceId": "p",
    "SubAccountId": MEMBER, "Tags": '{"user:team":"search"}', "x_Discounts": "{}",
    "x_Operation": "InvokeModelInference", "x_ServiceCode": "AmazonBedrock",
    "x_UsageType": "USE1-Claude4.6Sonnet-cache-read-input-token-count-cross-region-global-flex",
}  # fmt: skip
S3 = {
    "ServiceName": "Amazon Simple Storage Service", "ServiceCategory": "Storage", "x_ServiceCode": "AmazonS3",
    "x_Operation": "StandardStorage", "x_UsageType": "TimedStorage-ByteHrs", "ConsumedUnit": "GB-Mo",
    "PricingUnit": "GB-Mo", "ResourceId": "arn:aws:s3:::bucket",
}  # fmt: skip
MARKET = {
    "ServiceName": "", "PublisherName": "Anthropic", "x_ServiceCode": "", "ListCost": "0", "PricingUnit": "Units",
    "ConsumedUnit": "Units", "PricingQuantity": "2", "ConsumedQuantity": "2",
    "x_UsageType": "USE1-MP:USE1_OutputTokenCount-Units",
    "ResourceId": "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-5-5",
}  # fmt: skip


def csv_of(*rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(BASE), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def read(body, **options):
    one = connect(setup_of(focus="/nowhere", **options))
    return list(one.parse(page_of(body, "focus")))


def test_bedrock_s_rows_have_what_their_usage_type_says():
    (line,) = read(csv_of(BASE), tags="team=user:team")

    assert (line.layer, line.dataset, line.provider, line.provider_account) == (
        "invoice", "focus", "aws.bedrock", "aws-main",
    )  # fmt: skip
    assert (line.raw_model, line.meter, line.service_tier) == (
        "global.anthropic.claude-sonnet-4-6", "cache_read", "flex",
    )  # fmt: skip
    assert (line.quantity, line.billed_cost, line.list_cost) == (1_460_500, 1_168_400_000_000, 1_168_400_000_000)
    assert (line.billing_account_id, line.sub_account_id, line.resource_id) == (PAYER, MEMBER, PROFILE)
    assert line.dimensions["team"] == "search"
    assert line.slice_key.startswith(PAYER)
    assert "2026-11" in line.slice_key


def test_the_marketplace_is_known_by_its_operation_and_has_no_list_price():
    (unsaid,) = read(csv_of(BASE | MARKET))
    (said,) = read(csv_of(BASE | MARKET), market_unit="1M Tokens")

    assert (unsaid.provider, unsaid.raw_model, unsaid.meter) == (
        "aws.bedrock", "us.anthropic.claude-opus-5-5", "plain_output",
    )  # fmt: skip
    assert (unsaid.quantity, unsaid.list_cost) == (None, None)
    assert "market_unit" in unsaid.extra["quantity_note"]
    assert said.quantity == 2_000_000


def test_other_services_are_kept_and_bad_rows_are_rejected_where_they_stand():
    s3, bad, last = read(csv_of(BASE | S3, BASE | {"BilledCost": "twelve"}, BASE))

    assert (s3.ai, s3.provider, s3.billed_cost) == (False, "", 1_168_400_000_000)
    assert isinstance(bad, Rejected)
    assert (bad.line_no, last.line_no) == (2, 3)


def test_parquet_says_the_same_as_csv():
    typed = {name: [None if cell == "" else cell] for name, cell in BASE.items()}
    for name in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "ConsumedQuantity", "PricingQuantity"):
        typed[name] = [float(BASE[name])]
    table = pa.table(typed)
    for name in ("ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodStart", "BillingPeriodEnd"):
        column = pa.array([datetime.fromisoformat(BASE[name]).replace(tzinfo=None)], pa.timestamp("ms"))
        table = table.set_column(table.column_names.index(name), name, column)
    tags = pa.array([[("user:team", "search")]], pa.map_(pa.string(), pa.string()))
    table = table.set_column(table.column_names.index("Tags"), "Tags", tags)
    out = io.BytesIO()
    pq.write_table(table, out)

    (line,), (plain,) = read(out.getvalue()), read(csv_of(BASE))
    for name in ("charge_period_start", "billed_cost", "quantity", "tags", "raw_model", "slice_key"):
        assert getattr(line, name) == getattr(plain, name), name


def test_an_export_of_another_table_is_no_focus(tmp_path):
    month = tmp_path / "data/BILLING_PERIOD=2026-11"
    month.mkdir(parents=True)
    (month / "a.csv").write_bytes(b"line_item_usage_type,b\n1,2\n")
    one = connect(setup_of(focus=str(tmp_path)))

    with pytest.raises(SourceFailed, match="no FOCUS"):
        list(one.fetch(FOCUS, NOVEMBER))
    (month / "a.csv").write_bytes(csv_of(BASE))
    (page,) = one.fetch(FOCUS, NOVEMBER)
    assert [type(line) for line in one.parse(page)] == [BillLine]
    assert [type(line) for line in read(b"PAR1 broken")] == [Rejected]
