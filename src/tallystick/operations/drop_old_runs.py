"""Drop the rows of reconciliations that later ones have taken the place of; what they came to stays for audit."""

from tallystick.bills import store
from tallystick.kernel.period import DAY_US
from tallystick.operations.context import Context

# So long the rows of a superseded run can still be opened. An open month is reconciled anew every day: without an
# end its rows would grow by a month's worth a day.
KEEP_US = 3 * DAY_US
_DONE = "runs dropped until"


def drop_old_runs(context: Context, now_us: int) -> int:
    """Delete the true-ups and variances of runs superseded more than `KEEP_US` ago; of how many runs.

    Run it now and then; again changes nothing.
    """
    until, since = now_us - KEEP_US, int(context.config_db.read_setting(_DONE) or 0)
    gone = [
        one.run_id
        for one in store.list_runs(context.config_db, all_of_them=True)
        if one.superseded_at is not None and since <= one.superseded_at < until
    ]
    if gone:
        with context.ledger.transaction():
            store.drop_runs(context.ledger, gone)
    with context.config_db.transaction():
        context.config_db.write_setting(_DONE, str(max(until, since)))
    return len(gone)


def are_dropped(superseded_at: int | None, now_us: int) -> bool:
    """Whether the rows of a run may be gone."""
    return superseded_at is not None and superseded_at < now_us - KEEP_US
