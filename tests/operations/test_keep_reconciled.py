"""Months are held against their bills when a load comes or goes, and once a day."""

from dataclasses import replace
from pathlib import Path

import pytest

from tallystick.bills.model import BillLine, Load
from tallystick.bills.store import append_lines, append_loads
from tallystick.kernel.period import DAY_US, Period
from tallystick.operations.context import Context
from tallystick.operations.keep_reconciled import Due, Rota
from tallystick.operations.reconcile import reconcile
from tallystick.operations.start_ledger import start_ledger
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine

OCTOBER = Period(1_790_812_800_000_000, 1_793_491_200_000_000)
NOVEMBER = Period(OCTOBER.end_us, OCTOBER.end_us + 30 * DAY_US)
LINE = BillLine("cost", "costs", "x", 1, OCTOBER.start_us, OCTOBER.start_us + DAY_US, "USD", billed_cost=1)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    made = Context(ledger=DuckDbEngine(None), config_db=ConfigDb(tmp_path / "config.db"), data_dir=tmp_path)
    start_ledger(made)
    return made


def load(context: Context, name: str, account: str, at_us: int, slice_key: str) -> None:
    line = replace(LINE, provider_account=account, charge_period_start=at_us, slice_key=slice_key)
    append_lines(context.ledger, account, name, "", [line])
    append_loads(context.config_db, [Load(name, account, "costs", slice_key, account, name, at_us, 1, 0)])


def test_a_load_makes_the_months_of_its_account_due_once_the_newest_first(context: Context) -> None:
    rota, now = Rota(), NOVEMBER.end_us
    load(context, "load_1", "openai", OCTOBER.start_us, "a")
    load(context, "load_2", "bedrock", NOVEMBER.start_us, "a")

    assert rota.due(context, now) == [Due("bedrock", "USD", NOVEMBER), Due("openai", "USD", OCTOBER)]
    assert rota.due(context, now + 1) == []
    load(context, "load_3", "openai", NOVEMBER.start_us, "b")
    assert rota.due(context, now + 2) == [Due("openai", "USD", NOVEMBER), Due("openai", "USD", OCTOBER)]


def test_a_day_later_all_months_are_looked_at_again(context: Context) -> None:
    rota, now = Rota(), NOVEMBER.end_us
    load(context, "load_1", "openai", OCTOBER.start_us, "a")
    rota.due(context, now)

    assert rota.due(context, now + DAY_US - 1) == []
    assert rota.due(context, now + DAY_US) == [Due("openai", "USD", OCTOBER)]


def test_a_load_in_place_of_another_makes_all_months_due(context: Context) -> None:
    rota, now = Rota(), NOVEMBER.end_us
    load(context, "load_1", "openai", OCTOBER.start_us, "a")
    load(context, "load_2", "bedrock", NOVEMBER.start_us, "a")
    rota.due(context, now)
    load(context, "load_4", "openai", OCTOBER.start_us, "a")

    assert rota.due(context, now + 1) == [Due("bedrock", "USD", NOVEMBER), Due("openai", "USD", OCTOBER)]


def test_a_month_whose_last_line_went_away_with_its_load_is_looked_at_once_more(context: Context) -> None:
    rota, now = Rota(), NOVEMBER.end_us
    load(context, "load_1", "openai", OCTOBER.start_us, "a")
    assert rota.due(context, now) == [Due("openai", "USD", OCTOBER)]
    before = reconcile(context, "openai", OCTOBER)
    assert before.billed == 1
    # The same slice of the same source now speaks of another account alone.
    append_lines(context.ledger, "openai", "load_2", "", [replace(LINE, provider_account="other", slice_key="a")])
    append_loads(context.config_db, [Load("load_2", "openai", "costs", "a", "other", "load_2", now, 1, 0)])
    due = rota.due(context, now + 1)
    assert due == [Due("openai", "USD", OCTOBER), Due("other", "USD", OCTOBER)]
    assert reconcile(context, "openai", OCTOBER).billed == 0
