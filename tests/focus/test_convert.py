"""A FOCUS record becomes one bill line; what cannot be read for certain is refused with its reason."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tallystick.bills.model import BillLine, Rejected
from tallystick.focus.columns import BROUGHT, focus_version, is_focus
from tallystick.focus.convert import line_from_focus
from tallystick.focus.place import Place
from tests.focus.rows import ANTHROPIC, DISK, record

UNIT = 10**12


def line(**changes: object) -> BillLine:
    found = line_from_focus(record(**changes), Place())
    assert isinstance(found, BillLine), found
    return found


def refused(**changes: object) -> str:
    found = line_from_focus(record(**changes), Place(line_no=7))
    assert isinstance(found, Rejected)
    assert found.line_no == 7
    return found.reason


def us(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000


def test_a_token_row_says_whose_what_and_how_many() -> None:
    found = line()
    assert (found.provider, found.raw_model, found.meter, found.quantity) == (
        "anthropic", "claude-sonnet-4-5-20250929", "uncached_input", 8_400_000,
    )  # fmt: skip
    assert found.billed_cost == 25_200_000_000_000
    assert found.list_unit_price == 3 * UNIT
    assert found.consumed_quantity == Decimal("8400000")
    assert (found.charge_period_start, found.charge_period_end) == (us(2026, 10, 14), us(2026, 10, 15))
    assert (found.slice_key, found.provider_account) == ("org-harbour/2026-10", "anthropic")
    assert (found.tags, found.dimensions) == ({"team": "payments", "colour": "red"}, {"team": "payments"})
    assert found.extra["x_CostCertainty"] == "Estimated"
    assert found.service_provider_name == "Anthropic"


def test_other_cloud_rows_are_kept_and_are_no_ai() -> None:
    found = line_from_focus(DISK, Place())
    assert isinstance(found, BillLine)
    assert (found.ai, found.provider, found.meter, found.quantity, found.billed_cost) == (
        False, "", "", None, 1_500_000_000_000,
    )  # fmt: skip
    assert found.provider_account == "123456789012"


@pytest.mark.parametrize(
    ("text", "grains"),
    [
        ("$1,000.00", 1000 * UNIT), ("(12.50)", -12_500_000_000_000), ("-$5", -5 * UNIT), ("1,234,567.5", 1234567 * UNIT + UNIT // 2),
        ("5.64902E-05", 56_490_200), ("0.0000000000005", 0), ("0.0000000000015", 2), (12.5, 12_500_000_000_000),
        (Decimal("0.1"), UNIT // 10), ("-0", 0), ("$1,000", 1000 * UNIT),
    ],
)  # fmt: skip
def test_amounts_are_read_as_people_write_them(text: object, grains: int) -> None:
    assert line(BilledCost=text).billed_cost == grains


@pytest.mark.parametrize("text", ["12,50", "1.234,56", "1,234", "0,123.00", "ten", "1_000", "inf", "1e40", True])
def test_amounts_that_can_mean_two_things_are_refused(text: object) -> None:
    assert refused(BilledCost=text).startswith("BilledCost: ")


@pytest.mark.parametrize("nothing", ["", "NULL", "N/A", "null", None, "nan", float("nan"), " - "])
def test_what_says_nothing_is_unknown_and_not_zero(nothing: object) -> None:
    found = line(ListCost=nothing, SkuId=nothing, Tags=nothing, ConsumedQuantity=nothing, BillingPeriodStart=nothing)
    assert (found.list_cost, found.sku_id, found.tags, found.consumed_quantity) == (
        None,
        "" if nothing == nothing else found.sku_id,
        {},
        None,
    )
    assert found.billing_period_start is None
    assert found.quantity == 8_400_000, "8.4 of 1000000 tokens were priced"


@pytest.mark.parametrize(
    "text",
    ["2026-10-14T00:00:00Z", "2026-10-14 00:00:00", "10/14/26", "10/14/2026", "2026-10-14", "2026-10-14T02:00:00+02:00",
     "2026-10-14 00:00:00 UTC", "2026-10-14T00:00Z", "10/14/2026 12:00:00 AM",
     datetime(2026, 10, 14, tzinfo=UTC), datetime(2026, 10, 14, tzinfo=UTC).replace(tzinfo=None), date(2026, 10, 14)],
)  # fmt: skip
def test_instants_are_read_as_exports_write_them(text: object) -> None:
    assert line(ChargePeriodStart=text).charge_period_start == us(2026, 10, 14)


@pytest.mark.parametrize("text", ["14/10/2026", "45000", "20261014", "soon", "1899-12-31", "2026-02-30"])
def test_instants_nobody_can_tell_are_refused(text: str) -> None:
    assert refused(ChargePeriodStart=text).startswith("ChargePeriodStart: ")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ChargePeriodStart": ""}, "ChargePeriodStart is missing"),
        ({"ChargePeriodEnd": "2026-10-13"}, "the charge period ends before it starts"),
        ({"BilledCost": "", "EffectiveCost": "", "ListCost": "", "ContractedCost": ""}, "no cost"),
    ],
)
def test_a_row_without_a_period_or_a_cost_is_refused(changes: dict[str, str], reason: str) -> None:
    assert refused(**changes).startswith(reason)


@pytest.mark.parametrize(
    ("cell", "text"),
    [("'123'", "123"), ('="0042"', "0042"), ("123456789012.0", "123456789012"), (123456789012, "123456789012"),
     (1234567890123.0, "1234567890123"), ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"), ("1.2E+11", "1.2E+11")],
)  # fmt: skip
def test_ids_lose_what_spreadsheets_did_to_them_and_formulas_stay_text(cell: object, text: str) -> None:
    assert line(BillingAccountId=cell).billing_account_id == text


@pytest.mark.parametrize(
    ("cell", "tags"),
    [
        ('{"a":"1","b":null,"c":{"d":2}}', {"a": "1", "b": "", "c": '{"d": 2}'}),
        ('"tagA": "valueA","tagB": "valueB"', {"tagA": "valueA", "tagB": "valueB"}),
        ("a=1;b=2", {"a": "1", "b": "2"}),
        ([{"key": "a", "value": "1"}], {"a": "1"}),
        ([("a", "1")], {"a": "1"}),
        ({"a": 1}, {"a": "1"}),
    ],
)
def test_tags_come_in_many_spellings(cell: object, tags: dict[str, str]) -> None:
    assert line(Tags=cell).tags == tags


def test_tags_nobody_can_read_are_kept_aside() -> None:
    found = line(Tags='{"a":')
    assert (found.tags, found.extra["Tags"]) == ({}, '{"a":')


@pytest.mark.parametrize(
    ("meter", "details", "name"),
    [
        ("Cache Read Input Tokens", "", "cache_read"),
        ("Cache Write Input Tokens", '{"x_CacheDuration":"5m"}', "cache_write_5m"),
        ("Cache Write Input Tokens", "", "cache_write_unknown"),
        ("Cache Write 1h Tokens", "", "cache_write_1h"),
        ("Output Tokens", "", "plain_output"),
        ("Reasoning Tokens", "", "reasoning_output"),
        ("Audio Output Tokens", "", "plain_output_audio"),
        ("Tokens", '{"TokenDirection":"Input","TokenCacheAction":"Read"}', "cache_read"),
        ("Tokens", '{"TokenDirection":"Input","TokenCacheAction":"Other"}', ""),
        ("Tokens", "", ""),
    ],
)
def test_meters_are_told_from_words_and_details(meter: str, details: str, name: str) -> None:
    found = line(SkuMeter=meter, SkuPriceDetails=details)
    assert (found.meter, found.quantity) == (name, 8_400_000 if name else None)


@pytest.mark.parametrize(
    ("unit", "consumed", "meter", "quantity"),
    [
        ("1K tokens", "2.5", "uncached_input", 2_500),
        ("Units", "2.5", "", None),
        ("Requests", "4", "requests", 4),
        ("Images", "4", "images", 4),
        ("Token-Hours", "4", "", None),
    ],
)
def test_quantities_are_whole_units_of_the_meter_or_unknown(
    unit: str, consumed: str, meter: str, quantity: int | None
) -> None:
    found = line(
        ConsumedUnit=unit, ConsumedQuantity=consumed, PricingUnit="", PricingQuantity="", SkuMeter="Input " + unit
    )
    assert (found.meter, found.quantity) == (meter, quantity)


def test_hours_of_gpus_are_seconds_of_each() -> None:
    found = line(
        ServiceCategory="Compute", ServiceSubcategory="Virtual Machines", ServiceName="EC2", ProviderName="AWS",
        InvoiceIssuerName="AWS", SkuMeter="Compute", ConsumedUnit="Hours", ConsumedQuantity="1.5", PricingUnit="Hours",
        SkuPriceDetails='{"GpuCount":8,"x_GpuModel":"H100"}',
    )  # fmt: skip
    assert (found.ai, found.provider, found.meter, found.quantity) == (True, "", "gpu_seconds", 43_200_000_000)


@pytest.mark.parametrize(
    ("service", "seller", "provider", "account"),
    [
        ("Amazon Bedrock", "AWS", "aws.bedrock", "bedrock"),
        ("Claude Sonnet 4 (Amazon Bedrock Edition)", "Anthropic", "aws.bedrock", "bedrock"),
        ("Azure OpenAI Service", "Microsoft", "azure.ai.openai", "azure"),
        ("Vertex AI", "Google Cloud", "gcp.vertex_ai", "vertex"),
        ("Gemini API", "Google Cloud", "gcp.gemini", "gemini"),
        ("OpenAI API", "OpenAI", "openai", "openai"),
        ("GitHub Copilot", "GitHub", "", "org-harbour"),
    ],
)
def test_the_provider_is_the_one_that_the_gateway_names(service: str, seller: str, provider: str, account: str) -> None:
    found = line(ServiceName=service, ProviderName=seller, InvoiceIssuerName=seller)
    assert (found.ai, found.provider, found.provider_account) == (True, provider, account)


def test_values_nobody_knows_are_kept_and_noted() -> None:
    place = Place()
    found = line_from_focus(record(ChargeCategory="fee", ServiceCategory="Database", BillingCurrency="credits"), place)
    assert isinstance(found, BillLine)
    assert (found.charge_category, found.service_category, found.currency) == ("fee", "Database", "CREDITS")
    assert len(place.notes) == 3
    assert line(ChargeCategory="usage").charge_category == "Usage"


def test_the_version_is_told_by_the_columns() -> None:
    everything: list[str] = []
    for version, brought in BROUGHT.items():
        everything += brought
        assert focus_version(everything) == version
    assert (
        focus_version(
            [
                name
                for name in everything
                if name not in BROUGHT["1.5"]
                and name not in BROUGHT["1.4"]
                and name not in {"ProviderName", "PublisherName"}
            ]
        )
        == "1.4"
    )
    assert focus_version(["time", "model", "BilledCost"]) == ""
    assert is_focus(["charge_period_start", "Charge Category", "billed_cost"])


def test_older_names_stand_in_and_strays_are_kept() -> None:
    old = {("Provider" if name == "ProviderName" else name): cell for name, cell in ANTHROPIC.items()} | {"Id": "11472"}
    found = line_from_focus(old, Place(account="ours"))
    assert isinstance(found, BillLine)
    assert (found.service_provider_name, found.extra["Id"], found.provider_account) == ("Anthropic", "11472", "ours")


def test_credits_as_pricing_currency_do_not_touch_the_money() -> None:
    found = line(BilledCost="0", EffectiveCost="490", PricingCurrency="Credits", PricingCurrencyEffectiveCost="245")
    assert (found.currency, found.billed_cost, found.effective_cost) == ("USD", 0, 490 * UNIT)
    assert (found.pricing_currency, found.pricing_currency_cost) == ("Credits", 245 * UNIT)
