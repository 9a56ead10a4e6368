"""The tables of bills."""

from tallystick.bills.columns import LINE_COLUMNS, TRUE_UP_COLUMNS, VARIANCE_COLUMNS
from tallystick.storage.engine import Engine

LINES, TRUE_UPS, VARIANCES = "bill_line", "true_up", "variance"


def ensure_tables(engine: Engine) -> None:
    """Create the tables, or add the columns that a newer version knows."""
    engine.ensure_table(LINES, LINE_COLUMNS, order_by=("charge_period_start", "load_id"))
    engine.ensure_table(TRUE_UPS, TRUE_UP_COLUMNS, order_by=("charge_period_start", "run_id"))
    engine.ensure_table(VARIANCES, VARIANCE_COLUMNS, order_by=("run_id", "charge_period_start"))
