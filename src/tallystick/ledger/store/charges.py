"""Charges: summed from events up to the mark, merged later."""
# ruff: noqa: S608 - only names of ours are put into SQL; values are parameters

from collections.abc import Mapping

from tallystick.ledger import duplicates
from tallystick.ledger.post import EVENT_SUMS
from tallystick.ledger.store.tables import CHARGES, EVENTS, read_mark
from tallystick.storage.engine import Engine
from tallystick.usage.dimensions import CHARGE_DIMENSIONS


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
