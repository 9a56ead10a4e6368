"""Cost details as lines: expected values are worked out by hand from the sample rows."""

from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.azure.columns import COLUMNS, IGNORED
from tallystick.kernel.errors import ConfigError
from tallystick.kernel.period import DAY_US
from tests.connectors.azure.samples import (
    BOUGHT,
    DISK,
    EA,
    MCA,
    OCTOBER,
    PTU,
    ROUNDING,
    TAX,
    UNUSED,
    one,
    page,
    read,
    sheet,
    source,
)
from tests.pricing.sample import day

EUR = 10**12
ACTUAL = {"actual_path": "/a"}
BOTH = {"actual_path": "/a", "amortized_path": "/b"}


def test_a_row_of_an_enterprise_agreement_is_a_line() -> None:
    line = one(source(**ACTUAL), EA)
    assert (line.billed_cost, line.effective_cost, line.currency) == (75 * EUR // 100, 75 * EUR // 100, "EUR")
    # 300 thousands at a list price of 0.003: 0.9.
    assert (line.list_cost, line.contracted_cost) == (9 * EUR // 10, 75 * EUR // 100)
    assert (line.list_unit_price, line.contracted_unit_price) == (3 * EUR // 1000, 25 * EUR // 10_000)
    assert (line.raw_model, line.meter, line.quantity) == ("gpt-4o-2024-08-06", "uncached_input", 300_000)
    assert (line.consumed_quantity, line.consumed_unit) == (300_000, "Tokens")
    assert (line.pricing_quantity, line.pricing_unit) == (300, "1K")
    assert (line.charge_period_start, line.charge_period_end) == (day("2026-10-02"), day("2026-10-03"))
    assert (line.billing_period_start, line.billing_period_end) == (OCTOBER.start_us, OCTOBER.end_us)
    assert (line.slice_key, line.region, line.provider) == ("8765/2026-10", "swedencentral", "azure.ai.openai")
    assert line.tags == {"team": "search", "env": "prod"}
    assert line.dimensions == {"team": "search", "environment": "prod", "cost_center": "4711"}
    assert (line.charge_frequency, line.pricing_category, line.layer) == ("Usage-Based", "Standard", "invoice")


def test_a_row_of_a_customer_agreement_is_a_line_and_its_currencies_do_not_mix() -> None:
    line = one(source(**ACTUAL, labels="feature=SQUAD"), MCA)
    assert (line.billed_cost, line.list_cost, line.currency) == (60 * EUR, 61 * EUR + EUR // 2, "EUR")
    assert (line.pricing_currency, line.pricing_currency_cost) == ("USD", 66 * EUR)
    assert (line.contracted_cost, line.list_unit_price, line.contracted_unit_price) == (None, None, None)
    assert (line.raw_model, line.meter, line.quantity) == ("gpt-5.6-sol", "plain_output", 2_000_000)
    assert line.dimensions == {"team": "chat", "feature": "s1"}
    assert line.extra["deployment"] == "data zone"
    assert line.extra["exchangeRatePricingToBilling"] == "0.909090"


def test_of_both_exports_each_cost_and_each_quantity_is_there_once() -> None:
    made = source(**BOTH)
    amortized = PTU | {"CostInBillingCurrency": "20"}
    actual = [line for line in read(made, [EA, PTU, BOUGHT, TAX]) if isinstance(line, BillLine)]
    spread = [line for line in read(made, [EA, amortized, UNUSED, TAX], "amortized") if isinstance(line, BillLine)]
    facts = [(one.charge_category, one.billed_cost, one.effective_cost) for one in (*actual, *spread)]
    assert facts == [
        ("Usage", 75 * EUR // 100, 75 * EUR // 100),
        ("Purchase", 620 * EUR, 0),
        ("Tax", 19 * EUR // 10, 19 * EUR // 10),
        ("Usage", 0, 20 * EUR),
        ("Usage", 0, 25 * EUR // 10),
    ]
    assert sum(one.quantity or 0 for one in (*actual, *spread)) == 300_000


def test_with_one_export_alone_what_it_cannot_know_stays_unknown() -> None:
    bought = one(source(actual_path="/a"), BOUGHT)
    assert (bought.billed_cost, bought.effective_cost) == (620 * EUR, None)
    covered = one(source(amortized_path="/b"), PTU | {"CostInBillingCurrency": "20"}, "amortized")
    assert (covered.billed_cost, covered.effective_cost) == (None, 20 * EUR)


def test_hours_of_provisioned_units_and_their_reservation_are_kept_as_such() -> None:
    line = one(source(**ACTUAL), PTU)
    assert (line.meter, line.quantity, line.service_tier, line.commitment_id) == ("", None, "provisioned", "res-1")
    assert (line.consumed_quantity, line.consumed_unit) == (30, "Provisioned Throughput Unit Hours")
    assert (line.pricing_category, line.pricing_quantity, line.pricing_unit) == ("Committed", 30, "1/Hour")
    # Azure writes a list price of 0 where a reservation covers; 30 hours at the contract's 1 EUR.
    assert (line.list_cost, line.contracted_cost) == (None, 30 * EUR)


def test_unused_hours_are_kept_with_their_name_and_count_nothing() -> None:
    line = one(source(**BOTH), UNUSED, "amortized")
    assert (line.quantity, line.consumed_quantity, line.extra["ChargeType"]) == (None, None, "UnusedReservation")


@pytest.mark.parametrize(
    ("row", "category", "charge_class", "cost"),
    [
        (TAX, "Tax", "", 19 * EUR // 10),
        (ROUNDING, "Adjustment", "", -EUR // 10**6),
        (BOUGHT | {"ChargeType": "Refund", "CostInBillingCurrency": "-100"}, "Purchase", "Correction", -100 * EUR),
        (EA | {"ChargeType": "SomethingNew"}, "Adjustment", "", 75 * EUR // 100),
    ],
)
def test_a_charge_that_is_no_usage_keeps_its_money(
    row: dict[str, str], category: str, charge_class: str, cost: int
) -> None:
    line = one(source(**ACTUAL), row)
    assert (line.charge_category, line.charge_class, line.billed_cost) == (category, charge_class, cost)


def test_what_is_no_ai_is_kept_and_tags_that_cannot_be_read_are_not_lost() -> None:
    line = one(source(**ACTUAL), DISK)
    assert (line.ai, line.provider, line.service_name, line.meter) == (False, "", "Storage", "")
    assert (line.billed_cost, line.tags, line.extra["Tags"]) == (9 * EUR, {}, "not tags at all {")


@pytest.mark.parametrize(
    ("unit", "name", "quantity"),
    [
        ("1K", "gpt 4.1 Inp glbl Tokens", 2_000),
        ("1M", "gpt 4.1 Inp glbl Tokens", 2_000_000),
        ("1", "gpt 4.1 Inp glbl Tokens", 2),
        ("1M", "5.4 inp Gl 1M Tokens", 2_000_000),
        ("1K", "5.4 inp Gl 1M Tokens", None),  # they disagree by a thousand
        ("1 Bundle", "gpt 4.1 Inp glbl Tokens", None),
        ("1 Hour", "gpt 4.1 Inp glbl Tokens", None),
        ("", "gpt 4.1 Inp glbl Tokens", None),
        ("100", "Image-Dall-E-3 Std LowRes-glbl Images", 200),
        ("1 Hour", "Speech-to-Text-Batch-Whisper-glbl Unit", 7_200_000_000),  # microseconds of two hours
        ("1", "Sora 2 glbl Second", 2_000_000),  # the name says of what
        ("1 Second", "Sora 720p 1-5s glbl Video", 2_000_000),
    ],
)
def test_a_unit_is_what_the_bill_says_and_never_assumed(unit: str, name: str, quantity: int | None) -> None:
    line = one(source(**ACTUAL), EA | {"UnitOfMeasure": unit, "MeterName": name, "Quantity": "2"})
    assert line.quantity == quantity
    assert line.pricing_quantity == 2
    assert line.consumed_quantity is not None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"CostInBillingCurrency": ""}, "renamed"),
        ({"CostInBillingCurrency": "12,5"}, "comma"),
        ({"Date": "2026-13-01"}, "date"),
        ({"Date": ""}, "no file of cost details"),
        ({"BillingCurrencyCode": ""}, "currency"),
        ({"Quantity": "many"}, "no number"),
        ({"BillingPeriodStartDate": "9/1/2026"}, "2026-10"),
    ],
)
def test_a_row_that_cannot_be_used_is_rejected_with_its_reason_and_the_rest_lands(
    change: dict[str, str], reason: str
) -> None:
    first, second = read(source(**ACTUAL), [EA | change, EA])
    assert isinstance(first, Rejected)
    assert reason in first.reason
    assert first.line_no == 1
    assert isinstance(second, BillLine)


def test_a_file_that_was_cut_off_is_no_file() -> None:
    body = sheet([EA, EA])
    found = list(source(**ACTUAL).parse(page(body[:-40])))
    assert isinstance(found[-1], Rejected)
    broken = list(source(**ACTUAL).parse(page(sheet([EA | {"Tags": 'a "quoted" one, with a comma'}])[:-300])))
    assert any(isinstance(one, Rejected) for one in broken)


def test_parquet_says_the_same_as_csv() -> None:
    typed = {
        name: Decimal(value) if name in {"Quantity", "CostInBillingCurrency"} else value for name, value in EA.items()
    }
    out = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([typed]), out)
    (line,) = source(**ACTUAL).parse(page(out.getvalue().to_pybytes()))
    assert line == one(source(**ACTUAL), EA)


@pytest.mark.parametrize("row", [EA, MCA, PTU, BOUGHT, TAX, DISK])
def test_every_column_is_used_or_left_out_with_a_reason(row: dict[str, str]) -> None:
    given = row | {name: row[name] or "77" for name in row if "date" not in name.lower() and name != "ReservationId"}
    given |= {"BrandNewColumn": "new"}
    line = one(source(**ACTUAL), given)
    used = {name for names in COLUMNS.values() for name in names}
    for name, value in given.items():
        if value and name.lower() not in used and name.lower() not in IGNORED:
            assert line.extra[name] == value
    assert all(reason for reason in IGNORED.values())


@given(
    st.lists(st.tuples(st.sampled_from([EA, MCA, PTU, BOUGHT, TAX, DISK]), st.integers(-(10**9), 10**9)), max_size=6)
)
@settings(max_examples=40, deadline=None)
def test_lines_sum_to_the_cost_columns_of_the_exports(rows: list[tuple[dict[str, str], int]]) -> None:
    costs = [row | {_cost(row): str(Decimal(amount).scaleb(-4))} for row, amount in rows]
    made = source(**BOTH)
    actual = [row | {_cost(row): "0"} if row["_"] == "covered" else row for row in map(_marked, costs)]
    amortized = [row for row in map(_marked, costs) if row["_"] != "bought"]
    lines = [
        line for side, given in (("actual", actual), ("amortized", amortized)) for line in _lines(made, given, side)
    ]
    assert sum(line.billed_cost or 0 for line in lines) == sum(_grains(row) for row in actual)
    assert sum(line.effective_cost or 0 for line in lines) == sum(_grains(row) for row in amortized)


def _cost(row: dict[str, str]) -> str:
    return "CostInBillingCurrency" if "CostInBillingCurrency" in row else "costInBillingCurrency"


def _marked(row: dict[str, str]) -> dict[str, str]:
    committed = row.get("PricingModel") == "Reservation"
    return row | {"_": ("bought" if row["ChargeType"] == "Purchase" else "covered") if committed else "plain"}


def _grains(row: dict[str, str]) -> int:
    return int(Decimal(row[_cost(row)]) * EUR)


def _lines(made: object, rows: list[dict[str, str]], side: str) -> list[BillLine]:
    given = [{name: value for name, value in row.items() if name != "_"} for row in rows]
    found = [line for row in given for line in read(made, [row], side)]  # type: ignore[arg-type]
    assert all(isinstance(line, BillLine) for line in found), found
    return [line for line in found if isinstance(line, BillLine)]


_CELLS = st.sampled_from(["", "NULL", "-", "1e400", "9" * 40, "12/31/2026", "=1+1", '"', "{", "\x00"]) | st.text(
    max_size=8
)


@given(
    st.dictionaries(st.sampled_from([*EA, "costInUsd", "New"]), _CELLS, max_size=5), st.binary(max_size=4), st.data()
)
@settings(max_examples=60, deadline=None)
def test_any_file_is_lines_or_rejections_and_the_same_each_time(
    change: dict[str, str], noise: bytes, data: st.DataObject
) -> None:
    body = sheet([EA | change, EA])
    at = data.draw(st.integers(0, len(body)))
    given = replace(
        page(b""),
        body=data.draw(st.sampled_from([body, body[:at], body[:at] + noise + body[at + 1 :], b"PAR1" + noise])),
    )
    made = source(**ACTUAL)
    found = list(made.parse(given))
    assert all(isinstance(one, BillLine | Rejected) for one in found)
    assert repr(found) == repr(list(made.parse(given)))


def test_a_setup_that_would_count_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="same costs"):
        source(focus_path="/f", actual_path="/a")
    with pytest.raises(ConfigError, match="nothing to read"):
        source()
    with pytest.raises(ConfigError, match="no scope"):
        source(scope="subscriptions/../x?y")
    with pytest.raises(ConfigError, match="one or two"):
        source(scope="subscriptions/5f1e", tenant="t", client_id="c", group="A,B,C")
    with pytest.raises(ConfigError, match="no tag"):
        source(**ACTUAL, labels="squad=team")


def test_a_charge_lasts_its_day() -> None:
    line = one(source(**ACTUAL), EA)
    assert line.charge_period_end - line.charge_period_start == DAY_US
