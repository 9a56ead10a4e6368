"""How much of each budget is used, group by group, from what its counters should stand at."""

from collections.abc import Iterable
from dataclasses import dataclass

from tallystick.budgets.ask import limit_at
from tallystick.budgets.cover import counter_key, grouping
from tallystick.budgets.expect import Expected
from tallystick.budgets.model import Budget, Span, Standing
from tallystick.budgets.window import previous, slots, span


@dataclass(frozen=True, slots=True)
class Use:
    """One group of one budget in its current window.

    Attributes:
        values: Of the budget's grouping.
        window: First instant in, first out; 0 as end never ends.
        used: What the ledger holds of the window, in the budget's unit.
        limit: That holds now, with what the window before left over.
        keys: Counters that make it up, the one that is counted on now first.
    """

    budget: Budget
    values: tuple[str, ...]
    window: Span
    used: int
    limit: int
    keys: tuple[bytes, ...]

    @property
    def group(self) -> dict[str, str]:
        """Dimension to value."""
        return dict(zip(grouping(self.budget), self.values, strict=True))

    @property
    def standing(self) -> Standing:
        """As the counters would tell it, had they nothing reserved."""
        return Standing(self.used, 0, self.limit)


def uses(expected: Iterable[Expected], at_us: int) -> list[Use]:
    """The groups that have used anything, the one nearest to its limit first within each budget."""
    amounts: dict[tuple[str, tuple[str, ...]], dict[int, int]] = {}
    budgets: dict[str, Budget] = {}
    for one in expected:
        budgets[one.budget.budget_id] = one.budget
        amounts.setdefault((one.budget.budget_id, one.values), {})[one.start_us] = one.amount
    found = [_use(budgets[budget_id], values, starts, at_us) for (budget_id, values), starts in amounts.items()]
    return sorted(
        found, key=lambda use: (use.budget.name, use.budget.budget_id, -use.used / max(1, use.limit), use.values)
    )


def _use(budget: Budget, values: tuple[str, ...], amounts: dict[int, int], at_us: int) -> Use:
    slot, earlier = slots(budget, at_us)
    starts = (slot.start_us, *earlier)
    return Use(
        budget,
        values,
        span(budget, at_us),
        sum(amounts.get(start, 0) for start in starts),
        limit_at(budget, at_us) + _carried(budget, amounts, at_us),
        tuple(counter_key(budget.budget_id, values, start) for start in starts),
    )


def _carried(budget: Budget, amounts: dict[int, int], at_us: int) -> int:
    """What the window before left unused, at most one limit; nothing where the budget was not there in it."""
    before = previous(budget, at_us) if budget.carry_over and budget.blocks else None
    if before is None or budget.created_at >= before.end_us:
        return 0
    unused = limit_at(budget, before.end_us - 1) - amounts.get(before.start_us, 0)
    return max(0, min(unused, limit_at(budget, at_us)))
