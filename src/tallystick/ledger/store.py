"""The ledger's SQL: events in, once each; charges out, up to the mark.

The mark is the highest ingest number that is posted, and a charge's `batch_seq` is the
mark its batch moved to. So charges with `batch_seq` <= mark and events with
`ingest_seq` > mark are everything, once, for any mark a reader has read.
"""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tallystick.kernel.errors import Conflict
from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.table import Column
from tallystick.ledger import adjust, duplicates
from tallystick.ledger.budget_sums import Sum, Wanted, sums_params, sums_statement, unknown_statement
from tallystick.ledger.check import check_columns
from tallystick.ledger.columns import CHARGE_COLUMNS, CONTENT_COLUMNS, EVENT_COLUMNS
from tallystick.ledger.duplicates import LINK_COLUMNS, LINKS, SPAN_US, Copy
from tallystick.ledger.past_calls import METER_NAMES, calls_statement, hours_statement, meters_statement
from tallystick.ledger.post import EVENT_SUMS
from tallystick.ledger.rows import event_select as event_select  # noqa: PLC0414 - for whoever reads pages of events
from tallystick.ledger.rows import to_events as to_events  # noqa: PLC0414
from tallystick.ledger.spend_sums import Elsewhere, Who, elsewhere_statement
from tallystick.storage.arrow import extremes
from tallystick.storage.engine import Engine
from tallystick.usage.content import CallContent
from tallystick.usage.dimensions import CHARGE_DIMENSIONS
from tallystick.usage.model import UsageEvent

EVENTS = "usage_event"
CHARGES = "charge"
CONTENT = "content"
MARKS = "ledger_mark"
RETAINED = "retained"  # mark: instant before which events may have been deleted
MARK_COLUMNS = (Column("name", "text"), Column("value", "int"))

