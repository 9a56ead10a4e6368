"""Fetches what sources owe, beside everything else the app does: a slow source delays no other and no row."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tallystick.operations.connect_source import Sources
from tallystick.operations.context import Context
from tallystick.operations.keep_sources import due_sources
from tallystick.operations.sync_source import SyncSummary, sync
from tallystick.transport.ask import forget_connections

_LOG = logging.getLogger("tallystick.sources")
_ROUND_SECONDS = 10.0
_LAST_SECONDS = 2.0
_MOST_AT_ONCE = 4


def _ignore(summary: SyncSummary) -> None:
    """Nobody waits for it."""


@dataclass(slots=True)
class Fetcher:
    """One thread that looks what is due, and one for each source that is being read.

    Attributes:
        sources: Its `stopping` says when this one ends.
        on_synced: Called in the source's thread after each run.
    """

    context: Context
    sources: Sources
    on_synced: Callable[[SyncSummary], None] = _ignore
    round_seconds: float = _ROUND_SECONDS
    stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _workers: dict[str, threading.Thread] = field(default_factory=dict)

    def start(self) -> None:
        """Begin; what is due since before comes first."""
        self._thread = threading.Thread(target=self._run, name="sources", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End. A source in the midst of an answer is left to it: the pages kept so far are gone on from."""
        self.stopping.set()
        until = time.monotonic() + _LAST_SECONDS
        for thread in [self._thread, *self._workers.values()]:
            if thread is not None:
                thread.join(max(until - time.monotonic(), 0))

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                self._round()
            except Exception:  # noqa: BLE001 - the row database may be busy; what is due stays so
                _LOG.exception("sources could not be looked at; trying again")
            self.stopping.wait(self.round_seconds)
        self.context.config_db.close()

    def _round(self) -> None:
        self._workers = {name: one for name, one in self._workers.items() if one.is_alive()}
        for name in due_sources(self.context, self.sources):
            if name in self._workers or len(self._workers) >= _MOST_AT_ONCE:
                continue
            worker = threading.Thread(target=self._sync, args=(name,), name=f"source-{name}", daemon=True)
            self._workers[name] = worker
            worker.start()

    def _sync(self, name: str) -> None:
        try:
            self.on_synced(sync(self.context, self.sources, name))
        except Exception:  # noqa: BLE001 - removed meanwhile, or the disk is full; the next round tries again
            _LOG.exception("source %s could not be read", name)
        forget_connections()
        self.context.config_db.close()
