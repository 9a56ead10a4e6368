"""An instance whose time zone changes keeps answering exactly, from events where its old charges are too coarse."""

from dataclasses import replace
from pathlib import Path

from tallystick.explore.parse import parse_query
from tallystick.kernel.period import HOUR_US
from tallystick.operations.context import Context
from tallystick.operations.explore import explore
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.post_charges import post_charges
from tallystick.operations.start_ledger import start_ledger
from tallystick.org.model import Principal
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tallystick.usage.model import UsageEvent

# 18:29 and 18:31 UTC on 10 November 2026: before and after midnight in Kolkata (UTC+5:30).
MIDNIGHT = 1_794_335_400_000_000
BEFORE, AFTER = MIDNIGHT - 60_000_000, MIDNIGHT + 60_000_000


def test_days_are_right_after_the_time_zone_moved_off_the_hour(tmp_path: Path) -> None:
    context = Context(DuckDbEngine(None), ConfigDb(tmp_path / "config.db"), tmp_path, zone="UTC")
    start_ledger(context)
    ingest_events(context, [UsageEvent("e1", "c1", BEFORE), UsageEvent("e2", "c2", AFTER)])
    post_charges(context)
    moved = replace(context, zone="Asia/Kolkata")
    days = {"from": ["2026-11-11"], "to": ["2026-11-12"], "cmp": ["none"]}
    query = parse_query(days, now_us=AFTER + 100 * HOUR_US, zone="Asia/Kolkata")
    assert explore(moved, query, Principal("test", "admin")).total.now.calls == 1
    context.ledger.close()
    context.config_db.close()
