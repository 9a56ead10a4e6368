"""The ledger's SQL: events in, once each; charges out, up to the mark.

The mark is the highest ingest number that is posted, and a charge's `batch_seq` is the
mark its batch moved to. So charges with `batch_seq` <= mark and events with
`ingest_seq` > mark are everything, once, for any mark a reader has read.
"""

from tallystick.ledger.rows import event_select, to_events
from tallystick.ledger.store.charges import append_charges, drop_unnamed_charges, merge_charges
from tallystick.ledger.store.content import append_content, delete_content_before, delete_content_of, read_content
from tallystick.ledger.store.copies import append_duplicates, list_copies, list_copies_of
from tallystick.ledger.store.events import (
    Appended,
    append_columns,
    read_attempts,
    read_event,
    read_events,
    read_landed,
)
from tallystick.ledger.store.leaving import PERSONAL, clear_user, count_user, delete_events_before
from tallystick.ledger.store.past import (
    count_hours,
    count_meters,
    read_calls,
    read_refusals,
    read_unknown_tokens,
    sum_elsewhere,
    sum_events_for_budgets,
    sum_for_budgets,
)
from tallystick.ledger.store.tables import (
    CHARGES,
    CONTENT,
    EVENTS,
    RETAINED,
    append_mark,
    ensure_tables,
    read_last_seq,
    read_mark,
)

__all__ = [
    "CHARGES",
    "CONTENT",
    "EVENTS",
    "PERSONAL",
    "RETAINED",
    "Appended",
    "append_charges",
    "append_columns",
    "append_content",
    "append_duplicates",
    "append_mark",
    "clear_user",
    "count_hours",
    "count_meters",
    "count_user",
    "delete_content_before",
    "delete_content_of",
    "delete_events_before",
    "drop_unnamed_charges",
    "ensure_tables",
    "event_select",
    "list_copies",
    "list_copies_of",
    "merge_charges",
    "read_attempts",
    "read_calls",
    "read_content",
    "read_event",
    "read_events",
    "read_landed",
    "read_last_seq",
    "read_mark",
    "read_refusals",
    "read_unknown_tokens",
    "sum_elsewhere",
    "sum_events_for_budgets",
    "sum_for_budgets",
    "to_events",
]
