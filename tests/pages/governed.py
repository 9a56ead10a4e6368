"""A small company with budgets, verdicts and decisions written by hand, so that tests can compare every figure."""

import json
from dataclasses import replace

from tallystick.operations.context import Context
from tallystick.operations.manage_budgets import set_budget
from tallystick.usage.model import UsageEvent
from tests.pages.seed import HOSTILE, Call, company, event

BLOCKED, DEGRADED, PLAIN, RETRIED, UNTOLD = "evt_blocked", "evt_degraded", "evt_plain", "evt_retried", "evt_untold"
MINUTE = 60_000_000

# In nano-dollars: $0.10 is the limit, $0.09 was spent, $0.004 is held, $0.02 is asked for.
_BOUND = {
    "input_tokens": 1200, "output_tokens": 4096, "capped": True, "choices": 2, "amount": 20_000_000_000,
    "amount_text": "$0.02", "price": "exact", "price_id": "price_by_hand", "source": "bytes of the request",
    "unbounded": "",
}  # fmt: skip


def decision(budget_id: str, at: int, verdict: str) -> dict:
    """A decision in the form that gateways store."""
    line = {
        "id": budget_id, "name": "support-cap", "unit": "usd", "action": "block", "window": "month",
        "group": {"team": "Support"}, "counter": "00ff", "window_start": 1_793_491_200_000_000,
        "window_end": 1_796_083_200_000_000, "enforced": True, "limit": 100_000_000, "posted": 90_000_000,
        "reserved": 4_000_000, "asked": 20_000_000, "has_room": verdict != "blocked", "text": "$0.09 of $0.10",
        "on_claims": ["team"],
    }  # fmt: skip
    tokens = {
        "id": "bud_gone", "name": "tokens-of-all", "unit": "tokens", "action": "alert", "window": "hour",
        "window_count": 3, "rolling": True, "trip_seconds": 90, "window_start": 1_795_392_000_000_000,
        "window_end": 1_795_395_600_000_000, "enforced": False, "limit": 777_777, "posted": 1_234, "reserved": 56,
        "asked": 5_297, "has_room": True, "tripped_until": 1_795_400_000_000_000,
    }  # fmt: skip
    return {
        "at": at, "at_text": "", "verdict": verdict, "code": "budget_exceeded" if verdict == "blocked" else "",
        "reason": "budget \"support-cap\" has $0.006 left of $0.10" if verdict != "allowed" else "",
        "breaking": budget_id if verdict != "allowed" else None, "reset": 1_796_083_200_000_000, "alerts": ["bud_gone"],
        "identity": {"id": "key_production", "kind": "tally key"},
        "dimensions": {
            "team": {"value": "Support", "from": "header"}, "feature": {"value": "reply-draft", "from": "locked"}
        },
        "unknown_price": "ceiling", "rules": [{"id": "cheap first", "effect": "shadow"}, {"id": "cap", "effect": "cap"}],
        "models": {"requested": "claude-opus-5", "sent": "gpt-5-nano"},
        "max_tokens": {"requested": 9000, "granted": 2048, "set_by_gateway": True},
        "counters": {"kind": "shared", "state": "ok"}, "model": "gpt-5-nano", "bound": _BOUND, "budgets": [line, tokens],
        "first_try": {"model": "claude-opus-5", "bound": {**_BOUND, "amount": 500_000_000_000, "input_tokens": 1300},
                      "budgets": [{**line, "asked": 500_000_000, "posted": 80_000_000, "has_room": False}]},
        "outcome": {},
    }  # fmt: skip


def governed(context: Context, now_us: int) -> list[UsageEvent]:
    """Budgets in several states, and calls that they passed, changed and refused."""
    cap, _ = set_budget(context, {
        "name": "support-cap", "limit": "0.10", "where": {"team": ["Support"]}, "owner": "ann@example",
        "thresholds": ["80%"],
    })  # fmt: skip
    set_budget(context, {"name": "search-month", "limit": "900", "where": {"team": ["Search"]}, "action": "alert"})
    set_budget(
        context, {"name": "each feature", "limit": "0.5", "window": "day", "group_by": ["feature"], "action": "alert"}
    )
    set_budget(context, {
        "name": "runs a minute", "limit": 5, "unit": "requests", "window": "minute", "rolling": True,
        "group_by": ["team"], "trip_seconds": 600,
    })  # fmt: skip
    told = [
        (BLOCKED, "blocked", Call(900_001, now_us - 5 * MINUTE, "claude-opus-5", "Support", "reply-draft", "refused")),
        (DEGRADED, "degraded", Call(900_002, now_us - 4 * MINUTE, "gpt-5-nano", "Support", "reply-draft")),
        (PLAIN, "allowed", Call(900_003, now_us - 3 * MINUTE, "gpt-5-nano", "Support", "reply-draft")),
    ]
    made = [
        replace(
            event(call), event_id=name, verdict=verdict, bound_cost=20_000_000_000, sent_model="gpt-5-nano",
            request_model="claude-opus-5", decision=json.dumps(decision(cap.budget_id, call.at, verdict)),
        )
        for name, verdict, call in told
    ]  # fmt: skip
    again = replace(made[2], event_id=RETRIED, attempt=2, attempt_reason="retry: 503", occurred_at=now_us - 2 * MINUTE)
    untold = replace(event(Call(900_004, now_us - MINUTE, "gpt-5", "Search")), event_id=UNTOLD, source="import:file")
    return [*company(now_us)[:400], *made, again, untold]


def many(context: Context, now_us: int) -> list[UsageEvent]:
    """A budget with five hundred groups, and budgets with names as long and odd as are allowed."""
    set_budget(context, {"name": "each customer", "limit": "0.001", "group_by": ["customer"], "action": "alert"})
    for name in (one[:250] for one in HOSTILE if one.isprintable()):
        set_budget(context, {
            "name": name, "limit": "1", "owner": name, "where": {"feature": [name.strip()[:200].replace("*", "")]},
            "group_by": ["team"],
        })  # fmt: skip
    calls = [event(Call(number, now_us - number * 1000, "gpt-5", "Support")) for number in range(1, 501)]
    odd = [replace(one, dimensions={"customer": f"customer {number:03d} {'y' * 80}", "team": "Support"})
           for number, one in enumerate(calls)]  # fmt: skip
    named = [
        replace(
            event(Call(1000 + number, now_us - number * 1000, "gpt-5", "T")),
            dimensions={"feature": name.strip()[:200], "team": name},
        )
        for number, name in enumerate(one[:250] for one in HOSTILE if one.isprintable())
    ]
    return [*odd, *named]
