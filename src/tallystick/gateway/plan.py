"""What routing rules make of a call, before budgets are asked about what comes of it."""

from collections.abc import Mapping
from dataclasses import replace

import msgspec
from msgspec import Raw

from tallystick.budgets.ask import holds, limit_at
from tallystick.budgets.model import Bound, Judgement
from tallystick.gateway.decided import Decided, describe
from tallystick.gateway.dialects.model import Change
from tallystick.gateway.dialects.reading import decode
from tallystick.gateway.enforce import dimensions_of
from tallystick.gateway.prepare import UNMETERED, Incoming
from tallystick.gateway.refuse import refuse
from tallystick.gateway.reserve import Enforcer
from tallystick.gateway.state import State
from tallystick.ports import CountersAway
from tallystick.routing.model import NO_PLAN, CallFacts

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_LIST = msgspec.json.Decoder(list[Raw])
# Where requests keep their conversation, by wire format.
_CONVERSATIONS = ("messages", "input", "contents", "chat_history")
_NOTHING = Bound(0, 0, 0, 0, capped=True)


async def plan_call(state: State, incoming: Incoming) -> None:
    """Ask the rules about a prepared call; cap its output where one says so.

    Raises:
        Refused: A rule denies it.
    """
    metered = incoming.route.kind == "metered"
    if not metered and incoming.route is not UNMETERED:
        return
    dimensions = dimensions_of(state.book, incoming, incoming.facts.model)
    facts, rules = incoming.facts, state.rules
    plan = rules.plan(
        CallFacts(
            dimensions=dimensions,
            at_us=incoming.arrived_us,
            input_bytes=len(incoming.body),
            max_tokens=facts.max_tokens,
            messages=count_messages(facts.body) if rules.counts_messages else None,
            tools=facts.tools_bytes > 0,
            budgets=await used_percent(state.enforcer, rules.budgets, dimensions, incoming.arrived_us),
        )
    )
    if plan is NO_PLAN:
        return
    if plan.deny:
        incoming.plan = plan
        decided = incoming.decided = Decided(Judgement("denied", "denied"))
        incoming.decision = describe(incoming, decided, state.settings.budgets)
        raise refuse(403, "denied", f'{plan.deny} (rule "{plan.by["deny"]}")')
    if not metered:
        # Of what nothing can be read nothing can be changed.
        return
    incoming.plan = plan
    if plan.max_output is not None and (facts.max_tokens is None or facts.max_tokens > plan.max_output):
        _cap(incoming, plan.max_output)


def _cap(incoming: Incoming, most: int) -> None:
    facts = incoming.facts
    change = Change(max_tokens=most)
    incoming.below, body = incoming.dialect.rewrite(incoming.route, incoming.below, facts.body, change)
    incoming.facts = replace(facts, body=body, changed=True)
    incoming.max_tokens = most


async def used_percent(
    enforcer: Enforcer, names: frozenset[str], dimensions: Mapping[str, str], at_us: int
) -> Mapping[str, int]:
    """Of each of these budgets that covers the call, the whole per cent of its limit that is used or reserved.

    Of counters that cannot be asked nothing is known, so no rule that asks about them holds.
    """
    if not names:
        return {}
    covering = [one for one in enforcer.coverages.book.covering(dimensions) if one.name in names]
    found: dict[str, int] = {}
    try:
        for budget, hold in zip(covering, holds(covering, dimensions, at_us, _NOTHING), strict=True):
            standings = await enforcer.counters.read([hold.key, *hold.also])
            used = sum(one.posted + one.reserved for one in standings)
            limit = limit_at(budget, at_us)
            found[budget.name] = max(found.get(budget.name, 0), used * 100 // limit if limit else 100)
    except CountersAway:
        return {}
    return found


def count_messages(body: bytes) -> int | None:
    """How many messages a request's conversation has; None where it has none that can be counted."""
    fields = decode(_MEMBERS, body) or {}
    for name in _CONVERSATIONS:
        if name in fields:
            found = decode(_LIST, fields[name])
            return None if found is None else len(found)
    return None
