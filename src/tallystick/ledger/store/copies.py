"""Calls that more than one capture brought: taken back once, and listed."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from tallystick.kernel.money import grains_from_decimal
from tallystick.ledger import duplicates
from tallystick.ledger.duplicates import LINK_COLUMNS, LINKS, SPAN_US, Copy
from tallystick.ledger.store.tables import append_mark, read_last_seq, read_mark
from tallystick.storage.engine import Engine


def append_duplicates(engine: Engine, *, after: int, upto: int) -> int:
    """Take back the copies of calls that rows with after < ingest_seq <= upto belong to; how many copies there are.

    Looks at nothing but the rows themselves until one has come from another capture than our gateway.
    """
    dialect, batch = engine.dialect, {"after": after, "upto": upto}
    ((count, theirs, first, last),) = engine.rows(duplicates.fresh(dialect), batch)
    if not count or not (theirs or read_mark(engine, "captures")):
        return 0
    around = {**batch, "from": int(str(first)) - SPAN_US, "to": int(str(last)) + SPAN_US}
    with engine.transaction():
        append_mark(engine, "captures", 1)
        found = engine.rows(duplicates.links(dialect), around)
        if found:
            _write_links(engine, found)
            engine.execute(duplicates.take_back(dialect), {**around, "last": read_last_seq(engine)})
    return len(found)


def _write_links(engine: Engine, rows: Sequence[Sequence[Any]]) -> None:
    data: dict[str, list[Any]] = {
        column.name: [_known_grains(row[place]) if column.kind == "money" else row[place] for row in rows]
        for place, column in enumerate(LINK_COLUMNS)
    }
    if not engine.dialect.merges:
        known = engine.known(LINKS, "event_id", data["event_id"], where="1 = 1", params={})
        if known:
            ids = engine.dialect.one_of("event_id", "$ids")
            engine.execute(f"DELETE FROM {LINKS} WHERE {ids}", {"ids": sorted(known)})
    engine.append(LINKS, LINK_COLUMNS, data)


def list_copies(engine: Engine, account: str, currency: str, period: tuple[int, int]) -> list[Copy]:
    """Calls of an account, within a stretch of time, that do not count, for another capture has them; by instant."""
    instant = engine.dialect.instant
    where = (
        f"provider_account = $account AND currency = $currency AND occurred_at >= {instant('$from')} "
        f"AND occurred_at < {instant('$to')}"
    )
    return _copies(engine, where, {"account": account, "currency": currency, "from": period[0], "to": period[1]})


def list_copies_of(engine: Engine, event_id: str) -> list[Copy]:
    """The copies of a call, and what it is itself a copy of."""
    return _copies(engine, "event_id = $id OR kept_id = $id", {"id": event_id})


def _copies(engine: Engine, where: str, params: Mapping[str, str | int]) -> list[Copy]:
    names = [engine.dialect.micros(column.name) if column.kind == "instant" else column.name for column in LINK_COLUMNS]
    rows = engine.rows(
        f"SELECT {', '.join(names)} FROM {engine.dialect.final(LINKS)} WHERE {where} ORDER BY occurred_at, event_id",
        params,
    )
    whole: list[Sequence[Any]] = [(*row[:-1], _known_grains(row[-1])) for row in rows]
    return [Copy(*one) for one in whole]


def _known_grains(value: object) -> int | None:
    return None if value is None else grains_from_decimal(Decimal(str(value)))
