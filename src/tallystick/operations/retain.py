"""Keep rows no longer than the operator wants."""

from tallystick.kernel.period import DAY_US, day_start, local_day
from tallystick.ledger.store import delete_events_before
from tallystick.operations.context import Context


def retain(context: Context, now: int) -> int:
    """Delete single events older than the retention, by whole local days; how many.

    Sums by the dimensions of a charge stay as they were. What only events know (user,
    customer, run, tags) is answered for the days that are kept. Events that are not
    posted yet wait until they are.
    """
    days = context.retention.events_days
    if days is None:
        return 0
    return delete_events_before(context.ledger, day_start(local_day(now - days * DAY_US, context.zone), context.zone))
