"""Which months to hold against their bills again: those whose bills changed, and all of them once a day."""

from dataclasses import dataclass

from tallystick.bills.store import list_claimed_months, list_loads, list_runs
from tallystick.kernel.period import DAY_US, Period
from tallystick.operations.context import Context
from tallystick.operations.reconcile import month_of


@dataclass(frozen=True, slots=True)
class Due:
    """A month of an account, in one currency."""

    account: str
    currency: str
    period: Period


@dataclass(slots=True)
class Rota:
    """What was looked at, and when.

    Attributes:
        loads: The loads that counted when the months were listed last.
        listed_us: When that was.
    """

    loads: frozenset[str] = frozenset()
    listed_us: int = 0

    def due(self, context: Context, now_us: int) -> list[Due]:
        """What to reconcile now, the newest month first; nothing until a load comes or goes, or a day is over.

        Late calls and new prices change a month too: that is what the daily round is for.
        """
        loads = list_loads(context.config_db)
        names = frozenset(one.load_id for one in loads)
        daily = now_us - self.listed_us >= DAY_US
        if names == self.loads and not daily:
            return []
        changed = {one.provider_account for one in loads if one.load_id not in self.loads}
        gone = bool(self.loads - names)
        days = list_claimed_months(context.ledger, sorted(names))
        found = {
            Due(account, currency, month_of(at))
            for account, currency, at in days
            if daily or gone or account in changed
        }
        if daily or gone:  # a month whose last line went away with its load still counts what it said
            found |= {
                Due(one.account, one.currency, Period(one.period_start, one.period_end))
                for one in list_runs(context.config_db)
            }
        self.loads, self.listed_us = names, now_us
        return sorted(found, key=lambda one: (-one.period.start_us, one.account, one.currency))
