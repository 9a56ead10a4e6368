"""Sum what has come in since the mark into charges, and move the mark."""

from tallystick.ledger.post import bucket_seconds
from tallystick.ledger.store import (
    append_charges,
    append_duplicates,
    append_mark,
    drop_unnamed_charges,
    read_last_seq,
    read_mark,
)
from tallystick.operations.context import Context
from tallystick.storage.engine import Engine

# Sums of wide groups live in memory; a bulk load is posted in steps of so many events.
_STEP = 250_000


def post_charges(context: Context) -> int:
    """Post everything ingested so far; the number of events posted.

    A call that two captures have brought is taken back once on the way, so that charges hold it once.

    Each step is one transaction; where the engine has none, the mark is written last
    and charges that no mark names do not count and are dropped.
    """
    seconds = bucket_seconds(context.zone)
    posted = 0
    while step := _post_step(context.ledger, seconds):
        posted += step
    return posted


def _post_step(engine: Engine, seconds: int) -> int:
    with engine.transaction():
        mark, last = read_mark(engine), read_last_seq(engine)
        if mark == last:
            return 0
        upto = min(mark + _STEP, last)
        drop_unnamed_charges(engine)
        if seconds > read_mark(engine, "charge_seconds"):
            # The coarsest period ever used: a ledger whose time zone changes keeps its old rows.
            append_mark(engine, "charge_seconds", seconds)
        append_duplicates(engine, after=mark, upto=upto)
        append_charges(engine, after=mark, upto=upto, seconds=seconds)
        append_mark(engine, "posted", upto)
    return upto - mark
