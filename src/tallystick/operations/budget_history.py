"""What one group of a budget used in its past windows, and who changed the budget when."""

from dataclasses import dataclass

from tallystick.budgets.ask import limit_at
from tallystick.budgets.expect import Family, can_be_known, expected, family_of
from tallystick.budgets.history import Change
from tallystick.budgets.model import Budget, Span
from tallystick.budgets.store import list_changes
from tallystick.budgets.window import ENDLESS, previous, span
from tallystick.operations.context import Context
from tallystick.operations.ledger_sums import LedgerSums


@dataclass(frozen=True, slots=True)
class Past:
    """One window of one group.

    Attributes:
        used: In the budget's unit, by the ledger.
        limit: That held at the window's end, or holds now.
        whole: The ledger still has all of it.
    """

    window: Span
    used: int
    limit: int
    whole: bool


def past_use(
    context: Context, budget: Budget, values: tuple[str, ...], at_us: int, *, windows: int = 12
) -> tuple[Past, ...]:
    """The last windows of a group, the current one last; none where windows do not follow each other.

    Args:
        context: The instance.
        budget: Whose.
        values: Of its grouping; which group.
        at_us: Now.
        windows: At most so many.
    """
    if not can_be_known(budget) or budget.rolling or budget.window in ENDLESS:
        return ()
    spans = [span(budget, at_us)]
    while len(spans) < windows and (before := previous(budget, spans[0].start_us)) is not None:
        spans.insert(0, before)
    starts = tuple(one.start_us for one in spans)
    family = Family(family_of(budget, at_us).dimensions, starts, spans[-1].end_us, starts)
    found = expected(family, [budget], *LedgerSums(context).groups(family, at_us))
    mine = {one.start_us: one for one in found if one.values == values}
    return tuple(
        Past(
            one,
            mine[one.start_us].amount if one.start_us in mine else 0,
            limit_at(budget, min(at_us, one.end_us - 1)),
            mine[one.start_us].whole if one.start_us in mine else True,
        )
        for one in spans
    )


def list_budget_changes(context: Context, budget: Budget) -> list[Change]:
    """Its changes, newest first; a default has none."""
    return list_changes(context.config_db, budget.budget_id)[::-1]
