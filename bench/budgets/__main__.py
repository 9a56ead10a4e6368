"""What a call pays for its budgets: reserve and settle on twelve counters, wherever they live. Prints ratios.

    python -m bench.budgets [--calls N]

Three stores, with 12, 100 and 10,000 counters to choose from, by one caller and by sixteen at once. In
this machine's memory a call never waits, so sixteen callers there are sixteen processes, each with 100 calls a second; with Redis they are
tasks of one gateway on its own event loop, and settling, which no call waits for, is left to the background as it is in a gateway.
The reference of each is the least that its way of sharing costs: a transaction of twelve additions in a
dict, the same between a lock and an unlock of a file, a PING to the same server by the same library.
"""

import argparse
import asyncio
import fcntl
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from bench.budgets import decide
from tallystick.budgets.model import Ask, Hold
from tallystick.counters.process import ProcessCounters
from tallystick.counters.shared import SharedCounters
from tests.redis_server import PROGRAM, RunningRedis

HOLDS, AT_US = 12, 1_777_032_000_000_000
COUNTERS = (12, 100, 10_000)
LIMIT = 10**14


def keys_of(counters: int) -> list[bytes]:
    """The counters that exist."""
    dice = random.Random(counters)
    return [dice.randbytes(16) for _ in range(counters)]


def asks(calls: int, counters: int, seed: int) -> list[Ask]:
    """Twelve holds for each call, on any of the counters."""
    dice, names = random.Random(seed), keys_of(counters)
    made = []
    for number in range(calls):
        keys = dice.sample(names, HOLDS)
        holds = tuple(Hold(key, 100, 15_000, LIMIT, AT_US + 10**12) for key in keys)
        at_us = AT_US + number
        made.append(Ask(f"evt_{seed:04x}{number:028x}", "gateway-1", holds, 4000, 1024, at_us, at_us + 10**9))
    return made


