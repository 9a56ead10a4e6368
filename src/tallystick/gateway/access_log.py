"""The access log: one JSON line a call, of what the row says and never of what was said in it."""

import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

import msgspec

from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import rfc3339
from tallystick.usage.model import UsageEvent

_encode = msgspec.json.Encoder().encode


class AccessLog:
    """Appends to a file, or to standard output where it is ``-``.

    The file is opened anew for each batch, so it may be moved away at any time; workers
    append to one file, each batch whole.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self, rows: Sequence[UsageEvent], ending: threading.Event) -> None:
        """Write a batch.

        Raises:
            OSError: The file cannot be written; the batch is lost.
        """
        text = b"".join(_encode(line(row)) + b"\n" for row in rows)
        if self._path == "-":
            _write(sys.stdout.fileno(), text)
            return
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _write(descriptor, text)
        finally:
            os.close(descriptor)


def _write(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]


def line(row: UsageEvent) -> dict[str, Any]:
    """What one line says. Money is decimal text; what is unknown is null, never 0."""
    cost = row.effective_cost
    return {
        "time": rfc3339(row.occurred_at),
        "event_id": row.event_id,
        "call_id": row.call_id,
        "attempt": row.attempt,
        "key": row.key,
        "provider": row.provider,
        "provider_account": row.provider_account,
        "operation": row.operation_name,
        "request_model": row.request_model,
        "model": row.model,
        "status": row.status,
        "outcome": row.outcome,
        "error_type": row.error_type,
        "verdict": row.verdict,
        "stream": row.stream,
        "input_tokens": row.measured.input_tokens,
        "output_tokens": row.measured.output_tokens,
        "usage": row.measured.state,
        "cost": None if cost is None else text_from_grains(cost),
        "currency": row.currency,
        "duration_us": row.duration_us,
        "time_to_first_token_us": row.time_to_first_token_us,
        "request_bytes": row.request_bytes,
        "response_bytes": row.response_bytes,
        "trace_id": row.trace_id,
    }
