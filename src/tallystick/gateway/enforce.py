"""The one point where a call is allowed, changed or refused, before anything of it is spent.

Every route that can cost money passes here: the covering budgets are found, the most the
call may use is computed, and all of it is reserved at once on all their counters, or on
none. What was reserved is settled exactly once, when the row of the attempt is written.
"""

import logging
from dataclasses import replace
from hashlib import blake2b

from tallystick.budgets.ask import least_output
from tallystick.budgets.judge import judge, judge_away, prejudge
from tallystick.budgets.model import FINGERPRINT, KEY_STAGE, Ask, Budget, Judgement, Try
from tallystick.budgets.settle import bound_cost
from tallystick.gateway.decided import Decided, describe, refusal_of
from tallystick.gateway.dialects.model import Change
from tallystick.gateway.most import most_of
from tallystick.gateway.prepare import UNMETERED, Incoming
from tallystick.gateway.refuse import Refused
from tallystick.gateway.reserve import Enforcer, Reserved
from tallystick.ports import CountersAway
from tallystick.pricing.book import PriceBook

_log = logging.getLogger("tallystick.gateway")
ALLOWED = Judgement("allowed")


async def enforce(enforcer: Enforcer, book: PriceBook, incoming: Incoming) -> None:
    """Decide on a prepared call, reserve what it may use, and change it where a budget says so.

    Raises:
        Refused: A budget has no room, a breaker is open, or the counters are away and a budget fails closed.
    """
    if incoming.route.kind == "free" and incoming.route is not UNMETERED:
        return
    decided = await decide(enforcer, book, incoming, None)
    breaking = decided.judgement.breaking
    if decided.judgement.verdict == "degraded" and breaking is not None:
        incoming.sent_model = breaking.degrade_to
        cheaper = await decide(enforcer, book, incoming, breaking)
        cheaper.first, decided = decided.tried, cheaper
    _conclude(enforcer, incoming, decided)


async def again(enforcer: Enforcer, book: PriceBook, incoming: Incoming) -> None:
    """Reserve anew for a further attempt of the same call, which has its own event id.

    Raises:
        Refused: There is no room for it.
    """
    before, incoming.reserved, incoming.bound_cost = incoming.decided, None, None
    if before is None:
        return
    degraded = before.judgement.breaking if before.judgement.verdict == "degraded" else None
    decided = await decide(enforcer, book, incoming, degraded)
    decided.first = before.first
    _conclude(enforcer, incoming, decided)


def give_back(enforcer: Enforcer, incoming: Incoming) -> None:
    """Release what no row has taken over: the call is not made after all."""
    if incoming.reserved is not None:
        enforcer.release(incoming.event_id, incoming.reserved)
        incoming.reserved = None


def _conclude(enforcer: Enforcer, incoming: Incoming, decided: Decided) -> None:
    """Change the call as was decided and write the decision down, or refuse it."""
    judgement = decided.judgement
    incoming.decided = decided
    refuses = judgement.refuses or _wants_another_model(decided)
    if not refuses:
        _change(incoming, decided)
    incoming.decision = describe(incoming, decided, enforcer.settings)
    if refuses:
        raise Refused(refusal_of(incoming, decided, enforcer.settings.pages))


def _wants_another_model(decided: Decided) -> bool:
    """Whether the counters had no room for this model, and a cheaper one has not been asked for."""
    granted = decided.tried.granted if decided.tried is not None else None
    return decided.judgement.verdict == "degraded" and granted is not None and not granted.granted


async def decide(enforcer: Enforcer, book: PriceBook, incoming: Incoming, degraded: Budget | None) -> Decided:
    """Ask every covering budget at once; what they grant is reserved when this returns."""
    settings, model = enforcer.settings, incoming.sent_model or incoming.facts.model
    dimensions, at_us = dimensions_of(book, incoming, model), incoming.arrived_us
    kind = enforcer.coverages.of(dimensions, at_us)
    policy = settings.policy
    if kind.unknown_price != policy.unknown_price:
        policy = replace(policy, unknown_price=kind.unknown_price)
    most = most_of(policy, book, incoming, model)
    tried = Try(model, dimensions, kind.covering, most)
    if not kind.covering:
        return Decided(ALLOWED if degraded is None else Judgement("degraded", "", degraded), tried)
    ask = Ask(
        incoming.event_id,
        enforcer.owner,
        kind.holds(dimensions, at_us, most),
        most.output_tokens,
        least_output(most),
        at_us,
        at_us + settings.reservation_us,
    )
    if kind.blocks_unknown or kind.strict:
        refused = prejudge(kind.covering, dimensions, most, settings.policy.unknown_price)
        if refused is not None:
            return Decided(refused, replace(tried, ask=ask))
    try:
        granted = await enforcer.reserve(ask)
    except CountersAway as away:
        _log.warning("budgets could not be asked: %s", away.reason)
        return Decided(judge_away(kind.covering, ask, degraded=degraded), replace(tried, ask=ask), away=away.reason)
    if granted.granted:
        incoming.reserved = Reserved(kind.covering, most, granted.output)
        incoming.bound_cost = bound_cost(most, granted.output)
        if degraded is None and not kind.told:
            return Decided(ALLOWED, Try(model, dimensions, kind.covering, most, ask, granted))
    judgement = judge(kind.covering, granted, ask, degraded=degraded, model=model)
    return Decided(judgement, replace(tried, ask=ask, granted=granted))


def dimensions_of(book: PriceBook, incoming: Incoming, model: str) -> dict[str, str]:
    """What budgets may name: who the call belongs to, and what it is made with."""
    caller, facts, provider = incoming.caller, incoming.facts, incoming.provider
    key = caller.key if caller else None
    known = dict(incoming.owner.dimensions)
    known["provider"] = provider.provider
    known["provider_account"] = incoming.name
    known["model"] = book.resolve(provider.provider, model).model or model
    known["request_model"] = model
    known["operation_name"] = incoming.route.operation_name
    known["service_tier"] = facts.service_tier
    known["key"] = key.key_id if key else f"pk_{incoming.key_fingerprint}"
    if key is not None and key.is_production:
        known[KEY_STAGE] = "production"
    if "run" in known or "conversation" in known:
        known[FINGERPRINT] = blake2b(incoming.body, digest_size=12).hexdigest()
    return known


def _change(incoming: Incoming, decided: Decided) -> None:
    """Put the cheaper model and the granted output into the request."""
    facts, tried = incoming.facts, decided.tried
    cap = None
    if tried is not None and tried.granted is not None and tried.granted.output < tried.bound.output_tokens:
        cap = incoming.max_tokens = tried.granted.output // tried.bound.choices
    model = incoming.sent_model or None
    if model is None and cap is None:
        return
    path, body = incoming.dialect.rewrite(incoming.route, incoming.below, facts.body, Change(model, cap))
    incoming.below = path
    incoming.facts = replace(facts, body=body, changed=True)
