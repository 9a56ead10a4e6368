"""BigQuery's query API for the contract of connectors: each export, one row a page, strict about what is asked."""

import json
from collections.abc import Callable, Mapping, Sequence

from tallystick.connectors.gcp.connect import KIND
from tallystick.kernel.period import Period
from tests.contracts.source_case import Case, Facts, Reply, Request
from tests.pricing.sample import day

TOKEN = "planted-oauth-token"
TABLE = "bill-prod.billing.gcp_billing_export_resource_v1_01AB"
_PATH = "/bigquery/v2/projects/jobs-1/queries"
_JOB = {"projectId": "jobs-1", "jobId": "job_77", "location": "EU"}


def _field(
    name: str, kind: str = "STRING", mode: str = "NULLABLE", fields: list[object] | None = None
) -> dict[str, object]:
    return {"name": name, "type": kind, "mode": mode} | ({"fields": fields} if fields else {})


SCHEMA = [
    _field("billing_account_id"),
    _field("service", "RECORD", fields=[_field("id"), _field("description")]),
    _field("sku", "RECORD", fields=[_field("id"), _field("description")]),
    _field("usage_start_time", "TIMESTAMP"),
    _field("usage_end_time", "TIMESTAMP"),
    _field("labels", "RECORD", "REPEATED", [_field("key"), _field("value")]),
    _field("cost", "FLOAT"),
    _field("currency"),
    _field("usage", "RECORD", fields=[_field("amount", "FLOAT"), _field("unit")]),
    _field("credits", "RECORD", "REPEATED", [_field("name"), _field("amount", "FLOAT"), _field("type")]),
    _field("invoice", "RECORD", fields=[_field("month")]),
    _field("cost_type"),
]


def _v(value: object) -> dict[str, object]:
    return {"v": value}


def _f(*values: object) -> dict[str, object]:
    return {"f": [_v(value) for value in values]}


def _row(description: str, cost: str, tokens: str, taken: list[tuple[str, str]]) -> dict[str, object]:
    """An hour of the second of October, as BigQuery writes it: seconds since 1970 as a number in text."""
    return _f(
        "01AB-2", _f("C7E2", "Vertex AI"), _f("FDAB", description), "1.7909352E9", "1790938800.0",
        [_v(_f("team", "search"))], cost, "USD", _f(tokens, "count"),
        [_v(_f(name, amount, "DISCOUNT")) for name, amount in taken], _f("202610"), "regular",
    )  # fmt: skip


DATA = {
    "first": [
        _row(
            "Gemini 2.5 Flash GA Text Input - Predictions", "0.3", "1000000", [("Contract", "-0.03"), ("More", "-0.01")]
        ),
        _row("Gemini 2.5 Flash GA Thinking Text Output - Predictions", "2.5E-6", "1", []),
    ],
    "revised": [_row("Gemini 2.5 Flash GA Text Input - Predictions", "0.6", "2000000.0", [])],
}
_BY_MONTH = {"month": ("STRING", "202610"), "written": ("TIMESTAMP", "2026-09-24 00:00:00+00:00")}
_BY_PERIOD = {"first": ("TIMESTAMP", "2026-10-01 00:00:00+00:00"), "end": ("TIMESTAMP", "2026-11-01 00:00:00+00:00")}
_FOCUS_WHERE = "BillingPeriodStart >= @first AND BillingPeriodStart < @end"
_WHERE = "invoice.month = @month AND _PARTITIONTIME >= @written"


def _asked(table: str, where: str, parameters: Mapping[str, tuple[str, str]]) -> dict[str, object]:
    named = [
        {"name": name, "parameterType": {"type": kind}, "parameterValue": {"value": value}}
        for name, (kind, value) in parameters.items()
    ]
    return {
        "query": f"SELECT * FROM `{table}` WHERE {where}", "useLegacySql": False, "location": "EU",
        "parameterMode": "NAMED", "queryParameters": named, "maxResults": 10000, "timeoutMs": 20000,
    }  # fmt: skip


def _big_query(
    table: str, asked: Mapping[str, object], schema: Sequence[object], data: Mapping[str, Sequence[object]]
) -> Callable[[Request, str], Reply]:
    """The table's description, a query that is not done at once, and the pages of its job."""
    described = f"/bigquery/v2/projects/bill-prod/datasets/billing/tables/{table.rpartition('.')[2]}"

    def answer(request: Request, edition: str) -> Reply:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Reply(401, b"{}")
        query = dict(request.query)
        if request.path == described:
            return Reply(200, b"{}") if query == {"fields": "id"} else Reply(400, b"{}")
        if (request.method, request.path) == ("POST", _PATH):
            if query or json.loads(request.body) != asked:
                return Reply(400, b'{"error": {"errors": [{"reason": "invalidQuery"}]}}')
            return Reply(200, json.dumps({"jobComplete": False, "jobReference": _JOB}).encode())
        if (request.method, request.path) != ("GET", f"{_PATH}/job_77"):
            return Reply(404, b"{}")
        at = query.pop("pageToken", "0")
        if query != {"location": "EU", "maxResults": "10000", "timeoutMs": "20000"}:
            return Reply(400, b"{}")
        return Reply(200, page_of(schema, data[edition], int(at)))

    return answer


