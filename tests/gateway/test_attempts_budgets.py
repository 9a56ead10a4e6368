"""Attempts, rules and budgets together: each attempt reserves anew, none passes a limit, rules see what is used."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx2 as httpx

from tallystick.budgets.model import NANO, Budget
from tallystick.counters.open import CounterSettings
from tallystick.gateway.settings import BudgetSettings, ProviderKeySecret, ProviderSettings
from tallystick.operations.manage_rules import set_rule
from tallystick.operations.refresh_prices import refresh_prices
from tests.gateway.harness import SECRET, RunningGateway, running_gateway
from tests.gateway.test_budgets import PRICES
from tests.stub.server import Stub

# What ten tokens of the model "cent" cost, and are bound to.
CENT = NANO // 100


@contextmanager
def chained(folder: Path, stub: Stub, *budgets: Budget) -> Iterator[RunningGateway]:
    one = ProviderSettings("openai", stub.url, "openai", keys=(ProviderKeySecret(SECRET),), timeout_seconds=0.4)
    providers = {"openai": replace(one, max_retries=1, fallbacks=("other",)), "other": one}
    held = BudgetSettings(CounterSettings("process", folder / "counters"), budgets)
    file = folder / "prices.toml"
    file.write_text(PRICES)
    with running_gateway(folder, stub, budgets=held, providers=providers) as gateway:
        refresh_prices(gateway.context, file)
        stub.reset()
        yield gateway


def ask(gateway: RunningGateway, **headers: str) -> httpx.Response:
    sent = {"model": "cent", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 10}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = {"authorization": f"Bearer {gateway.key}", "x-stub-words": "10", **named}
    return httpx.post(f"{gateway.url}/openai/v1/chat/completions", json=sent, headers=lines, timeout=30)


def test_an_attempt_that_cost_nothing_leaves_its_room_to_the_next(tmp_path: Path, stub_thread: Stub) -> None:
    with chained(tmp_path, stub_thread, Budget("bud_1", "one cent", CENT)) as gateway:
        assert ask(gateway, x_stub_fault="429", x_stub_times="2").status_code == 200
        rows = gateway.rows(3)
        assert [row.attempt_reason for row in rows] == ["", "retry: 429", "failover: 429"]
        assert [row.effective_cost for row in rows] == [0, 0, CENT * 1000]
        assert [row.bound_cost for row in rows] == [CENT * 1000] * 3
        assert ask(gateway).status_code == 429
        assert gateway.rows(1)[0].verdict == "blocked"


def test_an_attempt_that_may_be_billed_keeps_its_room_so_that_the_next_is_not_made(
    tmp_path: Path, stub_thread: Stub
) -> None:
    with chained(tmp_path, stub_thread, Budget("bud_1", "one cent", CENT)) as gateway:
        answer = ask(gateway, x_stub_fault="slow", x_stub_delay="1")
        (row,) = gateway.rows(1)
        assert answer.status_code == 504
        assert answer.headers["x-tally-event-id"] == row.event_id
        assert (row.attempt, row.effective_cost, row.bound_cost) == (1, None, CENT * 1000)
        assert len(stub_thread.requests) == 1
        assert ask(gateway).status_code == 429


def test_a_rule_sees_how_much_of_a_budget_is_used(tmp_path: Path, stub_thread: Stub) -> None:
    with chained(tmp_path, stub_thread, Budget("bud_1", "four cents", 4 * CENT)) as gateway:
        when = {"budget": {"name": "four cents", "percent": 50}}
        set_rule(gateway.context, "save", {"shadow": False, "when": when, "then": {"model": "mite"}})
        for _ in range(3):
            assert ask(gateway).status_code == 200
        assert [json.loads(one.body)["model"] for one in stub_thread.requests] == ["cent", "cent", "mite"]
        assert [row.effective_cost for row in gateway.rows(3)] == [CENT * 1000, CENT * 1000, CENT * 100]
