"""What a gateway's row is worth saying: a refusal, a trip, a cheaper model, a model without a price. Pure.

Of the row's `decision` (JSON) this reads, and asks no more of it:

    {"budgets": [{"id": "bud_…", "name": "Support", "group": {"team": "support"}, "window": "day",
                  "window_start": …, "window_end": …, "unit": "usd", "limit": n, "posted": n, "reserved": n,
                  "breaking": true}]}

Instants are microseconds or text, amounts in the budget's unit (nano of the currency for money). A budget
that is not marked `breaking` is told of only when none is.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tallystick.charts.format import count, money
from tallystick.kernel.period import rfc3339
from tallystick.notify.model import Alert, Fact, Kind
from tallystick.notify.text import one_line
from tallystick.usage.model import UsageEvent

TELLING: Mapping[str, Kind] = {
    "blocked": "budget_blocked",
    "paused": "budget_blocked",
    "degraded": "budget_degraded",
    "tripped": "breaker_tripped",
}
_TITLES: Mapping[Kind, str] = {
    "budget_blocked": "{who} is refused: the budget {name} is used up",
    "budget_degraded": "{who} gets the model {model}: the budget {name} is used up",
    "breaker_tripped": "{who} is stopped: the breaker {name} has tripped",
}
_GRAINS_PER_NANO = 1000
_LONGEST = 120


def is_telling(event: UsageEvent) -> bool:
    """Whether a row may be worth an alert: a cheap question, asked of every row."""
    return event.verdict in TELLING or (
        event.attempt > 0 and len(event.priced) < len(event.measured.quantities) and bool(event.unpriced)
    )


def alerts_of(event: UsageEvent) -> Iterator[Alert]:
    """The alerts of one row; what cannot be read of its decision is left out of them."""
    kind = TELLING.get(event.verdict)
    if kind is not None:
        for budget in _breaking(event.decision):
            yield _of_budget(kind, event, budget)
    if event.attempt > 0 and event.source == "gateway" and event.unpriced:
        yield _of_price(event)


def _breaking(decision: str) -> list[Mapping[str, Any]]:
    try:
        listed = json.loads(decision).get("budgets", [])
    except (ValueError, AttributeError, RecursionError):
        return []
    if not isinstance(listed, list):
        return []
    budgets: list[Mapping[str, Any]] = [
        one for one in listed if isinstance(one, dict) and isinstance(one.get("id"), str)
    ]
    return [one for one in budgets if one.get("breaking") is True] or budgets[:1]


def _of_budget(kind: Kind, event: UsageEvent, budget: Mapping[str, Any]) -> Alert:
    group, start = _group(budget.get("group")), _plain(budget.get("window_start"))
    name = _short(budget.get("name") or budget["id"])
    who = group or "every call it covers"
    title = _TITLES[kind].format(who=who, name=f"“{name}”", model=event.sent_model or "that the budget names")
    facts: dict[str, Fact] = {
        "budget_id": budget["id"],
        "budget": name,
        "group": group,
        "window_start": start,
        "event_id": event.event_id,
        "key": event.key,
        "model": event.request_model,
    }
    return Alert(
        kind=kind,
        subject=f"{kind}:{budget['id']}:{group}:{start}",
        title=title[:1].upper() + title[1:],
        lines=tuple(_lines(event, budget)),
        severity="critical" if kind == "breaker_tripped" else "warning",
        link=f"/requests/{event.event_id}",
        facts=facts,
    )


def _lines(event: UsageEvent, budget: Mapping[str, Any]) -> Iterator[str]:
    unit = budget.get("unit")
    parts = [
        f"{_amount(budget[name], unit)} {word}"
        for name, word in (("limit", "limit"), ("posted", "used"), ("reserved", "held for calls in flight"))
        if isinstance(budget.get(name), int)
    ]
    window = _short(budget.get("window") or "")
    if parts:
        yield ", ".join(parts) + (f" (window: {window})" if window else "") + "."
    by = [f"key {event.key}" if event.key else "", event.request_model and f"model {_short(event.request_model)}"]
    yield f"First such call: {rfc3339(event.occurred_at)}, " + ", ".join(filter(None, by)) + "."
    end = _plain(budget.get("window_end"))
    if end:
        yield f"The window ends {end}. A higher limit, set now, holds for the next call."


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
    """``team=support, customer=acme`` whatever form it has: a mapping, pairs, values, a text."""
    if isinstance(value, dict):
        return _short(", ".join(f"{name}={one}" for name, one in value.items()))
    if isinstance(value, list):
        return _short(", ".join("=".join(map(str, one)) if isinstance(one, list) else str(one) for one in value))
    return _short(value or "")


def _plain(value: object) -> str:
    """An instant as text; microseconds become RFC 3339, 0 and absence nothing."""
    if isinstance(value, int) and not isinstance(value, bool):
        return rfc3339(value) if 0 < value < 253402300800_000_000 else ""
    return _short(value) if isinstance(value, str) else ""


def _amount(value: int, unit: object) -> str:
    return money(value * _GRAINS_PER_NANO) if unit == "usd" else f"{count(value)} {_short(unit or '')}".strip()


def _short(value: object) -> str:
    return one_line(str(value))[:_LONGEST]
