"""A thousand calls of all kinds under budgets of all kinds: each stored decision alone makes its verdict again."""

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2 as httpx

from tallystick.budgets.bound import BoundPolicy
from tallystick.budgets.model import FINGERPRINT, Budget, Override
from tallystick.budgets.store import write_budget
from tallystick.counters.open import CounterSettings, open_counters
from tallystick.gateway.settings import BudgetSettings
from tallystick.kernel.period import DAY_US, HOUR_US
from tallystick.operations.blocking_counters import BlockingCounters
from tallystick.operations.context import now_us
from tallystick.operations.manage_keys import changed_version
from tallystick.operations.manage_rules import set_rule
from tallystick.operations.refresh_prices import refresh_prices
from tallystick.usage.model import UsageEvent
from tests.budgets.recompute import verdict
from tests.gateway.harness import RunningGateway, running_gateway
from tests.gateway.test_budgets import PRICES, dollars
from tests.stub.server import Seen, Stub

CALLS = 1000
CALLERS = 4
PASSING = {"allowed", "alerted", "degraded"}
WINDOWS = ("run", "conversation", "minute", "hour", "day", "week", "month", "quarter", "year", "total")
GROUPS: tuple[tuple[str, ...], ...] = (
    (), (), ("customer",), ("key",), ("team", "feature"), ("run",), ("customer", "user", "feature", "key", "model"),
)  # fmt: skip
WHERES: tuple[dict[str, tuple[str, ...]], ...] = (
    {}, {}, {}, {"model": ("cent",)}, {"customer": ("c1", "c2")}, {"feature": ("*",)}, {"key_stage": ("!production",)},
    {"environment": ("!production",), "provider": ("openai",)}, {"operation_name": ("chat",)},
)  # fmt: skip
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu")


@dataclass(frozen=True)
class Sent:
    """What one call was answered; status 0 when the answer broke off."""

    number: str
    status: int
    event_id: str
    fault: str


