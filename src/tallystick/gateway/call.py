"""One provider call from arrival to its one row."""

import asyncio
import json
import logging
import time

from tallystick.gateway.attempts import run
from tallystick.gateway.cache import ask_cache
from tallystick.gateway.chain import set_course
from tallystick.gateway.client import Client
from tallystick.gateway.dialects import DIALECTS
from tallystick.gateway.enforce import enforce, give_back
from tallystick.gateway.identify import identify
from tallystick.gateway.meter import Meter, refused_row
from tallystick.gateway.one_address import list_models
from tallystick.gateway.plan import plan_call
from tallystick.gateway.prepare import Incoming, owner_of, prepare
from tallystick.gateway.refuse import Refusal, Refused, answer, status_of
from tallystick.gateway.serve_kept import serve_kept
from tallystick.gateway.settings import ProviderSettings
from tallystick.gateway.state import State
from tallystick.gateway.target import Split
from tallystick.kernel.errors import Unavailable
from tallystick.kernel.ids import new_id

_log = logging.getLogger("tallystick.gateway")


async def handle_call(state: State, client: Client, split: Split, provider: ProviderSettings) -> None:
    """Serve one request below a provider's name."""
    started = time.perf_counter()
    arrived_us = time.time_ns() // 1000
    incoming = Incoming(
        client,
        split.name,
        split.below,
        provider,
        DIALECTS[provider.dialect],
        state.ids.new("evt", arrived_us),
        arrived_us,
    )
    try:
        await prepare(state, incoming)
        if state.rules.rules:
            await plan_call(state, incoming)
        set_course(state, incoming)
        if incoming.plan.cache_seconds:
            kept = ask_cache(state, incoming)
            if kept is not None and await serve_kept(state, incoming, kept, started):
                return
        await enforce(state.enforcer, state.book, incoming)
        meter = _begin(state, incoming, started)
    except Refused as refused:
        await _refuse(state, incoming, refused.refusal)
        return
    except ConnectionResetError:
        return
    finally:
        give_back(state.enforcer, incoming)
    await run(state, incoming, meter, started)


async def answer_models(state: State, client: Client) -> None:
    """What can be asked for at the one address; for callers with a key of ours or of a provider's."""
    at_us = time.time_ns() // 1000
    if (reading := state.refresh()) is not None:
        await asyncio.wait({reading})
    try:
        head = state.headers.read(client.scope["headers"])
        identify(head.credentials, state.ring, bring_your_own=state.settings.bring_your_own_key)
    except Refused as refused:
        status = status_of(DIALECTS["openai"], refused.refusal)
        headers, body = answer(DIALECTS["openai"], refused.refusal, new_id("evt", at_us))
    else:
        body = json.dumps(list_models(state.settings.providers, state.book, at_us)).encode()
        status, headers = 200, [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await client.answer(status, headers, body)


def _begin(state: State, incoming: Incoming, started: float) -> Meter:
    try:
        return Meter(state, incoming, started)
    except Unavailable as error:
        _log.error("a call was refused: %s", error)
        message = "the gateway cannot write this call down (its disk is full), so it is not made; try again later"
        raise Refused(Refusal(503, "spool_full", message, final=False)) from None


async def _refuse(state: State, incoming: Incoming, refusal: Refusal) -> None:
    status = status_of(incoming.dialect, refusal)
    if incoming.caller is not None and incoming.caller.key is not None:
        incoming.owner = owner_of(incoming, incoming.caller)
        refused_row(state, incoming, status, refusal.code)
    headers, body = answer(incoming.dialect, refusal, incoming.event_id)
    await incoming.client.answer(status, headers, body)
