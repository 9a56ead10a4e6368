"""How each budget stands: what its groups have used, at what pace, and whether it still fits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tallystick.budgets.ask import NO_WINDOW
from tallystick.budgets.cover import counter_key
from tallystick.budgets.expect import Family, can_be_known, expected, family_of
from tallystick.budgets.model import Budget, Standing
from tallystick.budgets.pace import Pace, pace
from tallystick.budgets.review import Review, review
from tallystick.budgets.standing import Use, uses
from tallystick.budgets.store import list_changes
from tallystick.budgets.window import ENDLESS, previous, span
from tallystick.kernel.period import DAY_US
from tallystick.operations.context import Context, now_us
from tallystick.operations.ledger_sums import LedgerSums
from tallystick.ports import CountersAway

# After so long in use a limit is looked at again.
REVIEW_US = 30 * DAY_US
_MOST_WINDOWS = 60


@dataclass(frozen=True, slots=True)
class Counter:
    """One group of a budget now.

    Attributes:
        use: By the ledger.
        reserved: Held for calls in flight; None where the counters cannot be asked.
        posted: What the counters say was used; None where they cannot be asked.
        tripped_until_us: Its breaker is open until then.
        pace: Of its window.
    """

    use: Use
    pace: Pace
    posted: int | None = None
    reserved: int | None = None
    tripped_until_us: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """One budget as it stands.

    Attributes:
        counters: Groups that have used anything, the nearest to their limit first; only so many are given.
        groups: How many there are in all.
        known: Whether the ledger can tell its groups at all.
        changed_at: When it was set last; None for a default.
        review: What its past windows say of its limit, once it has been in use long enough.
    """

    budget: Budget
    counters: tuple[Counter, ...]
    groups: int
    known: bool
    changed_at: int | None = None
    review: Review | None = None


def report_budgets(context: Context, budgets: Sequence[Budget], *, top: int, reviewed: bool = True) -> list[Report]:
    """Each budget with its groups nearest to their limits, `top` of each."""
    at, sums = now_us(), LedgerSums(context)
    found: dict[str, list[Use]] = {budget.budget_id: [] for budget in budgets}
    for use in uses(sums.expected(budgets, at), at):
        found[use.budget.budget_id].append(use)
    return [_report(context, budget, found[budget.budget_id], top, at, reviewed=reviewed) for budget in budgets]


def _report(context: Context, budget: Budget, found: Sequence[Use], top: int, at_us: int, *, reviewed: bool) -> Report:
    changes = list_changes(context.config_db, budget.budget_id)
    due = reviewed and changes and at_us - changes[-1].at >= REVIEW_US
    return Report(
        budget,
        tuple(_counters(context, found[:top], at_us)),
        len(found),
        can_be_known(budget),
        changes[-1].at if changes else None,
        review(budget, past_windows(context, budget, at_us)) if due else None,
    )


def _counters(context: Context, found: Sequence[Use], at_us: int) -> Iterable[Counter]:
    for use in found:
        now = pace(use.budget, use.window, use.standing, at_us)
        keys = [*use.keys, counter_key(use.budget.budget_id, use.values, NO_WINDOW)]
        try:
            read = context.counters.read(keys) if context.counters else []
        except CountersAway:
            read = []
        yield _counter(use, now, read)


def _counter(use: Use, now: Pace, read: Sequence[Standing]) -> Counter:
    if not read:
        return Counter(use, now)
    *counted, breaker = read
    tripped = max(breaker.tripped_until_us, counted[0].tripped_until_us)
    return Counter(use, now, sum(one.posted for one in counted), sum(one.reserved for one in counted), tripped)


def past_windows(context: Context, budget: Budget, at_us: int) -> list[int]:
    """What each group used in each past window it was active in, the current one left out."""
    if not can_be_known(budget) or budget.rolling or budget.window in ENDLESS:
        return []
    starts, before = [span(budget, at_us).start_us], previous(budget, at_us)
    while before is not None and len(starts) <= _MOST_WINDOWS and at_us - before.start_us < 4 * REVIEW_US:
        starts.insert(0, before.start_us)
        before = previous(budget, before.start_us)
    if len(starts) == 1:
        return []
    family = Family(family_of(budget, at_us).dimensions, tuple(starts[:-1]), starts[-1], tuple(starts[:-1]))
    sums = LedgerSums(context)
    return [one.amount for one in expected(family, [budget], *sums.groups(family, at_us)) if one.amount]
