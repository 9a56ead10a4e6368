"""The way from a gateway to the ledger: append-only segment files that survive a kill at once.

One folder per gateway process, one writer per folder (`flock`), any number of segments.
A completion always has room: the writer allocates segments whole and keeps, in the one
it writes to, as many bytes free as the open intents may still need. A record is written
by one `pwrite`, which a kill of the process cannot undo; a thread calls `fdatasync` for
groups of records, so a power cut loses at most the last group. The same thread reads the
zeros that lie ahead, so that a write finds its pages in memory: it then takes half the time.
"""

import contextlib
import errno
import os
import threading
from pathlib import Path

from tallystick.kernel.errors import Unavailable
from tallystick.storage.segment import Kind, SpoolRecord, encode
from tallystick.storage.spool_lock import take_lock
from tallystick.storage.spool_reader import Batch, SpoolReader

__all__ = ["Batch", "Kind", "SpoolReader", "SpoolRecord", "SpoolWriter"]

# What a completion may hold beyond its intent: usage, priced lines, the response's own words.
COMPLETION_EXTRA = 8 * 1024
# What a busy gateway writes between two group syncs.
_AHEAD = 4 * 1024 * 1024
_STRIDE = 128 * 1024


class SpoolWriter:
    """Appends to one folder. For one thread; the group sync runs in a thread of its own.

    Args:
        folder: Made when missing; nobody else may hold its lock.
        segment_bytes: Size a segment is allocated with.
        fsync_interval: Seconds between group syncs.
    """

    def __init__(self, folder: Path, *, segment_bytes: int = 16 * 1024 * 1024, fsync_interval: float = 0.05) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._lock = take_lock(folder)
        self._number = max((int(path.stem) for path in folder.glob("*.seg")), default=0)
        self._descriptor = -1
        self._offset = 0
        self._size = 0
        self._reserved: dict[str, int] = {}
        self._reserved_total = 0
        self._sync = _GroupSync(fsync_interval)

    def intent(self, event_id: str, payload: bytes) -> None:
        """Write down that a call is about to be made, and reserve room for its completion.

        Raises:
            Unavailable: No room is left on the disk; the call must not be made.
        """
        record = encode("intent", event_id, payload)
        reserve = len(record) + COMPLETION_EXTRA
        needed = self._reserved_total + reserve + len(record)
        if self._size - self._offset < needed:
            self._roll(needed)
        self._append(record)
        self._reserved[event_id] = reserve
        self._reserved_total += reserve

    def completion(self, event_id: str, payload: bytes) -> None:
        """Write down how a call ended. Room was reserved by its intent, if there was one.

        Raises:
            Unavailable: The payload is larger than what was reserved and the disk is full;
                the reservation stands, so a smaller payload still fits.
        """
        record = encode("completion", event_id, payload)
        reserve = self._reserved.get(event_id, 0)
        needed = self._reserved_total - reserve + len(record)
        if self._size - self._offset < needed:
            self._roll(needed)
        self._append(record)
        if reserve:
            self._reserved_total -= self._reserved.pop(event_id)

    def content(self, event_id: str, payload: bytes) -> None:
        """Write down what was said in a call. Room that completions have reserved is never taken.

        Raises:
            Unavailable: No room is left on the disk.
        """
        record = encode("content", event_id, payload)
        needed = self._reserved_total + len(record)
        if self._size - self._offset < needed:
            self._roll(needed)
        self._append(record)

    def close(self) -> None:
        """Sync what was written, give unused space back, release the folder. Open intents stay open."""
        self._retire()
        self._sync.close()
        os.close(self._lock)

    def _append(self, record: bytes) -> None:
        try:
            written = os.pwrite(self._descriptor, record, self._offset)
        except OSError as error:
            raise _full(self._folder, error) from error
        if written != len(record):
            raise _full(self._folder, OSError(errno.ENOSPC, f"{written} of {len(record)} bytes were written"))
        self._offset += written
        self._sync.wrote(self._offset)

    def _roll(self, needed: int) -> None:
        """Begin the next segment, large enough for everything reserved; the old one keeps its records."""
        size = max(self._segment_bytes, needed)
        try:
            descriptor = _allocate(self._folder / f"{self._number + 1:08d}.seg", size)
        except OSError as error:
            raise _full(self._folder, error) from error
        self._retire()
        self._number += 1
        self._descriptor, self._offset, self._size = descriptor, 0, size
        self._sync.follow(descriptor)

    def _retire(self) -> None:
        if self._descriptor >= 0:
            self._sync.retire(self._descriptor, self._offset)
            self._descriptor = -1
            self._offset = self._size = 0


def _allocate(path: Path, size: int) -> int:
    """A new file of zeros with its blocks reserved.

    It gets its name last: a reader takes a segment that has a successor for finished.
    """
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size)
        fresh.rename(path)
    except OSError:
        os.close(descriptor)
        fresh.unlink(missing_ok=True)
        raise
    return descriptor


class _GroupSync:
    """Calls `fdatasync` for many records at once and brings the next pages into memory, off the path of the calls."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._dirty = threading.Event()
        self._guard = threading.Lock()
        self._current = -1
        self._number = self._written = 0
        self._warmed = 0, 0
        self._scratch = bytearray(_STRIDE)
        self._retired: list[tuple[int, int]] = []
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="spool-sync", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        if not self._dirty.is_set():
            self._dirty.set()

    def wrote(self, offset: int) -> None:
        """The current segment is written up to here."""
        self._written = offset
        self.wake()

    def follow(self, descriptor: int) -> None:
        with self._guard:
            self._current = descriptor
            self._number += 1
            self._written = 0
        self.wake()

    def retire(self, descriptor: int, used: int) -> None:
        """Sync, cut to what is used and close a descriptor that is written no more."""
        with self._guard:
            self._retired.append((descriptor, used))
            if self._current == descriptor:
                self._current = -1
        self.wake()

    def close(self) -> None:
        self._closing = True
        self.wake()
        self._thread.join()

    def _run(self) -> None:
        pause = threading.Event()
        while not self._closing:
            self._dirty.wait()
            if not self._closing:
                pause.wait(self._interval)
            self._dirty.clear()
            self._sync_all()
        self._sync_all()

    def _warm(self, descriptor: int, number: int) -> None:
        """Read what will be written next: reading changes nothing, wherever the writer has got to meanwhile."""
        warmed = self._warmed[1] if self._warmed[0] == number else 0
        position, end = max(warmed, self._written), self._written + _AHEAD
        with contextlib.suppress(OSError):
            while position < end and (found := os.preadv(descriptor, (self._scratch,), position)):
                position += found
        self._warmed = number, position

    def _sync_all(self) -> None:
        with self._guard:
            current, number = os.dup(self._current) if self._current >= 0 else -1, self._number
            retired, self._retired = self._retired, []
        for descriptor, used in retired:
            os.ftruncate(descriptor, used)
            _sync_quietly(descriptor)
            os.close(descriptor)
        if current >= 0:
            self._warm(current, number)
            _sync_quietly(current)
            os.close(current)


def _sync_quietly(descriptor: int) -> None:
    # A disk that cannot sync still holds the record in memory; the next group tries again.
    with contextlib.suppress(OSError):
        os.fdatasync(descriptor)


def _full(folder: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"the call could not be written down before it is made ({error.strerror})",
        where=str(folder),
        next_steps=["free space on this disk", "check that the ledger process runs and drains the spool"],
    )
