"""Events: in, once each, and out again by id, by number or by call."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tallystick.ledger.check import check_columns
from tallystick.ledger.columns import EVENT_COLUMNS
from tallystick.ledger.rows import event_select, to_events
from tallystick.ledger.store.once import first_of_each, held_ids
from tallystick.ledger.store.tables import EVENTS, read_last_seq
from tallystick.storage.arrow import extremes
from tallystick.storage.engine import Engine
from tallystick.usage.model import UsageEvent


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch.

    Attributes:
        new: Rows the ledger did not have.
        duplicates: Rows it had, or had twice in the batch: left out.
    """

    new: int
    duplicates: int


def append_columns(engine: Engine, columns: Mapping[str, Sequence[Any]]) -> Appended:
    """Append those rows whose event id the ledger does not hold, numbered on from the last one.

    A redelivery must carry the `occurred_at` of the first delivery: ids are only looked
    for between the earliest and latest instant of the batch.

    Raises:
        DataError: A figure that no ledger can hold; nothing of the batch is appended.
    """
    check_columns(columns, extremes)
    ids = columns["event_id"]
    count = len(ids)
    if not count:
        return Appended(0, 0)
    with engine.transaction():
        held = held_ids(engine, EVENTS, ids, columns["occurred_at"])
        rows = first_of_each(ids, held)
        if rows:
            kept = columns if len(rows) == count else {k: [v[row] for row in rows] for k, v in columns.items()}
            first = read_last_seq(engine) + 1
            engine.append(EVENTS, EVENT_COLUMNS, {**kept, "ingest_seq": range(first, first + len(rows))})
    return Appended(len(rows), count - len(rows))


def read_event(engine: Engine, event_id: str) -> UsageEvent | None:
    """One event by its id, None when the ledger has none."""
    found = engine.rows(
        f"SELECT {event_select(engine.dialect)} FROM {EVENTS} WHERE event_id = $event_id LIMIT 1",
        {"event_id": event_id},
    )
    return to_events(found)[0] if found else None


def read_events(engine: Engine, event_ids: Sequence[str], since_us: int) -> list[UsageEvent]:
    """Those of these events that the ledger holds, of the time since an instant."""
    dialect = engine.dialect
    where = f"occurred_at >= {dialect.instant('$since')}"
    held = sorted(engine.known(EVENTS, "event_id", event_ids, where=where, params={"since": since_us}))
    if not held:
        return []
    return to_events(
        engine.rows(
            f"SELECT {event_select(dialect)} FROM {dialect.final(EVENTS)} "
            f"WHERE {where} AND {dialect.one_of('event_id', '$ids')}",
            {"since": since_us, "ids": held},
        )
    )


def read_landed(engine: Engine, between: tuple[int, int], teams: Sequence[str], limit: int) -> list[UsageEvent]:
    """The newest rows with first < ingest_seq <= second, oldest first; of these teams, or of all where none is named."""
    dialect = engine.dialect
    mine = " AND " + dialect.one_of('"team"', "$teams") if teams else ""
    found = engine.rows(
        f"SELECT {event_select(dialect)} FROM {dialect.final(EVENTS)} "
        f"WHERE ingest_seq > $after AND ingest_seq <= $upto{mine} ORDER BY ingest_seq DESC LIMIT {int(limit)}",
        {"after": between[0], "upto": between[1], **({"teams": list(teams)} if teams else {})},
    )
    return to_events(found)[::-1]


def read_attempts(engine: Engine, call_id: str, around: tuple[int, int], limit: int) -> list[UsageEvent]:
    """The rows of one call within a stretch of time, by attempt."""
    dialect = engine.dialect
    found = engine.rows(
        f"SELECT {event_select(dialect)} FROM {dialect.final(EVENTS)} WHERE occurred_at >= {dialect.instant('$from')} "
        f"AND occurred_at <= {dialect.instant('$to')} AND call_id = $call_id "
        f"ORDER BY attempt, occurred_at, event_id LIMIT {int(limit)}",
        {"from": around[0], "to": around[1], "call_id": call_id},
    )
    return to_events(found)
