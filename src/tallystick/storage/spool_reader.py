"""Reads what gateways have spooled, in order, and deletes what the ledger holds.

`poll` hands out records, `commit` says that the ledger has them; a reader that starts
anew begins at the front of every segment left, so records may come twice and their
event ids tell. A segment goes when it is finished, read to its end, and every event
begun in it is in the ledger. What was said in a call goes at once: its record is
overwritten in place, for a segment may stay for weeks where there is little to write.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tallystick.storage.segment import HEADER, MARKER, MAX_BODY, SpoolRecord, blank, decode, find_next
from tallystick.storage.spool_lock import is_free, remove_free

_CHUNK = 1024 * 1024
# Of one batch: what was said may be large, and all of a batch is held in memory.
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BatchPart:
    """What a batch took from one segment: its records and the offset it was read up to."""

    path: Path
    read_to: int
    ended: bool
    records: tuple[SpoolRecord, ...]
    damaged_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in the order of writing, per gateway. Empty when there is nothing new."""

    parts: tuple[BatchPart, ...] = ()

    @property
    def is_large(self) -> bool:
        """Whether it was cut off by its bytes, so that more may wait."""
        return sum(record.end - record.offset for record in self.records) >= _MOST_BYTES

    @property
    def records(self) -> tuple[SpoolRecord, ...]:
        """All records: intents (open until a completion with the same event id), completions, and what was said."""
        return tuple(record for part in self.parts for record in part.records)


@dataclass(slots=True)
class _Segment:
    """How far one segment is committed, and the events begun in it that are still open."""

    path: Path
    committed: int = 0
    ended: bool = False
    open: dict[str, SpoolRecord] = field(default_factory=dict)


@dataclass(slots=True)
class _Folder:
    """One gateway's segments by file name, in order, and where each open event began."""

    path: Path
    segments: dict[str, _Segment] = field(default_factory=dict)
    begun: dict[str, _Segment] = field(default_factory=dict)
    owned: bool = True

    def close(self, event_id: str) -> None:
        segment = self.begun.pop(event_id, None)
        if segment is not None:
            del segment.open[event_id]

    def unfinished(self) -> list[tuple[_Segment, bool]]:
        """Segments with something left to read, and whether nothing will be added to each."""
        names = sorted(self.segments)
        pairs = [(self.segments[name], not self.owned or name != names[-1]) for name in names]
        return [(segment, final) for segment, final in pairs if not segment.ended]


