"""What the app does beside answering: drain the spool, post charges, keep retention.

One thread owns all writing to the ledger; whoever else writes (an import, an erasure)
enters `writing` first.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tallystick.api.fetcher import Fetcher
from tallystick.api.postman import Postman
from tallystick.api.reconciler import Reconciler
from tallystick.operations.compact_charges import compact_charges
from tallystick.operations.context import Context, now_us
from tallystick.operations.drain_spool import drain_spool, read_in_flight
from tallystick.operations.keep_counters import Rounds
from tallystick.operations.post_charges import post_charges
from tallystick.operations.retain import retain
from tallystick.pricing.book import PriceBook
from tallystick.storage.spool_reader import SpoolReader
from tallystick.usage.model import UsageEvent

_LOG = logging.getLogger("tallystick.jobs")
_IDLE_SECONDS = 0.25
_POST_SECONDS = 60.0
_POST_EVENTS = 20_000
_RETAIN_SECONDS = 3600.0
_RETRY_SECONDS = 2.0


@dataclass(slots=True)
class Jobs:
    """The app's one background thread and what it knows.

    Attributes:
        book: The current price book, read anew when prices change.
        writing: Held while the ledger is written.
        postman: Sends alerts meanwhile, in threads of its own.
        fetcher: Reads sources of bills meanwhile, likewise.
        reconciler: Holds months against bills that changed, likewise.
        counters: What is done for the counters of budgets every few seconds.
        last_error: Of the last round, empty when it went well; shown by status and doctor.
    """

    context: Context
    reader: SpoolReader
    book: Callable[[], PriceBook]
    writing: threading.RLock = field(default_factory=threading.RLock)
    postman: Postman | None = None
    fetcher: Fetcher | None = None
    reconciler: Reconciler | None = None
    counters: Rounds | None = None
    last_error: str = ""
    drained_events: int = 0
    _unposted: int = 0
    _posted_at: float = field(default_factory=time.monotonic)
    _retained_at: float = -math.inf
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; `stop` ends it."""
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()
        if self.postman is not None:
            self.postman.start()
        if self.fetcher is not None:
            self.fetcher.start()
        if self.reconciler is not None:
            self.reconciler.start()

    def stop(self) -> None:
        """End the thread, drain what gateways have left, and post it."""
        self._stopping.set()
        if self.fetcher is not None:
            self.fetcher.stop()
        if self.reconciler is not None:
            self.reconciler.stop()
        if self._thread is not None:
            self._thread.join()
        if self.postman is not None:
            self.postman.stop()
        self.settle()

    def settle(self) -> None:
        """Drain everything there is and post it, now."""
        with self.writing:
            while drain_spool(self.context, self.reader, self.book()):
                pass
            post_charges(self.context)

    def drain(self) -> int:
        """Move what gateways have spooled so far into the ledger, now; the number of new events."""
        with self.writing:
            drained = drain_spool(self.context, self.reader, self.book())
            self.drained_events += drained
            self._unposted += drained
        return drained

    def in_flight(self) -> list[UsageEvent]:
        """Calls that gateways have begun and not completed, as far as they were drained."""
        with self.writing:
            return read_in_flight(self.reader)

    def pending(self) -> int:
        """0 when every record that gateways have written is in the ledger, else at least 1."""
        with self.writing:
            return 0 if self.reader.is_empty() else 1

    def well(self) -> bool:
        """Whether the last round went well and the thread, once started, still runs."""
        return not self.last_error and (self._thread is None or self._thread.is_alive())

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                drained = self._round()
                if self.counters is not None:
                    self.counters.run()
                self.last_error = ""
            except Exception as error:  # noqa: BLE001 - the ledger may be away for a while; the spool keeps
                drained = 0
                self.last_error = f"{type(error).__name__}: {error}"
                _LOG.exception("draining failed; trying again")
                self._stopping.wait(_RETRY_SECONDS)
            if not drained:
                self._stopping.wait(_IDLE_SECONDS)

    def _round(self) -> int:
        with self.writing:
            drained = self.drain()
            now = time.monotonic()
            if self._unposted >= _POST_EVENTS or (self._unposted and now - self._posted_at > _POST_SECONDS):
                post_charges(self.context)
                self._unposted, self._posted_at = 0, now
            if now - self._retained_at > _RETAIN_SECONDS:
                retain(self.context, now_us())
                compact_charges(self.context)
                self._retained_at = now
        return drained
