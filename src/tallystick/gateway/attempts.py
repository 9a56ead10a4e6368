"""The attempts of one call: made, made again where that cannot bill twice, moved on along its chain.

Each attempt that is made is one row under its own event id, in the name of one call.
Nothing is tried again once a byte of an answer has left for the client.
"""

import asyncio
import logging
import random
import time
from dataclasses import dataclass

from tallystick.gateway.chain import turn_to_next
from tallystick.gateway.content import keep_content
from tallystick.gateway.dialects.model import ResponseFacts
from tallystick.gateway.enforce import again, give_back
from tallystick.gateway.forward import Exchange, Held, pass_answer
from tallystick.gateway.meter import Meter
from tallystick.gateway.prepare import Incoming, outgoing
from tallystick.gateway.refuse import Refusal, Refused, answer, status_of
from tallystick.gateway.retry import UNBILLED, patience, pause
from tallystick.gateway.row import call_id
from tallystick.gateway.state import State
from tallystick.gateway.upstream import UpstreamFailed, UpstreamResponse
from tallystick.kernel.errors import Unavailable
from tallystick.usage.model import Measured, Outcome

_log = logging.getLogger("tallystick.gateway")
_UNKNOWN = ResponseFacts(measured=Measured(), complete=False)
_NOTHING = ResponseFacts(measured=Measured(input_tokens=0, output_tokens=0, state="reported"), complete=False)


@dataclass(slots=True)
class Call:
    """One call under way.

    Attributes:
        meter: The attempt's that is under way, or was last.
        tries: How often the present upstream was asked again.
    """

    state: State
    incoming: Incoming
    meter: Meter
    started: float
    tries: int = 0

    @property
    def can_go_on(self) -> bool:
        """Whether there could be another attempt."""
        return bool(self.incoming.chain) or self.tries < self.incoming.provider.max_retries


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that another may better; its row is written.

    Attributes:
        why: A status, `timeout`, `cut` or `not reached`.
        billed: The provider may bill it.
        held: What the client gets when there is no other.
    """

    why: str
    billed: bool
    held: Held


async def run(state: State, incoming: Incoming, meter: Meter, started: float) -> None:
    """Make the call, pass its answer on, and leave settled rows whatever happens."""
    client, call = incoming.client, Call(state, incoming, meter, started)
    task = client.task
    timers: list[asyncio.TimerHandle] = []
    # A provider goes on, and bills, when the client has left: learn what it used, for a while.
    client.when_gone(lambda: timers.append(_later(state.settings.drain_seconds, task)))
    try:
        await _go(call)
    except asyncio.CancelledError:
        # Either the client left long ago, or the process stops and has waited long enough.
        client.abort()
    finally:
        for timer in timers:
            timer.cancel()
        client.forget()
        meter = call.meter
        if meter.event is None:
            # Nobody settled it: cancelled, or an error of ours. What is unknown stays unknown.
            meter.settle("client_gone" if client.gone else "interrupted", 0, _estimate(incoming), "no_answer")
        if meter.said is not None and meter.event is not None:
            keep_content(state, incoming, meter.said, meter.event)


def _later(seconds: float, task: "asyncio.Task[None] | None") -> asyncio.TimerHandle:
    assert task is not None
    return asyncio.get_running_loop().call_later(seconds, task.cancel)


async def _go(call: Call) -> None:
    while (failure := await _attempt(call)) is not None:
        if not await _again(call, failure):
            await failure.held.send(call.incoming.client)
            return


async def _attempt(call: Call) -> Failure | None:
    """Ask the upstream once; None when the client has its answer."""
    state, incoming = call.state, call.incoming
    health, began = state.health.of(incoming.name), time.perf_counter()
    try:
        response = await state.upstream.send(outgoing(incoming))
    except UpstreamFailed as error:
        health.failed("timeout" if error.timed_out else error.reason)
        return _unreached(incoming, call.meter, error)
    health.answered(response.status, began)
    try:
        held = await pass_answer(_exchange(call, response))
    finally:
        response.close()
    if held is None:
        return None
    if held.cut:
        health.failed("broke off its answer")
        return Failure("cut", True, held)
    return Failure(str(held.status), held.status not in UNBILLED, held)


def _exchange(call: Call, response: UpstreamResponse) -> Exchange:
    settings = call.state.settings
    return Exchange(
        call.incoming,
        call.incoming.client,
        call.meter,
        response,
        settings.max_response_bytes,
        call.can_go_on,
        settings.heartbeat_seconds,
    )


def _unreached(incoming: Incoming, meter: Meter, error: UpstreamFailed) -> Failure:
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
    why = "not reached" if not error.reached else "timeout" if error.timed_out else "cut"
    return Failure(why, error.reached, Held(status_of(incoming.dialect, refusal), headers, body))


async def _again(call: Call, failure: Failure) -> bool:
    """Make ready for another attempt, here or elsewhere; False when this was the last."""
    incoming = call.incoming
    if not call.can_go_on or incoming.client.gone:
        return False
    if await _same_again(call, failure):
        reason = f"retry: {failure.why}"
    elif turn_to_next(call.state, incoming):
        call.tries = 0
        reason = f"failover: {failure.why}" + (", may have been billed" if failure.billed else "")
    else:
        return False
    return not incoming.client.gone and await _begin(call, reason)


async def _same_again(call: Call, failure: Failure) -> bool:
    """Wait until the same upstream may be asked again; False when it must or should not be."""
    if failure.billed or call.tries >= call.incoming.provider.max_retries:
        return False
    wait = pause(failure.held.headers, call.tries, random.random())  # noqa: S311 - spreads load, keeps no secret
    waited = time.perf_counter() - call.started
    if wait is None or waited + wait > patience(call.incoming.client.scope["headers"]):
        return False
    call.tries += 1
    await asyncio.sleep(wait)
    return True


async def _begin(call: Call, reason: str) -> bool:
    """Begin the next attempt's row, with budgets asked anew; False when it may not be made."""
    state, incoming = call.state, call.incoming
    earlier = incoming.event_id, incoming.arrived_us, incoming.attempt, incoming.attempt_reason
    incoming.call_id = incoming.call_id or call_id(incoming.event_id)
    incoming.arrived_us = time.time_ns() // 1000
    incoming.event_id = state.ids.new("evt", incoming.arrived_us)
    incoming.attempt, incoming.attempt_reason = incoming.attempt + 1, reason
    try:
        await again(state.enforcer, state.book, incoming)
        call.meter = Meter(state, incoming, time.perf_counter())
    except BaseException as refused:
        if incoming.reserved is not None:
            state.enforcer.release(incoming.event_id, incoming.reserved)
        if not isinstance(refused, Refused | Unavailable):
            raise
        # What the client would hear of the attempt before is true, and this one never was.
        _log.warning("no further attempt of %s: %s", incoming.call_id, refused)
        give_back(state.enforcer, incoming)
        incoming.event_id, incoming.arrived_us, incoming.attempt, incoming.attempt_reason = earlier
        return False
    return True


def _estimate(incoming: Incoming) -> ResponseFacts:
    """What the request alone lets us guess, marked as such."""
    return incoming.dialect.read_response(incoming.route, incoming.facts, 200, b"")
