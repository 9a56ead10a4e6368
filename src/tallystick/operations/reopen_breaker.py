"""Let a tripped breaker pass calls again before its time is over."""

import json
from collections.abc import Iterator

from tallystick.budgets.ask import NO_WINDOW
from tallystick.budgets.cover import counter_key, grouping
from tallystick.budgets.model import Budget
from tallystick.kernel.errors import Unavailable, UsageError
from tallystick.kernel.period import HOUR_US, SECOND_US
from tallystick.ledger.store import read_refusals
from tallystick.operations.audit import record
from tallystick.operations.context import Context, now_us
from tallystick.operations.manage_budgets import read_budget
from tallystick.org.model import Principal
from tallystick.ports import CountersAway

_MOST_REFUSALS = 20_000


def reopen_breaker(context: Context, name: str, principal: Principal) -> list[dict[str, str]]:
    """Close every open breaker of a budget, so that calls pass again; the groups whose breakers were open.

    Which groups are open is read from the calls that were refused: a breaker that has refused none
    has nobody waiting for it.

    Raises:
        NotFound: There is no such budget that the principal may see.
        UsageError: It is no breaker.
        Unavailable: The counters cannot be asked.
    """
    budget = read_budget(context, name, principal)
    if not budget.trip_seconds:
        raise UsageError(f'"{budget.name}" is no breaker', next_steps=["tally budgets override NAME --limit …"])
    if context.counters is None:
        raise Unavailable(
            "each gateway process has its own counters, so none can be reached from here",
            next_steps=['set counters = "shared" in [budgets]', "or wait until the breaker closes"],
        )
    groups = {tuple(group.values()): group for group in _tripped(context, budget)}
    keys = [counter_key(budget.budget_id, values, NO_WINDOW) for values in groups]
    try:
        standings = context.counters.read(keys)
        shut = [one for one, standing in zip(keys, standings, strict=True) if standing.tripped_until_us > now_us()]
        context.counters.reopen(shut)
    except CountersAway as away:
        raise Unavailable(f"the counters cannot be asked: {away.reason}", next_steps=["try again"]) from None
    with context.config_db.transaction():
        record(context, principal.name, "reopen breaker", f"{budget.budget_id} {budget.name}: {len(shut)} groups")
    return [group for key, group in zip(keys, groups.values(), strict=True) if key in set(shut)]


def _tripped(context: Context, budget: Budget) -> Iterator[dict[str, str]]:
    """The groups of calls that the breaker refused, as their decisions have them."""
    since = now_us() - budget.trip_seconds * SECOND_US - HOUR_US
    names = grouping(budget)
    yield from ([{}] if not names else [])
    for _, decision in read_refusals(context.ledger, since, _MOST_REFUSALS):
        try:
            told = json.loads(decision)
            listed = told["budgets"] if told["breaking"] == budget.budget_id else []
            groups = [one["group"] for one in listed if one["id"] == budget.budget_id]
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
        yield from ({name: str(group.get(name, "")) for name in names} for group in groups)
