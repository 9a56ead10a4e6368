"""The demo in the ledger: its sums are the truth, its prices are the book's, and it is built once."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tallystick.kernel.errors import Conflict, NotFound, UsageError
from tallystick.kernel.money import grains_from_decimal, text_from_grains
from tallystick.ledger.store import event_select, to_events
from tallystick.operations.build_demo import DemoRequest, build_demo, is_built
from tallystick.operations.context import Context
from tallystick.operations.instance import demo_in
from tallystick.operations.keep_pages import show_page
from tallystick.operations.load_prices import load_book
from tallystick.operations.refresh_prices import refresh_prices
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing.rate import rated
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine

NOW_US = int(datetime(2026, 11, 23, 15, 30, tzinfo=UTC).timestamp()) * 1_000_000
REQUEST = DemoRequest(events=10_000, seed=3, now_us=NOW_US)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    folder = tmp_path_factory.mktemp("demo")
    engine, config_db = DuckDbEngine(None), ConfigDb(folder / "config.db")
    found = Context(ledger=engine, config_db=config_db, data_dir=folder)
    start_ledger(found)
    refresh_prices(found, None)
    assert build_demo(found, REQUEST).rebuilt
    yield found
    engine.close()
    config_db.close()


def test_the_ledger_sums_to_the_truth_month_by_month_and_team_by_team(context: Context) -> None:
    truth = json.loads((context.data_dir / "demo_truth.json").read_text())
    rows = context.ledger.rows(
        "SELECT strftime(occurred_at, '%Y-%m'), team, sum(effective_cost) FROM usage_event "
        "WHERE effective_cost <> 0 GROUP BY ALL"
    )
    found: dict[str, dict[str, str]] = {}
    for month, team, cost in rows:
        found.setdefault(str(month), {})[str(team)] = text_from_grains(grains_from_decimal(cost))
    told = {
        month: {team: cost for team, cost in teams.items() if cost != "0"}
        for month, teams in truth["cost_by_month_and_team"].items()
    }
    assert found == told


def test_its_directory_knows_that_it_holds_made_up_usage(context: Context, tmp_path: Path) -> None:
    assert (demo_in(context.data_dir), demo_in(tmp_path)) == ("Northwind", "")


def test_the_bills_in_the_ledger_sum_to_the_truth_and_one_project_is_worth_212_dollars(context: Context) -> None:
    truth = json.loads((context.data_dir / "demo_truth.json").read_text())["bills"]
    sums = context.ledger.rows(
        "SELECT provider_account, strftime(charge_period_start, '%Y-%m'), sum(billed_cost) FROM bill_line "
        "WHERE layer = 'invoice' AND ai AND charge_period_start < TIMESTAMP '2026-11-01' GROUP BY ALL"
    )
    found = {(account, month): text_from_grains(grains_from_decimal(cost)) for account, month, cost in sums}
    assert found == {(one["account"], one["month"]): one["invoiced"] for one in truth["months"]}
    assert len({month for _, month in found}) == 14
    ((lost,),) = context.ledger.rows(
        "SELECT sum(billed_cost) FROM bill_line WHERE layer = 'invoice' AND sub_account_id = $project",
        {"project": truth["finding"]["project"]},
    )
    assert (lost, truth["finding"]["amount"], truth["finding"]["month"]) == (212, "212", "2026-10")
    loads = context.config_db.rows("SELECT count(*), sum(rows) FROM bill_load WHERE superseded_at IS NULL")
    assert loads[0][0] > 14 * 5
    assert loads[0][1] == context.ledger.rows("SELECT count(*) FROM bill_line")[0][0]


def test_charges_and_tokens_agree_with_the_truth(context: Context) -> None:
    truth = json.loads((context.data_dir / "demo_truth.json").read_text())
    ((calls, cost, tokens, unpriced),) = context.ledger.rows(
        "SELECT sum(calls), sum(effective_cost), sum(input_tokens), sum(unpriced_calls) FROM charge"
    )
    assert (calls, text_from_grains(grains_from_decimal(cost))) == (10_000, truth["total"])
    assert (tokens, unpriced) == (truth["input_tokens"], truth["unpriced_calls"])
    assert truth["unpriced_calls"] > 0


def test_every_row_costs_what_rating_it_alone_would_give(context: Context) -> None:
    book = load_book(context.config_db)
    select = event_select(context.ledger.dialect)
    for event in to_events(context.ledger.rows(f"SELECT {select} FROM usage_event USING SAMPLE 400")):
        if event.outcome == "ok":
            assert rated(book, event).cost == event.effective_cost


def test_it_is_built_once_a_day_and_the_other_rows_stay(context: Context) -> None:
    assert not build_demo(context, REQUEST).rebuilt
    assert is_built(context.data_dir, REQUEST)
    assert not is_built(context.data_dir, DemoRequest(REQUEST.events, REQUEST.seed, NOW_US + 86_400_000_000))
    context.ledger.execute(
        "UPDATE usage_event SET source = 'gateway' WHERE event_id = (SELECT min(event_id) FROM usage_event)"
    )
    tomorrow = DemoRequest(REQUEST.events, 4, NOW_US)
    assert build_demo(context, tomorrow).rebuilt
    rows = context.ledger.rows("SELECT source, count(*) FROM usage_event GROUP BY 1 ORDER BY 1")
    assert rows == [("demo", 10_000), ("gateway", 1)]


def test_real_usage_is_never_mixed_with_made_up_usage(tmp_path: Path) -> None:
    engine, config_db = DuckDbEngine(None), ConfigDb(tmp_path / "config.db")
    real = Context(ledger=engine, config_db=config_db, data_dir=tmp_path)
    start_ledger(real)
    engine.execute(
        "INSERT INTO usage_event (event_id, call_id, attempt, occurred_at, source) VALUES ('e', 'c', 1, now()::TIMESTAMP, 'gateway')"
    )
    with pytest.raises(Conflict, match="real usage"):
        build_demo(real, REQUEST)
    with pytest.raises(UsageError):
        build_demo(real, DemoRequest(9, 1, NOW_US))
    engine.close()
    config_db.close()


def test_every_line_of_a_demo_bill_is_a_line_of_a_page_that_is_kept(context: Context) -> None:
    rows = context.ledger.rows(
        "SELECT page_id, line_no, provider_account, model, meter, billed_cost FROM bill_line ORDER BY page_id, line_no"
    )
    pages = {page_id: show_page(context, str(page_id))[1].decode().splitlines() for page_id, *_ in rows}
    for page_id, number, account, model, meter, billed in rows:
        said = json.loads(pages[page_id][int(str(number)) - 1])
        assert (said["account"], said.get("model", ""), said.get("meter", "")) == (account, model, meter)
        assert said.get("billed") == (None if billed is None else text_from_grains(grains_from_decimal(billed)))  # type: ignore[arg-type]
    assert sum(map(len, pages.values())) == len(rows)
    kept = {str(file) for (file,) in context.config_db.rows("SELECT file FROM source_page")}
    assert {str(one.relative_to(context.data_dir)) for one in (context.data_dir / "pages").rglob("*.gz")} == kept
    with pytest.raises(NotFound, match="no page"):
        show_page(context, "page_nowhere")
