"""What was said in calls, where that is kept."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from collections.abc import Mapping, Sequence
from typing import Any

from tallystick.ledger.check import check_columns
from tallystick.ledger.columns import CONTENT_COLUMNS
from tallystick.ledger.store.once import first_of_each, held_ids
from tallystick.ledger.store.tables import CONTENT
from tallystick.storage.engine import Engine
from tallystick.usage.content import CallContent


def append_content(engine: Engine, contents: Sequence[CallContent]) -> int:
    """Append what was said in calls whose content the ledger does not hold; how many were new.

    Raises:
        DataError: An instant that no ledger can hold; nothing is appended.
    """
    if not contents:
        return 0
    ids, instants = [one.event_id for one in contents], [one.occurred_at for one in contents]
    check_columns({"event_id": ids, "occurred_at": instants})
    with engine.transaction():
        held = held_ids(engine, CONTENT, ids, instants)
        kept = [contents[row] for row in first_of_each(ids, held)]
        if kept:
            columns = {column.name: [getattr(one, column.name) for one in kept] for column in CONTENT_COLUMNS}
            engine.append(CONTENT, CONTENT_COLUMNS, columns)
    return len(kept)


def read_content(engine: Engine, event_id: str) -> CallContent | None:
    """What was said in one call, None when that is not kept."""
    names = ", ".join(
        engine.dialect.micros(column.name) if column.kind == "instant" else f'"{column.name}"'
        for column in CONTENT_COLUMNS
    )
    found = engine.rows(f"SELECT {names} FROM {CONTENT} WHERE event_id = $event_id LIMIT 1", {"event_id": event_id})
    if not found:
        return None
    values: dict[str, Any] = {column.name: value for column, value in zip(CONTENT_COLUMNS, found[0], strict=True)}
    return CallContent(**values | {"truncated": tuple(values["truncated"])})


def delete_content_of(engine: Engine, user: str) -> int:
    """Delete what a user has said and was answered; how many contents there were."""
    return _delete_content(engine, '"user" = $user', {"user": user})


def delete_content_before(engine: Engine, at_us: int) -> int:
    """Delete what was said before an instant; how many contents there were."""
    return _delete_content(engine, f"occurred_at < {engine.dialect.instant('$at')}", {"at": at_us})


def _delete_content(engine: Engine, where: str, params: Mapping[str, str | int]) -> int:
    ((count,),) = engine.rows(f"SELECT count(*) FROM {engine.dialect.final(CONTENT)} WHERE {where}", params)
    if count:
        engine.execute(f"DELETE FROM {CONTENT} WHERE {where}", params)
        engine.checkpoint()  # so that the log of changes does not hold on to it
    return int(str(count))
