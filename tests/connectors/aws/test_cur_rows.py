"""Rows of a Cost and Usage Report: what each identity of Bedrock, each type of line and each unit becomes."""

from datetime import UTC, datetime

import pytest

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.aws.bedrock import read_usage_type
from tallystick.connectors.aws.cur import parse_cur
from tallystick.connectors.aws.cur_facts import Reading
from tests.connectors.aws.reports import BASE, MEMBER, PAYER, PROFILE, csv_of, page_of, parquet_of, row

USD = 10**12


def read(*rows, reading=None):
    return list(parse_cur(page_of(csv_of(*rows)), reading or Reading()))


def line_of(reading=None, **changes):
    (line,) = read(row(**changes), reading=reading)
    assert isinstance(line, BillLine), line
    return line


def hour(day, at):
    return int(datetime(2026, 11, day, at, tzinfo=UTC).timestamp()) * 1_000_000


def test_a_row_of_bedrock_s_own_models_is_counted_and_priced():
    line = line_of(
        line_item_iam_principal=f"arn:aws:sts::{MEMBER}:assumed-role/ai-gateway/alice",
        line_item_resource_id=PROFILE,
        tags='{"resourceTags/user:team":"search","iamPrincipal/department":"eng"}',
        cost_category='{"Unit":"Retail"}',
        reading=Reading({"team": "user:team", "department": "iamPrincipal/department"}),
    )

    assert (line.layer, line.dataset, line.slice_key, line.line_no) == ("invoice", "cur2", f"{PAYER}/2026-11", 1)
    assert (line.charge_period_start, line.charge_period_end) == (hour(2, 8), hour(2, 9))
    assert (line.provider, line.provider_account, line.ai) == ("aws.bedrock", "aws-main", True)
    assert (line.raw_model, line.meter, line.service_tier, line.context) == (
        "amazon.nova-pro",
        "uncached_input",
        "",
        "",
    )
    # 1,460.5 thousand tokens at 0.0008 dollars a thousand.
    assert (line.quantity, str(line.pricing_quantity), line.pricing_unit) == (1_460_500, "1460.5", "1000 Tokens")
    assert (line.consumed_quantity, line.consumed_unit) == (1_460_500, "Tokens")
    assert (line.billed_cost, line.effective_cost) == (1_168_400_000_000, 1_168_400_000_000)
    assert (line.list_cost, line.contracted_cost) == (1_168_400_000_000, 1_168_400_000_000)
    assert (line.list_unit_price, line.contracted_unit_price) == (800_000_000, 800_000_000)
    assert (line.sub_account_id, line.billing_account_id, line.region) == (MEMBER, PAYER, "us-east-1")
    assert (line.resource_id, line.principal.rpartition("/")[2]) == (PROFILE, "alice")
    assert line.dimensions == {"team": "search", "department": "eng"}
    assert line.tags["costCategory/Unit"] == "Retail"
    assert line.extra["line_item_operation"] == "InvokeModelInference"


