"""One month of several provider accounts as one: every figure is the sum of theirs."""

from collections.abc import Iterable, Mapping, Sequence

from tallystick.bills.grade import grade, millionths
from tallystick.bills.reconciliation import CLASSES, ClassTotal, Reconciliation


def combined(runs: Sequence[Reconciliation]) -> Reconciliation:
    """The sum of runs of one month in one currency; its `account` and `run_id` are empty.

    What one account's report or invoice does not say is unknown, not 0: `reported` and `invoiced` are sums of what is
    known, None where no account has any. A class that cancels out between accounts stays, at 0.
    """
    shares = _summed(one.shares for one in runs)
    unpriced = sum(one.unpriced_tokens for one in runs)
    letter, why = grade(shares, unpriced)
    billed = shares.get("invoiced", 0) + shares.get("reported", 0)
    return Reconciliation(
        run_id="",
        account="",
        currency=runs[0].currency,
        period_start=runs[0].period_start,
        period_end=runs[0].period_end,
        created_at=min(one.created_at for one in runs),
        metered=sum(one.metered for one in runs),
        billed=sum(one.billed for one in runs),
        difference=sum(one.difference for one in runs),
        record=sum(one.record for one in runs),
        pending=sum(one.pending for one in runs),
        residual=sum(one.residual for one in runs),
        own=sum(one.own for one in runs),
        reported=_known(one.reported for one in runs),
        invoiced=_known(one.invoiced for one in runs),
        classes=_classes(runs),
        shares=shares,
        coverage=millionths(billed, sum(shares.values())),
        grade=letter,
        grade_why=why,
        unpriced_tokens=unpriced,
        claims=sum(one.claims for one in runs),
        lines=sum(one.lines for one in runs),
        set_aside=tuple(aside for one in runs for aside in one.set_aside),
        loads=tuple(dict.fromkeys(load for one in runs for load in one.loads)),
        billed_until=max((one.billed_until for one in runs if one.billed_until is not None), default=None),
    )


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in counts:
        for name, grains in one.items():
            found[name] = found.get(name, 0) + grains
    return found


def _known(amounts: Iterable[int | None]) -> int | None:
    known = [one for one in amounts if one is not None]
    return sum(known) if known else None


def _classes(runs: Sequence[Reconciliation]) -> tuple[ClassTotal, ...]:
    of = {name: [one for run in runs for one in run.classes if one.name == name] for name in CLASSES}
    return tuple(
        ClassTotal(name, sum(one.amount for one in found), sum(one.claims for one in found))
        for name, found in of.items()
        if found
    )
