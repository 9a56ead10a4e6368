"""Keep rows no longer than the operator wants."""

from tallystick.kernel.period import DAY_US, day_start, local_day
from tallystick.ledger.store import RETAINED, delete_content_before, delete_events_before, read_mark
from tallystick.operations.context import Context
from tallystick.operations.drop_old_runs import drop_old_runs


def retain(context: Context, now: int) -> int:
    """Delete single events older than the retention, by whole local days; how many.

    Sums by the dimensions of a charge stay as they were. What only events know (user,
    customer, run, tags) is answered for the days that are kept. Events that are not
    posted yet wait until they are. What was said in calls has days of its own, also
    when nothing more of it is stored. Rows of reconciliations that later ones replaced go after some days too.
    """
    drop_old_runs(context, now)
    delete_content_before(context.ledger, now - context.retention.content_days * DAY_US)
    at_us = _kept_since(context, now)
    return 0 if at_us is None else delete_events_before(context.ledger, at_us)


def kept_since(context: Context, now: int) -> int:
    """The instant before which events are not kept or were deleted; 0 when all are kept.

    Whatever is older must not come in again: its charges are still there, and nothing
    is left that would tell it from what was counted.
    """
    return max(_kept_since(context, now) or 0, read_mark(context.ledger, RETAINED))


def _kept_since(context: Context, now: int) -> int | None:
    days = context.retention.events_days
    if days is None:
        return None
    return day_start(local_day(now - days * DAY_US, context.zone), context.zone)
