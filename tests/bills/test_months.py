"""Made months, through the whole: every planted difference is found with its exact amount, and no dollar twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tallystick.bills.store import sum_cells
from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.period import DAY_US
from tallystick.operations.context import Context
from tallystick.operations.reconcile import lines_of, list_reconciliations, month_of, reconcile
from tallystick.operations.start_ledger import start_ledger
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tests.bills.months import OCTOBER, make_month
from tests.bills.written import write_month, write_prices

EVERYTHING = 10**9
FIRST = range(11)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Context]:
    engine = DuckDbEngine(None, threads=1)
    context = Context(ledger=engine, config_db=ConfigDb(tmp_path / "config.db"), data_dir=tmp_path)
    start_ledger(context)
    write_prices(context)
    yield context
    engine.close()


def total(context: Context, sql: str) -> int:
    ((found,),) = context.ledger.rows(sql)
    return grains_from_decimal(Decimal(str(found or 0)))


def check(context: Context, seed: int) -> None:
    account = f"account {seed}"
    month = make_month(seed)
    write_month(context, month, account)
    run = reconcile(context, account, month_of(OCTOBER))

    found = {one.name: one.amount for one in run.classes}
    assert found == {name: amount for name, amount in month.classes.items() if amount}, f"seed {seed}"
    assert (run.metered, run.billed, run.record) == (month.metered, month.billed, month.record), f"seed {seed}"
    assert run.difference == sum(found.values()) == run.billed - run.metered
    assert abs(found.get("unknown", 0)) * 100 <= max(run.record, 1)
    assert sum(run.shares.values()) == run.record
    assert reconcile(context, account, month_of(OCTOBER)) == run

    where = f"FROM true_up WHERE run_id = '{run.run_id}'"
    charged = total(context, f"SELECT sum(effective_cost) FROM charge WHERE provider_account = '{account}'")
    assert charged == month.metered + month.classes.get("duplicate", 0)
    # Logs of other gateways that do not know the account add nothing to the unknown one either.
    assert total(context, "SELECT sum(effective_cost) FROM charge WHERE provider_account = ''") == 0
    assert charged + total(context, f"SELECT sum(effective_cost) {where}") == month.record
    assert total(context, f"SELECT sum(whole_cost) {where}") == month.billed
    assert total(context, f"SELECT sum(effective_cost) {where} AND part = 'residual'") == run.residual
    assert total(context, f"SELECT sum(effective_cost) {where} AND part = 'own'") == run.own
    if seed % 10:
        return
    for figure, expected in (("metered", run.metered), ("difference", run.difference)):
        rows = lines_of(context, run.run_id, figure, limit=EVERYTHING)
        assert sum(getattr(row, "metered_cost" if figure == "metered" else "amount") or 0 for row in rows) == expected
    for one in run.classes:
        rows = lines_of(context, run.run_id, one.name, limit=EVERYTHING)
        assert sum(row.amount for row in rows) == one.amount


def test_every_planted_difference_is_found_with_its_exact_amount(instance: Context) -> None:
    for seed in FIRST:
        check(instance, seed)
    assert len(list_reconciliations(instance)) == len(FIRST)


def test_a_month_is_the_same_whether_its_days_fit_into_memory_one_by_one_or_all_at_once(
    instance: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_month(instance, make_month(1), "account")
    runs, rows, read = [], [], []
    for at_once in (1, 10**6):
        monkeypatch.setattr("tallystick.operations.reconcile._AT_ONCE", at_once)
        instance.config_db.execute("DELETE FROM reconcile_run")
        with counted(monkeypatch) as days:
            runs.append(reconcile(instance, "account", month_of(OCTOBER)).content_hash)
        read.append(days)
        rows.append(instance.ledger.rows("SELECT * EXCLUDE run_id FROM true_up ORDER BY ALL"))
        instance.ledger.execute("DELETE FROM true_up")

    assert runs[0] == runs[1]
    assert rows[0] == rows[1] != []
    # Claims speak of three days; after the first it is known how much a day is.
    assert (read[0], read[1][0], len(read[1])) == ([1, 1, 1], 1, 2)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Each reading of cells, by the days that it spans."""
    found: list[int] = []

    def spy(engine: object, month: object, span: tuple[int, int], *more: object) -> object:
        found.append((span[1] - span[0]) // DAY_US)
        return sum_cells(engine, month, span, *more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr("tallystick.bills.store.sum_cells", spy)
        yield found


@pytest.mark.slow
@pytest.mark.parametrize("until", [50, 100, 150, 200])
def test_two_hundred_months_come_out_exactly(instance: Context, until: int) -> None:
    """Fifty in a ledger; those of the test above are not made a second time."""
    for seed in range(max(until - 50, len(FIRST)), until):
        print(f"seed {seed}")
        check(instance, seed)