# Raised when a table changes in a way that an older version would misread; a column more is no such change.
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch.

    Attributes:
        new: Rows the ledger did not have.
        duplicates: Rows it had, or had twice in the batch: left out.
    """

    new: int
    duplicates: int


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
        held = _held(engine, EVENTS, ids, columns["occurred_at"])
        rows = _first_of_each(ids, held)
        if rows:
            kept = columns if len(rows) == count else {k: [v[row] for row in rows] for k, v in columns.items()}
            first = read_last_seq(engine) + 1
            engine.append(EVENTS, EVENT_COLUMNS, {**kept, "ingest_seq": range(first, first + len(rows))})
    return Appended(len(rows), count - len(rows))


def _held(engine: Engine, table: str, ids: Sequence[str], instants: Sequence[int]) -> set[str]:
    instant = engine.dialect.instant
    # Given as values, never as a subquery, so that the engine skips every block outside the range.
    where = f"occurred_at >= {instant('$first')} AND occurred_at <= {instant('$last')}"
    params = {"first": min(instants), "last": max(instants)}
    return engine.known(table, "event_id", ids, where=where, params=params)


def _first_of_each(ids: Sequence[str], held: set[str]) -> list[int]:
    first: dict[str, int] = {}
    for row, event_id in enumerate(ids):
        first.setdefault(event_id, row)
    return [row for event_id, row in first.items() if event_id not in held]


def append_charges(engine: Engine, *, after: int, upto: int, seconds: int) -> None:
    """Sum the events with after < ingest_seq <= upto into charges of batch `upto`."""
    dialect = engine.dialect
    basis = f"CASE WHEN source_key = '{duplicates.SOURCE_KEY}' THEN 'duplicate' ELSE 'metered' END"
    keys = [dialect.bucket("occurred_at", seconds), *(f'"{name}"' for name in CHARGE_DIMENSIONS), basis, "currency"]
    names = ["charge_period_start", "batch_seq", *(f'"{name}"' for name in CHARGE_DIMENSIONS)]
    names += ["basis", "currency", *EVENT_SUMS]
    values = [keys[0], "$upto", *keys[1:], *EVENT_SUMS.values()]
    engine.execute(
        f"INSERT INTO {CHARGES} ({', '.join(names)}) SELECT {', '.join(values)} FROM {dialect.final(EVENTS)} "
        f"WHERE ingest_seq > $after AND ingest_seq <= $upto GROUP BY {', '.join(keys)}",
        {"after": after, "upto": upto},
    )


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
    return None if value is None else _grains(value)


def merge_charges(engine: Engine, *, after: int, upto: int) -> int:
    """Make one row of the charges with after < batch_seq <= upto that differ in their batch alone, under batch `upto`.

    Needs an engine with transactions. The number of rows saved.
    """
    params = {"after": after, "upto": upto}
    within = "batch_seq > $after AND batch_seq <= $upto"
    keys = ["charge_period_start", *(f'"{name}"' for name in CHARGE_DIMENSIONS), "basis", "currency"]
    sums = [f"sum({name}) AS {name}" for name in EVENT_SUMS]
    names = ", ".join([*keys, "batch_seq", *EVENT_SUMS])
    with engine.transaction():
        before = _count(engine, within, params)
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE merged AS SELECT {', '.join(keys)}, $upto AS batch_seq, {', '.join(sums)} "
            f"FROM {CHARGES} WHERE {within} GROUP BY {', '.join(keys)}",
            params,
        )
        engine.execute(f"DELETE FROM {CHARGES} WHERE {within}", params)
        engine.execute(f"INSERT INTO {CHARGES} ({names}) SELECT {names} FROM merged")
        engine.execute("DROP TABLE merged")
        return before - _count(engine, within, params)


def _count(engine: Engine, where: str, params: Mapping[str, int]) -> int:
    ((count,),) = engine.rows(f"SELECT count(*) FROM {CHARGES} WHERE {where}", params)
    return int(str(count))


def drop_unnamed_charges(engine: Engine) -> int:
    """Delete charges of a batch whose mark was never written; how many there were."""
    params = {"mark": read_mark(engine)}
    count = _count(engine, "batch_seq > $mark", params)
    if count:
        engine.execute(f"DELETE FROM {CHARGES} WHERE batch_seq > $mark", params)
    return count


def sum_for_budgets(engine: Engine, wanted: Wanted, *, after: int, upto: int) -> list[Sum]:
    """What each group used, of the events with after < ingest_seq <= upto: whoever knows the rest adds it."""
    where = "ingest_seq > $after AND ingest_seq <= $upto"
    return _sums(engine, wanted, where, {"after": after, "upto": upto})


def sum_events_for_budgets(engine: Engine, wanted: Wanted, event_ids: Sequence[str]) -> list[Sum]:
    """The same of single events, by their ids; those that the ledger does not hold add nothing."""
    instant = engine.dialect.instant
    where = f"occurred_at >= {instant('$start0')}"
    held = sorted(engine.known(EVENTS, "event_id", event_ids, where=where, params={"start0": wanted.starts[0]}))
    if not held:
        return []
    return _sums(engine, wanted, engine.dialect.one_of("event_id", "$ids"), {"ids": held})


def read_unknown_tokens(
    engine: Engine, wanted: Wanted, *, after: int, upto: int
) -> list[tuple[tuple[str, ...], int, int, str]]:
    """Attempts whose tokens are not known for certain: group, span, tokens as far as known, decision."""
    where = "ingest_seq > $after AND ingest_seq <= $upto"
    sql = unknown_statement(engine.dialect, EVENTS, wanted, where)
    count = len(wanted.dimensions)
    rows = engine.rows(sql, {**sums_params(wanted), "after": after, "upto": upto})
    return [
        (tuple(map(str, row[:count])), int(str(row[count])), int(str(row[count + 1])), str(row[count + 2]))
        for row in rows
    ]


def _sums(engine: Engine, wanted: Wanted, where: str, params: Mapping[str, int | Sequence[str]]) -> list[Sum]:
    sql = sums_statement(engine.dialect, EVENTS, wanted, where)
    count = len(wanted.dimensions)
    return [
        Sum(tuple(map(str, row[:count])), *(int(Decimal(str(value))) for value in row[count:]))
        for row in engine.rows(sql, {**sums_params(wanted), **params})
    ]


def sum_elsewhere(
    engine: Engine, who: Who, values: Sequence[str], keys: Sequence[str], around: tuple[int, int, int]
) -> list[Elsewhere]:
    """What these people, teams or provider keys spent other than through these keys of ours.

    Args:
        around: First instant in, the instant that divides before from after, first instant out.
    """
    if not values:
        return []
    sql = elsewhere_statement(engine.dialect, EVENTS, who)
    first, at, end = around
    rows = engine.rows(sql, {"from": first, "at": at, "to": end, "values": list(values), "keys": list(keys)})
    return [Elsewhere(str(one), str(source), _grains(before), _grains(after)) for one, source, before, after in rows]


def read_refusals(engine: Engine, since_us: int, limit: int) -> list[tuple[int, str]]:
    """Instant and decision of calls that budgets refused since an instant, oldest first."""
    dialect = engine.dialect
    rows = engine.rows(
        f"SELECT {dialect.micros('occurred_at')}, decision FROM {dialect.final(EVENTS)} "
        f"WHERE occurred_at >= {dialect.instant('$since')} AND verdict IN ('blocked', 'paused', 'tripped', 'degraded') "
        f"AND decision <> '' ORDER BY occurred_at LIMIT {int(limit)}",
        {"since": since_us},
    )
    return [(int(str(at)), str(decision)) for at, decision in rows]


def count_hours(engine: Engine, period: tuple[int, int]) -> list[tuple[int, int]]:
    """Each hour of a period that has attempts, its start in microseconds and how many they are."""
    rows = engine.rows(hours_statement(engine.dialect, EVENTS), {"from": period[0], "to": period[1]})
    return [(int(str(hour)), int(str(count))) for hour, count in rows]


def count_meters(engine: Engine, period: tuple[int, int]) -> list[str]:
    """The meters that attempts of a period have quantities of."""
    ((*counts,),) = engine.rows(meters_statement(engine.dialect, EVENTS), {"from": period[0], "to": period[1]})
    return [name for name, count in zip(METER_NAMES, counts, strict=True) if count]


def read_calls(
    engine: Engine, dimensions: Sequence[str], meters: Sequence[str], period: tuple[int, int]
) -> list[tuple[Any, ...]]:
    """Attempts of a period by time: instant, bound and cost in nano-units, input and output tokens, bytes of the
    request, `max_tokens`, bytes of tools, then the dimensions, then the meters' quantities.
    """
    sql = calls_statement(engine.dialect, EVENTS, dimensions, meters)
    return engine.rows(sql, {"from": period[0], "to": period[1]})


def _grains(value: object) -> int:
    return grains_from_decimal(Decimal(str(value)))


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
        held = _held(engine, CONTENT, ids, instants)
        kept = [contents[row] for row in _first_of_each(ids, held)]
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


def count_user(engine: Engine, user: str) -> tuple[int, int]:
    """How many events and how many contents a user has."""
    (events,), (contents,) = (
        engine.rows(f'SELECT count(*) FROM {engine.dialect.final(table)} WHERE "user" = $user', {"user": user})[0]
        for table in (EVENTS, CONTENT)
    )
    return int(str(events)), int(str(contents))


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
