"""Every route of the application with every kind of caller: who gets in is written out by hand here."""

from collections.abc import Callable

import pytest
from fastapi import APIRouter, FastAPI

from tallystick.api.access import doors, needed
from tallystick.api.app import build_api, list_routes
from tallystick.api.services import Services
from tallystick.operations.context import Context
from tallystick.operations.manage_tokens import TokenRequest, create_token, revoke_token
from tallystick.operations.sessions import LinkRequest, create_login_link
from tallystick.web.pages import build_web
from tests.api.client import ask

Lines = list[tuple[str, str]]
ALL = {"viewer", "analyst", "owner", "admin", "auditor", "local"}
SCOPED = {"scoped viewer", "scoped analyst", "scoped owner"}
PRICED = {"analyst", "owner", "admin", "auditor", "local", "scoped analyst", "scoped owner"}

# Who may call what. A route that is missing here fails the test.
EXPECTED: dict[tuple[str, str], set[str]] = {
    ("GET", "/api/v1/openapi.json"): ALL | SCOPED,
    ("GET", "/api/v1/explore"): ALL | SCOPED,
    ("GET", "/api/v1/requests"): ALL | SCOPED,
    ("GET", "/api/v1/requests/{event_id}"): ALL | SCOPED,
    ("GET", "/api/v1/requests/{event_id}/content"): {"admin", "auditor", "local"},
    ("GET", "/api/v1/values"): ALL | SCOPED,
    ("GET", "/api/v1/sources"): ALL,
    ("GET", "/api/v1/sources/{name}"): ALL,
    ("GET", "/api/v1/sources/{name}/costs"): ALL,
    ("GET", "/api/v1/source-kinds"): ALL,
    ("PUT", "/api/v1/sources/{name}"): {"local"},
    ("DELETE", "/api/v1/sources/{name}"): {"local"},
    ("POST", "/api/v1/sources/{name}/test"): {"local"},
    ("POST", "/api/v1/sources/{name}/sync"): {"local"},
    ("POST", "/api/v1/sources/{name}/reparse"): {"local"},
    ("GET", "/api/v1/status"): ALL,
    ("GET", "/api/v1/prices"): PRICED,
    ("GET", "/api/v1/prices/explain"): PRICED,
    ("GET", "/api/v1/prices/entries"): PRICED,
    ("POST", "/api/v1/prices/entries"): {"admin", "local"},
    ("DELETE", "/api/v1/prices/entries"): {"admin", "local"},
    ("GET", "/api/v1/prices/contracts"): ALL,
    ("POST", "/api/v1/prices/contracts"): {"admin", "local"},
    ("DELETE", "/api/v1/prices/contracts/{name}"): {"admin", "local"},
    ("GET", "/api/v1/prices/diff"): PRICED,
    ("GET", "/api/v1/prices/lists"): ALL,
    ("POST", "/api/v1/prices/lists"): {"local"},
    ("DELETE", "/api/v1/prices/lists/{name}"): {"admin", "local"},
    ("GET", "/api/v1/prices/findings"): ALL,
    ("POST", "/api/v1/prices/check"): {"admin", "local"},
    ("POST", "/api/v1/prices/simulate"): ALL,
    ("POST", "/api/v1/prices/rerate"): {"admin", "local"},
    ("POST", "/api/v1/import"): {"local"},
    ("GET", "/api/v1/currency/rates"): ALL | SCOPED,
    ("POST", "/api/v1/currency/rates"): {"admin", "local"},
    ("POST", "/api/v1/currency/import"): {"local"},
    ("GET", "/api/v1/keys"): {"owner", "admin", "auditor", "local", "scoped owner"},
    ("POST", "/api/v1/keys"): {"owner", "admin", "local", "scoped owner"},
    ("DELETE", "/api/v1/keys/{key_id}"): {"owner", "admin", "local", "scoped owner"},
    ("GET", "/api/v1/matches/{account}"): ALL,
    ("PATCH", "/api/v1/matches/{account}"): {"analyst", "owner", "admin", "local"},
    ("GET", "/api/v1/reconciliations"): ALL,
    ("POST", "/api/v1/reconciliations"): {"analyst", "owner", "admin", "local"},
    ("GET", "/api/v1/reconciliations/{period}"): ALL,
    ("GET", "/api/v1/reconciliations/{period}/lines"): ALL,
    ("GET", "/api/v1/claims/{claim}"): ALL,
    ("GET", "/api/v1/ledger"): ALL | SCOPED,
    ("GET", "/api/v1/budgets"): ALL | SCOPED,
    ("POST", "/api/v1/budgets/check"): ALL | SCOPED,
    ("GET", "/api/v1/budgets/{name}"): ALL | SCOPED,
    ("PUT", "/api/v1/budgets/{name}"): {"owner", "admin", "local", "scoped owner"},
    ("DELETE", "/api/v1/budgets/{name}"): {"owner", "admin", "local", "scoped owner"},
    ("GET", "/api/v1/budgets/{name}/counters"): ALL | SCOPED,
    ("POST", "/api/v1/budgets/{name}/override"): {"owner", "admin", "local", "scoped owner"},
    ("POST", "/api/v1/budgets/{name}/reopen"): {"owner", "admin", "local", "scoped owner"},
    ("GET", "/api/v1/counters/drift"): ALL,
    ("POST", "/api/v1/replay"): ALL,
    ("GET", "/api/v1/requests/{event_id}/decision"): ALL | SCOPED,
    ("GET", "/api/v1/tokens"): {"admin", "auditor", "local"},
    ("POST", "/api/v1/tokens"): {"admin", "local"},
    ("DELETE", "/api/v1/tokens/{token_id}"): {"admin", "local"},
    ("POST", "/api/v1/login-links"): {"admin", "local"},
    ("GET", "/api/v1/audit"): {"admin", "auditor", "local"},
    ("POST", "/api/v1/erase"): {"admin", "local"},
    ("GET", "/api/v1/alerts"): ALL,
    ("GET", "/metrics"): ALL,
    ("GET", "/api/v1/gateway/health"): ALL,
    ("GET", "/api/v1/rules"): ALL,
    ("POST", "/api/v1/rules/test"): ALL,
    ("PUT", "/api/v1/rules/{name}"): {"admin", "local"},
    ("DELETE", "/api/v1/rules/{name}"): {"admin", "local"},
    ("POST", "/api/v1/alerts/test"): {"admin", "local"},
    ("POST", "/logout"): ALL | SCOPED,
}
OPEN = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/login"), ("POST", "/login")}
BODIES: dict[tuple[str, str], object] = {
    ("POST", "/api/v1/keys"): {"locked": {"team": "search"}},
    ("POST", "/api/v1/tokens"): {"role": "viewer"},
    ("POST", "/api/v1/login-links"): {},
    ("POST", "/api/v1/import"): {"paths": []},
    ("POST", "/api/v1/rules/test"): {},
    ("PUT", "/api/v1/sources/{name}"): {"kind": "none"},
    ("PATCH", "/api/v1/matches/{account}"): {},
    ("POST", "/api/v1/reconciliations"): {},
    ("POST", "/api/v1/sources/{name}/sync"): {},
    ("PUT", "/api/v1/rules/{name}"): {"then": {"deny": "no"}},
    ("POST", "/api/v1/erase"): {},
    ("PUT", "/api/v1/budgets/{name}"): {"limit": "1", "where": {"team": ["search"]}},
    ("POST", "/api/v1/budgets/check"): {},
    ("POST", "/api/v1/budgets/{name}/override"): {},
    ("POST", "/api/v1/replay"): {},
}
STRANGERS = ("none", "unknown", "revoked", "expired", "a gateway key")


