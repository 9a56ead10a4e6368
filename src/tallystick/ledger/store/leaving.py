"""Rows that leave: erasure empties them, retention deletes them."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from tallystick.ledger import adjust, duplicates
from tallystick.ledger.columns import EVENT_COLUMNS
from tallystick.ledger.store.tables import CONTENT, EVENTS, RETAINED, append_mark, read_mark
from tallystick.storage.engine import Engine

# What a row tells of one person, directly or through an id that leads back to them.
PERSONAL: frozenset[str] = frozenset(
    {"user", "customer", "conversation", "run", "pull_request", "tags", "user_agent", "trace_id", "call_id",
     "response_id", "source_key", "key_fingerprint", "block_fingerprints"}
)  # fmt: skip

# A row with a source key is no call of its own: without any it would count as one. Ours name nobody.
_STILL_NO_CALL = {
    "source_key": f"CASE WHEN source_key IN ('', '{adjust.SOURCE_KEY}', '{duplicates.SOURCE_KEY}') THEN source_key ELSE 'erased' END"
}


def clear_user(engine: Engine, user: str) -> int:
    """Empty what is personal in a user's rows, which stay with their usage and cost; how many there were.

    The one exception to append only: the law that grants erasure knows no corrections.
    """
    params = {"user": user}
    ((count,),) = engine.rows(f'SELECT count(*) FROM {engine.dialect.final(EVENTS)} WHERE "user" = $user', params)
    if count:
        columns = [column for column in EVENT_COLUMNS if column.name in PERSONAL]
        with engine.transaction():
            engine.execute(engine.dialect.clear(EVENTS, columns, '"user" = $user', _STILL_NO_CALL), params)
    return int(str(count))


def count_user(engine: Engine, user: str) -> tuple[int, int]:
    """How many events and how many contents a user has."""
    (events,), (contents,) = (
        engine.rows(f'SELECT count(*) FROM {engine.dialect.final(table)} WHERE "user" = $user', {"user": user})[0]
        for table in (EVENTS, CONTENT)
    )
    return int(str(events)), int(str(contents))


def delete_events_before(engine: Engine, at_us: int) -> int:
    """Delete posted events older than an instant; their charges stay. How many there were."""
    where = f"occurred_at < {engine.dialect.instant('$at')} AND ingest_seq <= $mark"
    params = {"at": at_us, "mark": read_mark(engine)}
    ((count,),) = engine.rows(f"SELECT count(*) FROM {EVENTS} WHERE {where}", params)
    if count:
        # First: whoever reads the mark later knows that what is older may have been here.
        append_mark(engine, RETAINED, at_us)
        with engine.transaction():
            engine.execute(f"DELETE FROM {EVENTS} WHERE {where}", params)
    return int(str(count))
