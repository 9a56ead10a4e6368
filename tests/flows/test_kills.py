"""Twenty kills under load: every attempt that the provider served is one row, with the provider's own figures."""

import json
import os
import random
import signal
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.flows.load import Load
from tests.flows.running import Running, fetch, ledger_rows, running_product, running_stub

KILLS = 20
INPUT, OUTPUT = Decimal("0.00000015"), Decimal("0.0000006")  # gpt-4o-mini, USD a token


def _stub(url: str, what: str) -> Any:
    return json.loads(fetch(f"{url}/__stub/{what}")[1])


def _kill(product: Running, role: str) -> None:
    pid = product.processes().get(role)
    if pid is None:
        return
    os.kill(pid, signal.SIGKILL)
    if role == "supervisor":
        assert product.process is not None
        product.process.wait()
        product.start(90)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("workers", [1, 2])
def test_twenty_kills_lose_no_call_and_count_none_twice(tmp_path: Path, workers: int) -> None:
    chance = random.Random(workers)
    with running_stub() as stub, running_product(tmp_path, stub, f"[gateway]\nworkers = {workers}\n") as product:
        key = product.tally("keys", "create", "--team", "search")["key"]
        load = Load(product.port, key)
        load.start()
        for turn in range(KILLS):
            time.sleep(0.4 + chance.random() * 0.8)
            _kill(product, ("gateway", "app", "supervisor")[turn % 3])
        time.sleep(1.5)
        load.stop()
        product.drained(60)
        saw, served = _stub(stub, "requests"), _stub(stub, "served")
        product.stop()
        assert not list((product.data / "spool").glob("*/*.seg"))
        _compare(ledger_rows(product.data), saw, served, load)


def _compare(rows: list[tuple[Any, ...]], saw: Any, served: Any, load: Load) -> None:
    counted = Counter(row[0] for row in rows if row[2] >= 1)
    twice = [run for run, times in counted.items() if times > 1]
    assert not twice, f"counted twice: {twice[:5]}"
    reached = {dict(one["headers"]).get("x-stub-id") for one in saw} - {None}
    assert len(reached) > 200, "the load was too light to prove anything"
    assert not reached - counted.keys(), f"lost: {sorted(reached - counted.keys())[:5]}"
    assert not load.answered - counted.keys()
    truth = {one["tag"]: one["usage"] for one in served if one["complete"]}
    by_run = {row[0]: row for row in rows if row[2] >= 1}
    wrong = []
    for run in load.answered:
        usage, row = truth[run], by_run[run]
        cost = usage["prompt_tokens"] * INPUT + usage["completion_tokens"] * OUTPUT
        if row[3] != cost or row[4] != "reported":
            wrong.append((run, row, cost))
    assert not wrong, wrong[:3]
    assert all(row[4] != "reported" or row[1] != "interrupted" for row in rows)
