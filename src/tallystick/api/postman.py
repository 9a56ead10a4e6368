"""Sends what alerts owe, beside everything else the app does: a slow mail server delays no row and no other channel."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tallystick.notify.model import Channel
from tallystick.operations.context import Context
from tallystick.operations.deliver_alerts import deliver_alerts

_LOG = logging.getLogger("tallystick.notify")
_ROUND_SECONDS = 1.0
_LAST_SECONDS = 2.0


@dataclass(slots=True)
class Postman:
    """One thread for each channel."""

    context: Context
    channels: Sequence[Channel] = ()
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin; what is owed since before comes first."""
        for channel in self.channels:
            thread = threading.Thread(target=self._run, args=(channel,), name=f"notify-{channel.name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End. A channel in the midst of a long wait is left to it: what is not marked is still owed."""
        self._stopping.set()
        until = time.monotonic() + _LAST_SECONDS
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))

    def _run(self, channel: Channel) -> None:
        while not self._stopping.is_set():
            try:
                deliver_alerts(self.context, [channel])
            except Exception:  # noqa: BLE001 - the row database may be busy; what is owed stays so
                _LOG.exception("alerts could not be sent; trying again")
            self._stopping.wait(_ROUND_SECONDS)
        self.context.config_db.close()
