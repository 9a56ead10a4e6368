"""The one place that hears of every call: what is counted, logged and traced hangs here.

A call is told of after its row is written, so nothing here can lose one or change it.
"""

from collections.abc import Sequence
from typing import Protocol

from tallystick.gateway.row import Begun
from tallystick.usage.model import UsageEvent


class Watcher(Protocol):
    """Hears of calls on their path: a few microseconds, no waiting, no errors."""

    def began(self) -> None:
        """A call goes to its provider; `finished` follows."""

    def finished(self, begun: Begun, event: UsageEvent) -> None:
        """The row of a call is written; one that was refused never began."""

    def close(self) -> None:
        """The process ends: let go, and write what is still held."""


class Observer:
    """Tells every watcher of every call."""

    __slots__ = ("_watchers",)

    def __init__(self, watchers: Sequence[Watcher] = ()) -> None:
        self._watchers = tuple(watchers)

    def began(self) -> None:
        """A call goes to its provider."""
        for watcher in self._watchers:
            watcher.began()

    def finished(self, begun: Begun, event: UsageEvent) -> None:
        """The row of a call is written."""
        for watcher in self._watchers:
            watcher.finished(begun, event)

    def close(self) -> None:
        """The process ends."""
        for watcher in self._watchers:
            watcher.close()
