"""The values of a JSON array, cut out of a byte stream as each is complete.

Google's streams are such an array where nobody asks for server-sent events. The cuts
depend on the bytes alone, never on how the network chunked them. A value that stands
alone, not in an array, is cut out too: so errors come.
"""

import re

# A value nobody finishes must not fill the memory: past this nothing more is read.
LARGEST_VALUE = 64 * 1024 * 1024

_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'["\\]')
_OPENERS = b"{["


class ArraySplitter:
    """Cuts chunks into the array's objects.

    Attributes:
        closed: The array, or the value that stands alone, has ended.
        overflowed: A value grew past `LARGEST_VALUE`; nothing since is read.
    """

    __slots__ = ("_base", "_depth", "_held", "_in_text", "_scanned", "_start", "closed", "overflowed")

    def __init__(self) -> None:
        self._held = bytearray()
        # Where the scan goes on, where the value under way begins (-1: none), and how deep it is.
        self._scanned, self._start, self._depth = 0, -1, 0
        self._base: int | None = None
        self._in_text = False
        self.closed = self.overflowed = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The objects that this chunk completes."""
        if self.closed or self.overflowed:
            return []
        self._held += chunk
        values: list[bytes] = []
        while not self.closed and (found := (_INSIDE if self._in_text else _OUTSIDE).search(self._held, self._scanned)):
            if not self._step(found.start(), values):
                break
        else:
            self._scanned = len(self._held)
        self._drop()
        return values

    def _step(self, place: int, values: list[bytes]) -> bool:
        """Take one mark; False when the byte after it has not come yet."""
        mark = self._held[place]
        if mark == 92:  # a backslash hides the next byte
            if place + 1 >= len(self._held):
                self._scanned = place
                return False
            self._scanned = place + 2
            return True
        self._scanned = place + 1
        if mark == 34:
            self._in_text = not self._in_text
        elif mark in _OPENERS:
            self._open(place, mark)
        else:
            self._close(place, values)
        return True

    def _open(self, place: int, mark: int) -> None:
        if self._base is None:
            self._base = 1 if mark == 91 else 0
        if self._depth == self._base:
            self._start = place
        self._depth += 1

    def _close(self, place: int, values: list[bytes]) -> None:
        self._depth -= 1
        if self._depth == self._base and self._start >= 0:
            values.append(bytes(self._held[self._start : place + 1]))
            self._start = -1
        if self._depth <= 0:
            self.closed = True

    def _drop(self) -> None:
        """Forget what has been read."""
        keep = self._start if self._start >= 0 else self._scanned
        del self._held[:keep]
        self._scanned -= keep
        self._start = 0 if self._start >= 0 else -1
        self.overflowed = len(self._held) > LARGEST_VALUE
        if self.overflowed or self.closed:
            self._held.clear()
