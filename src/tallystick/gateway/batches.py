"""Hands rows to a thread in batches: off the path of calls, bounded, losing rather than waiting."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from tallystick.gateway.row import Begun
from tallystick.usage.model import UsageEvent

_LOG = logging.getLogger("tallystick.gateway")
_LAST_SECONDS = 5.0


class Batches:
    """See `observe.Watcher`.

    Args:
        name: Of the thread.
        take: Given rows in order, in the thread, and an event that is set when the process ends: then it waits no more.
        lost: Called for each row that finds no room or cannot be handed over, in either thread.
        seconds: Between batches.
        most: Rows that may wait.
    """

    def __init__(
        self,
        name: str,
        take: Callable[[Sequence[UsageEvent], threading.Event], None],
        lost: Callable[[], None],
        *,
        seconds: float = 0.5,
        most: int = 8192,
    ) -> None:
        self._take = take
        self._lost = lost
        self._seconds = seconds
        self._most = most
        self._waiting: deque[UsageEvent] = deque()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def began(self) -> None:
        """Nothing is known yet."""

    def finished(self, begun: Begun, event: UsageEvent) -> None:
        """Queue the row."""
        if len(self._waiting) < self._most:
            self._waiting.append(event)
        else:
            self._lost()

    def close(self) -> None:
        """Hand over what waits, a few seconds at most."""
        self._ending.set()
        self._thread.join(_LAST_SECONDS)

    def _run(self) -> None:
        while not self._ending.wait(self._seconds):
            self._hand_over()
        self._hand_over()

    def _hand_over(self) -> None:
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not batch:
            return
        try:
            self._take(batch, self._ending)
        except Exception:  # noqa: BLE001 - the next batch may pass
            _LOG.exception("%d rows could not be handed over by %s", len(batch), self._thread.name)
            for _ in batch:
                self._lost()
