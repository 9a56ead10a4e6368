"""Where a call may go: the upstream it names, and those that are asked next when that one fails."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tallystick.gateway.dialects.model import Change
from tallystick.gateway.one_address import address, as_dialect, split_model
from tallystick.gateway.prepare import Incoming, choose_secret
from tallystick.gateway.refuse import Refused
from tallystick.gateway.settings import ProviderSettings
from tallystick.gateway.state import State


@dataclass(frozen=True, slots=True)
class Candidate:
    """One upstream that could serve a call.

    Attributes:
        name: Of the provider, as configured.
        provider: As the call's dialect sees it.
        model: To ask for; empty for the one requested.
    """

    name: str
    provider: ProviderSettings
    model: str = ""


def candidates(state: State, incoming: Incoming) -> Iterator[Candidate]:
    """All that may serve a call, in order: what rules say, else the upstream it names and that one's fallbacks.

    A key that the caller brought is for the provider it was sent to, so it goes to no other.
    """
    plan, providers = incoming.plan, state.settings.providers
    if plan.models:
        for entry in plan.models:
            name, model = split_model(entry, providers)
            yield from _found(state, incoming, [name or incoming.name], model)
    elif plan.provider:
        yield from _found(state, incoming, [plan.provider], "")
    else:
        yield Candidate(incoming.name, incoming.provider)
        yield from _found(state, incoming, incoming.provider.fallbacks, "")


def _found(state: State, incoming: Incoming, names: Iterable[str], model: str) -> Iterator[Candidate]:
    caller = incoming.caller
    for name in names:
        if name == incoming.name:
            yield Candidate(name, incoming.provider, model)
        elif caller is None or not caller.brought:
            provider = state.settings.providers.get(name)
            view = as_dialect(provider, incoming.dialect.name) if provider is not None else None
            if view is not None:
                yield Candidate(name, view, model)


def set_course(state: State, incoming: Incoming) -> None:
    """Choose the upstream of the first attempt, and remember the others.

    An upstream whose circuit is open is passed over while there is another; when all are
    open the first is asked all the same, so that nobody is worse off for having us.

    Raises:
        Refused: No upstream that rules name can serve the call.
    """
    plan = incoming.plan
    if not incoming.provider.fallbacks and not plan.models and not plan.provider:
        return
    if incoming.route.kind != "metered":
        # What is listed or kept at one provider is not at another.
        return
    named = list(candidates(state, incoming)) or [Candidate(incoming.name, incoming.provider)]
    if len(named) == 1:
        turn_to(state, incoming, named[0])
        return
    first = next((at for at, one in enumerate(named) if state.health.of(one.name).circuit.admits_now()), 0)
    incoming.chain = tuple(named[first + 1 :])
    if first:
        incoming.attempt_reason = f"failover: {named[0].name} is failing"
    try:
        turn_to(state, incoming, named[first])
    except Refused:
        if not turn_to_next(state, incoming):
            raise


def turn_to_next(state: State, incoming: Incoming) -> bool:
    """Turn to the next upstream of the chain that can be used; whether there was one."""
    while incoming.chain:
        candidate, incoming.chain = incoming.chain[0], incoming.chain[1:]
        if incoming.chain and not state.health.of(candidate.name).circuit.admits_now():
            continue
        try:
            turn_to(state, incoming, candidate)
        except Refused:
            # We have no key there.
            continue
        return True
    return False


def turn_to(state: State, incoming: Incoming, candidate: Candidate) -> None:
    """Make a call one to this upstream: its name, address, key and model.

    Raises:
        Refused: We have no key for it; the call is as it was.
    """
    before = incoming.name, incoming.provider, incoming.secret
    incoming.name, incoming.provider = candidate.name, candidate.provider
    try:
        if incoming.caller is not None:
            incoming.secret = choose_secret(incoming, incoming.caller)
            incoming.key_fingerprint = state.fingerprint_of(incoming.secret)
    except Refused:
        incoming.name, incoming.provider, incoming.secret = before
        raise
    if candidate.model:
        ask_for(incoming, candidate.model)
    address(incoming)


def ask_for(incoming: Incoming, model: str) -> None:
    """Ask the provider for this model, whatever the client asked for."""
    facts = incoming.facts
    if model == (incoming.sent_model or facts.model) or not facts.model:
        return
    incoming.below, body = incoming.dialect.rewrite(incoming.route, incoming.below, facts.body, Change(model=model))
    incoming.facts = replace(facts, body=body, changed=True)
    incoming.sent_model = model if model != facts.model else ""
