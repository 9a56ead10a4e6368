"""What budgets would have done to calls of the past, one after another in the order of time.

A call settles before the next one asks: of calls that ran at once nothing is known here, so
that where budgets are nearly used up the live gateway refuses a little earlier.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tallystick.budgets.ask import limit_at
from tallystick.budgets.cover import BudgetBook, group_values
from tallystick.budgets.judge import SEVERITY, refusal
from tallystick.budgets.model import Budget, Verdict
from tallystick.budgets.window import previous, slots
from tallystick.kernel.period import SECOND_US

Values = tuple[str, ...]
# The instant, then money it was held to and money it cost in nano-units (None where unknown), tokens.
Call = tuple[int, int | None, int | None, int]
Reprice = Callable[[str], int | None]


@dataclass(slots=True)
class Effect:
    """What one budget would have done to one group.

    Attributes:
        first_us: Instant of the first such call.
        saved: Nano-units that would not have been spent.
        unknown: Calls whose saving nobody knows.
    """

    budget: Budget
    values: Values
    verdict: Verdict
    first_us: int
    calls: int = 0
    saved: int = 0
    unknown: int = 0


@dataclass(slots=True)
class _Held:
    """One proposed budget as it is being replayed."""

    budget: Budget
    until_us: int = 0
    start_us: int = 0
    earlier: tuple[int, ...] = ()
    before_us: int | None = None
    limit: int = 0
    carried: int = 0
    used: dict[tuple[Values, int], int] = field(default_factory=dict)
    tripped: dict[Values, int] = field(default_factory=dict)

    def move(self, at_us: int) -> None:
        """Into the window or slot of an instant; what no longer counts is forgotten."""
        span, self.earlier = slots(self.budget, at_us)
        self.start_us, self.until_us = span.start_us, span.end_us or 2**62
        before = previous(self.budget, at_us) if self.budget.carry_over else None
        self.before_us = None if before is None else before.start_us
        self.limit = limit_at(self.budget, at_us)
        self.carried = limit_at(self.budget, before.end_us - 1) if before is not None else 0
        if span.end_us:
            counts = {self.start_us, *self.earlier, self.before_us}
            self.used = {place: amount for place, amount in self.used.items() if place[1] in counts}

    def room(self, values: Values) -> int:
        """What is left for a group."""
        used = self.used
        taken = used.get((values, self.start_us), 0)
        for start in self.earlier:
            taken += used.get((values, start), 0)
        limit = self.limit
        if self.before_us is not None and self.budget.blocks:
            limit += max(0, min(self.carried - used.get((values, self.before_us), 0), limit))
        return limit - taken


class Replay:
    """Budgets with counters of their own, to be shown calls in the order of time.

    Args:
        budgets: Those proposed. Overrides hold only as they are when a window begins.

    Attributes:
        calls: How many were shown; `covered` of them by any budget.
        spent: Nano-units that would have been spent by covered calls.
    """

    def __init__(self, budgets: Iterable[Budget]) -> None:
        self._book = BudgetBook(budgets)
        self._held = {budget.budget_id: _Held(budget) for budget in self._book.budgets}
        self._effects: dict[tuple[str, Values, Verdict], Effect] = {}
        self.calls = self.covered = self.spent = 0

    def covering(self, dimensions: dict[str, str]) -> tuple[tuple[str, Values], ...]:
        """The budgets that cover calls with these dimensions, each with its group: for `show`."""
        return tuple((one.budget_id, group_values(one, dimensions)) for one in self._book.covering(dimensions))

    def show(self, covering: tuple[tuple[str, Values], ...], call: Call, *, critical: bool, reprice: Reprice) -> None:
        """One more call.

        Args:
            covering: From `covering`.
            critical: It is critical work, which a pause spares.
            reprice: Model to what the call would have cost with it, in nano-units.
        """
        self.calls += 1
        if not covering:
            return
        self.covered += 1
        _, bound, cost, _ = call
        lacking = self._lacking(covering, call, critical=critical)
        if lacking is None:
            self._post(covering, call, cost if cost is not None else bound)
            return
        held, values, verdict = lacking
        if verdict == "degraded":
            cheaper = reprice(held.budget.degrade_to)
            changed = (call[0], cheaper, cheaper, call[3])
            if cheaper is not None and self._fits(covering, changed, critical=critical):
                self._post(covering, changed, cheaper)
                self._note(held, values, "degraded", (call[0], None if cost is None else cost - cheaper))
                return
            verdict = "blocked"
        self._note(held, values, verdict, (call[0], cost))

    def effects(self) -> list[Effect]:
        """What would have been done, the largest saving first."""
        return sorted(self._effects.values(), key=lambda one: (-one.saved, one.first_us, one.budget.name, one.values))

    def _lacking(
        self, covering: tuple[tuple[str, Values], ...], call: Call, *, critical: bool
    ) -> tuple[_Held, Values, Verdict] | None:
        """The gravest of the budgets without room."""
        worst: tuple[_Held, Values, Verdict] | None = None
        for budget_id, values in covering:
            held = self._held[budget_id]
            budget = held.budget
            if call[0] >= held.until_us or call[0] < held.start_us:
                held.move(call[0])
            if not self._stops(held, values, call):
                continue
            if budget.action == "alert" or (budget.action == "pause" and critical):
                if budget.action == "alert":
                    self._note(held, values, "alerted", (call[0], 0))
                continue
            verdict = refusal(budget, final=False, model="")
            if worst is None or SEVERITY.index(verdict) < SEVERITY.index(worst[2]):
                worst = held, values, verdict
        return worst

    def _fits(self, covering: tuple[tuple[str, Values], ...], call: Call, *, critical: bool) -> bool:
        for budget_id, values in covering:
            held = self._held[budget_id]
            spared = held.budget.action == "alert" or (held.budget.action == "pause" and critical)
            if not spared and self._stops(held, values, call):
                return False
        return True

    def _stops(self, held: _Held, values: Values, call: Call) -> bool:
        budget = held.budget
        if budget.trip_seconds and held.tripped.get(values, 0) > call[0]:
            return True
        amount = _amount(budget, call, call[1])
        # What asks for nothing fits where nothing is left.
        if amount <= max(0, held.room(values)):
            return False
        if budget.trip_seconds:
            held.tripped[values] = call[0] + budget.trip_seconds * SECOND_US
        return True

    def _post(self, covering: tuple[tuple[str, Values], ...], call: Call, cost: int | None) -> None:
        self.spent += cost or 0
        for budget_id, values in covering:
            held = self._held[budget_id]
            place = (values, held.start_us)
            held.used[place] = held.used.get(place, 0) + _amount(held.budget, call, cost)

    def _note(self, held: _Held, values: Values, verdict: Verdict, what: tuple[int, int | None]) -> None:
        at_us, saved = what
        key = (held.budget.budget_id, values, verdict)
        found = self._effects.get(key)
        if found is None:
            found = self._effects[key] = Effect(held.budget, values, verdict, at_us)
        found.calls += 1
        if saved is None:
            found.unknown += 1
        else:
            found.saved += saved


def _amount(budget: Budget, call: Call, money: int | None) -> int:
    if budget.unit == "requests":
        return 1
    return call[3] if budget.unit == "tokens" else money or 0
