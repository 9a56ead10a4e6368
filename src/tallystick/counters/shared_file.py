"""A file of 64-bit words that several processes change together, consistent whenever one is killed.

One `flock` per operation; the kernel drops it with its holder. What an operation changes is
written down first, as pairs of address and new value, and its length last: that word is the
commit. Whoever takes the lock and finds a length does those writes (again), so each operation
happened whole or not at all. The pages outlive every process but not the machine: a file from
before the last boot, of another version or of other sizes is replaced by an empty one.
"""

import mmap
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock
from os import fstat
from pathlib import Path
from struct import Struct
from types import TracebackType
from typing import NoReturn

from tallystick.kernel.errors import Unavailable
from tallystick.ports import CountersAway

WORD = 8
_MAGIC = 0x54414C4C59435452
_VERSION = 1
_AT_ONCE = LOCK_EX | LOCK_NB
# Words of the head: what the file is, then what changes with it.
_AT_MAGIC, _AT_VERSION, _AT_BOOT, _AT_SHAPE, _AT_LOGGED = 0, 1, 2, 4, 16
HEAD_WORDS = 64
LOG_WORDS = 8192
_AT_LOG = HEAD_WORDS
BODY = HEAD_WORDS + LOG_WORDS


@dataclass(frozen=True, slots=True)
class Shape:
    """What a file must be like to be used: its numbers in order, and how many words its body has."""

    numbers: tuple[int, ...]
    body_words: int

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return (BODY + self.body_words) * WORD


class SharedFile:
    """The words, and the lock around each operation: ``with file: …``.

    Attributes:
        words: The whole file, indexed by word.
        bytes: The same by byte: cut out and put in as one piece, which costs less than its words.

    Raises:
        Unavailable: The file cannot be made or opened.
        CountersAway: (on entering) another process held the lock past the deadline, or the file was lost and
            what stands in its place cannot be used.
    """

    def __init__(self, path: Path, shape: Shape, *, deadline_s: float = 0.02) -> None:
        self._path = path
        self._shape = shape
        self._size = shape.size
        self._deadline_s = deadline_s
        self._threads = threading.Lock()
        self._descriptor = -1
        self._lost = False
        try:
            self._open(replace=True)
        except OSError as error:
            raise Unavailable(
                f"the counters' file cannot be used ({error.strerror})",
                where=str(path),
                next_steps=["check that the data directory is writable and its disk has room"],
            ) from error

    def lock(self) -> None:
        """Begin an operation; `unlock` must follow, whatever happens. For paths where `with` would cost too much."""
        self._threads.acquire()
        try:
            if self._lost:
                self._reopen()
            else:
                try:
                    flock(self._descriptor, _AT_ONCE)
                except BlockingIOError:
                    self._wait()
                status = fstat(self._descriptor)
                if status.st_nlink == 0:
                    self._reopen()
                elif status.st_size != self._size or self.words[_AT_MAGIC] != _MAGIC:
                    self.give_up()
            if self.words[_AT_LOGGED]:
                self._redo()
        except BaseException:
            self._threads.release()
            raise

    def unlock(self) -> None:
        """End an operation. One that met an `IndexError` has to `give_up` before: an address was out of what there is,
        so what stands in the file is not what we wrote.
        """
        try:
            flock(self._descriptor, LOCK_UN)
        finally:
            self._threads.release()

    def __enter__(self) -> None:
        self.lock()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, IndexError):
                self.give_up()
        finally:
            self.unlock()

    def commit(self, changes: Sequence[int]) -> None:
        """Make these changes, all or none: address, value, address, value …

        Raises:
            struct.error: A value does not fit into 64 bits; nothing was changed.
        """
        count = len(changes)
        if count > LOG_WORDS:
            raise ValueError(f"{count} words do not fit into the log")
        self._write_log(changes)
        words = self.words
        words[_AT_LOGGED] = count
        pairs = iter(changes)
        for address, value in zip(pairs, pairs, strict=True):
            words[address] = value
        words[_AT_LOGGED] = 0

    def close(self) -> None:
        """Let go of the file; what it holds stays."""
        if self._descriptor >= 0:
            self.words.release()
            self.bytes.close()
            os.close(self._descriptor)
            self._descriptor = -1

    def _write_log(self, changes: Sequence[int]) -> None:
        packer(len(changes)).pack_into(self.words, _AT_LOG * WORD, *changes)

    def _redo(self) -> None:
        words = self.words
        count = words[_AT_LOGGED]
        if not 0 < count <= LOG_WORDS:
            self.give_up()
        try:
            for position in range(_AT_LOG, _AT_LOG + count, 2):
                words[words[position]] = words[position + 1]
        except IndexError:
            self.give_up()
        words[_AT_LOGGED] = 0

    def give_up(self) -> NoReturn:
        """Somebody else wrote into the file. The next to come makes it anew, and it is built from the ledger."""
        self._path.unlink(missing_ok=True)
        flock(self._descriptor, LOCK_UN)
        raise CountersAway("away: the counters' file was damaged, and is made anew")

    def _wait(self) -> None:
        """The lock that another has now, never past the deadline: its holder may be stopped, and a loop waits here."""
        give_up = time.monotonic() + self._deadline_s
        pause = 0.0
        while True:
            # Most holders are gone within 20 us: first only let others run, then sleep longer and longer.
            time.sleep(pause)
            try:
                flock(self._descriptor, _AT_ONCE)
                return
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise CountersAway("too slow: another process holds the counters") from None
            pause = min(pause + 0.000_01, 0.000_5)

    def _reopen(self) -> None:
        """The file was removed under us: go on with the one that has its name now."""
        self.close()
        self._lost = True  # until there is one: the next to come tries again
        try:
            self._open(replace=False)
        except OSError as error:
            raise CountersAway(f"away: {error.strerror}") from error
        self._lost = False
        self._wait()

    def _open(self, *, replace: bool) -> None:
        """Open or make the file. Only a process that starts replaces one that it cannot use."""
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if not self._is_usable(descriptor, replace=replace):
                    os.close(descriptor)
                    continue
                self.bytes = mmap.mmap(descriptor, self._shape.size)
            except BaseException:
                os.close(descriptor)
                raise
            break
        self._descriptor = descriptor
        self.words = memoryview(self.bytes).cast("q")

    def _is_usable(self, descriptor: int, *, replace: bool) -> bool:
        """Whether what was opened can be used; an empty file is made so, and one that is not ours is removed."""
        flock(descriptor, LOCK_EX)
        status = fstat(descriptor)
        if not status.st_nlink:
            return False
        if status.st_size == 0:
            _make(descriptor, self._shape)
        elif not _is_ours(descriptor, self._shape):
            if not replace:
                raise CountersAway("away: the counters' file is of another version")
            self._path.unlink(missing_ok=True)
            return False
        flock(descriptor, LOCK_UN)
        return True


