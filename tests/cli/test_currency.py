"""`tally currency`: import, set and list, over a data directory of its own."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tallystick.cli.main import app
from tallystick.kernel.errors import UsageError

run = CliRunner()


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("TALLY_DATA", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def say(*words: str) -> Result:
    return run.invoke(app, ["currency", *words], catch_exceptions=False)


def test_rates_are_imported_set_and_listed(tmp_path: Path) -> None:
    (tmp_path / "ecb.csv").write_text("Date,USD,JPY,\n2026-11-20,1.1578,181.32,\n2026-11-19,N/A,x,\n")
    done = say("import", "ecb.csv")
    assert done.exit_code == 3
    assert done.stdout == "2 new, 0 changed, 0 same: EUR to JPY, EUR to USD, 2026-11-20\n"
    assert 'ecb.csv:3: JPY: "x" is no rate\n  next:  write a decimal such as 0.92 or 1234.5' in done.stderr
    assert say("set", "usd", "eur", "0.92", "--from", "2026-10-01", "--source", "desk").stdout == (
        "1 new, 0 changed, 0 same: USD to EUR, 2026-10-01\n"
    )
    listed = say("list", "--at", "2026-11-01", "--csv")
    assert listed.stdout == "date,from,to,rate,source\n2026-10-01,USD,EUR,0.92,desk\n"
    assert len(say("list").stdout.splitlines()) == 4
    with pytest.raises(UsageError) as refused:
        say("import", "gone.csv")
    assert refused.value.next_steps == ("give a CSV with the columns date,from,to,rate",)


def test_help_shows_what_to_type() -> None:
    for word in ("import", "set", "list"):
        shown = say(word, "--help").stdout
        assert f"tally currency {word}" in shown
