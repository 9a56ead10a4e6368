"""The usage event of a call: begun when it is forwarded, finished when it ends."""

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

import msgspec

from tallystick.gateway.dialects.model import RequestFacts, ResponseFacts, Route
from tallystick.kernel.record import record
from tallystick.pricing.book import PriceBook
from tallystick.pricing.gpu import METER, gpu_rated
from tallystick.pricing.rate import best_name, price_fields, rate
from tallystick.usage.model import Measured, Outcome, UsageEvent

_LONGEST = 256
_MOST_DRIFT = 20

_encode = msgspec.msgpack.Encoder().encode


@record(frozen=True, slots=True)
class Begun:
    """What is known before a call is forwarded.

    Attributes:
        arrived_us: Microseconds since 1970; part of the row's identity.
        key: Our key's id, empty for callers with their own.
        key_fingerprint: Of the provider's key that pays.
        call_id: The client's request; the first attempt's own when empty.
        attempt: 1 for the first; 0 for what reaches no provider.
        attempt_reason: Why there is another attempt after the first.
        sent_model: The model asked of the provider, where it is not the one requested.
    """

    event_id: str
    arrived_us: int
    provider: str
    provider_account: str
    route: Route
    facts: RequestFacts
    key: str = ""
    key_fingerprint: str = ""
    dimensions: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    trace_id: str = ""
    user_agent: str = ""
    retry_count: int | None = None
    fingerprints: tuple[str, ...] = ()
    request_bytes: int = 0
    call_id: str = ""
    attempt: int = 1
    attempt_reason: str = ""
    sent_model: str = ""
    verdict: str = ""
    decision: str = ""
    bound_cost: int | None = None
    effective_max_tokens: int | None = None
    gpu_grains_per_second: int = 0


@record(frozen=True, slots=True)
class Ended:
    """How a call went. Durations are microseconds, sizes bytes; `upstream_us` is the provider's part alone."""

    outcome: Outcome
    status: int
    facts: ResponseFacts
    duration_us: int
    error_type: str = ""
    first_token_us: int | None = None
    response_bytes: int | None = None
    upstream_us: int = 0


def intent(begun: Begun) -> bytes:
    """The row to store should the gateway die with the call in flight, as MessagePack.

    Only what differs from the event's defaults is written: it is on the path of every call.
    """
    facts = begun.facts
    return _encode(
        {
            "event_id": begun.event_id,
            "call_id": begun.call_id or call_id(begun.event_id),
            "occurred_at": begun.arrived_us,
            "attempt": begun.attempt,
            "attempt_reason": begun.attempt_reason,
            "sent_model": begun.sent_model,
            "outcome": "interrupted",
            "operation_name": begun.route.operation_name,
            "provider": begun.provider,
            "provider_account": begun.provider_account,
            "key": begun.key,
            "key_fingerprint": begun.key_fingerprint,
            "request_model": facts.model,
            "model": begun.sent_model or facts.model,
            "requested_service_tier": facts.service_tier,
            "stream": facts.stream,
            "dimensions": begun.dimensions,
            "tags": begun.tags,
            "request_bytes": begun.request_bytes,
            "system_bytes": facts.system_bytes,
            "tools_bytes": facts.tools_bytes,
            "block_fingerprints": begun.fingerprints,
            "requested_max_tokens": facts.max_tokens,
            "effective_max_tokens": begun.effective_max_tokens,
            "verdict": begun.verdict,
            "decision": begun.decision,
            "bound_cost": begun.bound_cost,
            "user_agent": begun.user_agent,
            "retry_count": begun.retry_count,
            "trace_id": begun.trace_id,
        }
    )


def finished(begun: Begun, ended: Ended, book: PriceBook | None) -> UsageEvent:
    """The whole row, priced where there is a book.

    It is made once: copying so many fields costs more than rating them.
    """
    facts, answer = begun.facts, ended.facts
    measured, dimensions = _bounded(_with_time(begun, ended)), _with_region(begun.dimensions, answer.region)
    model, tier = answer.response_model[:_LONGEST], answer.service_tier[:_LONGEST]
    asked = begun.sent_model or facts.model
    prices: dict[str, Any] = {"model": model or asked}
    if book is not None:
        result = rate(
            book,
            provider=begun.provider,
            model=best_name(book, begun.provider, model, asked),
            service_tier=tier or facts.service_tier,
            region=dimensions.get("region", ""),
            at_us=begun.arrived_us,
            measured=measured,
        )
        if METER in measured.quantities:
            result = gpu_rated(result, measured, begun.gpu_grains_per_second)
        prices = price_fields(result)
    return UsageEvent(
        event_id=begun.event_id,
        call_id=begun.call_id or call_id(begun.event_id),
        occurred_at=begun.arrived_us,
        attempt=begun.attempt,
        attempt_reason=begun.attempt_reason,
        sent_model=begun.sent_model,
        outcome=ended.outcome,
        status=ended.status,
        error_type=(ended.error_type or answer.error_type)[:_LONGEST],
        operation_name=begun.route.operation_name,
        provider=begun.provider,
        provider_account=begun.provider_account,
        key=begun.key,
        key_fingerprint=begun.key_fingerprint,
        request_model=facts.model,
        response_model=model,
        response_id=answer.response_id[:_LONGEST],
        requested_service_tier=facts.service_tier,
        service_tier=tier,
        stream=facts.stream,
        dimensions=dimensions,
        tags=begun.tags,
        measured=measured,
        request_bytes=begun.request_bytes,
        system_bytes=facts.system_bytes,
        tools_bytes=facts.tools_bytes,
        response_bytes=ended.response_bytes,
        block_fingerprints=begun.fingerprints,
        requested_max_tokens=facts.max_tokens,
        effective_max_tokens=begun.effective_max_tokens,
        verdict=begun.verdict,
        decision=begun.decision,
        bound_cost=begun.bound_cost,
        finish_reason=answer.finish_reason[:_LONGEST],
        time_to_first_token_us=ended.first_token_us,
        duration_us=ended.duration_us,
        user_agent=begun.user_agent,
        retry_count=begun.retry_count,
        trace_id=begun.trace_id,
        **prices,
    )


def without_cargo(event: UsageEvent) -> UsageEvent:
    """The row less what callers chose the size of: for a disk too full for the whole."""
    return replace(event, tags={}, block_fingerprints=(), user_agent="", trace_id="", decision="")


def encode(event: UsageEvent) -> bytes:
    """A row as MessagePack."""
    return _encode(event)


def call_id(event_id: str) -> str:
    """The client request's id, made of its first attempt's."""
    return f"call_{event_id.removeprefix('evt_')}"


def _with_time(begun: Begun, ended: Ended) -> Measured:
    """What was measured, and on a server that is paid for by the hour how long it worked; an error is not billed."""
    measured = ended.facts.measured
    if not begun.gpu_grains_per_second or ended.outcome == "error":
        return measured
    return replace(measured, quantities={**measured.quantities, METER: ended.upstream_us})


def _with_region(dimensions: Mapping[str, str], region: str) -> Mapping[str, str]:
    return {**dimensions, "region": region[:_LONGEST]} if region and "region" not in dimensions else dimensions


def _bounded(measured: Measured) -> Measured:
    """Drift marks quote the provider, so their number and length are bounded."""
    if len(measured.drift) <= _MOST_DRIFT and all(len(one) <= _LONGEST for one in measured.drift):
        return measured
    return replace(measured, drift=tuple(one[:_LONGEST] for one in measured.drift[:_MOST_DRIFT]))
