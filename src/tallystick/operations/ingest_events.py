"""Take events into the ledger, each exactly once by its id, whatever is delivered how often in whatever order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tallystick.ledger.rows import to_columns
from tallystick.ledger.store import append_columns
from tallystick.operations.context import Context
from tallystick.usage.model import UsageEvent


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a delivery.

    Attributes:
        new: Events the ledger did not have; they are durable when this is returned.
        duplicates: Events it had already, or that came twice in the delivery.
    """

    new: int
    duplicates: int


def ingest_events(context: Context, events: Sequence[UsageEvent]) -> Ingested:
    """Append the events that the ledger lacks, in one transaction.

    Made for batches up to some 50,000; a redelivered event must carry its first `occurred_at`.
    """
    return ingest_columns(context, to_columns(events)) if events else Ingested(0, 0)


def ingest_columns(context: Context, columns: Mapping[str, Sequence[Any]]) -> Ingested:
    """As `ingest_events`, for bulk sources that have columns and need no event objects.

    Columns are those of `ledger.columns.EVENT_COLUMNS` without `ingest_seq`, all of one
    length: instants in microseconds, money in grains, tags as mappings, None for
    unknown. `event_id` and `occurred_at` must be there; a column left out gets its
    default ("", 0, false, empty, NULL). `unpriced_tokens` is the caller's to fill.
    """
    done = append_columns(context.ledger, columns)
    return Ingested(done.new, done.duplicates)
