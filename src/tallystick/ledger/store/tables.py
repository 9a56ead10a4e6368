"""The tables, their marks, and how far events are numbered."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from tallystick.kernel.errors import Conflict
from tallystick.kernel.table import Column
from tallystick.ledger.columns import CHARGE_COLUMNS, CONTENT_COLUMNS, EVENT_COLUMNS
from tallystick.ledger.duplicates import LINK_COLUMNS, LINKS
from tallystick.storage.engine import Engine

EVENTS = "usage_event"

CHARGES = "charge"

CONTENT = "content"

MARKS = "ledger_mark"

RETAINED = "retained"  # mark: instant before which events may have been deleted

MARK_COLUMNS = (Column("name", "text"), Column("value", "int"))

# Raised when a table changes in a way that an older version would misread; a column more is no such change.
SCHEMA_VERSION = 1


def ensure_tables(engine: Engine) -> None:
    """Create the tables, or add the columns that a newer version knows.

    Raises:
        Conflict: A newer version that changed the tables has written this ledger.
    """
    engine.ensure_table(MARKS, MARK_COLUMNS, order_by=("name", "value"), unique=True)
    found = read_mark(engine, "schema")
    if found > SCHEMA_VERSION:
        raise Conflict(
            f"the ledger has schema {found}, this version knows {SCHEMA_VERSION}",
            next_steps=("upgrade Tallystick", "or restore the backup made before the upgrade"),
        )
    engine.ensure_table(EVENTS, EVENT_COLUMNS, order_by=("occurred_at", "event_id"), unique=True)
    engine.ensure_table(CHARGES, CHARGE_COLUMNS, order_by=("charge_period_start", "batch_seq"))
    engine.ensure_table(CONTENT, CONTENT_COLUMNS, order_by=("occurred_at", "event_id"), unique=True)
    engine.ensure_table(LINKS, LINK_COLUMNS, order_by=("occurred_at", "event_id"), unique=True)
    if found < SCHEMA_VERSION:
        append_mark(engine, "schema", SCHEMA_VERSION)


def read_mark(engine: Engine, name: str = "posted") -> int:
    """The highest value of a mark; 0 when it was never set."""
    ((value,),) = engine.rows(f"SELECT coalesce(max(value), 0) FROM {MARKS} WHERE name = $name", {"name": name})
    return int(str(value))


def append_mark(engine: Engine, name: str, value: int) -> None:
    """Move a mark forward; on an engine without transactions this is the commit of what was written before."""
    with engine.transaction():
        engine.append(MARKS, MARK_COLUMNS, {"name": [name], "value": [value]})
        if not engine.dialect.merges:
            engine.execute(f"DELETE FROM {MARKS} WHERE name = $name AND value < $value", {"name": name, "value": value})


def read_last_seq(engine: Engine) -> int:
    """The highest ingest number in use. Only the unposted tail is looked at, so the size of the ledger does not count."""
    mark = read_mark(engine)
    ((last,),) = engine.rows(
        f"SELECT coalesce(max(ingest_seq), $mark) FROM {EVENTS} WHERE ingest_seq > $mark", {"mark": mark}
    )
    return int(str(last))
