"""Northwind's bills: what each month is made of, in dollars, and the one invoice that disagrees by exactly $212.00."""

from collections import Counter
from datetime import UTC, date, datetime

import pytest

from tallystick.demo.billed import Used, calendar_of
from tallystick.demo.statements import Statements, make_statements
from tallystick.demo.truth import bills_document

DOLLAR = 10**12
DAY = 86_400_000_000
NOW_US = 1_795_447_876_000_000  # Mon 2026-11-23 15:31:16 UTC
SOLD = {
    ("openai", "org-nw-openai", "gpt-5.4"): {"uncached_input": 3_000_001, "plain_output": 10_000, "reasoning_output": 5_000},
    ("anthropic", "org-northwind-main", "claude-opus-5"): {"uncached_input": 2_000_003, "cache_read": 500_000},
    ("gcp.gemini", "northwind-vertex-prod", "gemini-2.5-pro"): {"uncached_input": 1_000_007},
    ("aws.bedrock", "410022907731", "amazon.nova-premier-v1:0"): {"plain_output": 700_001},
    ("azure.ai.openai", "northwind-azure-eu", "gpt-4.1"): {"uncached_input": 400_001},
    ("mistral_ai", "northwind-eu", "mistral-large"): {"plain_output": 90_001},
}  # fmt: skip
UNIT = 2_000_000  # grains a token, whatever the model and meter


def day(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}T00:00:00+00:00").timestamp()) * 1_000_000


def used_on(at: int, late: bool, number: int) -> list[Used]:
    found = []
    for (provider, account, model), quantities in SOLD.items():
        counted = {name: quantity + number for name, quantity in quantities.items()}
        found.append(Used(at, late, provider, account, model, counted, {n: q * UNIT for n, q in counted.items()}))
    saga = {"uncached_input": 1_000}
    return [*found, Used(at, late, "anthropic", "org-northwind-main", "claude-saga-1-preview", saga, {})]


@pytest.fixture(scope="module")
def made() -> tuple[list[Used], Statements]:
    days = range(day("2026-08-01"), day("2026-11-24"), DAY)
    used = [one for number, at in enumerate(days) for late in (False, True) for one in used_on(at, late, number)]
    calendar = calendar_of(date(2026, 8, 1), NOW_US)
    return used, make_statements(used, calendar, 42, lambda model, at, measured: UNIT)


def total(statements: Statements, account: str, month: str, layer: str, **where: object) -> int:
    return sum(
        one.billed or 0
        for one in statements.rows
        if one.account == account and one.layer == layer and one.ai and f"{moment(one.start_us):%Y-%m}" == month
        and all(getattr(one, name) == value for name, value in where.items())
    )  # fmt: skip


def moment(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / 1e6, UTC)


def test_one_invoice_disagrees_by_exactly_212_dollars_that_a_project_used_which_nobody_metered(made) -> None:
    used, statements = made
    metered = sum(
        sum(one.costs.values())
        for one in used
        if one.provider == "openai" and one.day_us < day("2026-11-01") <= one.day_us + 31 * DAY
    )
    assert total(statements, "org-nw-openai", "2026-10", "invoice", project="proj_contractor_pilot") == 212 * DOLLAR
    assert total(statements, "org-nw-openai", "2026-10", "cost", project="proj_contractor_pilot") == 212 * DOLLAR
    difference = total(statements, "org-nw-openai", "2026-10", "invoice") - metered
    assert abs(difference - 212 * DOLLAR) <= DOLLAR // 200  # half a cent of rounding
    assert total(statements, "org-nw-openai", "2026-09", "invoice", project="proj_contractor_pilot") == 0
    document = bills_document(statements.months, "2026-10")["finding"]
    assert (document["account"], document["month"], document["amount"]) == ("org-nw-openai", "2026-10", "212")


def test_every_invoice_is_what_was_metered_and_the_parts_that_are_named(made) -> None:
    used, statements = made
    metered: Counter = Counter()
    for one in used:
        metered[one.account, f"{moment(one.day_us):%Y-%m}"] += sum(one.costs.values())
    assert len(statements.months) == 6 * 3
    for one in statements.months:
        assert one.metered == metered[one.account, one.month]
        assert one.invoiced == total(statements, one.account, one.month, "invoice")
        assert one.metered + sum(one.parts.values()) == one.invoiced
        assert one.reported == (
            total(statements, one.account, one.month, "cost") if one.account.startswith("org-n") else None
        )
        assert abs(one.parts.get("rounding", 0)) <= DOLLAR // 200


def test_the_known_differences_are_worth_what_they_are_said_to_be(made) -> None:
    used, statements = made
    parts = {(one.account, one.month): one.parts for one in statements.months}
    claude = parts["org-northwind-main", "2026-10"]
    assert claude["credit"] == -150 * DOLLAR
    late = {f"{moment(one.day_us):%Y-%m-%d}": one for one in used if one.late and one.model == "claude-opus-5"}
    put_off = sum(late["2026-10-31"].costs.values())
    taken_over = sum(late["2026-09-30"].costs.values())
    assert claude["late"] == taken_over - put_off
    # A thousand tokens a call without a price, at the provider's $4 a million, twice a day: the late ones a day later.
    assert claude["unpriced"] == 31 * 2 * 1_000 * 4_000_000
    notebooks = total(statements, "org-northwind-main", "2026-10", "cost", project="wrkspc_growth_lab")
    assert claude["ungoverned"] == notebooks > 0
    google = sum(
        sum(one.costs.values()) for one in used if one.provider == "gcp.gemini" and f"{moment(one.day_us):%m}" == "10"
    )
    assert abs(parts["northwind-vertex-prod", "2026-10"]["discount"] + google * 12 // 100) <= 100
    assert (
        parts["410022907731", "2026-10"]["tax"]
        == total(statements, "410022907731", "2026-10", "invoice", category="Tax")
        > 0
    )
    assert set(parts["org-nw-openai", "2026-10"]) <= {"unmetered", "rounding"}


def test_reports_end_yesterday_and_only_whole_months_are_invoiced(made) -> None:
    _, statements = made
    assert max(one.end_us for one in statements.rows) == day("2026-11-23")
    assert {one.month for one in statements.rows if one.dataset == "invoice"} == {"2026-08", "2026-09", "2026-10"}
    assert {one.category for one in statements.rows if one.month == "2026-11"} == {"Usage"}


def test_a_cloud_bills_other_things_beside_ai_and_they_are_in_no_figure_of_it(made) -> None:
    _, statements = made
    other = [one for one in statements.rows if not one.ai and one.account == "410022907731"]
    assert {one.service for one in other} >= {"Amazon Elastic Compute Cloud", "Amazon Simple Storage Service"}
    assert all(one.provider == "" and one.model == "" for one in other)
    october = next(one for one in statements.months if (one.account, one.month) == ("410022907731", "2026-10"))
    assert october.other_cloud == sum(one.billed for one in other if one.month == "2026-10") > 0


def test_reasoning_is_reported_as_output(made) -> None:
    _, statements = made
    first = [
        one
        for one in statements.rows
        if one.layer == "usage" and one.model == "gpt-5.4" and one.start_us == day("2026-08-01")
    ]
    assert {one.meter: one.quantity for one in first} == {"uncached_input": 2 * 3_000_001, "plain_output": 2 * 15_000}


def test_equal_usage_gives_equal_statements(made) -> None:
    used, statements = made
    calendar = calendar_of(date(2026, 8, 1), NOW_US)
    assert make_statements(used, calendar, 42, lambda model, at, measured: UNIT) == statements
    assert make_statements(used, calendar, 43, lambda model, at, measured: UNIT) != statements
