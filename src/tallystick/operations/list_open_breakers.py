"""Which breakers are open now, as far as calls that they refused tell."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tallystick.budgets.ask import NO_WINDOW
from tallystick.budgets.cover import counter_key, grouping
from tallystick.budgets.model import Budget
from tallystick.kernel.period import HOUR_US, SECOND_US
from tallystick.ledger.store import read_refusals
from tallystick.operations.context import Context, now_us
from tallystick.ports import CountersAway

_MOST_REFUSALS = 20_000


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """One group that a breaker stops.

    Attributes:
        group: Dimension to value; empty where the budget has no groups.
        until_us: When it closes by itself.
    """

    budget: Budget
    group: Mapping[str, str]
    until_us: int


def list_open_breakers(context: Context, budgets: Iterable[Budget]) -> list[OpenBreaker]:
    """The open ones among these budgets, the first to close first; none where counters cannot be asked.

    A breaker that has refused nobody has nobody waiting for it, and is not listed.
    """
    breakers = {one.budget_id: one for one in budgets if one.trip_seconds}
    if not breakers or context.counters is None:
        return []
    at = now_us()
    since = at - max(one.trip_seconds for one in breakers.values()) * SECOND_US - HOUR_US
    places: dict[tuple[str, tuple[str, ...]], None] = dict.fromkeys(
        (budget_id, ()) for budget_id, one in breakers.items() if not grouping(one)
    )
    for _, decision in read_refusals(context.ledger, since, _MOST_REFUSALS):
        places |= dict.fromkeys(_places(decision, breakers))
    keys = [counter_key(budget_id, values, NO_WINDOW) for budget_id, values in places]
    try:
        standings = context.counters.read(keys)
    except CountersAway:
        return []
    found = [
        OpenBreaker(
            breakers[budget_id],
            dict(zip(grouping(breakers[budget_id]), values, strict=True)),
            standing.tripped_until_us,
        )
        for (budget_id, values), standing in zip(places, standings, strict=True)
        if standing.tripped_until_us > at
    ]
    return sorted(found, key=lambda one: one.until_us)


def _places(decision: str, breakers: Mapping[str, Budget]) -> list[tuple[str, tuple[str, ...]]]:
    """Budget and group of the breaker that refused a call; nothing where another reason did."""
    try:
        told: dict[str, Any] = json.loads(decision)
        budget = breakers[told["breaking"]]
        listed = [one for one in told["budgets"] if one["id"] == budget.budget_id]
        return [
            (budget.budget_id, tuple(str((one.get("group") or {}).get(name, "")) for name in grouping(budget)))
            for one in listed
        ]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return []
