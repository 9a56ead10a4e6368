"""Counts every call of this process in cells that the app reads: two microseconds a call.

A cell's name is family, labels and part, with tabs between. The part is empty but for
histograms, whose cells count each interval apart (``0.05``, ``+Inf``) and keep the
sum in whole units (``sum``).
"""

import contextlib
import threading
from bisect import bisect_left
from dataclasses import dataclass

from tallystick.gateway.row import Begun
from tallystick.storage.metric_cells import MetricCells
from tallystick.usage.model import UsageEvent

# Upper ends of the intervals in seconds, and the same in microseconds.
BOUNDS = ("0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "120", "300")
_BOUNDS_US = tuple(int(float(bound) * 1_000_000) for bound in BOUNDS)
_LONGEST_LABEL = 64


@dataclass(frozen=True, slots=True)
class Histogram:
    """Cells of one histogram: an interval each, the last without end; and the sum."""

    intervals: tuple[int, ...]
    total: int


@dataclass(slots=True)
class _Provider:
    """Cells of one provider."""

    input_tokens: int
    output_tokens: int
    cost: int
    cost_unknown: int
    seconds: Histogram
    first_token: Histogram


class Metrics:
    """See `observe.Watcher`."""

    def __init__(self, cells: MetricCells) -> None:
        self._cells = cells
        self._values = cells.values
        self._in_flight = cells.allot("~tally_calls_in_flight\t\t")
        self._away = cells.allot("tally_calls_counters_away_total\t\t")
        self._providers: dict[str, _Provider] = {}
        self._calls: dict[tuple[str, str, str], int] = {}

    def began(self) -> None:
        """One more is in flight."""
        self._values[self._in_flight] += 1

    def finished(self, begun: Begun, event: UsageEvent) -> None:
        """Count it; of a call that reached no provider nothing else is known."""
        values = self._values
        what = (event.provider, event.outcome, event.verdict)
        calls = self._calls.get(what)
        if calls is None:
            calls = self._calls[what] = self._allot_calls(*what)
        values[calls] += 1
        if event.decision and is_away(event.decision):
            values[self._away] += 1
        if event.attempt:
            values[self._in_flight] -= 1
            self._count_attempt(event)

    def _count_attempt(self, event: UsageEvent) -> None:
        values = self._values
        cells = self._providers.get(event.provider)
        if cells is None:
            cells = self._providers[event.provider] = self._allot_provider(event.provider)
        measured = event.measured
        values[cells.input_tokens] += measured.input_tokens or 0
        values[cells.output_tokens] += measured.output_tokens or 0
        if event.effective_cost is None:
            values[cells.cost_unknown] += 1
        elif event.currency == "USD":
            self._add_cost(cells, event)
        if event.duration_us is not None:
            self._observe(cells.seconds, event.duration_us)
        if event.time_to_first_token_us is not None:
            self._observe(cells.first_token, event.time_to_first_token_us)

    def lost(self, to: str) -> "Lost":
        """Counts what could not be handed to somebody."""
        return Lost(self._cells, self._cells.allot(f'tally_observations_lost_total\tto="{to}"\t'))

    def close(self) -> None:
        """Let go; what was counted stays."""
        self._values = memoryview(bytearray(0)).cast("q")
        self._cells.close()

    def _observe(self, histogram: Histogram, micros: int) -> None:
        self._values[histogram.intervals[bisect_left(_BOUNDS_US, micros)]] += 1
        self._values[histogram.total] += micros

    def _add_cost(self, cells: _Provider, event: UsageEvent) -> None:
        try:
            self._values[cells.cost] += event.effective_cost or 0
        except ValueError:  # nine million dollars in grains fill a cell; cells of one name add up
            cells.cost = self._cells.allot(_name("tally_cost_usd_total", event.provider))
            self._values[cells.cost] += event.effective_cost or 0

    def _allot_calls(self, provider: str, outcome: str, verdict: str) -> int:
        labels = f'provider="{label(provider)}",outcome="{label(outcome)}",verdict="{label(verdict)}"'
        return self._cells.allot(f"tally_calls_total\t{labels}\t")

    def _allot_provider(self, provider: str) -> _Provider:
        allot = self._cells.allot
        tokens = f'tally_tokens_total\tprovider="{label(provider)}",direction='
        return _Provider(
            input_tokens=allot(tokens + '"input"\t'),
            output_tokens=allot(tokens + '"output"\t'),
            cost=allot(_name("tally_cost_usd_total", provider)),
            cost_unknown=allot(_name("tally_calls_cost_unknown_total", provider)),
            seconds=self._allot_histogram("tally_call_duration_seconds", provider),
            first_token=self._allot_histogram("tally_time_to_first_token_seconds", provider),
        )

    def _allot_histogram(self, family: str, provider: str) -> Histogram:
        name = _name(family, provider)
        intervals = tuple(self._cells.allot(name + bound) for bound in (*BOUNDS, "+Inf"))
        return Histogram(intervals, self._cells.allot(name + "sum"))


class Lost:
    """A count of losses, for any thread."""

    def __init__(self, cells: MetricCells, cell: int) -> None:
        self._cells = cells
        self._cell = cell
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """One more."""
        # A thread may outlive the cells while the process ends.
        with self._lock, contextlib.suppress(ValueError):
            self._cells.values[self._cell] += 1


def is_away(decision: str) -> bool:
    """Whether the budgets' counters could not be asked; looked up rather than parsed, for it is on the path of calls.

    In what callers may have put into a decision, quotes are escaped, so that this finds ours alone.
    """
    start = decision.find('"counters":')
    return start >= 0 and '"state"' in (found := decision[start : decision.find("}", start)]) and '"ok"' not in found


def label(value: str) -> str:
    """A label's value as the text format wants it."""
    plain = "".join(one if one.isprintable() else " " for one in value[:_LONGEST_LABEL])
    return plain.replace("\\", "\\\\").replace('"', '\\"')


def _name(family: str, provider: str) -> str:
    return f'{family}\tprovider="{label(provider)}"\t'