@pytest.fixture
def callers(context: Context, local: Lines) -> dict[str, Lines]:
    """Headers of every kind of caller."""

    def bearer(request: TokenRequest, spoil: Callable[[str], object] = lambda _: None) -> Lines:
        token, secret = create_token(context, request)
        spoil(token.token_id)
        return [("authorization", f"Bearer {secret}")]

    def expire(token_id: str) -> None:
        context.config_db.execute("UPDATE api_token SET expires_at = 1 WHERE token_id = :id", {"id": token_id})

    found = {role: bearer(TokenRequest(role=role)) for role in ("viewer", "analyst", "owner", "admin", "auditor")}
    for role in ("viewer", "analyst", "owner"):
        found[f"scoped {role}"] = bearer(TokenRequest(role=role, teams=("search",)))
    return found | {
        "local": local,
        "none": [],
        "unknown": [("authorization", "Bearer tallyapi_" + "a" * 40)],
        "revoked": bearer(TokenRequest(role="admin"), lambda one: revoke_token(context, one)),
        "expired": bearer(TokenRequest(role="admin", expires_days=1), expire),
        "a gateway key": [("authorization", "Bearer tally_" + "a" * 40)],
    }


def _target(template: str) -> str:
    return (
        template.replace("{event_id}", "evt_x")
        .replace("{key_id}", "key_x")
        .replace("{token_id}", "tok_x")
        .replace("{name}", "n")
        .replace("{name}", "x")
    )


def _routes(app: FastAPI) -> list[tuple[str, str]]:
    return [route for route in list_routes(app.routes) if route[0] != "HEAD" and route not in OPEN]


def test_every_route_is_expected_and_every_role_gets_exactly_what_is_written(
    app: FastAPI, callers: dict[str, Lines]
) -> None:
    for method, template in _routes(app):
        expected = EXPECTED[method, template]
        for name in ALL | SCOPED:
            reply = ask(app, method, _target(template), callers[name], BODIES.get((method, template), b""))
            let_in = reply.status not in {401, 403}
            assert let_in == (name in expected), (method, template, name, reply.status, reply.body)


