"""Eight bytes in a memory-mapped file that say whether keys or prices have changed.

Writers commit their change first and write the word afterwards; readers compare it on
every call (a tenth of a microsecond) and read the changed rows only when it moved.
The word is a hint, never the truth: two writers may write it out of order, so readers
ask whether it is different, not whether it is greater.
"""

import mmap
import os
from pathlib import Path

_SIZE = 8


class VersionWord:
    """The word of one data directory; made with value 0 when it is not there."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_size < _SIZE:
                os.ftruncate(descriptor, _SIZE)
            self._map = mmap.mmap(descriptor, _SIZE)
        finally:
            os.close(descriptor)

    def read(self) -> int:
        """The value last written by any process."""
        return int.from_bytes(self._map[:_SIZE], "little")

    def write(self, value: int) -> None:
        """Tell every reader; call it after the commit that the value names."""
        self._map[:_SIZE] = value.to_bytes(_SIZE, "little")

    def close(self) -> None:
        """Release the mapping; reading afterwards is an error."""
        self._map.close()
