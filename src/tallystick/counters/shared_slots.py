"""The table of counters in the shared file: open addressing by the 16 bytes of the key.

A slot is eight words: a cell (see `weigh.py`), then the two words of its key. A key lies within
`WINDOW` slots of its home, before the first empty one; a slot is never emptied, only given to
another key when its counter may be forgotten.
"""

from collections.abc import Callable
from struct import Struct
from zlib import crc32

from tallystick.counters.shared_file import WORD, SharedFile
from tallystick.counters.weigh import ENDS, USED, may_forget
from tallystick.ports import CountersAway

SLOT_WORDS = 8
WINDOW = 128
_AT_KEY = 6
_MOST_KNOWN = 65536
read_slot = Struct("8q").unpack_from
# The same with the key as it is.
read_keyed = Struct("6q16s").unpack_from
_KEY = Struct("2q")

Slot = tuple[int, ...]


class Slots:
    """Finds and makes counters; every method expects the file's lock to be held.

    Args:
        start: Word the table begins at.
        capacity: How many counters it is meant for; half of them is where it works well.

    Attributes:
        known: Where this process saw a key last, in bytes, and its two words: true if the slot still has them.
    """

    def __init__(self, file: SharedFile, start: int, capacity: int) -> None:
        self._file = file
        self._start = start
        self._capacity = capacity
        self.known: dict[bytes, tuple[int, int, int]] = {}

    @staticmethod
    def words(capacity: int) -> int:
        """How many words the table takes; the window of the last home lies behind it."""
        return (capacity + WINDOW) * SLOT_WORDS

    def look(self, key: bytes) -> Slot | None:
        """The counter as it is, None when there is none."""
        known = self.known.get(key)
        if known is not None:
            slot = read_slot(self._file.words, known[0])
            if slot[6] == known[1] and slot[7] == known[2]:
                return slot
            del self.known[key]
        address = self._find(key)
        return None if address is None else read_slot(self._file.words, address * WORD)

    def at(self, key: bytes) -> int | None:
        """The word a counter begins at, after `look` under the same lock; None when there is none."""
        known = self.known.get(key)
        return self._find(key) if known is None else known[0] // WORD

    def make(self, key: bytes, ends_us: int, at_us: int, keep: Callable[[], set[int]]) -> int:
        """A new counter at zero, done at once: one that nobody uses is as good as none. The word it begins at.

        Args:
            keep: Words of counters that must not be forgotten now; asked only where one has to be.

        Raises:
            CountersAway: No slot is left for it.
        """
        words, (high, low) = self._file.words, _words_of(key)
        address = self._home(key)
        for place in range(address + _AT_KEY, address + WINDOW * SLOT_WORDS, SLOT_WORDS):
            if not words[place]:
                # An empty slot is zeros, and it stays empty until the first word of its key is there.
                address = place - _AT_KEY
                words[address + ENDS], words[address + USED], words[place + 1] = ends_us, at_us, low
                words[place] = high
                break
        else:
            address = self._forget_one(address, at_us, keep())
            cell = (0, 0, ends_us, at_us, 0, 0, high, low)
            self._file.commit([word for offset, value in enumerate(cell) for word in (address + offset, value)])
        self._remember(key, address, high, low)
        return address

    def _find(self, key: bytes) -> int | None:
        words, (high, low) = self._file.words, _words_of(key)
        home = self._home(key)
        for place in range(home + _AT_KEY, home + WINDOW * SLOT_WORDS, SLOT_WORDS):
            found = words[place]
            if found == high and words[place + 1] == low:
                self._remember(key, place - _AT_KEY, high, low)
                return place - _AT_KEY
            if not found:
                return None
        return None

    def _forget_one(self, home: int, at_us: int, keep: set[int]) -> int:
        for address in range(home, home + WINDOW * SLOT_WORDS, SLOT_WORDS):
            cell = list(read_slot(self._file.words, address * WORD))
            if address not in keep and may_forget(cell, at_us):
                return address
        raise CountersAway("full: no room for another counter")

    def _home(self, key: bytes) -> int:
        return self._start + crc32(key) % self._capacity * SLOT_WORDS

    def _remember(self, key: bytes, address: int, high: int, low: int) -> None:
        if len(self.known) >= _MOST_KNOWN:
            self.known.clear()
        self.known[key] = (address * WORD, high, low)


def _words_of(key: bytes) -> tuple[int, int]:
    high, low = _KEY.unpack(key)
    return high or 1, low


def key_of(high: int, low: int) -> bytes:
    """The 16 bytes that two words hold."""
    return _KEY.pack(high, low)
