"""The whole way without a provider: made-up answers, a budget that refuses, the alert that arrives, figures that stay."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from tests.flows.running import TALLY, Running, fetch, wait_for
from tests.free_ports import free_port
from tests.notify.receivers import Receiver, http_receiver

ASK = {"model": "gpt-4o-mini", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as kept:
        yield kept


@pytest.fixture
def product(tmp_path: Path, receiver: Receiver) -> Iterator[Running]:
    config = tmp_path / "tally.toml"
    config.write_text(
        f'[gateway]\nworkers = 2\naccess_log = "{tmp_path}/access.log"\notel_endpoint = "{receiver.url}"\n'
        f'[notify]\nwebhook_url = "{receiver.url}/alerts"\nwebhook_secret_env = "HOOK"\n'
        '[providers.openai]\ndialect = "openai"\nbase_url = "https://provider.invalid"\n'
    )
    env = {**os.environ, "HOOK": "planted-hook-secret"}
    running = Running(tmp_path / "data", free_port(), config, env, log=tmp_path / "log.txt")
    with running.log.open("ab") as log:
        words = ["--config", config, "--data", running.data, "--port", str(running.port), "--mock", "--mock-ms", "5"]
        running.process = subprocess.Popen([TALLY, "up", *words], env=env, stdout=log, stderr=log)
    try:
        wait_for(f"{running.url}/healthz", 60, running.process)
        yield running
    finally:
        running.stop()


def _call(product: Running, key: str) -> httpx.Response:
    return httpx.post(
        f"{product.url}/openai/v1/chat/completions", json=ASK, headers={"authorization": f"Bearer {key}"}, timeout=20
    )


def _calls(product: Running) -> int:
    """Calls that went through, of all workers and of those that are gone."""
    token = (product.data / "cli.token").read_text().strip()
    status, body = fetch(f"{product.url}/metrics", {"authorization": f"Bearer {token}"})
    assert status == 200
    return sum(int(number) for number in re.findall(r'tally_calls_total\{.*outcome="ok".*\} (\d+)', body.decode()))


def _wait(look: Any, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)
    return found


@pytest.mark.slow
def test_a_budget_refuses_the_alert_arrives_once_and_figures_survive_a_kill(
    product: Running, receiver: Receiver, tmp_path: Path
) -> None:
    assert "nothing is sent to any provider" in _wait(
        lambda: product.log.read_text() if "MOCK" in product.log.read_text() else ""
    )
    key = product.tally("keys", "create", "--team", "support", "--environment", "production")["key"]
    product.tally(
        "budgets", "set", "--name", "Support", "--where", "team=support", "--limit", "3", "--unit", "requests"
    )
    statuses = [_call(product, key).status_code for _ in range(6)]
    assert statuses == [200, 200, 200, 429, 429, 429]

    alerts = _wait(lambda: [one for one in receiver.requests if one.path == "/alerts"])
    time.sleep(1.5)
    alerts = [json.loads(one.body) for one in receiver.requests if one.path == "/alerts"]
    blocked = [one for one in alerts if one["kind"] == "budget_blocked"]
    assert len(blocked) == 1, "six rows in, one alert out"
    assert "“Support”" in blocked[0]["title"]
    assert any("3 requests limit" in line for line in blocked[0]["lines"]), blocked[0]["lines"]
    assert blocked[0]["link"].startswith(f"{product.url}/requests/evt_")
    assert all(one.headers["x-tally-signature"] for one in receiver.requests if one.path == "/alerts")
    (listed,) = [one for one in product.tally("alerts", "list")["alerts"] if one["kind"] == "budget_blocked"]
    assert listed["id"] == blocked[0]["id"]
    assert [one["delivered_at"] is not None for one in listed["deliveries"]] == [True]

    assert _calls(product) == 3
    os.kill(product.processes()["gateway"], signal.SIGKILL)
    wait_for(f"{product.url}/healthz", 30)
    assert _wait(lambda: _calls(product) == 3)
    other = product.tally("keys", "create", "--team", "search", "--environment", "production")["key"]
    assert _call(product, other).status_code == 200
    assert _wait(lambda: _calls(product) == 4)

    lines = _wait(lambda: (tmp_path / "access.log").read_text().splitlines())
    verdicts = [json.loads(line)["verdict"] for line in lines]
    assert verdicts.count("blocked") == 3
    assert any(one.path == "/v1/traces" for one in receiver.requests)
    told = (tmp_path / "access.log").read_text() + product.log.read_text()
    assert "planted" not in told
    assert key not in told
