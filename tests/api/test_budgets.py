"""Budgets over HTTP: what is set is what is read, by whom it may be."""

import json
from typing import Any

import pytest
from fastapi import FastAPI

from tallystick.kernel.period import rfc3339
from tallystick.operations.context import Context, now_us
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.manage_tokens import TokenRequest, create_token
from tests.api.client import ask
from tests.ledger.sample import an_event

Lines = list[tuple[str, str]]
WANTED = {"limit": "10", "where": {"team": ["Search"]}, "window": "month", "group_by": ["customer"]}


@pytest.fixture
def spent(context: Context) -> None:
    """Acme has used four of ten dollars, beta one."""
    at = now_us()
    ingest_events(
        context,
        [
            an_event(1, occurred_at=at, dimensions={"team": "Search", "customer": "acme"}, effective_cost=4 * 10**12),
            an_event(2, occurred_at=at, dimensions={"team": "Search", "customer": "beta"}, effective_cost=10**12),
            an_event(3, occurred_at=at, dimensions={"team": "Mail", "customer": "acme"}, effective_cost=10**15),
        ],
    )


def _scoped(context: Context, team: str) -> Lines:
    _, secret = create_token(context, TokenRequest(role="owner", teams=(team,)))
    return [("authorization", f"Bearer {secret}")]


def test_a_budget_is_made_then_changed_then_gone(app: FastAPI, local: Lines) -> None:
    made = ask(app, "PUT", "/api/v1/budgets/search", local, WANTED)
    changed = ask(app, "PUT", "/api/v1/budgets/search", local, {"limit": "12.5"})

    assert (made.status, changed.status) == (201, 200)
    assert changed.json == made.json | {"limit": "12.5", "version": changed.json["version"]}
    assert ask(app, "DELETE", "/api/v1/budgets/search", local).json["deleted_at"] is not None
    assert ask(app, "GET", "/api/v1/budgets/search", local).status == 404


@pytest.mark.usefixtures("spent")
def test_groups_stand_as_the_ledger_says_the_fullest_first(app: FastAPI, local: Lines) -> None:
    ask(app, "PUT", "/api/v1/budgets/search", local, WANTED)

    (listed,) = ask(app, "GET", "/api/v1/budgets?top=1", local).json["budgets"]
    counters = ask(app, "GET", "/api/v1/budgets/search/counters", local).json

    assert (listed["groups"], len(listed["counters"])) == (2, 1)
    assert [(one["group"], one["used"], one["left"], one["used_percent"]) for one in counters["counters"]] == [
        ({"customer": "acme"}, "4", "6", 40.0),
        ({"customer": "beta"}, "1", "9", 10.0),
    ]
    # Nobody has opened counters here, so what they say is unknown, not nothing.
    assert counters["counters"][0]["reserved"] is None


def test_a_team_neither_sees_nor_sets_what_is_not_its_own(app: FastAPI, context: Context, local: Lines) -> None:
    ask(app, "PUT", "/api/v1/budgets/search", local, WANTED)
    mail = _scoped(context, "Mail")

    assert ask(app, "GET", "/api/v1/budgets", mail).json["budgets"] == []
    assert ask(app, "GET", "/api/v1/budgets/search", mail).status == 404
    assert ask(app, "DELETE", "/api/v1/budgets/search", mail).status == 404
    assert ask(app, "PUT", "/api/v1/budgets/search", mail, {"limit": "99"}).status == 403
    assert ask(app, "PUT", "/api/v1/budgets/x", mail, WANTED).status == 403
    assert ask(app, "GET", "/api/v1/budgets/search", _scoped(context, "Search")).json["limit"] == "10"


def test_an_override_holds_for_a_while_and_is_in_the_audit_log(app: FastAPI, local: Lines) -> None:
    ask(app, "PUT", "/api/v1/budgets/search", local, WANTED)
    until = rfc3339(now_us() + 3_600_000_000)

    reply = ask(app, "POST", "/api/v1/budgets/search/override", local, {"limit": "9", "until": until, "reason": "x"})

    assert [(one["limit"], one["until"], one["reason"]) for one in reply.json["overrides"]] == [("9", until, "x")]
    wrong: list[dict[str, Any]] = [
        {"limit": "9", "reason": "x"},
        {"limit": "9", "reason": "x", "lasts": "soon"},
        {"limit": "9", "reason": "", "lasts": "1h"},
        {"limit": "-9", "reason": "x", "lasts": "1h"},
    ]
    assert [ask(app, "POST", "/api/v1/budgets/search/override", local, one).status for one in wrong] == [400] * 4


def test_the_decision_of_a_call_is_given_back_as_it_was_stored(app: FastAPI, context: Context, local: Lines) -> None:
    decision = {"verdict": "blocked", "budgets": [{"id": "bud_1"}]}
    ingest_events(
        context,
        [
            an_event(1, verdict="blocked", decision=json.dumps(decision), bound_cost=5),
            an_event(2, source="import:x"),
            an_event(3),
        ],
    )
    first, second, third = (ask(app, "GET", f"/api/v1/requests/evt_00000{n}/decision", local).json for n in (1, 2, 3))

    assert (first["decision"], first["missing"], first["bound_cost"]) == (decision, "", "0.000000000005")
    assert (second["decision"], "imported" in second["missing"]) == (None, True)
    assert "no budget was asked" in third["missing"]
    assert ask(app, "GET", "/api/v1/requests/evt_none/decision", local).status == 404


@pytest.mark.usefixtures("spent")
def test_a_replay_reports_progress_and_then_its_result(app: FastAPI, local: Lines) -> None:
    proposed = {"name": "low", "limit": "3", "where": {"team": ["Search"]}, "window": "month"}

    reply = ask(app, "POST", "/api/v1/replay", local, {"days": 2, "budgets": [proposed]})

    lines = [json.loads(line) for line in reply.body.splitlines()]
    assert lines[0] == {"progress": {"done": 3, "total": 3}}
    (told,) = lines[-1]["result"]["budgets"]
    # Four dollars do not fit into three, the one dollar after them does.
    assert (told["budget"], told["verdict"], told["calls"], told["saved"]) == ("low", "blocked", 1, "4")
    assert ask(app, "POST", "/api/v1/replay", local, {"budgets": [{"limit": "x"}]}).status == 400
