"""What a gateway's row is worth saying: a refusal, a trip, a cheaper model, a model without a price. Pure.

Of the row's `decision` (JSON, see `budgets.decision`) it reads, and asks no more of it:

    {"code": "budget_exceeded", "reason": "…", "breaking": "bud_…", "first_try": {"budgets": […]} or null,
     "budgets": [{"id": "bud_…", "name": "Support", "group": {"team": "support"}, "counter": "<hex>",
                  "window": "day", "window_start": µs, "window_end": µs, "rolling": false, "trip_seconds": 0,
                  "unit": "usd", "limit": n, "posted": n, "reserved": n}]}

Amounts are in the budget's unit, nano of the currency for money. What is missing or of another kind is left
out of the alert; without a budget that broke there is none.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tallystick.charts.format import count, money
from tallystick.kernel.period import SECOND_US, rfc3339
from tallystick.notify.model import Alert, Fact, Kind
from tallystick.notify.text import one_line
from tallystick.usage.model import UsageEvent

TELLING: Mapping[str, Kind] = {
    "blocked": "budget_blocked",
    "paused": "budget_blocked",
    "degraded": "budget_degraded",
    "tripped": "breaker_tripped",
}
_WHAT: Mapping[Kind, str] = {
    "budget_blocked": "is refused: the budget {name} has no room",
    "budget_degraded": "gets the model {model}: the budget {name} has no room",
    "breaker_tripped": "is stopped: the breaker {name} has tripped",
}
# A refusal that no amount explains.
_CODES = {
    "price_unknown": "is refused: no price is known for the model and the budget {name} wants one",
    "cost_unbounded": "is refused: nobody can know what the call may cost, and the budget {name} wants to",
    "output_unbounded": "is refused: the call caps no output, and the budget {name} wants it to",
    "budget_unavailable": "is refused: the counters of the budget {name} cannot be asked",
}
_GRAINS_PER_NANO = 1000
_LAST_US = 253_402_300_800 * SECOND_US
_LONGEST, _LONGEST_REASON = 120, 500


def is_telling(event: UsageEvent) -> bool:
    """Whether a row may be worth an alert: a cheap question, asked of every row."""
    return event.verdict in TELLING or (
        event.attempt > 0 and len(event.priced) < len(event.measured.quantities) and bool(event.unpriced)
    )


def alerts_of(event: UsageEvent) -> Iterator[Alert]:
    """The alerts of one row."""
    kind = TELLING.get(event.verdict)
    if kind is not None:
        decision = _parsed(event.decision)
        budget = _breaking(decision)
        if budget is not None:
            yield _of_budget(kind, event, decision, budget)
    if event.attempt > 0 and event.source == "gateway" and event.unpriced:
        yield _of_price(event)


def _parsed(decision: str) -> Mapping[str, Any]:
    try:
        value = json.loads(decision)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _breaking(decision: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The budget that broke, as the asking saw it that was refused; a cheaper model is asked for in a second one."""
    first = decision.get("first_try")
    for tried in (first if isinstance(first, dict) else {}, decision):
        listed = tried.get("budgets")
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict) and isinstance(one.get("id"), str) and one["id"] == decision.get("breaking"):
                return one
    return None


def _of_budget(kind: Kind, event: UsageEvent, decision: Mapping[str, Any], budget: Mapping[str, Any]) -> Alert:
    group, name, code = _group(budget.get("group")), _short(budget.get("name") or budget["id"]), decision.get("code")
    who = f"{group[:1].upper()}{group[1:]}" if group else "A call"
    what = _CODES.get(code, _WHAT[kind]) if kind == "budget_blocked" and isinstance(code, str) else _WHAT[kind]
    facts: dict[str, Fact] = {
        "budget_id": budget["id"],
        "budget": name,
        "group": group,
        "code": _short(code or ""),
        "window_start": _moment(budget.get("window_start")),
        "event_id": event.event_id,
        "key": event.key,
        "model": event.request_model,
    }
    counter = _short(budget.get("counter") or group)
    return Alert(
        kind=kind,
        subject=f"{kind}:{budget['id']}:{counter}:{_incident(event, budget)}:{facts['code']}",
        title=f"{who} {what.format(name=f'“{name}”', model=_short(event.sent_model) or 'it names')}",
        lines=tuple(_lines(event, decision, budget)),
        severity="critical" if kind == "breaker_tripped" else "warning",
        link=f"/requests/{event.event_id}",
        facts=facts,
    )


def _incident(event: UsageEvent, budget: Mapping[str, Any]) -> int:
    """What makes two refusals one incident: the same window; of a rolling one, or a breaker, about as long a time."""
    start, end, trip = (budget.get(name) for name in ("window_start", "window_end", "trip_seconds"))
    if not isinstance(start, int) or not isinstance(end, int):
        return 0
    length = max(end - start, (trip if isinstance(trip, int) else 0) * SECOND_US)
    return event.occurred_at // length if length > 0 and (budget.get("rolling") or trip) else start


def _lines(event: UsageEvent, decision: Mapping[str, Any], budget: Mapping[str, Any]) -> Iterator[str]:
    reason = decision.get("reason")
    if isinstance(reason, str) and reason:
        yield one_line(reason)[:_LONGEST_REASON]
    parts = [
        f"{_amount(budget[name], budget.get('unit'))} {word}"
        for name, word in (("limit", "limit"), ("posted", "used"), ("reserved", "held for calls in flight"))
        if isinstance(budget.get(name), int)
    ]
    window = _short(budget.get("window") or "")
    if parts:
        yield ", ".join(parts) + (f" (window: {window})" if window else "") + "."
    by = [event.key and f"key {event.key}", event.request_model and f"model {_short(event.request_model)}"]
    yield ", ".join(filter(None, [f"First such call: {rfc3339(event.occurred_at)}", *by])) + "."
    end = _moment(budget.get("window_end"))
    if end and not budget.get("rolling"):
        yield f"The window ends {end}. A higher limit holds for the very next call."


def _of_price(event: UsageEvent) -> Alert:
    model, meters = _short(event.model or event.request_model), ", ".join(event.unpriced)
    return Alert(
        kind="price_unknown",
        subject=f"price_unknown:{event.provider}:{model}:{meters}",
        title=f"No price is known for {model} at {event.provider}, so its cost is unknown",
        lines=(
            f"Without a price: {meters}.",
            "Add it to the file of [prices] override; calls from then on are priced.",
        ),
        link=f"/requests/{event.event_id}",
        facts={"provider": event.provider, "model": model, "meters": meters, "event_id": event.event_id},
    )


def _group(value: object) -> str:
    """``team=support, customer=acme``; empty for a budget with one counter."""
    return _short(", ".join(f"{name}={one}" for name, one in value.items())) if isinstance(value, dict) else ""


def _moment(value: object) -> str:
    """Microseconds as text; 0, absence and what is beyond the calendar are nothing."""
    return rfc3339(value) if isinstance(value, int) and 0 < value < _LAST_US else ""


def _amount(value: int, unit: object) -> str:
    return money(value * _GRAINS_PER_NANO) if unit == "usd" else f"{count(value)} {_short(unit or '')}".strip()


def _short(value: object) -> str:
    return one_line(str(value))[:_LONGEST]