def page_of(schema: Sequence[object], rows: Sequence[object], at: int) -> bytes:
    body: dict[str, object] = {
        "jobComplete": True, "jobReference": _JOB, "schema": {"fields": schema}, "totalRows": str(len(rows)),
        "rows": rows[at : at + 1],
    }  # fmt: skip
    return json.dumps(body | ({"pageToken": str(at + 1)} if at + 1 < len(rows) else {})).encode()


# 1790935200 s are 2026-10-02 10:00 UTC.
_INPUT = {
    "slice_key": "01AB-2/2026-10", "charge_category": "Usage", "raw_model": "gemini-2.5-flash", "meter": "uncached_input",
    "quantity": 1_000_000, "billed_cost": 300_000_000_000, "charge_period_start": 1_790_935_200_000_000,
    "tags": {"team": "search"}, "charge_description": "Gemini 2.5 Flash GA Text Input - Predictions",
}  # fmt: skip
_CREDIT = _INPUT | {"charge_category": "Credit", "quantity": None}

_FIRST = [
    _INPUT,
    _CREDIT | {"billed_cost": -30_000_000_000, "charge_description": "Contract"},
    _CREDIT | {"billed_cost": -10_000_000_000, "charge_description": "More"},
    _INPUT | {"meter": "reasoning_output", "quantity": 1, "billed_cost": 2_500_000,
              "charge_description": "Gemini 2.5 Flash GA Thinking Text Output - Predictions"},
]  # fmt: skip
_REVISED = [_INPUT | {"quantity": 2_000_000, "billed_cost": 600_000_000_000}]


def _case(
    stream: str, table: str, answer: Callable[[Request, str], Reply], first: Sequence[Facts], revised: Sequence[Facts]
) -> Case:
    return Case(
        name="gcp" if stream == "detailed" else f"gcp-{stream}",
        kind=KIND,
        stream=stream,
        window=Period(day("2026-10-01"), day("2026-11-01")),
        answer=answer,
        options=lambda url: {f"{stream}_table": table, "project": "jobs-1", "location": "EU", "base_url": url},
        secrets={"access_token": TOKEN},
        first=first,
        revised=revised,
    )


def _export(stream: str, table: str) -> Case:
    """The standard export is the detailed one without resources, in a table of another name."""
    answer = _big_query(table, _asked(table, _WHERE, _BY_MONTH), SCHEMA, DATA)
    return _case(stream, table, answer, _FIRST, _REVISED)


_FOCUS_SCHEMA = [
    *(_field(name, "FLOAT") for name in ("BilledCost", "EffectiveCost", "ListCost", "PricingQuantity")),
    *(
        _field(name, "TIMESTAMP")
        for name in ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
    ),
    *(
        _field(name)
        for name in (
            "BillingAccountId",
            "BillingCurrency",
            "ChargeCategory",
            "ChargeDescription",
            "PricingUnit",
            "ServiceName",
        )
    ),
    _field("x_Labels", "RECORD", "REPEATED", [_field("key"), _field("value")]),
    _field("x_CostType"),
]


def _focus_row(dollars: str, tokens: str) -> dict[str, object]:
    """An hour of the second of October; the period from the first of October to that of November."""
    return _f(
        dollars, "0.25", "0.5", tokens, "1.7908128E9", "1.7934912E9", "1.7909352E9", "1790938800.0", "01AB-2", "USD",
        "Usage", "Gemini 2.5 Flash GA Text Input - Predictions", "count", "Vertex AI", [_v(_f("team", "search"))],
        "regular",
    )  # fmt: skip


def _focus() -> Case:
    """A million tokens for 30 cents and two million for 60; then the first alone, for 40."""
    table = "bill-prod.billing.focus_view"
    data = {
        "first": [_focus_row("0.3", "1000000"), _focus_row("0.6", "2000000.0")],
        "revised": [_focus_row("0.4", "1000000")],
    }

    def fact(cents: int, tokens: int) -> Facts:
        return _INPUT | {
            "billed_cost": cents * 10**10,
            "effective_cost": 25 * 10**10,
            "list_cost": 50 * 10**10,
            "quantity": tokens,
        }

    answer = _big_query(table, _asked(table, _FOCUS_WHERE, _BY_PERIOD), _FOCUS_SCHEMA, data)
    return _case("focus", table, answer, [fact(30, 1_000_000), fact(60, 2_000_000)], [fact(40, 1_000_000)])


CASES = [_export("detailed", TABLE), _export("standard", "bill-prod.billing.gcp_billing_export_v1_01AB"), _focus()]
