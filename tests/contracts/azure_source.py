"""Azure in the contract of connectors: Cost Management's query and each export, a row a page, strict about what is asked."""

import json
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qs

from tallystick.connectors.azure.connect import KIND
from tallystick.kernel.period import Period
from tests.connectors.azure.samples import DISK, EA, PTU, TAX, sheet
from tests.connectors.azure.test_exports import FOCUS
from tests.contracts.blob_container import SAS, Blobs, container, runs
from tests.contracts.source_case import Case, Facts, Reply, Request
from tests.pricing.sample import day

SCOPE = "subscriptions/5f1e"
SECRET = "planted-client-secret"
TOKEN = "planted-access-token"
ACCOUNT = "/subscriptions/5f1e/resourcegroups/rg/providers/microsoft.cognitiveservices/accounts/aoai"
# Cost, quantity, day, resource, meter, currency; 2 EUR of a thing that is no AI.
DATA = {
    "first": [
        (0.75, 300.0, 20261002, ACCOUNT, "gpt 4o 0806 Inp glbl Tokens", "EUR"),
        (0.75, 300.0, 20261002, ACCOUNT, "gpt 4o 0806 Inp glbl Tokens", "EUR"),
        (2, 4, 20261003, "/subscriptions/5f1e/resourcegroups/rg/providers/microsoft.compute/disks/d", "P10 LRS", "EUR"),
    ],
    "revised": [
        (10.5, 2.1, 20261002, ACCOUNT, "5.6 sol ShortCo Inp Std Gl 1M Tokens", "EUR"),
        (-0.25, 0, 20261031, ACCOUNT, "5.6 sol ShortCo Inp Std Gl 1M Tokens", "EUR"),
    ],
}
_COLUMNS = [("Cost", "Number"), ("UsageQuantity", "Number"), ("UsageDate", "Number"), ("ResourceId", "String"),
            ("Meter", "String"), ("Currency", "String")]  # fmt: skip
_AGGREGATION = {
    "totalCost": {"name": "Cost", "function": "Sum"},
    "totalQty": {"name": "UsageQuantity", "function": "Sum"},
}
_MONTH = {
    "type": "ActualCost",
    "timeframe": "Custom",
    "timePeriod": {"from": "2026-10-01T00:00:00+00:00", "to": "2026-10-31T23:59:59+00:00"},
    "dataset": {
        "granularity": "Daily",
        "aggregation": _AGGREGATION,
        "grouping": [{"type": "Dimension", "name": "ResourceId"}, {"type": "Dimension", "name": "Meter"}],
    },
}
_CHECK = {
    "type": "ActualCost",
    "timeframe": "MonthToDate",
    "dataset": {"aggregation": {"totalCost": _AGGREGATION["totalCost"]}},
}


def answer(request: Request, edition: str) -> Reply:
    """Entra's token address, and the query address of one scope."""
    if request.path == "/tenant-1/oauth2/v2.0/token":
        return _token(request)
    if request.path != f"/{SCOPE}/providers/Microsoft.CostManagement/query" or request.method != "POST":
        return Reply(404, b"{}")
    query = dict(request.query)
    if query.pop("api-version", "") != "2025-03-01" or set(query) - {"$skiptoken"}:
        return Reply(400, b'{"error": {"code": "BadRequest"}}')
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        return Reply(401, b'{"error": {"code": "InvalidAuthenticationToken"}}')
    asked = json.loads(request.body)
    if asked not in (_MONTH, _CHECK):
        return Reply(400, b'{"error": {"code": "BadRequest"}}')
    at = int(query.get("$skiptoken", "0"))
    rows = DATA[edition]
    host = request.headers["host"]
    following = (
        f"http://{host}{request.path}?api-version=2025-03-01&$skiptoken={at + 1}" if at + 1 < len(rows) else None
    )
    columns = [{"name": name, "type": kind} for name, kind in _COLUMNS]
    properties = {"nextLink": following, "columns": columns, "rows": rows[at : at + 1]}
    return Reply(200, json.dumps({"id": "q", "name": "q", "properties": properties}).encode())


def _token(request: Request) -> Reply:
    form = {name: values[0] for name, values in parse_qs(request.body.decode(), strict_parsing=True).items()}
    wanted = {
        "grant_type": "client_credentials",
        "client_id": "app-1",
        "client_secret": SECRET,
        "scope": "https://management.azure.com/.default",
    }
    if form != wanted:
        return Reply(401, b'{"error": "invalid_client", "error_description": "AADSTS7000215 wrong"}')
    return Reply(200, json.dumps({"token_type": "Bearer", "expires_in": 3599, "access_token": TOKEN}).encode())


# 300 thousands of tokens for 0.75 EUR; the disk is kept though it is no AI.
_INPUT = {
    "slice_key": "acct/2026-10", "charge_period_start": day("2026-10-02"), "raw_model": "gpt-4o-2024-08-06",
    "meter": "uncached_input", "quantity": 300_000, "billed_cost": 750_000_000_000, "currency": "EUR", "ai": True,
    "provider": "azure.ai.openai",
}  # fmt: skip
_DISK = {
    "slice_key": "acct/2026-10", "charge_period_start": day("2026-10-03"), "raw_model": "", "meter": "",
    "quantity": None, "billed_cost": 2_000_000_000_000, "currency": "EUR", "ai": False, "provider": "",
}  # fmt: skip
_SOL = {
    "slice_key": "acct/2026-10", "charge_period_start": day("2026-10-02"), "raw_model": "gpt-5.6-sol",
    "meter": "uncached_input", "quantity": 2_100_000, "billed_cost": 10_500_000_000_000, "currency": "EUR", "ai": True,
    "provider": "azure.ai.openai",
}  # fmt: skip
_BACK = _SOL | {"charge_period_start": day("2026-10-31"), "quantity": 0, "billed_cost": -250_000_000_000}