class SpoolReader:
    """The one reader of all gateways' folders below a root. Not thread-safe.

    Attributes:
        damaged_bytes: Bytes passed over because no sound record lay in them.
    """

    def __init__(self, spool_root: Path) -> None:
        self._root = spool_root
        self._folders: dict[str, _Folder] = {}
        self.damaged_bytes = 0

    def poll(self, limit: int) -> Batch:
        """Up to `limit` records that are not committed. Uncommitted ones are handed out again."""
        parts: list[BatchPart] = []
        left, room = limit, _MOST_BYTES
        for folder in self._scan():
            for segment, final in folder.unfinished():
                if left <= 0 or room <= 0:
                    break
                part = _read(segment, final, left, room)
                left -= len(part.records)
                room -= part.read_to - segment.committed
                if part.records:
                    parts.append(part)
                elif part.ended:
                    # Nothing waits for a commit: what came before it is committed already.
                    segment.ended = True
                    self.damaged_bytes += part.damaged_bytes
        return Batch(tuple(parts))

    def commit(self, batch: Batch) -> None:
        """The ledger holds the batch's completions: remember it, unlink segments that are done with."""
        for part in batch.parts:
            folder = self._folders.get(part.path.parent.name)
            segment = folder.segments.get(part.path.name) if folder else None
            if folder is None or segment is None:
                continue
            _note(folder, segment, part.records)
            _blank_contents(part)
            self.damaged_bytes += part.damaged_bytes
            segment.committed, segment.ended = part.read_to, part.ended
        self._sweep()

    def orphans(self) -> list[tuple[str, bytes]]:
        """Open intents of gateways that are gone, once all their records were polled and committed.

        Store their payloads as they are (outcome `interrupted`), then call `settle`.
        """
        return [
            (event_id, segment.open[event_id].payload)
            for folder in self._scan()
            if not folder.owned and not folder.unfinished()
            for event_id, segment in folder.begun.items()
        ]

    def in_flight(self) -> list[tuple[str, bytes]]:
        """Open intents of all gateways as far as they were polled and committed, each with its payload."""
        return [
            (event_id, segment.open[event_id].payload)
            for folder in self._folders.values()
            for event_id, segment in folder.begun.items()
        ]

    def settle(self, event_ids: Iterable[str]) -> None:
        """The ledger holds these orphans: they are open no longer."""
        for event_id in event_ids:
            for folder in self._folders.values():
                folder.close(event_id)
        self._sweep()

    def is_empty(self) -> bool:
        """Whether nothing waits: no uncommitted record and no orphan. Calls in flight do not count."""
        return all(
            (folder.owned or not folder.begun)
            and not any(_read(segment, final, 1, 1).records for segment, final in folder.unfinished())
            for folder in self._scan()
        )

    def _scan(self) -> list[_Folder]:
        """The folders as they are now. Ownership is looked at before any byte is read: what a
        dead gateway wrote is then all there.
        """
        if not self._root.is_dir():
            return []
        for path in sorted(self._root.iterdir()):
            if not path.is_dir():
                continue
            folder = self._folders.setdefault(path.name, _Folder(path))
            folder.owned = not is_free(path)
            for file in sorted(path.glob("*.seg")):
                folder.segments.setdefault(file.name, _Segment(file))
        return [folder for _, folder in sorted(self._folders.items())]

    def _sweep(self) -> None:
        for name, folder in list(self._folders.items()):
            for file, segment in list(folder.segments.items()):
                if segment.ended and not segment.open:
                    segment.path.unlink(missing_ok=True)
                    del folder.segments[file]
            if not folder.owned and not folder.segments:
                remove_free(folder.path)
                del self._folders[name]


def _note(folder: _Folder, segment: _Segment, records: Iterable[SpoolRecord]) -> None:
    for record in records:
        if record.kind == "completion":
            folder.close(record.event_id)
        elif record.kind == "intent":
            segment.open[record.event_id] = record
            folder.begun[record.event_id] = segment


def _blank_contents(part: BatchPart) -> None:
    """The gateway only appends, so nobody else writes where a record lies."""
    contents = [record for record in part.records if record.kind == "content" and record.event_id]
    if contents:
        with part.path.open("r+b", buffering=0) as file:
            for record in contents:
                os.pwrite(file.fileno(), blank(record), record.offset)


def _read(segment: _Segment, final: bool, limit: int, room: int) -> BatchPart:
    """Read on from what is committed. In a final segment a damaged place is passed over;
    in one that is being written it is a record not yet whole, so reading stops there.
    """
    records: list[SpoolRecord] = []
    position, ended, damaged = segment.committed, False, 0
    with segment.path.open("rb") as file:
        while len(records) < limit and not ended and position < segment.committed + room:
            found = _records(file.fileno(), position, limit - len(records))
            if not found and not final:
                break
            if not found:
                rest = os.pread(file.fileno(), os.fstat(file.fileno()).st_size - position, position)
                survivor = find_next(rest, 0, position)
                damaged += len(rest.rstrip(b"\0")) if survivor is None else survivor.offset - position
                found = [] if survivor is None else [survivor]
                ended = survivor is None
            records.extend(found)
            position = found[-1].end if found else position
    return BatchPart(segment.path, position, ended, tuple(records), damaged)


def _records(descriptor: int, position: int, limit: int) -> list[SpoolRecord]:
    """Sound records from a position on, as many as one chunk holds; at least one when there is one."""
    head = os.pread(descriptor, HEADER.size, position)
    if len(head) < HEADER.size or not head.startswith(MARKER):
        return []
    length = HEADER.unpack(head)[1]
    if length > MAX_BODY:
        return []
    buffer = os.pread(descriptor, max(_CHUNK, HEADER.size + length), position)
    found: list[SpoolRecord] = []
    at = 0
    while len(found) < limit and (record := decode(buffer, at, position)) is not None:
        found.append(record)
        at = record.end - position
    return found
