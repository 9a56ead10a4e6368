"""The table of counters in the shared file: open addressing by the 16 bytes of the key.

A slot is eight words: a cell (see `weigh.py`), then the two words of its key. A key lies within
`WINDOW` slots of its home, before the first empty one; a slot is never emptied, only given to
another key when its counter may be forgotten.
"""

from struct import Struct
from zlib import crc32

from tallystick.counters.shared_file import WORD, SharedFile
from tallystick.counters.weigh import may_forget
from tallystick.ports import CountersAway

SLOT_WORDS = 8
WINDOW = 128
_AT_KEY = 6
_MOST_KNOWN = 65536
read_slot = Struct("=8q").unpack_from
_KEY = Struct("=2q")

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

    def make(self, key: bytes, ends_us: int, at_us: int, keep: set[int]) -> int:
        """A new counter at zero, an operation of its own. The word it begins at.

        Args:
            keep: Words of counters that must not be forgotten now.

        Raises:
            CountersAway: No slot is left for it.
        """
        address = self._free(key, at_us, keep)
        if address is None:
            raise CountersAway("full: no room for another counter")
        high, low = _words_of(key)
        cell = (0, 0, ends_us, at_us, 0, 0, high, low)
        self._file.commit([word for offset, value in enumerate(cell) for word in (address + offset, value)])
        self._remember(key, address, high, low)
        return address

    def _find(self, key: bytes) -> int | None:
        high, low = _words_of(key)
        words = self._file.words
        home = self._home(key)
        for number, found in enumerate(self._keys(home)):
            if found == high:
                address = home + number * SLOT_WORDS
                if words[address + _AT_KEY + 1] == low:
                    self._remember(key, address, high, low)
                    return address
            elif not found:
                return None
        return None

    def _free(self, key: bytes, at_us: int, keep: set[int]) -> int | None:
        home = self._home(key)
        highs = self._keys(home)
        if 0 in highs:
            return home + highs.index(0) * SLOT_WORDS
        for number in range(WINDOW):
            address = home + number * SLOT_WORDS
            cell = list(read_slot(self._file.words, address * WORD))
            if address not in keep and may_forget(cell, at_us):
                return address
        return None

    def _home(self, key: bytes) -> int:
        return self._start + crc32(key) % self._capacity * SLOT_WORDS

    def _keys(self, home: int) -> list[int]:
        """The first words of the keys in a window; 0 is an empty slot."""
        first = home + _AT_KEY
        return self._file.words[first : first + WINDOW * SLOT_WORDS : SLOT_WORDS].tolist()

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
