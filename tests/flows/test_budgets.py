"""Budgets held by real processes: several workers, kills in the midst of calls, counters in Redis that go away."""

import http.client
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.flows.running import Running, fetch, running_product, running_stub
from tests.redis_server import running_redis

# A tenth of a cent for each token of output, nothing for input: what is billed is what the stub has answered.
PRICES = '[[price]]\nprovider = "openai"\nmodel = "cent"\nfrom = "2024-01-01"\nper = 1\ninput = "0"\noutput = "0.001"\n'


@dataclass
class Budgeted:
    """A running product before a stub, with one key."""

    product: Running
    stub: str
    key: str
    redis: Any = None
    _idle: list[http.client.HTTPConnection] = field(default_factory=list)

    def ask(self, words: int = 10, limit: int | None = 10, **headers: str) -> int:
        """The status of one call that costs a tenth of a cent for each word; 0 when it was cut off."""
        body: dict[str, Any] = {"model": "cent", "messages": [{"role": "user", "content": "hi"}]}
        if limit is not None:
            body["max_tokens"] = limit
        if headers.pop("stream", ""):
            body["stream"] = True
        sent = {"authorization": f"Bearer {self.key}", "content-type": "application/json", "x-stub-words": str(words)}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        line = (
            self._idle.pop() if self._idle else http.client.HTTPConnection("127.0.0.1", self.product.port, timeout=60)
        )
        try:
            line.request("POST", "/openai/v1/chat/completions", json.dumps(body), sent)
            answer = line.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            line.close()
            return 0
        # Kept: ten thousand calls need no more than fifty.
        self._idle.append(line)
        return answer.status

    def hang_up(self) -> None:
        """Close what is kept."""
        while self._idle:
            self._idle.pop().close()

    def billed(self) -> int:
        """Tenths of a cent that the stub has answered, streams that were cut included."""
        served = json.loads(fetch(f"{self.stub}/__stub/served")[1])
        return sum(one["usage"].get("completion_tokens", 0) for one in served)

    def unstamped(self) -> int:
        """Requests that reached the stub without a reservation."""
        seen = json.loads(fetch(f"{self.stub}/__stub/requests")[1])
        return sum("x-tally-reservation" not in dict(one["headers"]) for one in seen if one["method"] == "POST")

    def eventually(self, wanted: int, seconds: float = 20) -> None:
        """The next call gets this status, after a while at the latest."""
        deadline = time.monotonic() + seconds
        while (status := self.ask()) != wanted:
            assert time.monotonic() < deadline, f"still {status}"
            time.sleep(0.2)

    def workers(self) -> list[int]:
        """Process ids of the gateways."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"tallystick.cli.child" in words and b"gateway" in words and str(self.product.data).encode() in words:
                found.append(int(entry.name))
        return found


@contextmanager
def budgeted(folder: Path, day: str, workers: int, kind: str = "shared", more: str = "") -> Iterator[Budgeted]:
    file = folder / "prices.toml"
    file.write_text(PRICES)
    (folder / "redis").mkdir()
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis(folder / "redis")) if kind == "redis" else None
        # This machine has few cores for so many processes: what is asked here is not how fast they are.
        url = f'redis_url = "{redis.url}"\ndeadline_ms = 3000\n' if redis else ""
        extra = (
            f'[prices]\noverride = "{file}"\n[gateway]\nworkers = {workers}\nstamp_reservations = true\n'
            f'[budgets]\ncounters = "{kind}"\n{url}key_usd_per_day = {day}\n{more}'
        )
        stub = stack.enter_context(running_stub())
        product = stack.enter_context(running_product(folder, stub, extra))
        budget = Budgeted(product, stub, product.tally("keys", "create", "--team", "search")["key"], redis)
        stack.callback(budget.hang_up)
        yield budget


def together(count: int, work: Callable[[int], int], at_once: int = 50) -> Counter[int]:
    answers: Counter[int] = Counter()
    numbers = iter(range(count))
    lock = threading.Lock()

    def run() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            status = work(number)
            with lock:
                answers[status] += 1

    threads = [threading.Thread(target=run) for _ in range(min(at_once, count))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


KINDS = [
    pytest.param("process", 1, id="one process"),
    pytest.param("shared", 4, id="four workers over shared memory"),
    pytest.param("redis", 4, id="four gateways over Redis", marks=pytest.mark.service),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "workers"), KINDS)
def test_fifty_calls_of_a_cent_at_once_against_ten_cents(tmp_path: Path, kind: str, workers: int) -> None:
    with budgeted(tmp_path, "0.10", workers, kind) as budget:
        assert together(50, lambda _: budget.ask()) == {200: 10, 429: 40}
        assert (budget.billed(), budget.unstamped()) == (100, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "workers"), KINDS[1:])
def test_what_varies_never_costs_more_than_the_limit_and_leaves_at_most_one_bound(
    tmp_path: Path, kind: str, workers: int
) -> None:
    with budgeted(tmp_path, "0.30", workers, kind) as budget:
        together(200, lambda number: budget.ask(words=1 + number % 10))
        while budget.ask(words=3) == 200:  # what calls in flight had held is free again
            pass
        assert 300 - 10 <= budget.billed() <= 300


@pytest.mark.slow
def test_streams_that_are_cut_never_cost_more_than_the_limit(tmp_path: Path) -> None:
    with budgeted(tmp_path, "0.20", 2) as budget:
        faults = ("", "cut")
        together(60, lambda number: budget.ask(stream="1", x_stub_fault=faults[number % 2]), at_once=12)
        assert budget.billed() <= 200
        budget.eventually(429)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "workers"), KINDS[1:])
def test_a_gateway_killed_in_the_midst_of_calls_leaves_what_they_held_counted_and_the_rest_free(
    tmp_path: Path, kind: str, workers: int
) -> None:
    with budgeted(tmp_path, "0.10", workers, kind) as budget:
        budget.ask()
        slow = [
            threading.Thread(target=budget.ask, kwargs={"stream": "1", "x_stub_fault": "slow", "x_stub_delay": "0.5"})
            for _ in range(4)
        ]
        for thread in slow:
            thread.start()
        time.sleep(1.5)
        for pid in budget.workers():
            os.kill(pid, signal.SIGKILL)
        for thread in slow:
            thread.join()
        # One cent was spent and four are held at their bound: five calls have room, then nobody.
        deadline = time.monotonic() + 30
        passed = 0
        while passed < 5 and time.monotonic() < deadline:
            status = budget.ask()
            passed += status == 200
            time.sleep(0 if status == 200 else 0.1)
        assert passed == 5
        assert [budget.ask() for _ in range(3)] == [429] * 3
        assert budget.billed() <= 100
        budget.product.drained()
        drift = budget.product.api("/api/v1/counters/drift")
        assert drift["drift"] == []


@pytest.mark.slow
@pytest.mark.service
@pytest.mark.parametrize("empty", [True, False], ids=["empty", "with its snapshot"])
def test_redis_that_is_restarted_never_forgets_what_was_spent(tmp_path: Path, empty: bool) -> None:
    with budgeted(tmp_path, "0.10", 2, "redis") as budget:
        assert together(6, lambda _: budget.ask()) == {200: 6}
        if not empty:
            budget.redis.ask("SAVE")
        assert [budget.ask(), budget.ask()] == [200, 200]  # what the snapshot does not know
        budget.product.drained()
        budget.redis.restart(empty=empty, kill=True)
        statuses: Counter[int] = Counter()
        deadline = time.monotonic() + 40
        while statuses[200] < 2 and time.monotonic() < deadline:
            statuses[budget.ask()] += 1
            time.sleep(0.1)
        assert statuses[200] == 2, statuses
        assert together(8, lambda _: budget.ask()) == {429: 8}
        assert budget.billed() == 100


@pytest.mark.slow
def test_with_nothing_configured_ten_thousand_calls_of_five_cents_cost_fifty_dollars_and_a_named_run_ten(
    tmp_path: Path,
) -> None:
    with budgeted(tmp_path, "50", 1) as budget:
        answers = together(10_000, lambda _: budget.ask(words=50, limit=50))
        assert (answers[200], set(answers)) == (1000, {200, 429})
        assert budget.billed() == 50_000
        budget.key = budget.product.tally("keys", "create", "--team", "search")["key"]
        answers = together(300, lambda _: budget.ask(words=50, limit=50, x_cost_run="nightly"))
        assert answers[200] == 200
        assert budget.billed() == 60_000


@pytest.mark.slow
def test_a_client_without_a_cap_and_nearly_all_left_of_five_dollars_succeeds(tmp_path: Path) -> None:
    with budgeted(tmp_path, "5", 1) as budget:
        assert budget.ask() == 200
        assert budget.ask(limit=None) == 200
