"""Counters in Redis when it restarts, answers late or not at all, and is asked by many."""

import asyncio
import logging
import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tallystick.budgets.model import Hold
from tallystick.counters.redis import RedisCounters
from tallystick.ports import CountersAway
from tests.counters.driven import DAY, HOUR_US, NOON_US, Driven, ask, hold, key
from tests.redis_server import RunningRedis, running_redis

pytestmark = pytest.mark.service("redis-server")
FORK = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRedis]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server(shared_server: RunningRedis) -> RunningRedis:
    """The module's server, empty."""
    shared_server.ask("CLIENT", "UNPAUSE")
    shared_server.ask("CONFIG", "SET", "maxmemory", "0")
    shared_server.ask("FLUSHALL")
    shared_server.ask("SCRIPT", "FLUSH")
    return shared_server


@pytest.fixture
def open_counters(server: RunningRedis) -> Iterator[Callable[..., Driven]]:
    opened: list[Driven] = []

    def one(deadline_ms: float = 1000) -> Driven:
        opened.append(Driven.on_loop(lambda: RedisCounters(server.url, deadline_ms=deadline_ms, owner="gateway 1")))
        return opened[-1]

    yield one
    server.ask("CLIENT", "UNPAUSE")
    for driven in opened:
        driven.close()


@pytest.fixture
def counters(open_counters: Callable[..., Driven]) -> Driven:
    driven = open_counters()
    driven.mark_built()
    return driven


