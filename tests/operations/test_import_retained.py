"""An import after retention: what was deleted is not charged again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tallystick.operations.context import Context, Retention, now_us
from tallystick.operations.import_files import FileSummary, ImportRequest, import_files
from tallystick.operations.retain import retain
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing.book import PriceBook
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine

DAY = timedelta(days=1)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    engine, config_db = DuckDbEngine(None), ConfigDb(tmp_path / "config.db")
    found = Context(ledger=engine, config_db=config_db, data_dir=tmp_path)
    start_ledger(found)
    yield found
    engine.close()
    config_db.close()


def usage(context: Context) -> Path:
    """Ten calls of as many days: 1 token yesterday, 2 the day before, up to 10."""
    path = context.data_dir / "usage.csv"
    if not path.exists():
        noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
        lines = [f"{(noon - age * DAY).isoformat()},gpt-test,{age},0\n" for age in range(1, 11)]
        path.write_text("time,model,input_tokens,output_tokens\n" + "".join(lines))
    return path


def run(context: Context) -> FileSummary:
    request = ImportRequest((usage(context),), set_texts=("provider=openai",))
    (summary,) = import_files(context, PriceBook([]), request).files
    return summary


def charged(context: Context) -> object:
    return context.ledger.rows("SELECT sum(input_tokens) FROM charge")[0][0]


def events(context: Context) -> object:
    return context.ledger.rows("SELECT count(*) FROM usage_event")[0][0]


def test_rows_beyond_retention_are_kept_aside_with_the_reason(context: Context) -> None:
    limited = replace(context, retention=Retention(events_days=5))

    one = run(limited)

    assert (one.rows, one.new, one.rejected) == (10, 5, 5)
    aside = Path(one.rejected_file).read_text()
    assert aside.count("single events are kept no longer ([retention] events_days)") == 5
    assert charged(limited) == 1 + 2 + 3 + 4 + 5
    assert retain(limited, now_us()) == 0
    assert events(limited) == 5


def test_a_file_imported_again_after_its_events_were_deleted_is_not_charged_again(context: Context) -> None:
    assert run(context).new == 10
    limited = replace(context, retention=Retention(events_days=4))
    assert retain(limited, now_us()) == 6

    for later in (limited, context, replace(context, retention=Retention(events_days=400))):
        again = run(later)
        assert (again.new, again.duplicates, again.rejected) == (0, 4, 6)
        assert charged(later) == 55
