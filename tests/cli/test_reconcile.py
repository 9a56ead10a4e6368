"""`tally reconcile` and `tally ledger`, over a data directory with a month that is worked out by hand."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tallystick.cli.main import app
from tallystick.config import Config
from tallystick.kernel.errors import NotFound, UsageError
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.reconcile import lines_of, reconcile_all
from tallystick.wiring import open_app
from tests.bills.october import call, line, write_october
from tests.bills.written import write_load

run = CliRunner()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("october")
    with open_app(Config(), made) as opened:
        write_october(opened.context)
        ingest_events(opened.context, [call(5, 31, 7, "search")])  # the first of November
    return made


@pytest.fixture(autouse=True)
def data(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLY_DATA", str(folder))
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.chdir(tmp_path)


def say(*words: str, code: int = 0) -> Result:
    result = run.invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def read(*words: str, code: int = 0) -> Any:
    return json.loads(say(*words, "--json", code=code).stdout)


def test_a_month_is_printed_with_its_classes_and_too_large_a_difference_ends_with_three() -> None:
    shown = say("reconcile", "2026-10").stdout
    # 5.615 invoiced against 5.00 metered, of which 0.50 is on no bill yet.
    for word in ("main", "$5.00", "$5.50", "$5.62", "+$0.62", "12.30%", "-$0.50", "+$0.40", "+$0.22"):
        assert word in shown, shown
    (month,) = read("reconcile", "2026-10")["reconciliations"]
    assert Decimal(month["difference"]) == sum(Decimal(one["amount"]) for one in month["classes"]) == Decimal("0.615")
    over = say("reconcile", "2026-10", "--fail-above", "1%", code=3)
    assert "2026-10 main differs by 12.30%, more than 1%" in over.stderr
    say("reconcile", "2026-10", "--fail-above", "12.3%")  # not more than that


def test_an_amount_bears_the_sign_of_its_currency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLY_DATA", str(tmp_path))
    with open_app(Config(), tmp_path) as opened:
        write_load(opened.context, "euro", [line(0, 123, currency="EUR")])
        write_load(opened.context, "dollar", [line(0, 45)])
        (euro,) = [one for one in reconcile_all(opened.context) if one.currency == "EUR"]
        (row,) = lines_of(opened.context, euro.run_id, "difference")

    both, euros = say("reconcile").stdout, say("reconcile", "--currency", "EUR").stdout
    assert ("€1.23" in both, "$0.45" in both, "$1.23" in both) == (True, True, False)
    assert ("€1.23" in euros, "$" in euros) == (True, False)
    header, told = say("reconcile", "2026-10", "--currency", "EUR", "--csv").stdout.splitlines()
    assert (header.split(",")[-1], told.split(",")[-1]) == ("currency", "EUR")
    assert "€1.23" in say("reconcile", "explain", row.claim).stdout


def test_words_that_mean_nothing_are_refused_with_what_to_write() -> None:
    for words, meant in (
        (("reconcile", "october"), "write YYYY-MM"),
        (("reconcile", "2026-10", "main"), "tally reconcile explain CLAIM"),
        (("reconcile", "--fail-above", "much"), "1% or 0.5%"),
        (("ledger", "shew"), "tally ledger show CLAIM"),
        (("ledger", "show"), "`tally ledger` names claims"),
    ):
        with pytest.raises(UsageError) as refused:
            say(*words)
        assert meant in " ".join(refused.value.next_steps), words
    with pytest.raises(NotFound):
        say("ledger", "show", "clm_none")


def test_the_ledger_lists_its_rows_and_shows_the_lines_behind_one() -> None:
    say("reconcile")
    rows = read("ledger", "--period", "2026-10")
    assert sum(Decimal(one["effective_cost"]) for one in rows["rows"]) == Decimal("6.115")
    listed = say("ledger", "--period", "2026-10", "--kind", "residual")
    assert "shadow" in listed.stdout
    (stray,) = read("ledger", "--period", "2026-10", "--kind", "residual")["rows"]
    # The report says 60 cents of it, but the invoice's one line for both days has the last word.
    for words in (("ledger", "show"), ("reconcile", "explain")):
        shown = say(*words, stray["claim"]).stdout
        for word in (
            "shadow", "2026-10-02", "main", "reported  $0.60", "invoiced  $5.50", "rounding: +$0.005000", "load_report_1",
            "load_invoice_1", "page",
        ):  # fmt: skip
            assert word in shown, shown
    lines = read("ledger", "show", stray["claim"])["lines"]
    found = [(line["line_no"], Decimal(line["billed_cost"])) for line in lines]
    assert found == [(3, Decimal("0.6")), (1, Decimal("5.505"))]


LAST = "tally reconcile 2026-10 shows the last month; bills speak of 2026-10"
NOTHING = {
    ("2020-01",): ("2020-01: no bill or report that is loaded speaks of it, and no call was metered in it.", LAST),
    ("2099-01",): ("2099-01: 2099-01 has not begun.", LAST),
    ("2026-10", "--account", "nobody"): (
        "nobody 2026-10: the bills that are loaded are of main (USD).", "tally reconcile 2026-10 --account main",
    ),
    ("--account", "nobody"): ("nobody: the bills that are loaded are of main (USD).", "tally reconcile --account main"),
    ("2026-10", "--currency", "EUR"): ("2026-10 EUR: the bills that are loaded are of main (USD).", "tally reconcile 2026-10 --account main"),
    ("2026-11", "--fail-above", "1%"): (
        "2026-11: 1 call was metered for $0.07, and no bill or report that is loaded speaks of it.", "tally import FILE",
    ),
}  # fmt: skip


@pytest.mark.parametrize("words", NOTHING, ids=" ".join)
def test_a_month_without_anything_says_why_and_what_to_do_ends_with_four_and_leaves_no_month(
    words: tuple[str, ...],
) -> None:
    before = read("reconcile")["reconciliations"]
    said, step = NOTHING[words]
    shown = say("reconcile", *words, code=4)
    assert f"Nothing to reconcile for {said}\n  next:  {step}" in shown.stderr
    assert not shown.stdout
    answer = read("reconcile", *words, code=4)
    assert answer["reconciliations"] == []
    assert answer["nothing"]["next_steps"]
    assert read("reconcile")["reconciliations"] == before


def test_an_instance_without_a_bill_is_no_failure_but_no_gate_is_passed_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLY_DATA", str(tmp_path))
    assert "Nothing to reconcile: no bill or report is loaded.\n  next:  tally import FILE" in say("reconcile").stderr
    say("reconcile", "--fail-above", "1%", code=4)


def test_what_the_ids_on_a_bill_mean_is_said_one_by_one_shown_and_forgotten() -> None:
    assert "Nothing is said of spare" in say("sources", "match", "spare").stderr
    said = read("sources", "match", "spare", "--project", "proj_1=web", "--key", "key_1=tk_9", "--key", "key_2=tk_8")
    assert said == {"account": "spare", "projects": {"proj_1": "web"}, "keys": {"key_1": "tk_9", "key_2": "tk_8"}}
    read("sources", "match", "spare", "--key", "key_1=")
    shown = say("sources", "match", "spare").stdout.split()
    assert shown[-6:] == ["project", "proj_1", "web", "key", "key_2", "tk_8"]
    with pytest.raises(UsageError, match="ID=OURS"):
        say("sources", "match", "spare", "--key", "key_1")
