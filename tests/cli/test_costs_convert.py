"""`tally costs` over a ledger of two currencies: apart, in one, and what has no rate in rows of its own."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tallystick.cli.main import app
from tallystick.config import load_config
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.post_charges import post_charges
from tallystick.usage.model import UsageEvent
from tallystick.wiring import open_app
from tests.contracts.explored import made_events, micros

run = CliRunner()
SPAN = ("--from", "2026-10-01", "--to", "2026-10-04", "--cmp", "none", "--by", "team")


def _call(number: int, at: str, cost: int, currency: str, team: str) -> UsageEvent:
    (one,) = made_events(number, 1, "2026-10-01T00:00", "2026-10-01T01:00")
    return replace(
        one, event_id=f"evt_{number}", call_id=f"call_{number}", occurred_at=micros(at), attempt=1, currency=currency,
        dimensions={"team": team}, effective_cost=cost * 10**12, list_cost=cost * 10**12, source="gateway",
        priced={"plain_output": cost * 10**12},
    )  # fmt: skip


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data"
    monkeypatch.setenv("TALLY_DATA", str(folder))
    monkeypatch.chdir(tmp_path)
    with open_app(load_config(None), folder) as opened:
        calls = [
            _call(1, "2026-10-01T10:00", 50, "USD", "search"),
            _call(2, "2026-10-02T10:00", 100, "USD", "search"),
            _call(3, "2026-10-02T12:00", 7, "EUR", "chat"),
        ]
        ingest_events(opened.context, calls)
        post_charges(opened.context)


def say(*words: str) -> Result:
    done = run.invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def cells(done: Result, columns: int) -> list[list[str]]:
    return [line.split()[:columns] for line in done.stdout.splitlines()[1:]]


def test_currencies_stay_apart_until_one_is_asked_for() -> None:
    dollars = say("costs", *SPAN)
    assert cells(dollars, 2) == [["search", "$150.00"]]
    assert "there are rows in EUR too, in no sum here: --currency EUR, or --convert USD" in dollars.stderr
    euros = say("costs", *SPAN, "--currency", "EUR")
    assert cells(euros, 2) == [["chat", "€7.00"]]
    assert "total €7.00" in euros.stderr

    unknown = say("costs", *SPAN, "--convert", "GBP")
    assert cells(unknown, 3) == [["chat", "EUR", "€7.00"], ["search", "USD", "$150.00"]]
    assert "total unknown" in unknown.stderr
    assert "next:  tally currency set USD GBP RATE --from 2026-10-01" in unknown.stderr

    say("currency", "set", "USD", "EUR", "0.9", "--from", "2026-10-02", "--source", "desk")
    one = say("costs", *SPAN, "--convert", "EUR")
    assert cells(one, 3) == [["search", "EUR", "€90.00"], ["chat", "EUR", "€7.00"], ["search", "USD", "$50.00"]]
    assert "total €97.00" in one.stderr
    assert "USD in EUR, each day at its rate: 1 rate of 2026-10-02 (desk)." in one.stderr
    assert "$50.00 of 1 Oct 2026 has no rate to EUR and is in no figure in EUR." in one.stderr
    lines = say("costs", *SPAN, "--convert", "EUR", "--csv").stdout.splitlines()
    assert [line.split(",")[:4] for line in lines] == [
        ["team", "currency", "cost", "share"], ["search", "EUR", "90", "92.8%"], ["chat", "EUR", "7", "7.2%"],
        ["search", "USD", "50", ""],
    ]  # fmt: skip
