"""When an upstream is better left alone for a while: a state machine whose instants are arguments.

Closed, calls pass. After enough failures it opens, and calls go elsewhere where there is
an elsewhere. When the cool-down is over one call probes; what becomes of it closes the
circuit or opens it for twice as long.
"""

from collections import deque
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

CircuitState = Literal["closed", "open", "half-open"]

WINDOW_SECONDS = 30.0
LEAST_FAILURES = 5
LEAST_SHARE = 0.5
FIRST_COOL_DOWN = 10.0
LONGEST_COOL_DOWN = 120.0
# A probe nobody heard of again must not keep the circuit waiting for ever.
PROBE_SECONDS = 60.0
# Of a busy upstream the latest calls tell enough.
_MOST_CALLS = 512


@dataclass(slots=True)
class Circuit:
    """One upstream's. Instants are monotonic seconds.

    Attributes:
        opened_at: When it opened last; None while closed.
        cool_down: How long it stays open, seconds.
        probing_since: When a probe was let through, None while there is none.
    """

    opened_at: float | None = None
    cool_down: float = FIRST_COOL_DOWN
    probing_since: float | None = None
    _calls: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=_MOST_CALLS))

    def state(self, now: float) -> CircuitState:
        """What it is at an instant."""
        if self.opened_at is None:
            return "closed"
        return "open" if now < self.opened_at + self.cool_down else "half-open"

    def admits(self, now: float) -> bool:
        """Whether a call that could go elsewhere should come here; half-open admits one at a time, the probe."""
        state = self.state(now)
        if state != "half-open":
            return state == "closed"
        if self.probing_since is not None and now < self.probing_since + PROBE_SECONDS:
            return False
        self.probing_since = now
        return True

    def admits_now(self) -> bool:
        """`admits` at this instant."""
        return self.opened_at is None or self.admits(perf_counter())

    def succeeded(self, now: float) -> None:
        """A call was answered: the upstream is well, whoever asked."""
        if self.opened_at is not None:
            self.opened_at, self.probing_since, self.cool_down = None, None, FIRST_COOL_DOWN
            self._calls.clear()
        self._calls.append((now, True))

    def failed(self, now: float) -> None:
        """A call was not reached, timed out, or was answered with a 5xx."""
        if self.opened_at is not None:
            if self.state(now) == "half-open":
                self.cool_down = min(self.cool_down * 2, LONGEST_COOL_DOWN)
                self.opened_at, self.probing_since = now, None
            return
        calls = self._calls
        calls.append((now, False))
        while calls[0][0] <= now - WINDOW_SECONDS:
            calls.popleft()
        failures = sum(not well for _, well in calls)
        if failures >= LEAST_FAILURES and failures >= LEAST_SHARE * len(calls):
            self.opened_at = now
