"""Budgets and counters as one gateway process sees them: what holds now, reserved and settled."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tallystick.budgets.bound import CURRENCY
from tallystick.budgets.cover import BudgetBook
from tallystick.budgets.coverage import CoverageBook
from tallystick.budgets.model import Ask, Bound, Budget, Granted
from tallystick.budgets.settle import actual
from tallystick.gateway.settings import BudgetSettings
from tallystick.ports import Counters
from tallystick.usage.model import UsageEvent

_WAIT_SECONDS = 10.0
_LOOK_SECONDS = 0.05
# Ends after which a usage that was not reported may be less than what is billed.
_LOST = frozenset({"cut", "client_gone", "interrupted", "error"})


@dataclass(slots=True)
class Reserved:
    """What an attempt holds until it is settled."""

    covering: tuple[Budget, ...]
    bound: Bound
    output: int


@dataclass(slots=True)
class Enforcer:
    """Budgets, counters and policy of one gateway process.

    Attributes:
        owner: Name of this process's spool folder; reservations carry it.
        may_build: Nothing was ever spent here, so empty counters are right as they are.
    """

    settings: BudgetSettings
    counters: Counters
    read_since: Callable[[int], Iterable[Budget]]
    owner: str
    may_build: bool = False
    coverages: CoverageBook = field(default_factory=lambda: CoverageBook(BudgetBook(()), "ceiling"))
    _own: dict[str, Budget] = field(default_factory=dict)
    _version: int = 0
    _ready: bool = False

    def refresh(self) -> None:
        """Take in budgets made, changed or deleted since the last time."""
        changed = list(self.read_since(self._version))
        for budget in changed:
            self._own[budget.budget_id] = budget
            self._version = max(self._version, budget.version)
        if changed or not self.coverages.book.budgets:
            book = BudgetBook((*self.settings.defaults, *self._own.values()))
            self.coverages = CoverageBook(book, self.settings.policy.unknown_price)

    async def reserve(self, ask: Ask) -> Granted:
        """As the counters do; at the start it waits for them to be built.

        Raises:
            CountersAway: They cannot be asked.
        """
        if not self._ready:
            await self._await_built()
        return await self.counters.reserve(ask)

    async def _await_built(self) -> None:
        deadline = time.monotonic() + _WAIT_SECONDS
        while not await self.counters.built():
            if self.may_build:
                await self.counters.mark_built()
            elif time.monotonic() > deadline:
                # Once only: later calls are told at once.
                break
            else:
                await asyncio.sleep(_LOOK_SECONDS)
        self._ready = True

    def settle(self, reserved: Reserved, event: UsageEvent) -> None:
        """Replace the reservation by what the row says; what is not known for certain counts with its bound.

        So does a cost in a currency that limits are not in: budgets know no rates.
        """
        known = event.measured.state == "reported" or event.outcome not in _LOST
        cost = event.effective_cost if known and event.currency == CURRENCY else None
        tokens = _tokens(event) if known else None
        amounts = actual(reserved.covering, cost, tokens, reserved.bound, reserved.output)
        self.counters.settle(event.event_id, amounts)

    def release(self, event_id: str, reserved: Reserved) -> None:
        """Give back all of it: nothing reached a provider."""
        self.counters.settle(event_id, (0,) * len(reserved.covering))


def _tokens(event: UsageEvent) -> int | None:
    measured = event.measured
    if measured.input_tokens is None or measured.output_tokens is None:
        return None
    return measured.input_tokens + measured.output_tokens