def test_bedrock_is_known_by_each_of_its_four_identities():
    service = line_of(
        line_item_product_code="AmazonBedrockService",
        product_servicecode="AmazonBedrockService",
        line_item_usage_type="EUC1-Claude4.6Sonnet-output-tokens-cross-region-global-batch",
    )
    market = line_of(
        bill_billing_entity="AWS Marketplace",
        line_item_product_code="6cxyz",
        product_servicecode="",
        product_product_name="Claude Opus 5.5 (Amazon Bedrock Edition)",
        line_item_usage_type="USE1-MP:USE1_InputTokenCount_Global-Units",
        line_item_operation="InvokeModelStreamingInference",
        line_item_usage_amount="0.0125",
        pricing_unit="Units",
        line_item_line_item_description="AWS Marketplace software usage|us-east-1|Million Input Tokens Global",
        line_item_unblended_cost="0.0625",
        pricing_public_on_demand_cost="0",
    )
    capacity = line_of(
        line_item_usage_type="USW2-Claude4.6Sonnet-ProvisionedThroughput-NoCommit-ModelUnits",
        line_item_operation="",
        line_item_usage_amount="1.0",
        pricing_unit="ModelUnitHours",
        line_item_unblended_cost="39.6",
        product_region_code="",
    )

    assert [one.provider for one in (service, market, capacity)] == ["aws.bedrock"] * 3
    assert (service.raw_model, service.meter) == ("global.anthropic.claude-sonnet-4-6", "plain_output")
    assert service.service_tier == "batch"
    # 0.0125 million tokens; the Marketplace says no list price, which is not a price of nothing.
    assert (market.raw_model, market.quantity) == ("global.anthropic.claude-opus-5-5", 12_500)
    assert (market.pricing_unit, market.billed_cost, market.list_cost) == ("1000000 Tokens", 62_500_000_000, None)
    assert market.service_provider_name == "Anthropic"
    assert (capacity.raw_model, capacity.meter, capacity.quantity) == ("anthropic.claude-sonnet-4-6", "", None)
    assert (capacity.consumed_unit, capacity.billed_cost) == ("ModelUnitHours", 39_600_000_000_000)
    assert capacity.region == "us-west-2"


# Usage type → model as written, meter, tier, context, global.
SPOKEN = [
    ("USE1-NovaPro-input-tokens", "NovaPro", "uncached_input", "", "", False),
    ("USE1-NovaPro-input-tokens-flex", "NovaPro", "uncached_input", "flex", "", False),
    ("USE1-Claude4.6Sonnet-output-tokens-priority", "Claude4.6Sonnet", "plain_output", "priority", "", False),
    ("APN1-Claude4.6Sonnet-cache-read-input-token-count-lctx", "Claude4.6Sonnet", "cache_read", "", "long", False),
    ("USE1-Claude4.6Sonnet-cache-write-input-token-count", "Claude4.6Sonnet", "cache_write_5m", "", "", False),
    ("USE1-Claude4.6Sonnet-cache-write-1h-input-token-count", "Claude4.6Sonnet", "cache_write_1h", "", "", False),
    (
        "USW2-anthropic.claude-opus-4-8-mantle-cache-write-tokens-global-standard",
        "anthropic.claude-opus-4-8", "cache_write_5m", "", "", True,
    ),
    ("USW2-MP:USW2_InputTokenCount_Global_Batch-Units", "", "uncached_input", "batch", "", True),
    ("USW2-MP:USW2_input_tokens_long_ctx_global_standard-Units", "", "uncached_input", "", "long", True),
    ("USE1-MP:USE1_CacheWrite1hInputTokenCount-Units", "", "cache_write_1h", "", "", False),
    ("USE1-MP:USE1_CacheReadInputTokenCount-Units", "", "cache_read", "", "", False),
    ("USE1-Nova2.0Sonic-speech-input-token-count", "Nova2.0Sonic", "uncached_input_audio", "", "", False),
    ("USE1-Guardrail-ContentPolicyUnitsConsumed", "", "", "", "", False),
]  # fmt: skip


@pytest.mark.parametrize("spoken", SPOKEN, ids=[one[0] for one in SPOKEN])
def test_a_usage_type_says_model_meter_tier_and_context(spoken):
    found = read_usage_type(spoken[0])

    assert (found.model, found.meter, found.tier, found.context, found.world) == spoken[1:]