@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_gets_one_and_the_same_answer_everywhere(app: FastAPI, callers: dict[str, Lines], name: str) -> None:
    answers = set()
    unknown = [("GET", "/api/v1/nothing"), ("PATCH", "/api/v1/keys"), ("GET", "/nothing")]
    for number, (method, template) in enumerate([*_routes(app), *unknown]):
        # Many strangers, not one that tries too often.
        lines = [*callers[name], ("x-forwarded-for", f"10.0.0.{number}")]
        reply = ask(app, method, _target(template), lines, BODIES.get((method, template), b""))
        answers.add((reply.status, reply.header("www-authenticate"), reply.body))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 401


def test_open_routes_need_nobody(app: FastAPI) -> None:
    for _, path in sorted(OPEN - {("POST", "/login")}):
        assert ask(app, "GET", path).status == 200


def _session(app: FastAPI, context: Context) -> Lines:
    path, _ = create_login_link(context, LinkRequest())
    cookie = ask(app, "GET", path).header("set-cookie").partition(";")[0]
    return [("cookie", cookie)]


def test_a_session_reads_and_writes_nothing_without_the_word_of_its_forms(app: FastAPI, context: Context) -> None:
    session = _session(app, context)
    for method, template in _routes(app):
        if template == "/api/v1/import":
            continue
        body = BODIES.get((method, template), b"")
        same_site = ask(app, method, _target(template), [*session, ("origin", "https://tally.test")], body)
        assert (same_site.status == 403) == (method != "GET"), (method, template, same_site.body)
    assert context.config_db.rows("SELECT count(*) FROM gateway_key") == [(0,)]
    assert context.config_db.rows("SELECT count(*) FROM api_token") == [(0,)]


def test_a_session_never_has_the_app_read_local_paths(app: FastAPI, context: Context) -> None:
    session = _session(app, context)
    csrf = str(context.config_db.rows("SELECT csrf FROM session")[0][0])
    lines = [*session, ("origin", "https://tally.test"), ("x-csrf-token", csrf)]
    reply = ask(app, "POST", "/api/v1/import", lines, {"paths": ["/etc/passwd"]})
    assert reply.status == 403


def test_a_route_that_nobody_listed_keeps_the_application_from_being_built(
    context: Context, services: Services
) -> None:
    careless = APIRouter()

    @careless.post("/new")
    def new() -> None: ...

    with pytest.raises(ValueError, match="POST /new"):
        build_api(context, services, careless)


def test_pages_that_only_read_need_a_login_without_being_listed(context: Context, services: Services) -> None:
    pages = APIRouter()

    @pages.get("/new")
    def new() -> dict[str, str]:
        return {}

    app = build_api(context, services, pages)
    assert ask(app, "GET", "/new").status == 401
    led = ask(app, "GET", "/new?a=1&b=2", [("accept", "text/html")])
    assert (led.status, led.header("location")) == (303, "/login?next=/new%3Fa%3D1%26b%3D2")
    assert ask(app, "GET", "/new", _session(app, context)).status == 200


def test_the_framework_sends_nothing_anywhere(app: FastAPI) -> None:
    """It can export spans, with what requests held, to wherever an environment variable says."""
    switches = ("tracing", "metrics", "logs", "operation_spans", "auto_configure")
    assert [app._telemetry[name] for name in switches] == [False] * 5


def test_every_page_leads_a_stranger_to_the_login(context: Context, services: Services) -> None:
    app = build_api(context, services, build_web(context, book=services.book))
    opened = {"/healthz", "/readyz", "/login", "/theme", "/static/{path:path}", "/favicon.ico"}
    for method, template in list_routes(app.routes):
        if method == "GET" and not template.startswith("/api/") and template not in opened:
            reply = ask(app, "GET", _target(template), [("accept", "text/html")])
            assert (reply.status, reply.header("location")[:12]) == (303, "/login?next="), template
    page = ask(app, "GET", "/login", [("accept", "text/html")])
    assert page.status == 200
    assert b'name="token"' in page.body


@pytest.mark.parametrize("template", ["/api/v2/x", "/api/v1/new", "/api"])
def test_nothing_under_the_api_is_guessed(template: str) -> None:
    with pytest.raises(ValueError, match="access"):
        doors([("GET", template)])


def test_a_path_needs_what_its_route_needs() -> None:
    table = doors(
        [("GET", "/healthz"), ("GET", "/static/{path:path}"), ("GET", "/api/v1/keys"), ("POST", "/api/v1/keys")]
    )
    assert needed(table, "GET", "/healthz") == "open"
    assert needed(table, "GET", "/static/a/b.css") == "open"
    assert needed(table, "POST", "/api/v1/keys") == "keys_write"
    assert needed(table, "PUT", "/api/v1/keys") == "keys_read"
    for path in (
        "/healthz/",
        "/healthz\n",
        "/HEALTHZ",
        "//healthz",
        "/static",
        "/healthz;x",
        "/healthz/../api/v1/keys",
    ):
        assert needed(table, "GET", path) is None