def wait(driven: Driven, until: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 5
    while not until():
        assert time.monotonic() < give_up
        driven.run(asyncio.sleep(0.01))


# ── restarts ─────────────────────────────────────────────────────────────────


def test_a_restart_that_lost_everything_is_empty(server: RunningRedis, counters: Driven) -> None:
    assert counters.reserve(ask("evt_1", hold("a", 1, 100))).granted
    server.restart(empty=True)
    with pytest.raises(CountersAway):
        counters.reserve(ask("evt_2", hold("a", 1, 100)))
    with pytest.raises(CountersAway, match="empty"):
        counters.reserve(ask("evt_3", hold("a", 1, 100)))
    assert not counters.built()
    counters.mark_built()
    assert counters.reserve(ask("evt_4", hold("a", 1, 100))).granted


@pytest.mark.parametrize("how", ["flushed", "restarted"])
def test_what_is_lost_while_it_is_built_is_not_marked_built(
    server: RunningRedis, open_counters: Callable[..., Driven], how: str
) -> None:
    counters = open_counters()
    assert not counters.built()
    counters.correct("a", 0, 90)
    server.ask("SAVE")
    if how == "flushed":
        server.ask("FLUSHALL")
    else:
        server.restart(empty=False, kill=True)
    with pytest.raises(CountersAway, match="lost while"):
        counters.mark_built()
    assert not counters.built()
    counters.mark_built()
    assert counters.built()


def test_a_restart_with_a_stale_snapshot_is_not_believed_until_built_anew(
    server: RunningRedis, counters: Driven, open_counters: Callable[..., Driven]
) -> None:
    counters.reserve(ask("evt_1", hold("a", 10, 100)))
    server.ask("SAVE")
    counters.reserve(ask("evt_2", hold("a", 90, 100)))
    counters.settle("evt_2", [90])
    server.restart(empty=False, kill=True)
    for driven in (counters, open_counters()):
        assert driven.stands("a") == (0, 10)
        with pytest.raises(CountersAway, match="stale"):
            driven.reserve(ask("evt_3", hold("a", 50, 100)))
        assert not driven.built()
    assert counters.correct("a", 0, 90)
    counters.mark_built()
    assert not counters.reserve(ask("evt_4", hold("a", 1, 100))).granted
    counters.settle("evt_1", [3])
    assert counters.stands("a") == (93, 0)


def test_many_calls_at_the_moment_of_a_restart_never_reach_a_stale_snapshot(
    server: RunningRedis, counters: Driven
) -> None:
    counters.reserve(ask("evt_0", hold("a", 1, 100)))
    server.ask("SAVE")
    server.restart(empty=False, kill=True)

    async def one(number: int) -> str:
        try:
            await counters.counters.reserve(ask(f"evt_{number}", hold("a", 1, 100)))
        except CountersAway as error:
            return error.reason.split(":")[0]
        return "granted"

    async def burst() -> list[str]:
        return [word for _ in range(3) for word in await asyncio.gather(*(one(number) for number in range(1, 40)))]

    assert set(counters.run(burst())) <= {"away", "stale"}


def test_an_orderly_restart_with_all_data_asks_for_building_too(server: RunningRedis, counters: Driven) -> None:
    counters.reserve(ask("evt_1", hold("a", 10, 100)))
    server.ask("SAVE")
    server.restart(empty=False)
    assert not counters.built()
    counters.mark_built()
    assert counters.stands("a") == (0, 10)


def test_flushing_is_noticed_and_forgotten_scripts_are_loaded_anew(server: RunningRedis, counters: Driven) -> None:
    counters.reserve(ask("evt_1", hold("a", 10, 100)))
    server.ask("SCRIPT", "FLUSH")
    assert counters.reserve(ask("evt_2", hold("a", 10, 100))).granted
    server.ask("SCRIPT", "FLUSH")
    counters.settle("evt_1", [10])
    assert counters.stands("a") == (10, 10)
    server.ask("FLUSHALL")
    with pytest.raises(CountersAway, match="empty"):
        counters.reserve(ask("evt_3", hold("a", 10, 100)))


# ── late, or not at all ──────────────────────────────────────────────────────


def test_no_answer_within_the_deadline_is_away_and_nothing_leaks(
    server: RunningRedis, open_counters: Callable[..., Driven]
) -> None:
    counters = open_counters(deadline_ms=20)
    counters.mark_built()
    counters.reserve(ask("evt_1", hold("a", 1, 100)))
    server.ask("CLIENT", "PAUSE", "300", "ALL")
    began = time.monotonic()
    with pytest.raises(CountersAway, match="too slow"):
        counters.reserve(ask("evt_2", hold("a", 50, 100)))
    assert time.monotonic() - began < 0.15
    # The server runs it when it wakes; the cancellation follows it, or has gone before it.
    counters.run(asyncio.sleep(0.5))
    wait(counters, lambda: counters.stands("a") == (0, 1))
    assert [one.reservation_id for one in counters.open()] == ["evt_1"]


def test_a_reservation_that_arrives_after_its_cancellation_counts_nothing(counters: Driven) -> None:
    async def cancelled() -> None:
        counters.counters._queue.cancel("evt_1", 1)  # type: ignore[attr-defined]
        await counters.counters._queue._empty.wait()  # type: ignore[attr-defined]

    counters.run(cancelled())
    with pytest.raises(CountersAway, match="given up"):
        counters.reserve(ask("evt_1", hold("a", 50, 100)))
    assert counters.stands("a") == (0, 0)


def test_a_caller_that_leaves_while_waiting_leaves_no_reservation(
    server: RunningRedis, open_counters: Callable[..., Driven]
) -> None:
    counters = open_counters(deadline_ms=5000)
    counters.mark_built()

    async def leave() -> None:
        waiting = asyncio.ensure_future(counters.counters.reserve(ask("evt_1", hold("a", 50, 100))))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    server.ask("CLIENT", "PAUSE", "200", "ALL")
    counters.run(leave())
    counters.run(asyncio.sleep(0.4))
    wait(counters, lambda: counters.open() == [])
    assert counters.stands("a") == (0, 0)
    assert counters.reserve(ask("evt_2", hold("a", 100, 100))).granted


def test_connections_given_up_at_any_instant_never_mix_up_answers(
    server: RunningRedis, open_counters: Callable[..., Driven]
) -> None:
    """Deadlines so short that they fall into connecting, greeting, sending and reading."""
    steady = open_counters()
    steady.mark_built()
    dice = random.Random(7)
    for number in range(60):
        hasty = open_counters(deadline_ms=dice.uniform(0.05, 3))
        for call in range(4):
            name = f"evt_{number}_{call}"
            limit = 10**6 + number * 10 + call
            try:
                granted = hasty.reserve(ask(name, hold("a", 1, limit)))
            except CountersAway:
                continue
            assert granted.standings[0].limit == limit
            hasty.settle_later(name, [1])
        hasty.close()
    wait(steady, lambda: steady.open() == [])
    assert steady.stands("a")[1] == 0


def test_settlements_wait_out_an_outage_and_count_once(server: RunningRedis, counters: Driven) -> None:
    for number in range(5):
        counters.reserve(ask(f"evt_{number}", hold("a", 10, 100)))
    server.ask("SAVE")
    server.stop(kill=True)
    for number in range(5):
        counters.settle_later(f"evt_{number}", [7])
        counters.settle_later(f"evt_{number}", [9])
    with pytest.raises(CountersAway, match="away"):
        counters.reserve(ask("evt_9", hold("a", 10, 100)))
    counters.run(asyncio.sleep(0.2))
    server.start()
    wait(counters, lambda: counters.open() == [])
    assert counters.stands("a") == (35, 0)


def test_closing_sends_what_is_queued(counters: Driven, open_counters: Callable[..., Driven]) -> None:
    for number in range(200):
        counters.reserve(ask(f"evt_{number}", hold("a", 1, None)))
    for number in range(200):
        counters.settle_later(f"evt_{number}", [2])
    counters.close()
    assert open_counters().stands("a") == (400, 0)


def test_closing_gives_up_after_a_while_and_says_what_is_left(
    server: RunningRedis, counters: Driven, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick.counters.redis._PATIENCE_S", 0.2)
    counters.reserve(ask("evt_1", hold("a", 1, None)))
    server.stop(kill=True)
    try:
        counters.settle_later("evt_1", [2])
        with caplog.at_level(logging.WARNING):
            counters.close()
        assert "1 settlements did not reach Redis" in caplog.text
    finally:
        server.start()


def test_a_wrong_number_of_amounts_is_told_and_blocks_nothing(
    counters: Driven, caplog: pytest.LogCaptureFixture
) -> None:
    counters.reserve(ask("evt_1", hold("a", 1, 100)))
    counters.reserve(ask("evt_2", hold("a", 1, 100)))
    counters.settle_later("evt_1", [1, 2])
    counters.settle("evt_2", [1])
    assert "evt_1 has not one amount for each hold" in caplog.text
    assert counters.stands("a") == (1, 1)


# ── the server's ways ────────────────────────────────────────────────────────


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_server_that_may_evict_counters_is_refused(
    server: RunningRedis, open_counters: Callable[..., Driven], policy: str
) -> None:
    server.ask("CONFIG", "SET", "maxmemory", "100mb")
    server.ask("CONFIG", "SET", "maxmemory-policy", policy)
    evicting = open_counters()
    with pytest.raises(CountersAway, match="noeviction"):
        evicting.built()
    server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert not evicting.built()


def test_a_server_that_does_not_tell_its_policy_is_warned_about_once(
    server: RunningRedis, caplog: pytest.LogCaptureFixture
) -> None:
    server.ask("ACL", "SETUSER", "tally", "on", ">secret", "~*", "+@all", "-config")
    driven = Driven.on_loop(lambda: RedisCounters(server.url.replace("//", "//tally:secret@"), deadline_ms=1000))
    driven.mark_built()
    assert driven.reserve(ask("evt_1", hold("a", 1, 100))).granted
    assert caplog.text.count("counters need noeviction") == 1
    assert "secret" not in caplog.text
    driven.close()


def test_counters_are_kept_for_their_window_and_a_month_and_made_again_without_a_debt(
    server: RunningRedis, counters: Driven
) -> None:
    def left(name: str) -> int:
        return int(server.ask("PTTL", f"tally:c:{key(name).hex()}").strip(":\r\n"))

    counters.reserve(ask("evt_1", hold("a", 1, 100, ends_us=NOON_US + HOUR_US), hold("b", 0, 100)))
    assert 0 <= (32 * DAY + HOUR_US) // 1000 - left("a") < 10_000
    assert 0 <= 60 * DAY // 1000 - left("b") < 10_000
    counters.correct("c", 0, 5, 0)
    assert 0 <= 60 * DAY // 1000 - left("c") < 10_000
    refused = hold("d", 5, 4, trip_us=HOUR_US, breaker=key("mind"))
    assert not counters.reserve(ask("evt_3", refused)).granted
    assert 0 < left("mind") <= (DAY + HOUR_US) // 1000
    assert left("d") == -2  # there is no such counter: what is refused leaves only the breaker
    server.ask("DEL", f"tally:c:{key('a').hex()}")
    counters.settle("evt_1", [1, 0])
    assert counters.stands("a") == (1, 0)


def test_a_large_ask_is_one_short_script(counters: Driven) -> None:
    holds = [
        Hold(key(f"n{n}"), 10**17, 10**9, 10**18, also=tuple(key(f"s{n}_{m}") for m in range(60))) for n in range(12)
    ]
    granted = counters.reserve(ask("evt_1", *holds, most=100_000, least=1))
    assert granted.output == 100_000
    assert counters.stands("n0") == (0, 10**17 + 10**11)


def _hammer(url: str, number: int, calls: int, limit: int) -> None:
    driven = Driven.on_loop(lambda: RedisCounters(url, deadline_ms=5000, owner=f"g{number}"))
    dice = random.Random(number)

    async def one(call: int) -> None:
        name = f"evt_{number}_{call}"
        amount = dice.randrange(1, 20)
        granted = await driven.counters.reserve(ask(name, hold("all", amount, limit), hold(f"own{number}", 1, None)))
        if granted.granted:
            (found,) = await driven.counters.read([key("all")])
            assert found.posted + found.reserved <= limit
            driven.counters.settle(name, [amount, 1] if call % 3 else [0, 0])

    async def all_calls() -> None:
        for start in range(0, calls, 8):
            await asyncio.gather(*(one(call) for call in range(start, start + 8)))

    driven.run(all_calls())
    driven.close()
    os._exit(0)


def test_four_processes_over_one_server_never_pass_a_limit_and_lose_nothing(
    server: RunningRedis, counters: Driven
) -> None:
    workers: list[Any] = [FORK.Process(target=_hammer, args=(server.url, number, 160, 3000)) for number in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(60)
    assert [one.exitcode for one in workers] == [0, 0, 0, 0]
    assert counters.open() == []
    every, *own = counters.read("all", "own0", "own1", "own2", "own3")
    assert every.reserved == 0
    assert 2980 < every.posted <= 3000
    assert sum(one.posted for one in own) > 200
    assert all(one.reserved == 0 for one in own)


def test_the_url_keeps_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tallystick.counters.redis._PATIENCE_S", 0.05)
    driven = Driven.on_loop(lambda: RedisCounters("redis://user:hunter2@127.0.0.1:1/0"))
    with pytest.raises(CountersAway) as caught:
        driven.reserve(ask("evt_1", hold("a", 1, 100)))
    assert "hunter2" not in caught.value.reason
    driven.close()


def test_two_namespaces_on_one_server_know_nothing_of_each_other(server: RunningRedis, counters: Driven) -> None:
    other = Driven.on_loop(lambda: RedisCounters(server.url, deadline_ms=2000, namespace="elsewhere"))
    try:
        with pytest.raises(CountersAway):
            other.reserve(ask("evt_1", hold("a", 1, 100)))  # its counters were never built
        other.mark_built()
        assert other.reserve(ask("evt_1", hold("a", 60, 100))).granted
        assert counters.reserve(ask("evt_1", hold("a", 60, 100))).granted
        (mine,), (theirs,) = counters.read("a"), other.read("a")
        assert (mine.reserved, theirs.reserved) == (60, 60)
    finally:
        other.close()