TYPES = [
    # type, changes, category, billed, effective, contracted; in millionths of a dollar
    ("Usage", {}, "Usage", 1_168_400, 1_168_400, 1_168_400),
    ("Tax", {"line_item_unblended_cost": "0.2"}, "Tax", 200_000, 200_000, 200_000),
    ("Credit", {"line_item_unblended_cost": "-5"}, "Credit", -5_000_000, -5_000_000, -5_000_000),
    ("Refund", {"line_item_unblended_cost": "-2.5"}, "Adjustment", -2_500_000, -2_500_000, -2_500_000),
    ("EdpDiscount", {"line_item_unblended_cost": "-0.1"}, "Credit", -100_000, -100_000, -100_000),
    ("PrivateRateDiscount", {"line_item_unblended_cost": "-0.1"}, "Credit", -100_000, -100_000, -100_000),
    # A discount that is a line of its own, in an export whose net costs have it already.
    (
        "EdpDiscount",
        {"line_item_unblended_cost": "-0.1", "line_item_net_unblended_cost": "0"},
        "Credit", 0, 0, 0,
    ),
    ("Usage", {"line_item_net_unblended_cost": "1"}, "Usage", 1_000_000, 1_000_000, 1_000_000),
    # An account without discounts, whose export fills the net column with zeros.
    ("Usage", {"line_item_net_unblended_cost": "0.0"}, "Usage", 1_168_400, 1_168_400, 1_168_400),
    # Wholly discounted: the discount says so.
    (
        "Usage",
        {"line_item_net_unblended_cost": "0.0", "discount_total_discount": "-1.1684"},
        "Usage", 0, 0, 0,
    ),
    ("Fee", {"line_item_unblended_cost": "12"}, "Purchase", 12_000_000, 12_000_000, 12_000_000),
    (
        "Fee",
        {"line_item_unblended_cost": "12", "reservation_reservation_a_r_n": "arn:aws:ec2:r"},
        "Purchase", 12_000_000, 0, 12_000_000,
    ),
    (
        "RIFee",
        {
            "line_item_unblended_cost": "30", "reservation_unused_recurring_fee": "3",
            "reservation_unused_amortized_upfront_fee_for_billing_period": "1.5",
        },
        "Purchase", 30_000_000, 4_500_000, 30_000_000,
    ),
    (
        "DiscountedUsage",
        {
            "line_item_unblended_cost": "0", "reservation_effective_cost": "0.6",
            "pricing_public_on_demand_cost": "1",
        },
        "Usage", 0, 600_000, 1_000_000,
    ),
    (
        "SavingsPlanCoveredUsage",
        {"line_item_unblended_cost": "1", "savings_plan_savings_plan_effective_cost": "0.7"},
        "Usage", 0, 700_000, 1_000_000,
    ),
    ("SavingsPlanNegation", {"line_item_unblended_cost": "-1"}, "Adjustment", 0, 0, 0),
    (
        "SavingsPlanRecurringFee",
        {
            "line_item_unblended_cost": "10", "savings_plan_total_commitment_to_date": "10",
            "savings_plan_used_commitment": "8.5",
        },
        "Purchase", 10_000_000, 1_500_000, 10_000_000,
    ),
    ("SavingsPlanUpfrontFee", {"line_item_unblended_cost": "100"}, "Purchase", 100_000_000, 0, 100_000_000),
]  # fmt: skip


@pytest.mark.parametrize("case", TYPES, ids=[f"{n}-{one[0]}" for n, one in enumerate(TYPES)])
def test_each_type_of_line_has_its_category_and_costs(case):
    kind, changes, category, *costs = case
    line = line_of(line_item_line_item_type=kind, **changes)

    assert line.charge_category == category
    assert [line.billed_cost, line.effective_cost, line.contracted_cost] == [one * 10**6 for one in costs]
    # Only what uses something counts something, or the same tokens would count twice.
    assert (line.quantity is None) == (category != "Usage")


def test_what_no_amount_says_is_unknown_and_not_nothing():
    covered = line_of(line_item_line_item_type="SavingsPlanCoveredUsage")
    market = line_of(bill_billing_entity="AWS Marketplace", pricing_public_on_demand_cost="")

    assert covered.effective_cost is None
    assert market.list_cost is None


