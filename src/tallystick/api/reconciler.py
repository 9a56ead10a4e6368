"""Holds months against their bills when these have changed, beside everything else the app does."""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from tallystick.operations.context import Context, now_us
from tallystick.operations.keep_reconciled import Due, Rota
from tallystick.operations.reconcile import reconcile

_LOG = logging.getLogger("tallystick.reconcile")
_ROUND_SECONDS = 5.0
_LAST_SECONDS = 10.0


@dataclass(slots=True)
class Reconciler:
    """One thread; it holds the ledger's lock for one month of one account at a time.

    Attributes:
        writing: Entered while the ledger is written.
        first_seconds: Before the first look, for whoever has just started and looks at pages.
    """

    context: Context
    writing: Callable[[], AbstractContextManager[object]]
    round_seconds: float = _ROUND_SECONDS
    first_seconds: float = _ROUND_SECONDS
    stopping: threading.Event = field(default_factory=threading.Event)
    _rota: Rota = field(default_factory=Rota)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; what changed while nothing ran comes first."""
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the month in hand: one that is cut off counts for nothing and is made anew at the next start."""
        self.stopping.set()
        if self._thread is not None:
            self._thread.join(_LAST_SECONDS)

    def _run(self) -> None:
        wait = self.first_seconds
        while not self.stopping.wait(wait):
            wait = self.round_seconds
            try:
                for one in self._rota.due(self.context, now_us()):
                    if self.stopping.is_set():
                        break
                    self._reconcile(one)
            except Exception:  # noqa: BLE001 - the row database may be busy; the next round tries again
                _LOG.exception("months could not be reconciled; trying again")
                self._rota = Rota()
        self.context.config_db.close()

    def _reconcile(self, one: Due) -> None:
        try:
            with self.writing():
                reconcile(self.context, one.account, one.period, one.currency)
        except Exception:  # noqa: BLE001 - a month that cannot be reconciled hinders no other
            _LOG.exception("%s could not be reconciled", one)