def drive(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Counters of this machine end at the first step; what a loop would add is the gateway's, not theirs."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value


async def fill(counters: Any, count: int) -> None:
    """Make the counters, as the ledger's process does before a gateway asks."""
    await counters.mark_built()
    for key in keys_of(count):
        await counters.correct(key, 0, 1, AT_US + 10**12)


def timed(counters: Any, todo: list[Ask], pause_s: float = 0.0) -> list[int]:
    """Nanoseconds of each call."""
    dice = random.Random(len(todo))
    used = (70,) * HOLDS
    took = []
    for ask in todo:
        if pause_s:
            time.sleep(dice.uniform(0, 2 * pause_s))
        began = time.perf_counter_ns()
        granted = drive(counters.reserve(ask))
        counters.settle(ask.reservation_id, used)
        took.append(time.perf_counter_ns() - began)
        assert granted.granted
    return took


def alone(counters: Any, todo: list[Ask], reference: list[int]) -> tuple[list[int], list[int], float]:
    """One caller: what each call took, the reference, CPU of a call."""
    before = time.process_time_ns()
    took = timed(counters, todo)
    return took, reference, (time.process_time_ns() - before) / len(todo) / 1000


def dict_reference(calls: int) -> list[int]:
    """Twelve additions to reserve, twelve to settle, between locks that nobody else holds."""
    cells = {number: [0, 0] for number in range(HOLDS)}
    return [_dict_once(cells) for _ in range(calls)]


def _dict_once(cells: dict[int, list[int]]) -> int:
    began = time.perf_counter_ns()
    for cell in cells.values():
        cell[1] += 160
    for cell in cells.values():
        cell[1] -= 160
        cell[0] += 70
    return time.perf_counter_ns() - began


def lock_reference(calls: int, path: Path) -> list[int]:
    """The dict's transaction, each half between a lock and an unlock of a file."""
    cells = {number: [0, 0] for number in range(HOLDS)}
    took = []
    with path.open("w") as file:
        for _ in range(calls):
            began = time.perf_counter_ns()
            for _ in range(2):
                fcntl.flock(file, fcntl.LOCK_EX)
                for cell in cells.values():
                    cell[1] += 160
                fcntl.flock(file, fcntl.LOCK_UN)
            took.append(time.perf_counter_ns() - began)
    return took


def at_once(work: Callable[[int], list[int]], callers: int) -> list[int]:
    """The same work in that many processes, begun together."""
    context = multiprocessing.get_context("fork")
    start, results = context.Barrier(callers), context.Queue()

    def one(number: int) -> None:
        start.wait()
        results.put(work(number))

    workers = [context.Process(target=one, args=(number,)) for number in range(callers)]
    for worker in workers:
        worker.start()
    took = [value for _ in workers for value in results.get()]
    for worker in workers:
        worker.join()
    return took


def show(name: str, took: list[int], reference: list[int], cpu_us: float | None = None) -> None:
    """p50 and p99 in microseconds, and as a multiple of the reference; CPU of a call, which others' work does not move."""
    p50, p99 = (sorted(took)[int(len(took) * part)] / 1000 for part in (0.5, 0.99))
    cpu = "" if cpu_us is None else f"   CPU {cpu_us:6.1f} us"
    base = sorted(reference)[len(reference) // 2] / 1000
    print(f"{name:44s} p50 {p50:8.1f} us   p99 {p99:8.1f} us   {p50 / base:6.1f} x reference ({base:.1f} us){cpu}")


def bench_process(calls: int) -> None:
    reference = dict_reference(calls)
    for count in COUNTERS:
        counters = ProcessCounters()
        drive(fill(counters, count))
        timed(counters, asks(calls // 4, count, 1))
        show(f"process, {count:6,d} counters, 1 caller", *alone(counters, asks(calls, count, 2), reference))


def bench_shared(calls: int, folder: Path) -> None:
    reference = lock_reference(calls, folder / "lock")
    for count in COUNTERS:
        path = folder / f"counters-{count}"
        counters = SharedCounters(path)
        drive(fill(counters, count))
        timed(counters, asks(calls // 4, count, 1))
        show(f"shared, {count:6,d} counters, 1 caller", *alone(counters, asks(calls, count, 2), reference))

        def work(number: int, path: Path = path, count: int = count) -> list[int]:
            mine = SharedCounters(path, deadline_ms=1000)
            todo = asks(calls // 16, count, 1)
            todo = [Ask(f"{number}-{a.reservation_id}", *_rest(a)) for a in todo]
            return timed(mine, todo, pause_s=0.01)[len(todo) // 4 :]

        show(f"shared, {count:6,d} counters, 16 processes", at_once(work, 16), reference)
        drive(counters.close())
        path.unlink()


def _rest(ask: Ask) -> tuple[Any, ...]:
    return (ask.owner, ask.holds, ask.most, ask.least, ask.at_us, ask.expires_us)


async def bench_redis(calls: int, url: str) -> None:
    from redis.asyncio import Redis

    from tallystick.counters.redis import RedisCounters

    client = Redis.from_url(url)
    counters = RedisCounters(url, deadline_ms=1000)
    await asyncio.gather(*(fill(counters, count) for count in COUNTERS))
    for callers in (1, 16):
        reference = await _tasks(calls, callers, lambda _: client.ping())
        for count in COUNTERS:
            todo = asks(calls, count, callers + count)

            async def once(number: int, todo: list[Ask] = todo) -> None:
                granted = await counters.reserve(todo[number])
                assert granted.granted
                counters.settle(todo[number].reservation_id, (70,) * HOLDS)

            before = time.process_time_ns()
            took = await _tasks(calls, callers, once)
            cpu_us = (time.process_time_ns() - before) / calls / 1000
            show(f"redis, {count:6,d} counters, {callers} at once", took, reference, cpu_us)
    await counters.close()
    await client.aclose()


async def _tasks(calls: int, callers: int, once: Callable[[int], Any]) -> list[int]:
    took: list[int] = []

    async def caller(first: int) -> None:
        for number in range(first, calls, callers):
            began = time.perf_counter_ns()
            await once(number)
            took.append(time.perf_counter_ns() - began)

    await asyncio.gather(*(caller(first) for first in range(callers)))
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    calls = parser.parse_args().calls
    print(f"{calls} calls of {HOLDS} holds, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
    bench_process(calls)
    decide.report(calls // 4)
    print()
    with tempfile.TemporaryDirectory() as name:
        bench_shared(calls, Path(name))
        if PROGRAM is None:
            print("redis: not measured, redis-server is missing")
            return
        server = RunningRedis(Path(name))
        try:
            uvloop.run(bench_redis(calls // 4, server.url))
        finally:
            server.stop(kill=True)


if __name__ == "__main__":
    main()
