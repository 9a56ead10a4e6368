"""Finished attempts as OpenTelemetry spans, by OTLP over HTTP in JSON; names and attributes as OTel's GenAI conventions."""

import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from tallystick import __version__
from tallystick.kernel.money import text_from_grains
from tallystick.transport.post import Post, PostFailed, post
from tallystick.usage.model import UsageEvent

_LOG = logging.getLogger("tallystick.gateway")
_encode = msgspec.json.Encoder().encode
_TRACE = re.compile(r"[0-9a-f]{32}")
_CLIENT, _ERROR = 3, 2
_MOST_SPANS = 512
_WAITS = (1.0, 2.0, 4.0, 8.0)
# What the protocol says may be sent again.
_AGAIN = frozenset({408, 429, 502, 503, 504})


class SpanSender:
    """Posts spans to a collector; what it does not take after a few attempts is dropped and counted.

    Args:
        endpoint: Such as ``http://localhost:4318``; ``/v1/traces`` is added where it is missing. It may lead
            inside: collectors stand there.
        lost: Called for each span that is dropped.
    """

    def __init__(self, endpoint: str, lost: Callable[[], None]) -> None:
        bare = endpoint.rstrip("/")
        self._url = bare if bare.endswith("/v1/traces") else f"{bare}/v1/traces"
        self._lost = lost

    def __call__(self, rows: Sequence[UsageEvent], ending: threading.Event) -> None:
        """Send a batch; refused calls made no attempt, so they are no span."""
        attempts = [row for row in rows if row.attempt]
        for start in range(0, len(attempts), _MOST_SPANS):
            some = attempts[start : start + _MOST_SPANS]
            failed = self._send(_encode(trace_request(some)), ending)
            if failed:
                _LOG.warning("%d spans were dropped: %s", len(some), failed)
                for _ in some:
                    self._lost()

    def _send(self, body: bytes, ending: threading.Event) -> str:
        """Empty when it was taken, else why not."""
        failed = ""
        for wait in (*_WAITS, None):
            again = True
            try:
                status = post(Post(self._url, body, {"content-type": "application/json"}, allow_private=True))
                if status < 300:
                    return ""
                failed, again = f"the collector answered {status}", status in _AGAIN
            except PostFailed as error:
                failed, again = error.reason, error.retry
            if wait is None or not again or ending.wait(wait):
                break
        return failed


def trace_request(rows: Sequence[UsageEvent]) -> dict[str, Any]:
    """The body of an ExportTraceServiceRequest."""
    resource = [_text("service.name", "tallystick-gateway"), _text("service.version", __version__)]
    scope = {"name": "tallystick", "version": __version__}
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": resource},
                "scopeSpans": [{"scope": scope, "spans": [span(row) for row in rows]}],
            }
        ]
    }


def span(row: UsageEvent) -> dict[str, Any]:
    """One attempt. Its ids come from the row's, so that what is sent twice is known to be the same."""
    start = row.occurred_at
    failed = row.error_type or ("" if row.outcome == "ok" else row.outcome)
    return {
        "traceId": row.trace_id if _TRACE.fullmatch(row.trace_id) else sha256(row.call_id.encode()).hexdigest()[:32],
        "spanId": sha256(row.event_id.encode()).hexdigest()[:16],
        "name": f"{row.operation_name} {row.request_model}".strip(),
        "kind": _CLIENT,
        "startTimeUnixNano": str(start * 1000),
        "endTimeUnixNano": str((start + (row.duration_us or 0)) * 1000),
        "attributes": list(_attributes(row, failed)),
        "status": {"code": _ERROR, "message": failed} if failed else {},
    }


def _attributes(row: UsageEvent, failed: str) -> Iterator[dict[str, Any]]:
    """Only what is known."""
    texts = {
        "gen_ai.operation.name": row.operation_name,
        "gen_ai.provider.name": row.provider,
        "gen_ai.request.model": row.request_model,
        "gen_ai.response.model": row.response_model,
        "gen_ai.response.id": row.response_id,
        "gen_ai.conversation.id": row.dimensions.get("conversation", ""),
        "error.type": failed,
        "tally.event_id": row.event_id,
        "tally.outcome": row.outcome,
        "tally.verdict": row.verdict,
        "tally.cost.usd": text_from_grains(row.effective_cost)
        if row.effective_cost is not None and row.currency == "USD"
        else "",
    }
    numbers = {
        "gen_ai.request.max_tokens": row.effective_max_tokens,
        "gen_ai.usage.input_tokens": row.measured.input_tokens,
        "gen_ai.usage.output_tokens": row.measured.output_tokens,
        "http.response.status_code": row.status or None,
        "tally.attempt": row.attempt,
        "tally.time_to_first_token_us": row.time_to_first_token_us,
    }
    yield from (_text(name, text) for name, text in texts.items() if text)
    yield from (
        {"key": name, "value": {"intValue": str(value)}} for name, value in numbers.items() if value is not None
    )
    if row.finish_reason:
        reasons = {"arrayValue": {"values": [{"stringValue": row.finish_reason}]}}
        yield {"key": "gen_ai.response.finish_reasons", "value": reasons}


def _text(name: str, value: str) -> dict[str, Any]:
    return {"key": name, "value": {"stringValue": value}}
