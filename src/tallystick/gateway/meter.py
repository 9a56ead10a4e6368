"""One call's row, written exactly once: begun before forwarding, settled before the last byte.

Settling is synchronous and asks nobody, so it can stand in a `finally`: a cancelled
task, a client that left and a broken upstream all end in one honest row.
"""

import logging
import time
from dataclasses import replace

from tallystick.gateway.content import Said
from tallystick.gateway.dialects.model import ResponseFacts
from tallystick.gateway.prepare import Incoming, begin
from tallystick.gateway.row import Begun, Ended, call_id, encode, finished, intent, without_cargo
from tallystick.gateway.state import State
from tallystick.kernel.errors import Unavailable
from tallystick.usage.model import Measured, Outcome, UsageEvent

_log = logging.getLogger("tallystick.gateway")


class Meter:
    """From the intent to the completion of one forwarded call."""

    def __init__(self, state: State, incoming: Incoming, started: float) -> None:
        self._state = state
        self._started = started
        self.begun: Begun = begin(state, incoming)
        self.first_token_us: int | None = None
        self.response_bytes = 0
        self.event: UsageEvent | None = None
        rules = state.settings.content
        self.said = Said(rules) if rules is not None and incoming.route.kind == "metered" else None
        # Raises Unavailable when the disk is full: then the call must not be made.
        state.spool.intent(self.begun.event_id, intent(self.begun))
        # From here on this row settles what is reserved.
        self._reserved, incoming.reserved = incoming.reserved, None
        self._sent = time.perf_counter()
        state.observer.began()

    def first(self) -> None:
        """The first bytes of a stream are here."""
        if self.first_token_us is None:
            self.first_token_us = self._elapsed()

    def settle(self, outcome: Outcome, status: int, facts: ResponseFacts, error_type: str = "") -> UsageEvent:
        """Price and write the row; a second call changes nothing."""
        if self.event is None:
            ended = Ended(
                outcome,
                status,
                facts,
                self._elapsed(),
                error_type,
                self.first_token_us,
                self.response_bytes,
                upstream_us=int((time.perf_counter() - self._sent) * 1_000_000),
            )
            self.event = self._finish(ended)
            self._write(self.event)
            if self._reserved is not None:
                self._state.enforcer.settle(self._reserved, self.event)
            self._state.observer.finished(self.begun, self.event)
        return self.event

    def _finish(self, ended: Ended) -> UsageEvent:
        try:
            return finished(self.begun, ended, self._state.book)
        except Exception:  # noqa: BLE001 - metering never fails a call
            # A row is never lost for want of a price: it stays unpriced, is seen as such, and can be rated again.
            _log.exception("an event could not be priced")
            return finished(self.begun, ended, None)

    def _write(self, event: UsageEvent) -> None:
        try:
            self._state.spool.completion(event.event_id, encode(event))
        except Unavailable:
            # The disk is full and the row outgrew its reservation: the figures fit, the cargo does not.
            self._state.spool.completion(event.event_id, encode(without_cargo(event)))

    def _elapsed(self) -> int:
        return int((time.perf_counter() - self._started) * 1_000_000)


def refused_row(state: State, incoming: Incoming, status: int, code: str) -> None:
    """The row of a request that a known key made and that reached no provider. Best effort: a
    refusal is answered also when it cannot be written down.
    """
    begun = begin(state, incoming)
    event = replace(unmade_event(begun), outcome="refused", status=status, error_type=code)
    try:
        state.spool.completion(event.event_id, encode(event))
    except Unavailable:
        return
    finally:
        state.observer.finished(begun, event)


def unmade_event(begun: Begun) -> UsageEvent:
    """The row of a request that reached no provider, but for how it ended."""
    return UsageEvent(
        event_id=begun.event_id,
        call_id=begun.call_id or call_id(begun.event_id),
        occurred_at=begun.arrived_us,
        attempt=0,
        operation_name=begun.route.operation_name,
        provider=begun.provider,
        provider_account=begun.provider_account,
        key=begun.key,
        request_model=begun.facts.model,
        model=begun.facts.model,
        stream=begun.facts.stream,
        dimensions=begun.dimensions,
        tags=begun.tags,
        measured=Measured(state="reported"),
        request_bytes=begun.request_bytes,
        user_agent=begun.user_agent,
        retry_count=begun.retry_count,
        trace_id=begun.trace_id,
        verdict=begun.verdict,
        decision=begun.decision,
        bound_cost=begun.bound_cost,
        requested_max_tokens=begun.facts.max_tokens,
    )
