"""Settlements on their way to Redis: sent by one task in the background, again and again until done.

A reservation whose answer did not come in time may have been made after all, or may still arrive:
it is cancelled through the same queue, which also keeps one that arrives later from counting.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from redis.exceptions import RedisError, ResponseError

from tallystick.counters.redis_scripts import SETTLE
from tallystick.counters.redis_server import RedisServer

_log = logging.getLogger(__name__)
_BATCH = 64
# While so many wait, the server is away for long: nothing new is reserved, or the queue would grow without end.
MOST_WAITING = 20_000
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0
_SEND_S = 2.0


class SettleQueue:
    """Settlements by reservation id; the first for an id counts."""

    def __init__(self, server: RedisServer, prefix: str) -> None:
        self._server = server
        self._prefix = prefix
        self._waiting: dict[str, tuple[str, str]] = {}
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether too many wait."""
        return len(self._waiting) >= MOST_WAITING

    def settle(self, reservation_id: str, amounts: Sequence[int] | None) -> None:
        """Queue a settlement; None posts the bound."""
        self._put(reservation_id, "bound" if amounts is None else " ".join(map(str, amounts)), "0")

    def cancel(self, reservation_id: str, holds: int) -> None:
        """Queue the release of a reservation that may have been made, or may be made yet."""
        self._put(reservation_id, " ".join(["0"] * holds), "1")

    async def close(self, patience_s: float) -> None:
        """Send what waits, for so long; what remains is the repair's."""
        task = self._task
        if task is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._empty.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        if self._waiting:
            _log.warning("%d settlements did not reach Redis; the repair will resolve them", len(self._waiting))

    def _put(self, reservation_id: str, amounts: str, cancel: str) -> None:
        self._waiting.setdefault(reservation_id, (amounts, cancel))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="settle-counters")
        self._empty.clear()
        self._wake.set()

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                if await self._send():
                    pause = _FIRST_PAUSE
                else:
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE)
            self._empty.set()

    async def _send(self) -> bool:
        """One batch; whether the server took it."""
        batch = [(name, *self._waiting[name]) for name in list(self._waiting)[:_BATCH]]
        try:
            async with asyncio.timeout(_SEND_S):
                answers = await self._server.run_many(SETTLE, [(self._prefix, *one) for one in batch])
        except (RedisError, OSError, TimeoutError):
            return False
        for (name, amounts, _), answer in zip(batch, answers, strict=True):
            if isinstance(answer, ResponseError):
                if not _is_passing(answer):
                    _log.error("Redis refuses the settlement of %s: %s", name, answer)
                    del self._waiting[name]
                continue
            if answer == -1:
                _log.error("the settlement of %s has not one amount for each hold: %s", name, amounts)
            del self._waiting[name]
        return not any(isinstance(one, ResponseError) for one in answers)


def _is_passing(error: ResponseError) -> bool:
    """Whether the server may take it later: it is loading, full, busy or read-only now."""
    words = str(error)
    return any(
        one in words for one in ("LOADING", "OOM", "out of memory", "BUSY", "READONLY", "MASTERDOWN", "maxmemory")
    )
