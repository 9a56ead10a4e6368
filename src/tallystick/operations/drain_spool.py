"""Move what gateways have spooled into the ledger.

The ledger commits first, then the spool: a crash in between delivers again, and the
event ids tell. Nothing that cannot be read ever blocks what can.
"""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from tallystick.kernel.errors import DataError
from tallystick.ledger.store import append_content
from tallystick.operations.context import Context
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.watch_rows import watch_events
from tallystick.pricing.book import PriceBook
from tallystick.pricing.rate import priced
from tallystick.storage.segment import SpoolRecord
from tallystick.storage.spool_reader import SpoolReader
from tallystick.usage.content import CallContent
from tallystick.usage.model import UsageEvent

# Large enough to be efficient, small enough for a second's work.
_LIMIT = 20_000
_LOG = logging.getLogger("tallystick.drain")
_decode = msgspec.msgpack.Decoder(UsageEvent).decode
_decode_content = msgspec.msgpack.Decoder(CallContent).decode
_encode = msgspec.msgpack.Encoder().encode


def drain_spool(context: Context, reader: SpoolReader, book: PriceBook) -> int:
    """Ingest every completion, then the open intents of gateways that died; the number of new events.

    Completions carry their cost; an orphan is rated here and stored as `interrupted`.
    A record that nobody can read, or that the ledger refuses, is set aside in
    `<data>/spool/rejected/` (`count_rejected` counts them).
    """
    new = 0
    more = True
    while more:  # until the backlog is gone; what busy gateways add meanwhile is the next call's
        batch = reader.poll(_LIMIT)
        records = batch.records
        payloads = (record.payload for record in records if record.kind == "completion")
        events = _decoded(context, payloads)
        new += _store(context, events)
        watch_events(context, events)
        _store_content(context, records)
        reader.commit(batch)
        more = len(records) >= _LIMIT // 2 or batch.is_large
    orphans = reader.orphans()
    events = _decoded(context, (payload for _, payload in orphans))
    new += _store(context, [priced(book, replace(event, outcome="interrupted")) for event in events])
    reader.settle(event_id for event_id, _ in orphans)
    return new


def read_in_flight(reader: SpoolReader) -> list[UsageEvent]:
    """Calls that gateways have begun and not completed, as far as they were drained."""
    found = []
    for _, payload in reader.in_flight():
        try:
            found.append(_decode(payload))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return found


def count_rejected(context: Context) -> int:
    """Records set aside so far."""
    folder = _rejected_folder(context)
    return sum(1 for _ in folder.glob("*.msgpack")) if folder.is_dir() else 0


def _decoded(context: Context, payloads: Iterable[bytes]) -> list[UsageEvent]:
    events: list[UsageEvent] = []
    for payload in payloads:
        try:
            events.append(_decode(payload))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            _set_aside(context, payload)
    return events


def _store(context: Context, events: Sequence[UsageEvent]) -> int:
    """Ingest; where the ledger refuses the batch, halve it until only what is refused is left."""
    try:
        return ingest_events(context, events).new
    except (DataError, ValueError, OverflowError, TypeError):
        if len(events) == 1:
            _set_aside(context, _encode(events[0]))
            return 0
    middle = len(events) // 2
    return _store(context, events[:middle]) + _store(context, events[middle:])


def _store_content(context: Context, records: Sequence[SpoolRecord]) -> None:
    """Keep what was said. What cannot be kept is dropped: set aside, it would outlive retention and erasure."""
    contents = []
    for record in records:
        if record.kind == "content" and record.event_id:
            try:
                contents.append(_decode_content(record.payload))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                _LOG.warning("the content of %s cannot be read and is dropped", record.event_id)
    _append_content(context, contents)


def _append_content(context: Context, contents: Sequence[CallContent]) -> None:
    try:
        append_content(context.ledger, contents)
    except (DataError, ValueError, OverflowError, TypeError):
        if len(contents) == 1:
            _LOG.warning("the content of %s cannot be stored and is dropped", contents[0].event_id)
            return
        middle = len(contents) // 2
        _append_content(context, contents[:middle])
        _append_content(context, contents[middle:])


def _set_aside(context: Context, payload: bytes) -> None:
    """Keep the bytes under their hash, so that a redelivery is the same file."""
    folder = _rejected_folder(context)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / f"{hashlib.sha256(payload).hexdigest()[:32]}.msgpack").write_bytes(payload)


def _rejected_folder(context: Context) -> Path:
    return context.data_dir / "spool" / "rejected"
