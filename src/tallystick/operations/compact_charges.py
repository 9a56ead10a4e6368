"""Merge charges of one period and owner that several posts have left; no sum changes."""

from tallystick.ledger.store import append_mark, merge_charges, read_mark
from tallystick.operations.context import Context


def compact_charges(context: Context) -> int:
    """Merge what was posted before the run before this one; the number of rows saved.

    Run it every few hours. A reader holds a mark for a moment only, so batches that lie a
    whole run back are behind every reader's mark and may become one. Where the engine has
    no transactions nothing is done.
    """
    engine = context.ledger
    if engine.dialect.merges:
        return 0
    with engine.transaction():
        after, upto = read_mark(engine, "compacted"), read_mark(engine, "compactable")
        saved = merge_charges(engine, after=after, upto=upto) if upto > after else 0
        append_mark(engine, "compacted", upto)
        append_mark(engine, "compactable", read_mark(engine))
    return saved
