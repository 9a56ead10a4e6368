"""One provider call from arrival to its one row."""

import asyncio
import logging
import time

from tallystick.gateway.client import Client
from tallystick.gateway.content import keep_content
from tallystick.gateway.dialects import DIALECTS
from tallystick.gateway.dialects.model import ResponseFacts
from tallystick.gateway.forward import Exchange, pass_answer
from tallystick.gateway.meter import Meter, refused_row
from tallystick.gateway.prepare import Incoming, outgoing, owner_of, prepare
from tallystick.gateway.refuse import Refusal, Refused, answer, status_of
from tallystick.gateway.settings import ProviderSettings
from tallystick.gateway.state import State
from tallystick.gateway.target import Split
from tallystick.gateway.upstream import UpstreamFailed, UpstreamRequest
from tallystick.kernel.errors import Unavailable
from tallystick.kernel.ids import new_id
from tallystick.usage.model import Measured, Outcome

_log = logging.getLogger("tallystick.gateway")
_UNKNOWN = ResponseFacts(measured=Measured(), complete=False)
_NOTHING = ResponseFacts(measured=Measured(input_tokens=0, output_tokens=0, state="reported"), complete=False)


async def handle_call(state: State, client: Client, split: Split, provider: ProviderSettings) -> None:
    """Serve one request below a provider's name."""
    started = time.perf_counter()
    arrived_us = time.time_ns() // 1000
    incoming = Incoming(
        client, split.name, split.below, provider, DIALECTS[provider.dialect], new_id("evt", arrived_us), arrived_us
    )
    try:
        await prepare(state, incoming)
        meter = _begin(state, incoming, started)
    except Refused as refused:
        await _refuse(state, incoming, refused.refusal)
        return
    except ConnectionResetError:
        return
    await _forward(state, incoming, meter, outgoing(incoming))


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
    await incoming.client.start(status, headers)
    await incoming.client.write(body, more=False)


async def _forward(state: State, incoming: Incoming, meter: Meter, request: UpstreamRequest) -> None:
    """Send it, pass the answer on, and leave one settled row whatever happens."""
    client = incoming.client
    task = asyncio.current_task()
    timers: list[asyncio.TimerHandle] = []
    # A provider goes on, and bills, when the client has left: learn what it used, for a while.
    client.when_gone(lambda: timers.append(_later(state.settings.drain_seconds, task)))
    try:
        await _exchange(state, incoming, meter, request)
    except asyncio.CancelledError:
        # Either the client left long ago, or the process stops and has waited long enough.
        client.abort()
    finally:
        for timer in timers:
            timer.cancel()
        client.forget()
        if meter.event is None:
            # Nobody settled it: cancelled, or an error of ours. What is unknown stays unknown.
            meter.settle("client_gone" if client.gone else "interrupted", 0, _estimate(incoming), "no_answer")
        if meter.said is not None and meter.event is not None:
            keep_content(state, incoming, meter.said, meter.event)


def _later(seconds: float, task: "asyncio.Task[None] | None") -> asyncio.TimerHandle:
    assert task is not None
    return asyncio.get_running_loop().call_later(seconds, task.cancel)


async def _exchange(state: State, incoming: Incoming, meter: Meter, request: UpstreamRequest) -> None:
    try:
        response = await state.upstream.send(request)
    except UpstreamFailed as error:
        await _unreached(incoming, meter, error)
        return
    try:
        limit = state.settings.max_response_bytes
        await pass_answer(Exchange(incoming, incoming.client, meter, response, limit))
    finally:
        response.close()


async def _unreached(incoming: Incoming, meter: Meter, error: UpstreamFailed) -> None:
    """No answer came: a 502 or 504 that SDKs try again, as they would a failed connection."""
    status = 504 if error.timed_out else 502
    code = "upstream_timeout" if error.timed_out else "upstream_unreachable"
    # What the provider may have taken it may bill: then the figures are unknown, not zero.
    facts = _UNKNOWN if error.reached else _NOTHING
    outcome: Outcome = "client_gone" if incoming.client.gone else "error"
    meter.settle(outcome, status, facts, code)
    _log.warning("%s did not answer: %s", incoming.name, error.reason)
    what = "did not answer the gateway" if error.reached else "could not be reached by the gateway"
    refusal = Refusal(status, code, f"{incoming.name} {what}; the gateway's log says why, try again", final=False)
    headers, body = answer(incoming.dialect, refusal, incoming.event_id)
    await incoming.client.start(status, headers)
    await incoming.client.write(body, more=False)


def _estimate(incoming: Incoming) -> ResponseFacts:
    """What the request alone lets us guess, marked as such."""
    return incoming.dialect.read_response(incoming.route, incoming.facts, 200, b"")
