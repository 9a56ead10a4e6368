"""Why a month shows nothing to reconcile, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass

from tallystick.bills.reconciliation import Reconciliation
from tallystick.charts.format import count, money
from tallystick.explore.model import Filter, Query
from tallystick.kernel.period import local_day
from tallystick.operations.context import Context, now_us
from tallystick.operations.explore import explore
from tallystick.operations.reconcile import list_reconciliations
from tallystick.operations.reconcile_month import month_named
from tallystick.org.model import Principal

_OPERATOR = Principal("operator", "admin", local=True)
_MOST_NAMES = 5
IMPORT = "tally import FILE reads an invoice, a cost export or a FOCUS file"
SYNC = "tally sync fetches the reports of configured sources"


@dataclass(frozen=True, slots=True)
class Unreconciled:
    """What is said in place of a month's figures.

    Attributes:
        why: A clause: `no bill or report that is loaded speaks of it`.
        next_steps: Up to three, in the order of likelihood.
    """

    why: str
    next_steps: tuple[str, ...]


def tell_unreconciled(context: Context, period: str, account: str = "", currency: str = "USD") -> Unreconciled:
    """Why nothing is reconciled of a month, for an account or for all; what there is instead.

    Args:
        context: The instance.
        period: `2026-10`; empty for every month.
        account: Our name of a provider account; empty for all.
        currency: Of the bills that were asked for.

    Raises:
        UsageError: The period is no month.
    """
    runs = list_reconciliations(context)
    month = month_named(period) if period else None
    mine = [one for one in runs if month is None or one.period_start == month.start_us]
    if mine:
        return _of_others(mine, period)
    known = _known(runs)
    if month is None:
        return Unreconciled("no bill or report is loaded", (IMPORT, SYNC))
    if month.start_us > now_us():
        return Unreconciled(f"{period} has not begun", known or (IMPORT, SYNC))
    filters = (Filter("provider_account", "is", (account,)),) if account else ()
    query = Query(month, filters=filters, currency=currency, basis="metered")
    sums = explore(context, query, _OPERATOR).total.now
    if sums.attempts:
        cost = "at no known price" if sums.cost is None else f"for {money(sums.cost, currency, 2)}"
        said = f"{count(sums.attempts)} call{'s were' if sums.attempts != 1 else ' was'} metered {cost}"
        shown = f"tally costs --range {period} --basis metered shows what was metered"
        return Unreconciled(f"{said}, and no bill or report that is loaded speaks of it", (IMPORT, SYNC, shown))
    nothing = "no bill or report that is loaded speaks of it, and no call was metered in it"
    return Unreconciled(nothing, (*known, IMPORT, SYNC))


def _of_others(runs: Sequence[Reconciliation], period: str) -> Unreconciled:
    """There are bills, of other accounts or currencies."""
    names = sorted({(one.account, one.currency) for one in runs})
    said = [f"{account} ({currency})" for account, currency in names[:_MOST_NAMES]]
    more = len(names) - len(said)
    listed = ", ".join(said) + (f" and {more} more" if more else "")
    account, currency = names[0]
    option = f" --currency {currency}" if currency != "USD" else ""
    words = " ".join(filter(None, ("tally reconcile", period, f"--account {account}{option}")))
    return Unreconciled(f"the bills that are loaded are of {listed}", (words, IMPORT, SYNC))


def _known(runs: Sequence[Reconciliation]) -> tuple[str, ...]:
    """The months that bills speak of, as a step to take."""
    if not runs:
        return ()
    months = [f"{local_day(one.period_start):%Y-%m}" for one in runs]
    first, last = min(months), max(months)
    spoken = f"of {last}" if first == last else f"of {first} to {last}"
    return (f"tally reconcile {last} shows the last month; bills speak {spoken}",)
