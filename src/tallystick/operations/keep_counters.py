"""What the app does for counters every few seconds: build, repair, tell."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tallystick.budgets.store import list_drift
from tallystick.operations.context import Context, now_us
from tallystick.operations.ledger_sums import LedgerSums
from tallystick.operations.load_budgets import budgets_in_force
from tallystick.operations.repair_counters import DRIFTED, Repair, build_counters, repair_counters
from tallystick.operations.watch_budgets import tell_drift, watch_thresholds
from tallystick.operations.watch_untracked import watch_untracked
from tallystick.ports import CountersAway
from tallystick.usage.model import UsageEvent

_LOG = logging.getLogger("tallystick.counters")
_ROUND_SECONDS = 10.0
_THRESHOLD_SECONDS = 30.0
_UNTRACKED_SECONDS = 3600.0


@dataclass(slots=True)
class Rounds:
    """When what was done last, and how the counters are.

    Attributes:
        drain: Moves what gateways have spooled into the ledger, now.
        in_flight: Calls that gateways have begun and not completed.
        elsewhere: Gateways on other machines use the same counters.
        state: ``ok``, or why the counters cannot be asked; for the status page.
        repair: None where each gateway has counters of its own, so that there is nothing to repair.
    """

    context: Context
    drain: Callable[[], object]
    in_flight: Callable[[], Sequence[UsageEvent]] = tuple
    elsewhere: bool = False
    state: str = "ok"
    repair: Repair | None = field(init=False)
    sums: LedgerSums = field(init=False)
    _next: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counters = self.context.counters
        self.sums = LedgerSums(self.context)
        self.repair = (
            None if counters is None else Repair(self.context, counters, self.drain, self.in_flight, self.elsewhere)
        )
        if counters is None:
            self.state = "in each gateway process: not built from the ledger, not repaired"

    def run(self) -> None:
        """Do what is due. Counters that are away are tried again next time; it never raises for them."""
        if self._is_due("repair", _ROUND_SECONDS):
            self._ask(repair_and_tell)
        if self._is_due("thresholds", _THRESHOLD_SECONDS):
            watch_thresholds(self.context, self.sums, now_us())
        if self._is_due("untracked", _UNTRACKED_SECONDS):
            watch_untracked(self.context)

    def build(self) -> None:
        """Build counters that are not built; where they are away it is tried again with every round."""
        self._ask(build_if_empty)

    def _ask(self, what: Callable[[Repair], None]) -> None:
        if self.repair is None:
            return
        try:
            what(self.repair)
            self.state = "ok"
        except CountersAway as away:
            if self.state == "ok":
                _LOG.warning("the counters cannot be asked: %s", away.reason)
            self.state = away.reason

    def _is_due(self, what: str, seconds: float) -> bool:
        now = time.monotonic()
        if now < self._next.get(what, 0.0):
            return False
        self._next[what] = now + seconds
        return True


def build_if_empty(repair: Repair) -> None:
    """Build counters that have not been built since they last were empty."""
    if not repair.counters.built():
        build_counters(repair)


def repair_and_tell(repair: Repair) -> None:
    """One round of repair; what was set right without a known reason is told."""
    healed, context = repair_counters(repair), repair.context
    if healed:
        latest = list_drift(context.config_db, healed)
        told = [one for one in latest if one.reason == DRIFTED and one.at == latest[0].at]
        tell_drift(context, told, budgets_in_force(context.config_db, context.default_budgets))
