"""`tally erase`, over a data directory of its own."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tallystick.bills.model import BillLine, Load
from tallystick.bills.store import append_lines, append_loads
from tallystick.cli.main import app
from tallystick.config import Config
from tallystick.kernel.errors import UsageError
from tallystick.kernel.period import Period
from tallystick.ledger.store import append_content
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.keep_pages import keep_page
from tallystick.ports import Page
from tallystick.usage.content import CallContent
from tallystick.wiring import open_app
from tests.ledger.sample import START, an_event

run = CliRunner()
NO_BILLS: dict[str, object] = {"lines": 0, "names": 0, "pages": [], "dropped": []}


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


def test_kept_pages_are_listed_then_deleted_with_the_person(data: Path) -> None:
    window = Period(START, START + 3_600_000_000)
    with open_app(Config(), data) as opened:
        kept = keep_page(opened.context, "billing", Page("costs", window, 0, "", "", b"ursula spent", "main"), START)
        spent = BillLine(
            layer="cost", dataset="costs", slice_key="all", line_no=1, currency="USD", principal="ursula",
            charge_period_start=window.start_us, charge_period_end=window.end_us, billed_cost=1,
        )  # fmt: skip
        append_lines(opened.context.ledger, "billing", "load", kept.page_id, [spent])
        append_loads(
            opened.context.config_db, [Load("load", "billing", "costs", "all", "main", "", START, 1, 0, "USD")]
        )

    looked = run.invoke(app, ["erase", "--user", "ursula", "--dry-run"], catch_exceptions=False)
    assert (kept.file in looked.stderr, "--drop-pages deletes them too" in looked.stderr) == (True, True)
    done = run.invoke(app, ["erase", "--user", "ursula", "--drop-pages", "--yes"], catch_exceptions=False)
    assert f"deleted; what was loaded from them stands:\n  {kept.file}\n" in done.stderr
    assert "still name" not in done.stderr
    assert not (data / kept.file).exists()
