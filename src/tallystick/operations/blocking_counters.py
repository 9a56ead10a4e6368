"""Counters for threads that may wait: one event loop of their own runs them."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from tallystick.budgets.model import OpenReservation, Standing
from tallystick.ports import Counters, CountersAway

_WAIT_SECONDS = 15.0
_AT_ONCE = 2000
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Correction:
    """What one counter is to stand at, if it still stands where it was seen."""

    key: bytes
    expected: int
    posted: int
    ends_us: int


class BlockingCounters:
    """The counters as the app uses them: it reads, repairs and settles, and never reserves.

    Every method raises `CountersAway` when they cannot be asked.

    Args:
        opened: Opens the counters; called once, inside the loop.
    """

    def __init__(self, opened: Callable[[], Counters]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="counters", daemon=True)
        self._thread.start()
        self._counters = self._wait(_called(opened))

    def read(self, keys: Sequence[bytes]) -> list[Standing]:
        """Each counter by itself; one that is not there stands at 0."""
        found: list[Standing] = []
        for at in range(0, len(keys), _AT_ONCE):
            found += self._wait(self._counters.read(keys[at : at + _AT_ONCE]))
        return found

    def open_reservations(self) -> list[OpenReservation]:
        """All that are not settled."""
        return self._wait(self._counters.open_reservations())

    def settle(self, reservation_id: str, amounts: Sequence[int] | None) -> None:
        """Replace a reservation by what was really used."""
        self._wait(_called(lambda: self._counters.settle(reservation_id, amounts)))

    def correct(self, wanted: Sequence[Correction]) -> list[bool]:
        """Set each counter that still stands where it was expected to; which did."""
        done: list[bool] = []
        for at in range(0, len(wanted), _AT_ONCE):
            done += self._wait(self._correct(wanted[at : at + _AT_ONCE]))
        return done

    async def _correct(self, wanted: Sequence[Correction]) -> list[bool]:
        return [await self._counters.correct(one.key, one.expected, one.posted, one.ends_us) for one in wanted]

    def reopen(self, keys: Sequence[bytes]) -> None:
        """Close breakers by hand."""
        self._wait(self._counters.reopen(keys))

    def built(self) -> bool:
        """Whether they were built from the ledger since they last were empty."""
        return self._wait(self._counters.built())

    def mark_built(self) -> None:
        """Say that they are."""
        self._wait(self._counters.mark_built())

    def close(self) -> None:
        """Let go."""
        try:
            self._wait(self._counters.close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_WAIT_SECONDS)
            if not self._thread.is_alive():
                self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, Found]) -> Found:
        running: Future[Found] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result(_WAIT_SECONDS)
        except TimeoutError:
            running.cancel()
            raise CountersAway("the counters do not answer") from None


async def _called(what: Callable[[], Found]) -> Found:
    return what()
