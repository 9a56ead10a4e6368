"""Reconciliations, their lines, claims and the rows of the ledger over HTTP: a month worked out by hand."""

from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI

from tallystick.operations.context import Context
from tallystick.operations.manage_tokens import TokenRequest, create_token
from tests.api.client import ask
from tests.bills.october import line, write_october
from tests.bills.written import write_load

Lines = list[tuple[str, str]]
MONTH = "/api/v1/reconciliations/2026-10"


@pytest.fixture
def october(context: Context, app: FastAPI, local: Lines) -> FastAPI:
    write_october(context)
    reply = ask(app, "POST", "/api/v1/reconciliations", local, {"period": "2026-10"})
    assert (reply.status, len(reply.json["reconciliations"])) == (200, 1), reply.body
    return app


def _read(app: FastAPI, target: str, headers: Lines) -> Any:
    reply = ask(app, "GET", target, headers)
    assert reply.status == 200, reply.body
    return reply.json


def _amounts(rows: list[dict[str, Any]], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows if row[column] is not None), Decimal(0))


def test_a_month_is_told_with_its_classes_and_every_figure_opens_into_lines_that_sum_to_it(
    october: FastAPI, local: Lines
) -> None:
    (run,) = _read(october, MONTH, local)["reconciliations"]
    told = {name: Decimal(run[name]) for name in ("metered", "reported", "invoiced", "difference", "record", "pending")}
    assert told == {name: Decimal(text) for name, text in {
        "metered": "5", "reported": "5.5", "invoiced": "5.615", "difference": "0.615",
        "record": "6.115", "pending": "0.5",
    }.items()}  # fmt: skip
    assert (run["account"], run["period"], run["grade"]) == ("main", "2026-10", "B")
    assert _amounts(run["classes"], "amount") == told["difference"]
    for figure in ("metered", "reported", "invoiced", "difference", *(one["class"] for one in run["classes"])):
        answer = _read(october, f"{MONTH}/lines?account=main&figure={figure}", local)
        expected = next((one["amount"] for one in run["classes"] if one["class"] == figure), run.get(figure))
        assert _amounts(answer["rows"], answer["column"]) == Decimal(expected), figure

    everything = _read(october, "/api/v1/reconciliations", local)["reconciliations"]
    assert everything == [run]
    again = ask(october, "POST", "/api/v1/reconciliations", local, {}).json["reconciliations"]
    assert again == [run]
    assert _read(october, "/api/v1/reconciliations?account=other", local)["reconciliations"] == []
    september = _read(october, "/api/v1/reconciliations/2026-09", local)
    assert (september["reconciliations"], september["nothing"]["why"]) == (
        [],
        "no bill or report that is loaded speaks of it, and no call was metered in it",
    )
    assert september["nothing"]["next_steps"][0].startswith("tally reconcile 2026-10")
    assert _read(october, MONTH, local)["nothing"] is None


def test_a_currency_that_is_named_is_the_only_one_and_without_one_all_are_told(
    october: FastAPI, context: Context, local: Lines
) -> None:
    write_load(context, "euro", [line(0, 123, currency="EUR")])
    for period in ({}, {"period": "2026-10"}, {"period": "2026-10", "account": "main"}):
        for currency, expected in (("EUR", ["EUR"]), ("USD", ["USD"]), ("GBP", []), ("", ["EUR", "USD"])):
            body = period | ({"currency": currency} if currency else {})
            answer = ask(october, "POST", "/api/v1/reconciliations", local, body).json
            told = [one["currency"] for one in answer["reconciliations"]]
            assert (sorted(told), answer["nothing"] is None) == (expected, bool(expected)), body


def test_what_files_have_brought_is_told_with_how_far_it_goes(october: FastAPI, local: Lines) -> None:
    loaded = _read(october, "/api/v1/sources", local)["loaded"]
    assert [(one["source"], one["accounts"], one["lines"], one["last_at"]) for one in loaded] == [
        ("invoice", ["main"], 4, "2026-10-01T00:00:00Z"),
        ("report", ["main"], 3, "2026-10-02T00:00:00Z"),
    ]
    answer = _read(october, "/api/v1/explore?range=2026-10&scope=all", local)
    fresh = [(one["source"], one["kind"], one["last_at"]) for one in answer["freshness"]["sources"]]
    assert fresh == [("invoice", "bills", "2026-10-01T00:00:00Z"), ("report", "bills", "2026-10-02T00:00:00Z")]
    shares = {name: Decimal(amount) for name, amount in answer["quality"]["by_basis"].items()}
    # Four dollars and a half are metered on the two days that the invoice is about; the rest is on no bill.
    assert shares == {"metered": Decimal("0.5"), "reported": 0, "invoiced": Decimal("5.685")}
    assert sum(shares.values()) == Decimal(answer["total"])