_PACKERS: dict[int, Struct] = {}


def packer(count: int) -> Struct:
    """Reads or writes that many words at once."""
    found = _PACKERS.get(count)
    if found is None:
        found = _PACKERS[count] = Struct(f"{count}q")
    return found


def _make(descriptor: int, shape: Shape) -> None:
    """An empty file with all its blocks, so that a full disk is an error now and not a signal later."""
    try:
        os.posix_fallocate(descriptor, 0, shape.size)
    except OSError:
        os.ftruncate(descriptor, 0)  # what was allocated is given back, and the next to come tries again
        raise
    head = [_MAGIC, _VERSION, *_boot(), len(shape.numbers), *shape.numbers]
    # The magic goes last: without it the file is not ours, and the next to open it makes it anew.
    os.pwrite(descriptor, packer(len(head) - 1).pack(*head[1:]), WORD)
    os.pwrite(descriptor, packer(1).pack(head[0]), 0)


def _is_ours(descriptor: int, shape: Shape) -> bool:
    head = [_MAGIC, _VERSION, *_boot(), len(shape.numbers), *shape.numbers]
    wanted = packer(len(head)).pack(*head)
    return fstat(descriptor).st_size == shape.size and os.pread(descriptor, len(wanted), 0) == wanted


def _boot() -> tuple[int, int]:
    """Which start of the machine this is: after a crash of it the pages may be from different instants."""
    try:
        name = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
        return int(name[:15], 16), int(name[15:30], 16)
    except (OSError, ValueError):
        return 0, 0
