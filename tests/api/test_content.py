"""What was said, over the API and on the call's page: for admins and auditors, and remembered."""

import pytest
from fastapi import FastAPI

from tallystick.api.app import build_api
from tallystick.api.services import Services
from tallystick.ledger.store import append_content
from tallystick.operations.context import Context
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.manage_tokens import TokenRequest, create_token
from tallystick.usage.content import CallContent
from tallystick.web.pages import build_web
from tests.api.client import ask
from tests.ledger.sample import an_event

Lines = list[tuple[str, str]]
SAID = CallContent(
    "evt_000001", an_event(1).occurred_at, "ursula", "Support", '{"a": "<b>hi</b>"}', "It is 2.", ("response",)
)


@pytest.fixture
def app(context: Context, services: Services) -> FastAPI:
    ingest_events(context, [an_event(1), an_event(2)])
    append_content(context.ledger, [SAID])
    return build_api(context, services, build_web(context, book=services.book))


def bearer(context: Context, role: str) -> Lines:
    return [("authorization", f"Bearer {create_token(context, TokenRequest(role=role))[1]}")]  # type: ignore[arg-type]


def read(context: Context) -> list[tuple[object, ...]]:
    return context.config_db.rows("SELECT what, detail FROM audit WHERE what = 'read content'")


def test_what_was_said_is_told_whole_and_reading_it_is_remembered(app: FastAPI, context: Context, local: Lines) -> None:
    assert ask(app, "GET", "/api/v1/requests/evt_000001/content", local).json == {
        "event_id": "evt_000001",
        "occurred_at": "2026-04-24T03:07:40Z",
        "user": "ursula",
        "team": "Support",
        "request": '{"a": "<b>hi</b>"}',
        "response": "It is 2.",
        "truncated": ["response"],
    }
    assert read(context) == [("read content", "evt_000001")]


def test_what_is_not_stored_is_said_so_in_words(app: FastAPI, context: Context, local: Lines) -> None:
    reply = ask(app, "GET", "/api/v1/requests/evt_000002/content", local)
    assert reply.status == 404
    assert reply.json["error"]["what"] == "nothing of what was said in evt_000002 is stored"
    assert "[content] store = true" in reply.json["error"]["next_steps"][0]
    assert ask(app, "GET", "/api/v1/requests/evt_9/content", local).json["error"]["what"].startswith("there is no")
    assert read(context) == []


@pytest.mark.parametrize(("role", "sees"), [("admin", True), ("auditor", True), ("owner", False), ("viewer", False)])
def test_the_page_shows_it_to_those_who_may_read_it(app: FastAPI, context: Context, role: str, sees: bool) -> None:
    lines = [*bearer(context, role), ("accept", "text/html")]
    page = ask(app, "GET", "/requests/evt_000001", lines)
    assert page.status == 200
    assert (b"It is 2." in page.body) == (b"Content</h2>" in page.body) == sees
    assert b"<b>hi" not in page.body
    assert len(read(context)) == sees
    other = ask(app, "GET", "/requests/evt_000002", lines)
    assert other.status == 200
    assert b"Content</h2>" not in other.body
