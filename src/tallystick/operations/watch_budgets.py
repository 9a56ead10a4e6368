"""Tell people of budgets: thresholds that are reached, and counters that had to be set right."""

from collections.abc import Iterable, Sequence

from tallystick.budgets.explain import words
from tallystick.budgets.history import Drift
from tallystick.budgets.model import Budget, Threshold
from tallystick.budgets.pace import due, pace
from tallystick.budgets.standing import Use, uses
from tallystick.budgets.wire import threshold_text
from tallystick.kernel.period import rfc3339
from tallystick.notify.model import Alert
from tallystick.operations.context import Context
from tallystick.operations.ledger_sums import LedgerSums
from tallystick.operations.load_budgets import budgets_in_force
from tallystick.operations.raise_alert import raise_alert

_LONGEST = 120
_SHOWN = 5


def watch_thresholds(context: Context, sums: LedgerSums, at_us: int) -> int:
    """Raise an alert for each threshold that is reached, once for each budget, group, window and threshold."""
    wanted = [one for one in budgets_in_force(context.config_db, context.default_budgets) if one.thresholds]
    new = 0
    for use in uses(sums.expected(wanted, at_us), at_us):
        for threshold in due(use.budget, use.window, use.standing, at_us):
            new += raise_alert(context, _of_threshold(use, threshold, at_us))
    return new


def tell_drift(context: Context, drifts: Iterable[Drift], budgets: Sequence[Budget]) -> bool:
    """Raise one alert for what one round has set right; whether there was anything to tell."""
    told = list(drifts)
    if not told:
        return False
    units = {budget.budget_id: budget for budget in budgets}
    lines = []
    for one in told[:_SHOWN]:
        budget = units.get(one.budget_id)
        if budget is not None:
            before, after = words(budget.unit, one.before), words(budget.unit, one.after)
            lines.append(f"“{budget.name[:_LONGEST]}” stood at {before}, the ledger says {after}.")
    lines += [f"and {len(told) - _SHOWN} more"] if len(told) > _SHOWN else []
    count = "A counter" if len(told) == 1 else f"{len(told)} counters"
    return raise_alert(
        context,
        Alert(
            kind="counter_drift",
            subject=f"counter_drift:{told[0].at}",
            title=f"{count} did not agree with the ledger and {'was' if len(told) == 1 else 'were'} set right",
            lines=(*lines, "The ledger is the authority; what was set right is listed under /api/v1/counters/drift."),
            facts={"counters": len(told), "budget_id": told[0].budget_id},
        ),
    )


def _of_threshold(use: Use, threshold: Threshold, at_us: int) -> Alert:
    budget, text = use.budget, threshold_text(threshold)
    group = ", ".join(f"{name}={value}" for name, value in use.group.items())[:_LONGEST]
    where = f" for {group}" if group else ""
    used, limit = words(budget.unit, use.used), words(budget.unit, use.limit)
    what = {
        "limit": f"has used {used} of {limit} ({threshold.percent} % reached)",
        "pace": f"is used at more than {threshold.percent} % of an even pace: {used} of {limit} so far",
        "forecast": f"is heading for more than {threshold.percent} % of {limit}: {used} so far",
    }[threshold.of]
    return Alert(
        kind="budget_threshold",
        subject=f"budget_threshold:{budget.budget_id}:{group}:{use.window.start_us}:{text}",
        title=f"Budget “{budget.name[:_LONGEST]}”{where} {what}",
        lines=tuple(_lines(use, at_us)),
        severity="warning" if use.used < use.limit else "critical",
        link="/budgets",
        facts={
            "budget_id": budget.budget_id, "budget": budget.name, "group": group, "threshold": text,
            "window_start": rfc3339(use.window.start_us),
        },
    )  # fmt: skip


def _lines(use: Use, at_us: int) -> list[str]:
    now, budget = pace(use.budget, use.window, use.standing, at_us), use.budget
    lines = []
    if now.forecast is not None:
        lines.append(f"At this rate the window ends at {words(budget.unit, now.forecast)}.")
    if now.hit_us is not None:
        verb = "was reached" if now.hit_us <= at_us else "is reached"
        lines.append(f"The limit {verb} about {rfc3339(now.hit_us // 60_000_000 * 60_000_000)}.")
    ends = f"Its window ends {rfc3339(use.window.end_us)}." if use.window.end_us else "Its window does not end."
    then = {"block": "Calls are then refused.", "pause": "Work that is not critical is then paused."}
    return [*lines, f"{ends} {then.get(budget.action, 'Calls go on.')}"]