@pytest.mark.parametrize("unit", ["", "Blocks", "GB", "Units"])
def test_a_unit_that_is_no_number_of_tokens_keeps_its_amount_and_counts_none(unit):
    line = line_of(pricing_unit=unit)

    assert line.quantity is None
    assert (str(line.consumed_quantity), line.consumed_unit) == ("1460.5", unit)
    assert line.billed_cost == 1_168_400_000_000
    assert line.extra["quantity_note"]


def test_a_marketplace_unit_is_what_the_row_says_or_else_the_operator():
    market = {
        "bill_billing_entity": "AWS Marketplace",
        "line_item_usage_type": "USE1-MP:USE1_OutputTokenCount-Units",
        "line_item_usage_amount": "2",
        "pricing_unit": "Units",
    }
    operator = Reading(market_unit="1M Tokens")

    assert line_of(**market).quantity is None
    assert line_of(operator, **market).quantity == 2_000_000
    assert line_of(operator, **market, line_item_line_item_description="$0.02 per 1K output tokens").quantity == 2_000
    assert line_of(operator, **market, line_item_line_item_description="Thousand tokens").quantity == 2_000


def test_a_profile_s_model_is_what_the_operator_says_where_the_row_says_none():
    line = line_of(
        Reading(profiles={"abcd1234": "anthropic.claude-haiku-5-5"}),
        line_item_usage_type="USE1-MP:USE1_OutputTokenCount-Units",
        line_item_resource_id=PROFILE,
    )

    assert line.raw_model == "anthropic.claude-haiku-5-5"


def test_other_services_are_kept_and_are_no_ai():
    line = line_of(
        line_item_product_code="AmazonS3",
        product_servicecode="AmazonS3",
        product_product_name="Amazon Simple Storage Service",
        line_item_usage_type="EUC1-TimedStorage-ByteHrs",
        line_item_operation="StandardStorage",
        product_region_code="eu-central-1",
        line_item_usage_amount="3",
        pricing_unit="GB-Mo",
    )

    assert (line.ai, line.provider, line.meter, line.raw_model) == (False, "", "", "")
    assert (line.service_name, line.service_category) == ("Amazon Simple Storage Service", "Storage")
    assert (line.region, str(line.consumed_quantity), line.consumed_unit) == ("eu-central-1", "3", "GB-Mo")
    assert line.billed_cost == 1_168_400_000_000


def test_parquet_csv_and_the_older_names_say_the_same():
    rows = [
        row(tags='{"resourceTags/user:team":"search"}'),
        row(line_item_line_item_type="Tax", line_item_unblended_cost="0.1", tags=""),
        row(line_item_usage_amount="0.1", line_item_unblended_cost="1e-07"),
    ]
    older = [
        {old: one[new] for old, new in OLDER.items()}
        | {"resourceTags/user:team": "search" if "team" in one["tags"] else ""}
        for one in rows
    ]
    new = list(parse_cur(page_of(csv_of(*rows)), Reading({"team": "user:team"})))
    typed = list(parse_cur(page_of(parquet_of(*rows)), Reading({"team": "user:team"})))
    old = list(parse_cur(page_of(csv_of(*older)), Reading({"team": "user:team"})))

    def shown(line):
        cells = (
            line.charge_period_start, line.charge_category, line.billed_cost, line.list_cost, line.quantity,
            line.raw_model, line.slice_key, line.sub_account_id, line.tags, line.dimensions,
        )  # fmt: skip
        return cells

    assert [shown(one) for one in typed] == [shown(one) for one in new]
    assert [shown(one) for one in old] == [shown(one) for one in new]
    assert [one.billed_cost for one in new] == [1_168_400_000_000, 100_000_000_000, 100_000]
    assert [one.quantity for one in new] == [1_460_500, None, 100]
    assert new[0].dimensions == {"team": "search"}


