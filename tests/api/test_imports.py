"""Imports and erasure over HTTP."""

import json
from pathlib import Path

import pytest
from fastapi import FastAPI

from tallystick.operations.context import Context
from tests.api.client import Reply, ask

Lines = list[tuple[str, str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "calls.csv"
    rows = [f"2026-10-0{day}T10:00:00Z,openai,gpt-4o,{day},2,ann,search" for day in range(1, 6)]
    path.write_text("time,provider,model,input_tokens,output_tokens,user,team\n" + "\n".join(rows) + "\n")
    return path


def _objects(reply: Reply) -> list[dict[str, object]]:
    return [json.loads(line) for line in reply.body.splitlines()]


def test_an_import_reports_as_it_goes_and_sums_up(app: FastAPI, local: Lines, file: Path) -> None:
    reply = ask(app, "POST", "/api/v1/import", local, {"paths": [str(file)], "source": "mine"})
    assert reply.status == 200, reply.body
    *progress, last = _objects(reply)
    assert progress
    assert all(set(one) == {"progress"} for one in progress)
    summary = last["summary"]
    assert isinstance(summary, dict)
    assert (summary["rows"], summary["new"], summary["input_tokens"], summary["landed"]) == (5, 5, 15, True)
    again = _objects(ask(app, "POST", "/api/v1/import", local, {"paths": [str(file)], "source": "mine"}))[-1]["summary"]
    assert isinstance(again, dict)
    assert (again["new"], again["duplicates"]) == (0, 5)
    shown = ask(app, "GET", "/api/v1/explore?from=2026-10-01&to=2026-11-01&by=team", local).json
    assert [(row["group"], row["calls"]) for row in shown["rows"]] == [({"team": "search"}, 5)]
    assert [one["source"] for one in ask(app, "GET", "/api/v1/sources", local).json["sources"]] == ["import:mine"]
    assert ask(app, "GET", "/api/v1/status", local).json["events"] == 5


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"paths": []}, 400),
        ({"paths": ["calls.csv"]}, 400),
        ({"paths": ["/nowhere/calls.csv"]}, None),
        ({"paths": ["/etc/passwd"]}, None),
        ({"paths": ["{file}"], "map": ["time=x"]}, None),
        ({"paths": ["{file}"], "map": ["tme=time"]}, 400),
        ({"paths": ["{file}"], "extra": 1}, 400),
        ({"paths": ["{file}"], "strict": "yes"}, 400),
        ({}, 400),
    ],
)
def test_an_import_that_cannot_be_is_an_error_with_a_status(
    app: FastAPI, context: Context, local: Lines, file: Path, body: dict[str, object], status: int | None
) -> None:
    sent = json.loads(json.dumps(body).replace("{file}", str(file)))
    reply = ask(app, "POST", "/api/v1/import", local, sent)
    assert 400 <= reply.status < 500, reply.body
    assert status in {None, reply.status}
    assert set(reply.json["error"]) == {"code", "what", "where", "next_steps"}
    assert ask(app, "GET", "/api/v1/status", local).json["events"] == 0


def test_erasing_a_person_keeps_the_sums(app: FastAPI, local: Lines, file: Path) -> None:
    ask(app, "POST", "/api/v1/import", local, {"paths": [str(file)], "source": "mine"})
    question = "/api/v1/explore?from=2026-10-01&to=2026-11-01"
    before = ask(app, "GET", question, local).json["totals"]
    reply = ask(app, "POST", "/api/v1/erase", local, {"user": "ann"})
    assert (reply.status, reply.json["rows"]) == (200, 5)
    assert ask(app, "GET", question, local).json["totals"] == before
    assert b"ann" not in ask(app, "GET", f"{question}&by=user", local).body
    entries = ask(app, "GET", "/api/v1/audit", local).json["entries"]
    assert entries[0]["what"] == "erase user"
    assert "ann" not in entries[0]["detail"]