def drawn_budget(rng: random.Random, number: int, at: int) -> Budget:
    """A budget of any kind that may be set."""
    unit: Any = rng.choice(["usd", "usd", "usd", "tokens", "requests"])
    most = {"usd": dollars("0.4"), "tokens": 200_000, "requests": 60}[unit]
    limit = rng.randrange(most // 40, most // 2)
    window: Any = rng.choice(WINDOWS)
    endless = window in {"run", "conversation", "total"}
    rolling = not endless and rng.random() < 0.3
    # Of each round the first degrades and the second is a breaker.
    action: Any = "degrade" if number % 100 == 0 else rng.choice(["block", "block", "alert", "pause", "degrade"])
    found = Budget(
        f"bud_{number}",
        f"budget {number}",
        limit,
        unit,
        window,
        where=rng.choice(WHERES),
        group_by=rng.choice(GROUPS),
        action=action,
        degrade_to=rng.choice(["mite", "cent", "nobody-knows-it"]) if action == "degrade" else "",
        zone=rng.choice(ZONES),
        fiscal_start=rng.randint(1, 12),
        rolling=rolling,
        window_count=rng.randint(1, 5) if rolling else 1,
        carry_over=not endless and not rolling and rng.random() < 0.3,
        fail=rng.choice(["open", "closed"]),
        unknown_price=rng.choice([None, None, "block", "ceiling", "allow"]),
        strict=rng.random() < 0.1,
        created_at=at - rng.choice([0, 400 * DAY_US]),
    )
    if rng.random() < 0.2:
        found = replace(found, overrides=(Override(limit // 2 + 1, at - HOUR_US, at + HOUR_US),))
    if number % 100 == 1 or (number % 100 and rng.random() < 0.1):
        by = (FINGERPRINT,) if rng.random() < 0.5 else ("customer",)
        found = replace(
            found, unit="requests", limit=rng.randint(3, 25), window="minute", rolling=True, carry_over=False,
            group_by=by, action="block", degrade_to="", trip_seconds=rng.choice([1, 30]), overrides=(),
        )  # fmt: skip
    return found


def drawn_call(rng: random.Random, keys: list[str]) -> tuple[str, dict[str, str], dict[str, Any], str]:
    """Path, headers, body and fault of any call."""
    body: dict[str, Any] = {
        "model": rng.choice(["cent", "cent", "cent", "mite", "nobody-knows-it"]),
        "messages": [{"role": "user", "content": rng.choice(["hi", "ho", "x" * rng.randint(1, 2000)])}],
    }
    headers = {"authorization": f"Bearer {rng.choice(keys)}", "x-stub-words": "10"}
    path = "/openai/v1/chat/completions"
    if rng.random() < 0.15:
        path, body["model"] = "/anthropic/v1/messages", "claude-cent"
    elif rng.random() < 0.05:
        path = "/openai/v1/batches"
    elif rng.random() < 0.05:
        path = "/openai/v1/responses"
        body = {"model": "cent", "input": "hi", "previous_response_id": "resp_1"}
    cap = "max_output_tokens" if path.endswith("responses") else "max_tokens"
    if path.startswith("/anthropic") or rng.random() < 0.85:
        body[cap] = rng.choice([1, 10, 10, 20])
        headers["x-stub-words"] = str(min(10, body[cap]))
    if path.endswith("completions") and rng.random() < 0.1:
        body["n"] = 2
    fault = rng.choice(["", "", "", "", "", "", "500", "429"])
    if path.endswith("completions") and rng.random() < 0.1:
        body["stream"], fault = True, rng.choice(["", "cut"])
    if fault:
        headers["x-stub-fault"] = fault
    for name, values in (
        ("customer", ["c1", "c2", "c3", "ö/ü"]), ("run", ["r1", "r2"]), ("conversation", ["k1"]), ("user", ["u1"]),
        ("feature", ["chat", "bot"]), ("environment", ["production", "test"]), ("workload", ["critical", "batch"]),
    ):  # fmt: skip
        if rng.random() < 0.5:
            headers[f"x-cost-{name}"] = rng.choice(values)
    return path, headers, body, fault


def make_call(line: httpx.Client, call: tuple[str, dict[str, str], dict[str, Any], str]) -> Sent:
    path, headers, body, fault = call
    encoded = {name: value.encode() for name, value in headers.items()}
    with line.stream("POST", path, json=body, headers=encoded) as answer:
        event_id, status = answer.headers.get("x-tally-event-id", ""), answer.status_code
        try:
            answer.read()
        except httpx.HTTPError:
            status = 0
    return Sent(headers["x-stub-id"], status, event_id, fault)


@contextmanager
def everything(folder: Path, stub: Stub) -> Iterator[RunningGateway]:
    file = folder / "prices.toml"
    file.write_text(PRICES)
    held = BudgetSettings(
        CounterSettings("shared", folder / "counters"),
        policy=BoundPolicy(ceiling_input=1000, ceiling_output=dollars("0.002") * 1000, assumed_output_tokens=2000),
    )
    with running_gateway(folder, stub, budgets=held, stamp_reservations=True) as gateway:
        refresh_prices(gateway.context, file)
        when = {"customer": ["c3"], "workload_class": ["batch"]}
        set_rule(gateway.context, "no batches", {"shadow": False, "when": when, "then": {"deny": "not these"}})
        when = {"user": ["u1"], "feature": ["bot"]}
        set_rule(gateway.context, "from memory", {"shadow": False, "when": when, "then": {"cache_seconds": 60}})
        stub.reset()
        yield gateway


def set_budgets(gateway: RunningGateway, budgets: list[Budget], gone: list[Budget], at: int) -> None:
    with changed_version(gateway.context) as version:
        for one in budgets:
            write_budget(gateway.context.config_db, replace(one, version=version))
        for one in gone:
            write_budget(gateway.context.config_db, replace(one, version=version, deleted_at=at))


def make_calls(gateway: RunningGateway, seed: int, count: int, keys: list[str]) -> list[Sent]:
    """Several callers at once, each with its own seed."""
    sent: list[Sent] = []

    def run(number: int) -> None:
        rng = random.Random(f"{seed} {number}")
        with httpx.Client(base_url=gateway.url, timeout=30) as line:
            for _ in range(count // CALLERS):
                call = drawn_call(rng, keys)
                call[1]["x-stub-id"] = f"{seed} {number} {rng.random()}"
                sent.append(make_call(line, call))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sent


def check(one: Sent, row: UsageEvent, seen: Seen | None) -> None:
    """Row, answer and what the provider saw say one thing, and the row's numbers alone say it too."""
    decision = json.loads(row.decision)
    assert row.verdict == decision["verdict"] == verdict(decision), decision
    if row.verdict in PASSING:
        assert one.status == {"cut": 0, "": 200}.get(one.fault) or one.status == int(one.fault), (one, decision)
        assert seen is not None, decision
        assert dict(seen.headers).get("x-tally-reservation", one.event_id) == one.event_id
        assert row.attempt == 1
        body = json.loads(seen.body)
        granted = decision["max_tokens"]["granted"]
        if row.operation_name != "unmetered":
            assert body["model"] == decision["models"]["sent"]
            caps = {body.get(name) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens")}
            assert granted in caps, (body, decision)
        for budget in decision["budgets"]:
            # What asks nothing passes what critical work has used up before it.
            if budget["enforced"] and budget["asked"] and decision["counters"]["state"] == "ok":
                assert budget["posted"] + budget["reserved"] + budget["asked"] <= budget["limit"], decision
    else:
        assert seen is None, decision
        assert row.attempt == 0
        wanted = {"cached": 200, "denied": 403}.get(row.verdict, 429)
        assert one.status == (503 if decision["code"] == "budget_unavailable" else wanted), (one, decision)


def test_the_verdict_of_every_call_follows_from_its_stored_decision_alone(tmp_path: Path, stub_thread: Stub) -> None:
    rng = random.Random(20261123)
    with everything(tmp_path, stub_thread) as gateway:
        keys = [gateway.key, gateway.make_key(environment="production"), gateway.make_key(team="chat", customer="c1")]
        sent: list[Sent] = []
        budgets: list[Budget] = []
        rounds = 10
        for turn in range(rounds):
            at = now_us()
            gone, budgets = budgets, [drawn_budget(rng, turn * 100 + number, at) for number in range(rng.randint(2, 7))]
            set_budgets(gateway, budgets, gone, at)
            if turn == rounds - 1:
                counters = BlockingCounters(
                    lambda: open_counters(CounterSettings("shared", tmp_path / "counters"), "test")
                )
                assert counters.open_reservations() == []
                counters.close()
                # Nobody builds them anew here: the last calls find counters that cannot be asked.
                (tmp_path / "counters").unlink()
            sent += make_calls(gateway, turn, CALLS // rounds, keys)
        rows = {row.event_id: row for row in gateway.rows(CALLS)}
        seen = {dict(one.headers)["x-stub-id"]: one for one in stub_thread.requests}
        assert len(rows) == len(sent) == CALLS
        for one in sent:
            check(one, rows[one.event_id], seen.pop(one.number, None))
        assert not seen
        met = Counter(row.verdict for row in rows.values())
        codes = Counter(json.loads(row.decision)["code"] for row in rows.values())
        assert set(met) == {"allowed", "alerted", "degraded", "blocked", "paused", "tripped", "denied", "cached"}, met
        assert {"budget_exceeded", "workload_paused", "rate_limited", "price_unknown", "budget_unavailable"} <= set(
            codes
        ), codes