CASE = Case(
    name="azure",
    kind=KIND,
    stream="query",
    window=Period(day("2026-10-01"), day("2026-11-01")),
    answer=answer,
    options=lambda url: {
        "scope": SCOPE, "tenant": "tenant-1", "client_id": "app-1", "login_url": url, "management_url": url,
        "meter_units": "gpt 4o * Tokens=1K",
    },
    secrets={"client_secret": SECRET},
    first=[_INPUT, _INPUT, _DISK],
    revised=[_SOL, _BACK],
    throttled=Reply(429, b"{}", {"x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after": "3600"}),
    refused=Reply(401, b'{"error": "invalid_client"}'),
)  # fmt: skip


def _exports(
    name: str,
    stream: str,
    options: Mapping[str, str],
    exports: Sequence[Callable[[str], Blobs]],
    first: Sequence[Facts],
    revised: Sequence[Facts],
) -> Case:
    def blobs(edition: str) -> Blobs:
        return {key: body for export in exports for key, body in export(edition).items()}

    return Case(
        name=name, kind=KIND, stream=stream, window=CASE.window, answer=container(blobs), options=lambda url: options,
        secrets={"sas_url": SAS}, first=first, revised=revised, throttled=Reply(503, b"", {"retry-after": "3600"}),
        refused=Reply(403, b"<Error><Code>AuthenticationFailed</Code></Error>"),
    )  # fmt: skip


def _fact(cents: int, **more: object) -> Facts:
    """Of cost details: 300 thousands of tokens in euros, unless said otherwise."""
    grains = cents * 10**10
    return {
        "slice_key": "8765/2026-10", "charge_period_start": day("2026-10-02"), "raw_model": "gpt-4o-2024-08-06",
        "meter": "uncached_input", "quantity": 300_000, "billed_cost": grains, "effective_cost": grains,
        "currency": "EUR", "ai": True, "charge_category": "Usage", "dimensions": {"team": "search", "environment": "prod", "cost_center": "4711"},
    } | more  # fmt: skip


_NO_AI: Facts = {"raw_model": "", "meter": "", "quantity": None, "ai": False, "dimensions": {"cost_center": "4711"}}


def _actual() -> Case:
    """Two equal lines and a disk; then the newer run has one line and tax."""
    dear = EA | {"CostInBillingCurrency": "10.5"}
    sheets = {"first": [sheet([EA]), sheet([EA]), sheet([DISK])], "revised": [sheet([dear]), sheet([TAX])]}
    disk = _fact(900, **_NO_AI)
    tax = _fact(190, **_NO_AI | {"ai": True, "charge_category": "Tax"})
    return _exports(
        "azure-actual_export", "actual_export", {"actual_path": "blob:daily/", "labels": "team=team"},
        [runs("daily", "ActualCost", sheets)], [_fact(75), _fact(75), disk], [_fact(1050), tax],
    )  # fmt: skip


def _amortized() -> Case:
    """Ten hours of three units that a reservation covers: nothing is billed, 20 euros are effective; later 21."""
    actual = {"first": [sheet([EA]), sheet([PTU])], "revised": [sheet([EA]), sheet([PTU])]}
    spread = {
        run: [sheet([EA]), sheet([PTU | {"CostInBillingCurrency": euros}])]
        for run, euros in (("first", "20"), ("revised", "21"))
    }

    def covered(euros: int) -> Facts:
        ptu = {"raw_model": "", "meter": "", "quantity": None, "dimensions": {"cost_center": "4711"}}
        return _fact(0, **ptu, effective_cost=euros * 10**12)  # type: ignore[arg-type]

    return _exports(
        "azure-amortized", "actual_export",
        {"actual_path": "blob:actual/", "amortized_path": "blob:amortized/", "labels": "team=team"},
        [runs("actual", "ActualCost", actual), runs("amortized", "AmortizedCost", spread)],
        [_fact(75), covered(20)], [_fact(75), covered(21)],
    )  # fmt: skip


def _focus() -> Case:
    """Half a million tokens for 1.25 dollars, twice; then once, for 1.5."""
    sheets = {"first": [sheet([FOCUS]), sheet([FOCUS])], "revised": [sheet([FOCUS | {"BilledCost": "1.5"}])]}
    tokens: Facts = {
        "slice_key": "/acc/1/2026-10", "charge_period_start": day("2026-10-02"), "raw_model": "gpt-4o-2024-08-06",
        "meter": "uncached_input", "quantity": 500_000, "billed_cost": 1_250_000_000_000,
        "effective_cost": 1_200_000_000_000, "currency": "USD", "dimensions": {"team": "search", "cost_center": "4711"},
    }  # fmt: skip
    return _exports(
        "azure-focus_export", "focus_export", {"focus_path": "blob:focus/", "labels": "team=team"},
        [runs("focus", "FocusCost", sheets)], [tokens, tokens], [{**tokens, "billed_cost": 1_500_000_000_000}],
    )  # fmt: skip


CASES = [CASE, _actual(), _amortized(), _focus()]
