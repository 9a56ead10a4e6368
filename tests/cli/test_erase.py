"""`tally erase`, over a data directory of its own."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tallystick.cli.main import app
from tallystick.config import Config
from tallystick.kernel.errors import UsageError
from tallystick.ledger.store import append_content
from tallystick.operations.ingest_events import ingest_events
from tallystick.usage.content import CallContent
from tallystick.wiring import open_app
from tests.ledger.sample import START, an_event

run = CliRunner()
NO_BILLS: dict[str, object] = {"lines": 0, "names": 0, "pages": []}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("TALLY_DATA", str(folder))
    monkeypatch.chdir(tmp_path)
    with open_app(Config(), folder) as opened:
        ingest_events(opened.context, [an_event(n, dimensions={"user": "ursula"}) for n in (1, 2)])
        append_content(opened.context.ledger, [CallContent("evt_000001", START * 2, "ursula", request="{}")])
    return folder


def test_a_person_is_counted_then_erased_and_then_there_is_nothing(data: Path) -> None:
    looked = run.invoke(app, ["erase", "--user", "ursula", "--dry-run", "--json"], catch_exceptions=False)
    assert json.loads(looked.stdout) == {"user": "ursula", "rows": 2, "contents": 1, **NO_BILLS, "dry_run": True}
    done = run.invoke(app, ["erase", "--user", "ursula", "--yes"], catch_exceptions=False)
    assert (done.exit_code, done.stdout) == (0, "erased 2 rows, 1 prompts and answers\n")
    again = run.invoke(app, ["erase", "--user", "ursula", "--yes", "--json"], catch_exceptions=False)
    assert json.loads(again.stdout) == {"user": "ursula", "rows": 0, "contents": 0, **NO_BILLS, "dry_run": False}


def test_a_script_has_to_say_that_it_means_it(data: Path) -> None:
    result = run.invoke(app, ["erase", "--user", "ursula"])
    assert isinstance(result.exception, UsageError)
    assert "2 rows, 1 prompts and answers" in result.exception.what
    looked = run.invoke(app, ["erase", "--user", "ursula", "--dry-run", "--json"], catch_exceptions=False)
    assert json.loads(looked.stdout)["rows"] == 2


def test_nobody_has_no_rows_to_erase(data: Path) -> None:
    assert isinstance(run.invoke(app, ["erase", "--user", " ", "--yes"]).exception, UsageError)
