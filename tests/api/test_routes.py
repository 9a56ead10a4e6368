"""What every route keeps to, and what single ones say."""

from dataclasses import replace

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tallystick.api.app import build_api, list_routes
from tallystick.api.auth import Failures
from tallystick.api.services import Services
from tallystick.kernel.errors import TallyError
from tallystick.operations.context import Context, now_us
from tallystick.operations.ingest_events import ingest_events
from tallystick.usage.model import Measured, UsageEvent
from tests.api.client import ask

Lines = list[tuple[str, str]]


def test_an_unknown_parameter_is_an_error_that_names_it(app: FastAPI, local: Lines) -> None:
    asked = 0
    for method, template in list_routes(app.routes):
        if method != "GET" or not template.startswith(("/api/v1/", "/readyz")) or template.endswith("openapi.json"):
            continue
        required = {"/api/v1/values": "dimension=team&", "/api/v1/prices/explain": "model=x&"}.get(template, "")
        reply = ask(app, "GET", f"{template.replace('{event_id}', 'x')}?{required}nonsense=1", local)
        assert reply.status == 400, (template, reply.body)
        assert "nonsense" in reply.json["error"]["what"]
        asked += 1
    assert asked >= 11


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/requests?limit=0", "/api/v1/requests?limit=x", "/api/v1/requests?limit=1001", "/api/v1/requests?limit=²",
        "/api/v1/requests?cursor=nonsense", "/api/v1/requests?sort=price", "/api/v1/values", "/api/v1/values?dimension=tem",
        "/api/v1/values?dimension=team&dimension=user", "/api/v1/prices?history=2", "/api/v1/prices?at=yesterday",
        "/api/v1/prices/explain", "/api/v1/prices/explain?model=x&at=99999-01-01", "/api/v1/explore?range=soon",
        "/readyz?drained=yes",
    ],
)  # fmt: skip
def test_a_parameter_that_means_nothing_is_an_error(app: FastAPI, local: Lines, target: str) -> None:
    reply = ask(app, "GET", target.replace("²", "%C2%B2"), local)
    assert reply.status == 400, reply.body
    assert set(reply.json["error"]) == {"code", "what", "where", "next_steps"}


def test_drained_means_that_nothing_is_on_its_way(context: Context, services: Services) -> None:
    app = build_api(context, replace(services, pending=lambda: 3))
    reply = ask(app, "GET", "/readyz?drained=1")
    assert (reply.status, reply.json, reply.header("retry-after")) == (503, {"drained": False, "pending": 3}, "1")
    assert ask(app, "GET", "/readyz").json == {"ready": True}
    away = build_api(context, replace(services, ready=lambda: False))
    assert ask(away, "GET", "/readyz?drained=1").status == 503
    assert ask(away, "GET", "/healthz").status == 200


def test_a_request_is_shown_with_its_lines_and_unknown_is_null(app: FastAPI, context: Context, local: Lines) -> None:
    event = UsageEvent(
        event_id="evt_1",
        call_id="evt_1",
        occurred_at=now_us() - 1_000_000,
        model="m",
        dimensions={"team": "search"},
        measured=Measured({"uncached_input": 3, "searches": 1}, 3, None, "reported"),
        priced={"uncached_input": 1_500_000},
        list_cost=1_500_000,
        effective_cost=1_500_000,
    )
    ingest_events(context, [event])
    shown = ask(app, "GET", "/api/v1/requests/evt_1", local).json
    assert shown["lines"] == [
        {"meter": "uncached_input", "quantity": 3, "cost": "0.0000015"},
        {"meter": "searches", "quantity": 1, "cost": None},
    ]
    assert (shown["effective_cost"], shown["output_tokens"], shown["unpriced"]) == ("0.0000015", None, ["searches"])
    listed = ask(app, "GET", "/api/v1/requests?range=7d&team=search", local).json
    assert listed == {"requests": [shown], "next_cursor": None}


def test_a_browser_gets_a_page_and_a_program_gets_json(context: Context, services: Services, local: Lines) -> None:
    def page(request: Request, status: int, error: TallyError) -> Response:
        return HTMLResponse(f"<h1>{error.what}</h1>", status)

    app = build_api(context, replace(services, error_page=page))
    browser = ("accept", "text/html,*/*")
    reply = ask(app, "GET", "/login?token=old", [browser])
    assert (reply.status, reply.body[:4]) == (403, b"<h1>")
    assert ask(app, "GET", "/nothing", [browser, *local]).body[:4] == b"<h1>"
    assert ask(app, "GET", "/api/v1/nothing", [browser, *local]).json["error"]["code"] == "E004"
    assert ask(app, "GET", "/nothing", local).json["error"]["code"] == "E004"


def test_the_document_names_every_route_of_the_api(app: FastAPI, local: Lines) -> None:
    document = ask(app, "GET", "/api/v1/openapi.json", local).json
    named = {(method.upper(), path) for path, one in document["paths"].items() for method in one}
    routes = {route for route in list_routes(app.routes) if route[1].startswith("/api/v1/") and route[0] != "HEAD"}
    assert routes - {("GET", "/api/v1/openapi.json")} <= named
    assert ask(app, "GET", "/docs", local).status == 404
    assert ask(app, "GET", "/openapi.json", local).status == 404


def test_failures_are_remembered_in_bounded_memory() -> None:
    failures = Failures(per_minute=2)
    assert [failures.too_many("a") for _ in range(4)] == [False, False, True, True]
    for number in range(10_000):
        failures.too_many(f"10.{number}")
    assert len(failures._seen) <= 4096
