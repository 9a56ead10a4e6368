"""Where files lie: a bucket or a folder, listed and read alike."""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from tallystick.ports import SourceFailed


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is there.

    Attributes:
        key: Its path below the place, with `/`.
        version: Changes whenever its content does (a bucket's ETag; size and time in a folder).
        changed: Sorts by when it was written.
    """

    key: str
    size: int
    version: str
    changed: str


class Place(Protocol):
    """A bucket with a prefix, or a folder."""

    @property
    def name(self) -> str:
        """For people."""

    def files(self, below: str) -> Iterator[Found]:
        """Every file whose path begins with `below`, in order of path."""

    def folders(self, below: str) -> list[str]:
        """Names of the folders directly in one; `below` is empty or ends with `/`."""

    def open(self, found: Found) -> IO[bytes]:
        """A file to be read from any point; it may be read only as it was found.

        Reading raises SourceFailed, also when the file was written anew since it was found.
        """


class Folder:
    """A folder of this machine that somebody fills: by hand, or by `aws s3 sync`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = f"folder {path}"

    def files(self, below: str) -> Iterator[Found]:
        self._there()
        parent = below.rpartition("/")[0]
        names = sorted(
            one.relative_to(self._path).as_posix() for one in (self._path / parent).rglob("*") if one.is_file()
        )
        for name in names:
            if name.startswith(below):
                state = (self._path / name).stat()
                yield Found(name, state.st_size, _version(state), f"{state.st_mtime_ns:020d}")

    def folders(self, below: str) -> list[str]:
        self._there()
        path = self._path / below
        return sorted(one.name for one in path.iterdir() if one.is_dir()) if path.is_dir() else []

    def open(self, found: Found) -> IO[bytes]:
        try:
            raw = io.FileIO(self._path / found.key)
        except OSError as error:
            words = f"{found.key} in {self.name} cannot be read: {error.strerror}"
            raise SourceFailed(words, retry_seconds=600.0) from None
        if _version(os.fstat(raw.fileno())) != found.version:
            raw.close()
            words = f"{found.key} in {self.name} was written anew while the others were read"
            raise SourceFailed(words, retry_seconds=60.0)
        return io.BufferedReader(raw, 1 << 20)

    def _there(self) -> None:
        if not self._path.is_dir():
            raise SourceFailed(f"there is no {self.name}: create it, or name another one")


def _version(state: os.stat_result) -> str:
    return f"{state.st_size}-{state.st_mtime_ns:020d}"
