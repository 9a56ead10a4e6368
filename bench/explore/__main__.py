"""How long the pages' questions take on a demo company, in three time zones, beside the raw table.

    python -m bench.explore [--events 10000000] [--rounds 20] [--keep DIR] [--engine duckdb|clickhouse]

Each question runs warm `rounds` times; printed are p50 and p95 in milliseconds, and the
same figures summed from events instead of charges (`raw`), with the ratio of the medians.
The answers of both ways are compared: a difference fails the bench.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tallystick.explore.model import Query
from tallystick.explore.parse import parse_query
from tallystick.kernel.period import rfc3339
from tallystick.operations.build_demo import DemoRequest, build_demo
from tallystick.operations.context import Context, now_us
from tallystick.operations.explore import explore
from tallystick.operations.list_requests import list_requests
from tallystick.operations.list_sources import list_sources
from tallystick.operations.list_values import list_values
from tallystick.operations.refresh_prices import refresh_prices
from tallystick.operations.start_ledger import start_ledger
from tallystick.org.model import Principal
from tallystick.storage.clickhouse_engine import ClickHouseEngine
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine

ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata")
GOAL_MS = 300
ME = Principal("bench", "admin")

# Name of the page's question → parameters as the page sends them.
QUESTIONS: dict[str, dict[str, str]] = {
    "overview: month to date by team, days": {"range": "mtd", "by": "team", "grain": "day"},
    "overview: movers by model": {"range": "mtd", "by": "model"},
    "explore: provider, 30 days": {"range": "30d", "by": "provider", "grain": "day"},
    "explore: team x model, 90 days": {"range": "90d", "by": "team,model", "grain": "day"},
    "explore: 12 months by team, months": {"range": "12m", "by": "team", "grain": "month", "cmp": "none"},
    "explore: year to date by feature against the year before, weeks": {
        "range": "ytd",
        "by": "feature",
        "grain": "week",
        "cmp": "year",
    },
    "explore: one feature by model, days": {"range": "90d", "by": "model", "grain": "day", "feature": "ticket triage"},
    "explore: customers, month to date": {"range": "mtd", "by": "customer", "grain": "day"},
    "explore: one team's users, 30 days": {"range": "30d", "by": "user", "grain": "day", "team": "Support"},
    "explore: today by hour": {"range": "today", "by": "provider", "grain": "hour"},
}


def main() -> int:
    """Build, measure, print; 1 when a goal is missed or answers differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="build here, or use what is here")
    parser.add_argument("--engine", choices=("duckdb", "clickhouse"), default="duckdb")
    chosen = parser.parse_args()
    if chosen.keep:
        chosen.keep.mkdir(parents=True, exist_ok=True)
        return measure(chosen.keep, chosen)
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder), chosen)


def measure(folder: Path, chosen: argparse.Namespace) -> int:
    """One store per kind of zone: charges are posted by the hour, or by the quarter where the zone needs it."""
    missed = []
    for zones in (ZONES[:2], ZONES[2:]):
        context = built(folder / ("hours" if zones == ZONES[:2] else "quarters"), chosen, zones[0])
        missed += [one for zone in zones for one in ask_all(replace(context, zone=zone), chosen.rounds)]
        context.ledger.close()
    for one in missed:
        print(f"MISSED: {one}")
    return 1 if missed else 0


def built(folder: Path, chosen: argparse.Namespace, zone: str) -> Context:
    """A demo company of so many events."""
    folder.mkdir(exist_ok=True)
    engine = (
        DuckDbEngine(folder / "ledger.duckdb") if chosen.engine == "duckdb" else ClickHouseEngine(f"chdb://{folder}/ch")
    )
    context = Context(engine, ConfigDb(folder / "config.db"), folder, zone=zone)
    start_ledger(context)
    refresh_prices(context, None)
    started = time.perf_counter()
    build_demo(context, DemoRequest(events=chosen.events, seed=1, now_us=now_us()))
    (charges,) = engine.rows("SELECT count(*) FROM charge")[0]
    print(
        f"{chosen.events:,} events, {charges:,} charges ({zone}), {time.perf_counter() - started:.0f} s, {engine.disk_bytes() / 1e6:,.0f} MB"
    )
    return context


def ask_all(context: Context, rounds: int) -> list[str]:
    """Every question in one zone; what missed its goal."""
    print(f"\n{context.zone:<64} {'p50':>8} {'p95':>8} {'raw p50':>8} {'raw/it':>7}   ms")
    missed = []
    now = now_us()
    for name, params in QUESTIONS.items():
        query = parse_query(params, now_us=now, zone=context.zone)
        times = timed(lambda query=query: explore(context, query, ME), rounds)
        raw = timed(lambda query=query: explore(context, query, ME, raw=True), max(3, rounds // 5))
        print(f"{name:<64} {p(times, 50):8.1f} {p(times, 95):8.1f} {p(raw, 50):8.1f} {p(raw, 50) / p(times, 50):7.1f}")
        missed += [f"{context.zone}: {name} p95 {p(times, 95):.0f} ms"] if p(times, 95) > GOAL_MS else []
        missed += compare(context, query, name)
    month = parse_query({"range": "mtd"}, now_us=now, zone=context.zone)
    others: dict[str, Callable[[], object]] = {
        "requests: newest 50": lambda: list_requests(context, month, ME, limit=50),
        "requests: dearest 50": lambda: list_requests(context, month, ME, limit=50, sort="-cost"),
        "values: teams": lambda: list_values(context, "team", month.period, ME),
        "values: users": lambda: list_values(context, "user", month.period, ME),
        "sources": lambda: list_sources(context),
    }
    for name, ask in others.items():
        times = timed(ask, rounds)
        print(f"{name:<64} {p(times, 50):8.1f} {p(times, 95):8.1f}")
        missed += [f"{context.zone}: {name} p95 {p(times, 95):.0f} ms"] if p(times, 95) > GOAL_MS else []
    return missed


def compare(context: Context, query: Query, name: str) -> list[str]:
    """Charges and events must say the same."""
    fast, slow = explore(context, query, ME), explore(context, query, ME, raw=True)
    same = (fast.rows, fast.total, fast.others, fast.previous_series) == (
        slow.rows,
        slow.total,
        slow.others,
        slow.previous_series,
    )
    return (
        []
        if same
        else [f"{context.zone}: {name} differs between charges and events since {rfc3339(query.period.start_us)}"]
    )


def timed(ask: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds of each warm round."""
    ask()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started) * 1000)
    return times


def p(times: list[float], level: int) -> float:
    """A percentile of measured times."""
    if len(times) < 2:
        return times[0]
    return statistics.quantiles(times, n=100, method="inclusive")[level - 1]


if __name__ == "__main__":
    sys.exit(main())
