"""How each upstream fares, as this process sees it: its circuit, failures, latency; told to the pages by a file."""

import asyncio
import contextlib
import json
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from tallystick.gateway.circuit import Circuit

_log = logging.getLogger("tallystick.gateway")
_LATENCIES = 256
_EVERY_SECONDS = 3.0
# A file is written anew so often though nothing has changed, so that readers can tell it from a dead process's.
_ALIVE_SECONDS = 30.0
_LONGEST_ERROR = 200
_FORGOTTEN_SECONDS = 3600.0


@dataclass(slots=True)
class UpstreamHealth:
    """One upstream.

    Attributes:
        calls, failures: Since this process began.
        last_error: The latest failure in a few words; `last_error_us` when, microseconds since 1970.
    """

    circuit: Circuit = field(default_factory=Circuit)
    calls: int = 0
    failures: int = 0
    last_error: str = ""
    last_error_us: int = 0
    _latencies: deque[int] = field(default_factory=lambda: deque(maxlen=_LATENCIES))

    def answered(self, status: int, started: float) -> None:
        """A head came, `started` being when the attempt began on the performance counter; a 5xx is a failure."""
        now = time.perf_counter()
        if status >= 500:
            self.failed(f"answered {status}", now)
            return
        self.calls += 1
        self._latencies.append(int((now - started) * 1_000_000))
        self.circuit.succeeded(now)

    def failed(self, reason: str, now: float | None = None) -> None:
        """No answer, or one that tells of trouble there."""
        self.calls += 1
        self.failures += 1
        self.last_error, self.last_error_us = reason[:_LONGEST_ERROR], time.time_ns() // 1000
        self.circuit.failed(time.perf_counter() if now is None else now)

    def wire(self, now: float) -> dict[str, object]:
        """As the file says it; latencies are microseconds to the head of an answer, of the latest calls."""
        ordered = sorted(self._latencies)
        return {
            "state": self.circuit.state(now),
            "calls": self.calls,
            "failures": self.failures,
            "p50_us": ordered[len(ordered) // 2] if ordered else None,
            "p95_us": ordered[len(ordered) * 95 // 100] if ordered else None,
            "samples": len(ordered),
            "last_error": self.last_error,
            "last_error_us": self.last_error_us or None,
        }


class HealthBoard:
    """All upstreams of one process."""

    def __init__(self) -> None:
        self._upstreams: dict[str, UpstreamHealth] = {}

    def of(self, name: str) -> UpstreamHealth:
        """The upstream of a provider's name in the configuration."""
        found = self._upstreams.get(name)
        if found is None:
            found = self._upstreams[name] = UpstreamHealth()
        return found

    def wire(self) -> dict[str, object]:
        """All that were called."""
        now = time.perf_counter()
        return {name: one.wire(now) for name, one in self._upstreams.items()}


class HealthFile:
    """Writes a board to ``health/<worker>.json`` every few seconds when it has changed.

    Args:
        folder: ``<data>/health``.
        worker: The process's name, as its spool folder's.
    """

    def __init__(self, board: HealthBoard, folder: Path, worker: str) -> None:
        self._board = board
        self._path = folder / f"{worker}.json"
        self._written: object = None
        self._at = 0.0
        self._task: asyncio.Task[None] | None = None

    def watch(self) -> None:
        """Begin, and clear away what processes left that were killed. In a running loop."""
        for path in self._path.parent.glob("*.json"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _FORGOTTEN_SECONDS:
                    path.unlink()
        self._task = asyncio.ensure_future(self._keep())

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            self.write()

    def write(self) -> None:
        """Write it if there is something new to tell, or the file grows old; a reader sees the old or the new, whole."""
        told = self._board.wire()
        now = time.monotonic()
        if told == self._written and now - self._at < _ALIVE_SECONDS:
            return
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            beside = self._path.with_suffix(".part")
            beside.write_text(json.dumps({"at_us": time.time_ns() // 1000, "upstreams": told}))
            beside.replace(self._path)
        except OSError as error:
            _log.warning("the health of upstreams could not be written: %s", error.strerror)
            return
        self._written, self._at = told, now

    async def close(self) -> None:
        """Stop, and take the file away: what is gone has no health."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._path.unlink(missing_ok=True)