OLDER = {
    "identity/LineItemId": "identity_line_item_id",
    "bill/BillingPeriodStartDate": "bill_billing_period_start_date",
    "bill/BillingPeriodEndDate": "bill_billing_period_end_date",
    "bill/PayerAccountId": "bill_payer_account_id",
    "bill/BillingEntity": "bill_billing_entity",
    "lineItem/UsageAccountId": "line_item_usage_account_id",
    "lineItem/LineItemType": "line_item_line_item_type",
    "lineItem/UsageStartDate": "line_item_usage_start_date",
    "lineItem/UsageEndDate": "line_item_usage_end_date",
    "lineItem/ProductCode": "line_item_product_code",
    "lineItem/UsageType": "line_item_usage_type",
    "lineItem/Operation": "line_item_operation",
    "lineItem/UsageAmount": "line_item_usage_amount",
    "lineItem/CurrencyCode": "line_item_currency_code",
    "lineItem/UnblendedCost": "line_item_unblended_cost",
    "product/servicecode": "product_servicecode",
    "product/region": "product_region_code",
    "pricing/unit": "pricing_unit",
    "pricing/publicOnDemandCost": "pricing_public_on_demand_cost",
}

BAD = [
    ({"line_item_line_item_type": "Surprise"}, "'Surprise' is none"),
    ({"line_item_unblended_cost": ""}, "line_item_unblended_cost is empty"),
    ({"line_item_unblended_cost": "twelve"}, "line_item_unblended_cost: 'twelve' is no number"),
    ({"line_item_unblended_cost": "NaN"}, "'NaN' is no amount"),
    ({"line_item_usage_amount": "1e99"}, "line_item_usage_amount: '1e99' is no amount"),
    ({"line_item_usage_start_date": "yesterday"}, "'yesterday' is no date"),
    ({"line_item_usage_start_date": ""}, "line_item_usage_start_date is empty"),
    ({"bill_payer_account_id": ""}, "bill_payer_account_id"),
    ({"bill_billing_period_start_date": "2026-10-01"}, "of the bill of 2026-10, and lies in that of 2026-11"),
    ({"line_item_currency_code": "dollars"}, "'dollars' is no currency"),
    ({"tags": "{broken"}, "tags holds '{broken', which is no map"),
    ({"cost_category": "[1]"}, "cost_category holds '[1]', which is no map"),
]


@pytest.mark.parametrize(("changes", "reason"), BAD, ids=[str(one[0]) for one in BAD])
def test_a_bad_row_is_rejected_with_its_place_and_the_rest_lands(changes, reason):
    first, bad, last = read(row(), row(**changes), row())

    assert isinstance(bad, Rejected)
    assert bad.line_no == 2
    assert reason in bad.reason
    assert [first.line_no, last.line_no] == [1, 3]


def test_rows_with_cells_too_many_or_too_few_are_rejected_where_they_stand():
    head, good = csv_of(row()).decode().splitlines()
    body = "\n".join([head, good, "short,row", good, good + ",more", ""]).encode()

    found = list(parse_cur(page_of(body), Reading()))

    assert [(type(one).__name__, one.line_no) for one in found] == [
        ("BillLine", 1), ("Rejected", 2), ("BillLine", 3), ("Rejected", 4),
    ]  # fmt: skip
    assert f"2 cells where the header has {len(BASE)}" in found[1].reason


def test_a_part_that_is_no_report_is_rejected_whole():
    renamed = {name.replace("unblended_cost", "cost"): cell for name, cell in row().items()}

    for body, reason in (
        (csv_of(renamed), "no value in line_item_unblended_cost"),
        (b"PAR1 and then nothing", "cannot be read as Parquet"),
        (b"", "cannot be read as CSV"),
    ):
        (only,) = parse_cur(page_of(body), Reading())
        assert isinstance(only, Rejected)
        assert only.line_no == 0
        assert reason in only.reason


def test_identical_rows_are_both_kept():
    assert len(read(row(), row())) == 2