def test_a_claim_is_told_with_the_lines_of_its_source(october: FastAPI, local: Lines) -> None:
    (row,) = _read(october, f"{MONTH}/lines?account=main&figure=missing_calls", local)["rows"]
    claim = _read(october, f"/api/v1/claims/{row['claim']}", local)
    assert (claim["layer"], claim["account"], claim["period"]) == ("cost", "main", "2026-10")
    (line,) = claim["lines"]
    assert (line["source"], line["load_id"], line["page_id"], line["line_no"]) == ("report", "load_report_1", "page", 1)
    assert (Decimal(line["billed_cost"]), line["quantity"]) == (Decimal("4.4"), 4400)
    assert [Decimal(one["amount"]) for one in claim["classes"]] == [Decimal("0.4")]


def test_rows_of_the_ledger_come_with_their_sums(october: FastAPI, local: Lines) -> None:
    whole = _read(october, "/api/v1/ledger?range=2026-10", local)
    assert (Decimal(whole["sums"]["effective_cost"]), whole["count"]) == (Decimal("6.115"), len(whole["rows"]))
    assert _amounts(whole["rows"], "effective_cost") == Decimal("6.115")
    assert whole["sums"]["contracted_cost"] is None
    own = _read(october, "/api/v1/ledger?range=2026-10&kind=own&limit=1&page=2", local)
    assert (own["count"], len(own["rows"]), Decimal(own["sums"]["effective_cost"])) == (
        4,
        1,
        Decimal("0.11"),
    )  # tax and credit of two days
    support = _read(october, "/api/v1/ledger?range=2026-10&kind=metered&team=support", local)
    assert [(row["team"], Decimal(row["effective_cost"])) for row in support["rows"]] == [("support", Decimal(3))]


REFUSED = (
    ("GET", "/api/v1/reconciliations/october", 400, "YYYY-MM"),
    ("GET", "/api/v1/reconciliations/2026-13/lines?account=main", 400, "YYYY-MM"),
    ("POST", "/api/v1/reconciliations", 400, "YYYY-MM"),
    ("GET", "/api/v1/reconciliations/2026-09/lines?account=main", 404, "POST /api/v1/reconciliations"),
    ("GET", f"{MONTH}/lines?account=main&figure=all", 400, "missing_calls"),
    ("GET", f"{MONTH}/lines?account=main&figures=metered", 400, "figure"),
    ("GET", "/api/v1/claims/clm_none", 404, "claims"),
    ("GET", "/api/v1/ledger?range=2026-10&kind=taxes", 400, "residual"),
    ("GET", "/api/v1/ledger?range=2026-10&customer=acme", 400, "provider_account"),
)


def test_what_cannot_be_answered_is_refused_with_what_to_do(october: FastAPI, local: Lines) -> None:
    for method, target, status, word in REFUSED:
        body: object = {"period": "last month"} if method == "POST" else b""
        reply = ask(october, method, target, local, body)
        assert reply.status == status, reply.body
        assert word in " ".join(reply.json["error"]["next_steps"]), reply.json


def test_bills_are_for_those_who_see_everything_and_a_team_sees_its_rows_alone(
    october: FastAPI, context: Context
) -> None:
    _, secret = create_token(context, TokenRequest(role="owner", teams=("support",)))
    scoped = [("authorization", f"Bearer {secret}")]
    for method, target in (
        ("GET", "/api/v1/reconciliations"), ("POST", "/api/v1/reconciliations"), ("GET", MONTH),
        ("GET", f"{MONTH}/lines?account=main"), ("GET", "/api/v1/claims/clm_none"),
    ):  # fmt: skip
        assert ask(october, method, target, scoped, {} if method == "POST" else b"").status == 403, target
    rows = _read(october, "/api/v1/ledger?range=2026-10", scoped)["rows"]
    assert {row["team"] for row in rows} == {"support"}
