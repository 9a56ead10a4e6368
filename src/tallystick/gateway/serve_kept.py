"""A call that is answered from memory: its row, then the answer."""

import time
from dataclasses import replace

from tallystick.budgets.model import Judgement
from tallystick.gateway.cache import Kept
from tallystick.gateway.decided import Decided, describe
from tallystick.gateway.meter import unmade_event
from tallystick.gateway.prepare import Incoming, begin
from tallystick.gateway.row import encode
from tallystick.gateway.state import State
from tallystick.kernel.errors import Unavailable
from tallystick.kernel.money import text_from_grains


async def serve_kept(state: State, incoming: Incoming, kept: Kept, started: float) -> bool:
    """Answer a call with what is kept; False when its row cannot be written, so that it is not answered so."""
    decided = incoming.decided = Decided(Judgement("cached"))
    incoming.decision = describe(incoming, decided, state.settings.budgets)
    begun = begin(state, incoming)
    event = replace(
        unmade_event(begun),
        outcome="ok",
        status=kept.status,
        served_from="cache",
        avoided_cost=kept.cost,
        response_bytes=len(kept.body),
        duration_us=int((time.perf_counter() - started) * 1_000_000),
    )
    try:
        state.spool.completion(event.event_id, encode(event))
    except Unavailable:
        incoming.decided, incoming.decision = None, ""
        return False
    state.observer.finished(begun, event)
    headers = [
        *kept.headers,
        (incoming.dialect.request_id, event.event_id.encode()),
        (b"x-tally-event-id", event.event_id.encode()),
        (b"x-tally-cache", b"hit"),
        (b"age", b"%d" % int(time.monotonic() - kept.at)),
    ]
    if kept.cost is not None:
        headers.append((b"x-tally-avoided-cost", text_from_grains(kept.cost).encode()))
    if not kept.stream:
        headers.append((b"content-length", b"%d" % len(kept.body)))
    await incoming.client.answer(kept.status, headers, kept.body)
    return True
