"""Which rows of a batch the ledger does not have yet."""

from collections.abc import Sequence

from tallystick.storage.engine import Engine


def held_ids(engine: Engine, table: str, ids: Sequence[str], instants: Sequence[int]) -> set[str]:
    """Those of a batch's ids that a table holds within the batch's time."""
    instant = engine.dialect.instant
    # Given as values, never as a subquery, so that the engine skips every block outside the range.
    where = f"occurred_at >= {instant('$first')} AND occurred_at <= {instant('$last')}"
    params = {"first": min(instants), "last": max(instants)}
    return engine.known(table, "event_id", ids, where=where, params=params)


def first_of_each(ids: Sequence[str], held: set[str]) -> list[int]:
    """The row of each id that is not held, where it comes first."""
    first: dict[str, int] = {}
    for row, event_id in enumerate(ids):
        first.setdefault(event_id, row)
    return [row for event_id, row in first.items() if event_id not in held]
