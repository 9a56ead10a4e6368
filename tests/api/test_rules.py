"""Rules and the health of providers over the API."""

import json

from fastapi import FastAPI

from tallystick.operations.context import Context, now_us
from tests.api.client import ask

Lines = list[tuple[str, str]]


def test_a_rule_is_put_listed_tried_and_deleted(app: FastAPI, local: Lines) -> None:
    body = {"shadow": False, "when": {"team": "search"}, "then": {"model": "gpt-4o-mini"}}
    made = ask(app, "PUT", "/api/v1/rules/cheap%20talk", local, body)
    assert made.status == 200
    assert made.json["name"] == "cheap talk"
    assert made.json["then"] == {"model": ["gpt-4o-mini"]}
    shadowed = ask(app, "PUT", "/api/v1/rules/cheap%20talk", local, {"shadow": True}).json
    assert (shadowed["id"], shadowed["shadow"], shadowed["when"]) == (made.json["id"], True, {"team": ["search"]})
    tried = ask(app, "POST", "/api/v1/rules/test", local, {"dimensions": {"team": "search"}}).json
    assert (tried["shadowed"], tried["by"], tried["model"]) == (["cheap talk"], {}, [])
    assert [one["name"] for one in ask(app, "GET", "/api/v1/rules", local).json["rules"]] == ["cheap talk"]
    assert ask(app, "DELETE", "/api/v1/rules/cheap%20talk", local).status == 200
    assert ask(app, "GET", "/api/v1/rules", local).json == {"rules": []}
    assert ask(app, "DELETE", "/api/v1/rules/cheap%20talk", local).status == 404
    listed = ask(app, "GET", "/api/v1/audit", local)
    if listed.status == 200:
        assert {"set rule", "shadow rule", "delete rule"} <= {entry["what"] for entry in listed.json["entries"]}


def test_a_rule_that_cannot_be_understood_is_refused_with_a_next_step(app: FastAPI, local: Lines) -> None:
    answer = ask(app, "PUT", "/api/v1/rules/x", local, {"when": {"tem": "a"}, "then": {"deny": "no"}})
    assert answer.status == 400
    assert answer.json["error"]["next_steps"] == ['did you mean "team"?']


def test_the_health_of_providers_is_what_workers_wrote(app: FastAPI, local: Lines, context: Context) -> None:
    assert ask(app, "GET", "/api/v1/gateway/health", local).json == {"providers": []}
    folder = context.data_dir / "health"
    folder.mkdir()
    one = {"state": "open", "calls": 7, "failures": 5, "p50_us": 1500, "p95_us": None, "last_error": "timeout"}
    (folder / "gw_1.json").write_text(json.dumps({"at_us": now_us(), "upstreams": {"openai": one}}))
    (told,) = ask(app, "GET", "/api/v1/gateway/health", local).json["providers"]
    assert (told["name"], told["state"], told["calls"], told["failures"]) == ("openai", "open", 7, 5)
    assert (told["p50_ms"], told["p95_ms"], told["last_error_at"]) == (1.5, None, None)
