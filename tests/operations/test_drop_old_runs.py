"""Reconciling every day does not make the ledger grow: what did not change adds nothing, what was replaced goes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.bills.store import list_runs
from tallystick.kernel.errors import NotFound
from tallystick.operations import reconcile as reconciling
from tallystick.operations.context import Context
from tallystick.operations.drop_old_runs import drop_old_runs
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.reconcile import lines_of, list_reconciliations, month_of, reconcile, reconcile_all
from tallystick.operations.retain import retain
from tallystick.operations.start_ledger import start_ledger
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tests.bills.october import DAY, OCTOBER, call, write_october

NOVEMBER = OCTOBER + 31 * DAY


@pytest.fixture
def october(tmp_path: Path) -> Iterator[Context]:
    engine, config_db = DuckDbEngine(None, threads=1), ConfigDb(tmp_path / "config.db")
    context = Context(ledger=engine, config_db=config_db, data_dir=tmp_path)
    start_ledger(context)
    write_october(context)
    yield context
    engine.close()
    config_db.close()


def rows(context: Context) -> tuple[int, int, int]:
    """Of true-ups, variances and headers of runs."""
    ((true_ups,), (variances,)) = (
        context.ledger.rows(f"SELECT count(*) FROM {one}")[0] for one in ("true_up", "variance")
    )
    return int(str(true_ups)), int(str(variances)), len(list_runs(context.config_db, all_of_them=True))


def test_thirty_daily_runs_on_unchanged_bills_add_no_row(october: Context) -> None:
    reconcile_all(october)
    before = rows(october)
    assert min(before) > 0
    for _ in range(30):
        assert reconcile_all(october) == []
        reconcile(october, "main", month_of(OCTOBER))
    assert rows(october) == before


def test_a_month_that_changes_every_day_keeps_the_rows_of_a_few_days_and_every_header(
    october: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    for day in range(12):
        now = NOVEMBER + day * DAY
        monkeypatch.setattr(reconciling, "now_us", lambda now=now: now)
        ingest_events(october, [call(100 + day, 2, 50, "search")])
        reconcile_all(october)
        retain(october, now)
        sizes.append(rows(october))
    # The run that counts and four before it, of which the oldest was replaced three days ago.
    assert [true_ups for true_ups, _, _ in sizes[4:]] == [5 * sizes[0][0]] * 8
    assert len({variances for _, variances, _ in sizes[4:]}) == 1
    assert [headers for _, _, headers in sizes] == list(range(1, 13))

    (now_counts,) = list_reconciliations(october)
    first = list_runs(october.config_db, all_of_them=True)[-1]
    assert lines_of(october, now_counts.run_id, "difference")
    with pytest.raises(NotFound, match="kept no longer"):
        lines_of(october, first.run_id, "difference")
    assert drop_old_runs(october, now) == 0
