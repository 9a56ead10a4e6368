"""`tally sources` and `tally sync`: what a person gets wrong is told with what to do, and no secret is repeated."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tallystick.cli.main import app
from tallystick.cli.sync import failures
from tallystick.kernel.errors import UsageError
from tallystick.kernel.period import DAY_US
from tallystick.operations.context import now_us
from tests.connectors.openai.fake import KEY, Organisation, served
from tests.connectors.openai.samples import COSTS
from tests.connectors.openai.test_names import LISTS

run = CliRunner()
PLANTED = "sk-admin-planted"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.setenv("RIGHT", KEY)
    monkeypatch.setenv("WRONG", PLANTED)
    monkeypatch.setattr("tallystick.transport.patience.pause", lambda seconds: None)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def url() -> Iterator[str]:
    today = now_us() // DAY_US * 86_400
    with served(Organisation({"costs": [{**COSTS, "day": today}]}, lists=LISTS)) as found:
        yield f"{found.url}/v1"


def say(*words: str, code: int = 0) -> Result:
    result = run.invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == code, result.output
    assert PLANTED not in result.output and KEY not in result.output
    return result


@pytest.mark.slow
def test_a_source_is_added_synced_and_its_costs_shown_by_name(url: str) -> None:
    say("sources", "add", "openai", "bill", "--secret", "admin_key=env:RIGHT", "--option", f"base_url={url}", "--backfill", "1")  # fmt: skip
    done = json.loads(say("sync", "bill", "--json").stdout)["sources"][0]
    assert (done["failed"], done["rows"]) == (0, 1)
    shown = say("sources", "costs", "bill", "--by", "key").stdout
    # The sample: 0.0135 of a dollar, of the key that the directory calls Nightly.
    assert [word in shown for word in ("Nightly", "key_one", "0.01", "0.0135")] == [True, True, True, False]


def test_one_reason_is_said_once_however_many_slices_it_stopped() -> None:
    parts = [{"stream": name, "from": "2026-11-03T00:00:00Z", "error": why} for name, why in (("a", "x"), ("b", "x"), ("c", ""), ("d", "y"))]  # fmt: skip
    assert failures(parts) == ["a 2026-11-03 and 1 more: x", "d 2026-11-03: y"]


def test_a_secret_that_is_given_where_its_place_was_asked_for_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        run.invoke(app, ["sources", "add", "openai", "x", "--secret", PLANTED], catch_exceptions=False)
    assert PLANTED not in str(caught.value)
    assert caught.value.next_steps == ("--secret admin_key=env:NAME",)
