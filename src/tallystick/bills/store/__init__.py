"""The SQL of bill lines: loads in, each slice once; lines out, of the loads that count."""

from tallystick.bills.store.lines import append_columns, append_lines, drop_lines, drop_unnamed_lines, list_lines
from tallystick.bills.store.loads import append_loads, list_brought, list_loads
from tallystick.bills.store.months import (
    Month,
    list_claimed_months,
    list_used_meters,
    read_stamp,
    sum_by_id,
    sum_cells,
    sum_copied,
    sum_items,
    sum_said,
)
from tallystick.bills.store.people import clear_principals, list_principal_pages
from tallystick.bills.store.runs import (
    append_run,
    append_true_ups,
    append_variances,
    drop_runs,
    drop_unnamed_runs,
    list_run_ids,
    list_runs,
    list_variances,
)
from tallystick.bills.store.tables import ensure_tables

__all__ = [
    "Month",
    "append_columns",
    "append_lines",
    "append_loads",
    "append_run",
    "append_true_ups",
    "append_variances",
    "clear_principals",
    "drop_lines",
    "drop_runs",
    "drop_unnamed_lines",
    "drop_unnamed_runs",
    "ensure_tables",
    "list_brought",
    "list_claimed_months",
    "list_lines",
    "list_loads",
    "list_principal_pages",
    "list_run_ids",
    "list_runs",
    "list_used_meters",
    "list_variances",
    "read_stamp",
    "sum_by_id",
    "sum_cells",
    "sum_copied",
    "sum_items",
    "sum_said",
]
