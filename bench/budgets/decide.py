"""The whole of it, as a gateway does it for a call: find the covering budgets, bound the call, reserve, judge, settle."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tallystick.budgets.model import NANO, Budget
from tallystick.counters.open import CounterSettings
from tallystick.counters.process import ProcessCounters
from tallystick.counters.shared import SharedCounters
from tallystick.gateway.attribution import Attribution, HeaderReader
from tallystick.gateway.dialects import DIALECTS
from tallystick.gateway.enforce import decide, enforce
from tallystick.gateway.identify import Caller
from tallystick.gateway.prepare import Incoming
from tallystick.gateway.reserve import Enforcer
from tallystick.gateway.settings import BudgetSettings, ProviderSettings
from tallystick.operations.context import Home
from tallystick.operations.load_prices import load_book
from tallystick.operations.refresh_prices import refresh_prices
from tallystick.org.model import GatewayKey
from tallystick.storage.config_db import ConfigDb
from tallystick.usage.model import Measured, UsageEvent

COVERING, WARM = 12, 500
BODY = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"who keeps which half?"}],"max_tokens":100}'
ROUTE = DIALECTS["openai"].route("POST", "/v1/chat/completions")
WINDOWS = ("day", "month", "week", "quarter")


def budgets(count: int) -> tuple[Budget, ...]:
    """So many, of which twelve (or the one) cover the call."""
    return tuple(
        Budget(f"bud_{number}", f"b{number}", 10**6 * NANO, window=WINDOWS[number % 4],
               where={"team": ("search" if number < COVERING else f"team{number}",)})
        for number in range(count)
    )  # fmt: skip


def call(number: int) -> Incoming:
    at_us = time.time_ns() // 1000
    dialect = DIALECTS["openai"]
    assert ROUTE is not None
    return Incoming(
        SimpleNamespace(scope={}), "openai", "/v1/chat/completions", ProviderSettings("openai", "http://x", "openai"),
        dialect, f"evt_{at_us:012x}{number:012x}", at_us, caller=Caller(KEY, "bearer"), route=ROUTE,
        facts=dialect.read_request(ROUTE, BODY), body=BODY, head=HeaderReader().read([]),
        owner=Attribution({"team": "search", "feature": "chat"}, {}),
    )  # fmt: skip


KEY = GatewayKey("key_1", "bench", "hash", "hint", 0, {"team": "search"}, {})


async def timed(enforcer: Enforcer, book: Any, calls: int, *, written: bool) -> list[float]:
    """Microseconds of each call, from the question to the settlement."""
    took = []
    for number in range(calls + WARM):
        incoming = call(number)
        used = Measured(input_tokens=20, output_tokens=5, state="reported")
        event = UsageEvent(incoming.event_id, "call", incoming.arrived_us, effective_cost=10**6, measured=used)
        began = time.perf_counter_ns()
        if written:
            await enforce(enforcer, book, incoming)
        else:
            await decide(enforcer, book, incoming, None)
        assert incoming.reserved is not None
        enforcer.settle(incoming.reserved, event)
        took.append((time.perf_counter_ns() - began) / 1000)
    return took[WARM:]


def report(calls: int) -> None:
    """Print p50 and p99 for each number of budgets and each place."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = Home(ConfigDb(folder / "config.db"), folder)
        refresh_prices(home, None)
        book = load_book(home.config_db)
        print("\ndecide, reserve and settle, one caller       p50      p99   with the decision written, p50")
        for count in (1, 100, 10_000):
            for kind in ("process", "shared"):
                counters = ProcessCounters() if kind == "process" else SharedCounters(folder / f"counters{count}")
                held = BudgetSettings(CounterSettings(kind, folder), budgets(count))
                enforcer = Enforcer(held, counters, lambda _: [], "gateway-1", may_build=True)
                enforcer.refresh()
                plain = asyncio.run(timed(enforcer, book, calls, written=False))
                whole = asyncio.run(timed(enforcer, book, calls, written=True))
                cuts = statistics.quantiles(plain, n=100)
                shown = f"{count:>6} budgets, {min(count, COVERING)} covering, {kind}"
                print(f"{shown:<42} {cuts[49]:5.1f} us {cuts[98]:5.1f} us   {statistics.median(whole):5.1f} us")
        home.config_db.close()
