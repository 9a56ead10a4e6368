"""Switching Anthropic's unified analytics on and off leaves every day counted once, by the stream that told it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tallystick.bills.store import list_loads
from tallystick.connectors.anthropic.source import KIND
from tallystick.connectors.registry import Kinds
from tallystick.operations.connect_source import Sources
from tallystick.operations.context import Context
from tallystick.operations.manage_sources import NewSource, add_source
from tallystick.operations.start_ledger import start_ledger
from tallystick.operations.sync_source import Wanted, sync
from tallystick.pricing.book import PriceBook
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tests.connectors.anthropic.fake import KEY, Organisation, served
from tests.connectors.anthropic.samples import ANALYTICS_COST, ANALYTICS_USAGE, COSTS, MESSAGES
from tests.pricing.sample import day

# 123.78912 cents, and 1523.40125 cents.
REPORTED, UNIFIED = 1_237_891_200_000, 15_234_012_500_000
BOTH, REPORT_ONLY = "2026-10-01", "2026-09-30"


@dataclass
class Switch:
    context: Context
    sources: Sources
    url: str

    def to(self, analytics: str) -> dict[str, list[tuple[str, int | None]]]:
        """Sync with analytics on or off; what then counts of each day: dataset and billed cost."""
        options = {"base_url": self.url, "analytics": analytics, "claude_code": "off"}
        new = NewSource("anthropic", "claude", "main", options, {"admin_key": "env:KEY"}, backfill_days=1)
        add_source(self.context, self.sources.kinds, new)
        assert not sync(self.context, self.sources, "claude", Wanted(by_hand=True)).failed
        found: dict[str, list[tuple[str, int | None]]] = {}
        for one in list_loads(self.context.config_db, "claude"):
            if one.rows:
                found.setdefault(one.slice_key, []).append((one.dataset, one.sums.get("billed_cost")))
        return {key: sorted(values) for key, values in found.items()}


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[Switch]:
    rows = {
        "cost_report": [{**COSTS, "day": BOTH}, {**COSTS, "day": REPORT_ONLY}],
        "usage_messages": [{**MESSAGES, "day": BOTH}],
        "analytics_cost": [{**ANALYTICS_COST, "day": BOTH}],
        "analytics_usage": [{**ANALYTICS_USAGE, "day": BOTH}],
    }
    context = Context(
        ledger=DuckDbEngine(None, threads=1), config_db=ConfigDb(tmp_path / "config.db"), data_dir=tmp_path
    )
    start_ledger(context)
    now = day(BOTH) + 3_600_000_000
    with served(Organisation(rows)) as found:
        sources = Sources(
            Kinds({"anthropic": KIND}), lambda: PriceBook([]), {"KEY": KEY}.__getitem__, clock=lambda: now
        )
        yield Switch(context, sources, found.url)
    context.config_db.close()
    context.ledger.close()


REPORTS_COUNT = {
    BOTH: [("cost_report", REPORTED), ("usage_messages", None)],
    REPORT_ONLY: [("cost_report", REPORTED)],
}
ANALYTICS_COUNT = {
    BOTH: [("analytics_cost", UNIFIED), ("analytics_usage", None)],
    REPORT_ONLY: [("cost_report", REPORTED)],
}


def test_analytics_take_the_place_of_the_days_they_tell_and_give_it_back(switch: Switch) -> None:
    assert switch.to("off") == REPORTS_COUNT
    assert switch.to("on") == ANALYTICS_COUNT
    assert switch.to("off") == REPORTS_COUNT
    assert switch.to("on") == ANALYTICS_COUNT


def test_the_reports_take_the_place_of_analytics_that_came_first(switch: Switch) -> None:
    assert switch.to("on") == {BOTH: ANALYTICS_COUNT[BOTH]}
    assert switch.to("off") == REPORTS_COUNT
