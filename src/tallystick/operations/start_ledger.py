"""Make the ledger ready: its tables in the shape of this version, and nothing half written."""

from tallystick.bills import store as bills
from tallystick.ledger.store import drop_unnamed_charges, ensure_tables
from tallystick.operations.context import Context


def start_ledger(context: Context) -> None:
    """Run once, before anything reads or writes; running it again changes nothing.

    Raises:
        Conflict: A newer version has written this ledger.
    """
    ensure_tables(context.ledger)
    drop_unnamed_charges(context.ledger)
    bills.ensure_tables(context.ledger)
    named = [one.load_id for one in bills.list_loads(context.config_db, all_of_them=True)]
    bills.drop_unnamed_lines(context.ledger, named)
    bills.drop_unnamed_runs(context.ledger, bills.list_run_ids(context.config_db, all_of_them=True))
