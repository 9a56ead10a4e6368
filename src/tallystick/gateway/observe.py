"""The one place that hears of every call: what is counted, logged and traced hangs here.

A call is told of after its row is written, so nothing here can lose one or change it.
"""

import logging
from collections.abc import Sequence
from typing import Protocol

from tallystick.gateway.row import Begun
from tallystick.usage.model import UsageEvent

_log = logging.getLogger("tallystick.gateway")


class Watcher(Protocol):
    """Hears of calls on their path: a few microseconds, no waiting, no errors."""

    def began(self) -> None:
        """A call goes to its provider; `finished` follows."""

    def finished(self, begun: Begun, event: UsageEvent) -> None:
        """The row of a call is written; one that was refused never began."""

    def close(self) -> None:
        """The process ends: let go, and write what is still held."""


class Observer:
    """Tells every watcher of every call. What fails in one of them fails no call."""

    __slots__ = ("_watchers",)

    def __init__(self, watchers: Sequence[Watcher] = ()) -> None:
        self._watchers = tuple(watchers)

    def began(self) -> None:
        """A call goes to its provider."""
        for watcher in self._watchers:
            try:
                watcher.began()
            except Exception:  # noqa: BLE001 - watching never fails a call
                _log.exception("a call could not be watched")

    def finished(self, begun: Begun, event: UsageEvent) -> None:
        """The row of a call is written."""
        for watcher in self._watchers:
            try:
                watcher.finished(begun, event)
            except Exception:  # noqa: BLE001 - watching never fails a call
                _log.exception("a call could not be watched")

    def close(self) -> None:
        """The process ends."""
        for watcher in self._watchers:
            watcher.close()
