"""Counts that several processes keep and one reads: a memory-mapped file of whole numbers for each writer.

A writer adds to its own cells and asks nobody (a tenth of a microsecond); the reader
sums the files. The file of a process that is gone is added to ``ended.json`` and
removed, so that sums never fall. A reader may see one call counted and another not
yet: these are figures to watch by, never to pay by.

A file is a head of 256 bytes (magic, number of records, process id, start in
microseconds, all little-endian 64 bits) and records of 256 bytes: the value, the
length of the name (16 bits), the name. Names are this room's users' own; one that
begins with ``~`` is a state of the process, which ends with it and is not added up.
"""

import contextlib
import fcntl
import json
import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_MAGIC = b"TALLYM1\n"
_RECORD = 256
_WORDS = _RECORD // 8
_LONGEST_NAME = _RECORD - 10
_RECORDS = 8192
_ENDED = "ended.json"


class MetricCells:
    """One process's cells. Not for threads that write the same cell."""

    def __init__(self, folder: Path, name: str, pid: int, started_us: int) -> None:
        self._descriptor = -1
        self._map = self._open(folder, name)
        #: Add to a cell by its index; a value beyond 64 bits is refused with ValueError.
        self.values = memoryview(self._map).cast("q")
        self._map[:8] = _MAGIC
        self.values[2], self.values[3] = pid, started_us
        self._used = 0

    def _open(self, folder: Path, name: str) -> mmap.mmap:
        """The file under its lock, or memory of our own where the disk has no room: a hole in it would kill us."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new, size = folder / f"{name}.new", (_RECORDS + 1) * _RECORD
        self._descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(self._descriptor, 0, size)
        except OSError:
            new.unlink()
            return mmap.mmap(-1, size)
        # Locked before it can be seen, so that no reader takes it for a dead one's.
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        new.rename(folder / f"{name}.cells")
        return mmap.mmap(self._descriptor, size)

    def allot(self, name: str) -> int:
        """The index of a new cell, at 0; a name may have several, which add up. When there are no more, of one to waste."""
        if self._used >= _RECORDS - 1:
            return _RECORDS * _WORDS
        start = (self._used + 1) * _RECORD
        label = name.encode()[:_LONGEST_NAME]
        self._map[start + 8 : start + 10] = len(label).to_bytes(2, "little")
        self._map[start + 10 : start + 10 + len(label)] = label
        self._used += 1
        self.values[1] = self._used  # last, so that a reader never sees half a name
        return start // 8

    def close(self) -> None:
        """Let go; what was counted stays."""
        self.values.release()
        self._map.close()
        os.close(self._descriptor)


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that is counting.

    Attributes:
        started_us: Microseconds since 1970.
        states: Its names that begin with ``~``, without it.
    """

    pid: int
    started_us: int
    states: Mapping[str, int]


@dataclass(slots=True)
class Cells:
    """All files of a folder: what adds up, and each process that lives."""

    sums: dict[str, int] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)


def read_cells(folder: Path) -> Cells:
    """The sums of all that ever counted here and the states of those that do; one reader at a time."""
    if not folder.is_dir():
        return Cells()
    with _locked(folder / "lock"):
        kept = _read_ended(folder)
        found = Cells(kept)
        gone: dict[str, dict[str, int]] = {}
        for path in sorted(folder.glob("*.cells")):
            worker, values, lives = _read_file(path)
            sums = {name: value for name, value in values.items() if not name.startswith("~")}
            if lives:
                found.workers.append(worker)
                _add(found.sums, sums)
            else:
                gone[path.name] = sums
        for sums in gone.values():
            _add(found.sums, sums)
        if gone:
            _fold(folder, gone)
        return found


def _fold(folder: Path, gone: Mapping[str, Mapping[str, int]]) -> None:
    """Keep what the dead counted, under their names: who dies in between has not counted them twice."""
    kept = _read_ended(folder)
    for sums in gone.values():
        _add(kept, sums)
    new = folder / "ended.new"
    new.write_text(json.dumps({"folded": sorted(gone), "sums": kept}))
    new.replace(folder / _ENDED)
    for name in gone:
        (folder / name).unlink(missing_ok=True)


def _read_ended(folder: Path) -> dict[str, int]:
    """What the dead counted; files that were added and not yet removed are removed."""
    try:
        kept = json.loads((folder / _ENDED).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    for name in kept["folded"]:
        (folder / name).unlink(missing_ok=True)
    sums: dict[str, int] = kept["sums"]
    return sums


def _read_file(path: Path) -> tuple[Worker, dict[str, int], bool]:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            lives = False
        except BlockingIOError:
            lives = True
        data = file.read((_RECORDS + 1) * _RECORD)
    number = [int.from_bytes(data[at : at + 8], "little", signed=True) for at in (8, 16, 24)]
    values: dict[str, int] = {}
    if data[:8] == _MAGIC:
        for start in range(_RECORD, (number[0] + 1) * _RECORD, _RECORD):
            length = int.from_bytes(data[start + 8 : start + 10], "little")
            name = data[start + 10 : start + 10 + length].decode(errors="replace")
            values[name] = values.get(name, 0) + int.from_bytes(data[start : start + 8], "little", signed=True)
    states = {name[1:]: value for name, value in values.items() if name.startswith("~")}
    return Worker(number[1], number[2], states), values, lives


def _add(sums: dict[str, int], more: Mapping[str, int]) -> None:
    for name, value in more.items():
        sums[name] = sums.get(name, 0) + value


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)
