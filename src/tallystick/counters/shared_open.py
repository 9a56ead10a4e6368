"""The open reservations in the shared file: records of fixed size, and an index over their ids.

A record is written while nobody can see it and becomes real by two words of the commit that
reserves: its state and its entry in the index. Free records are a list, the last one freed is
taken first, so that few pages are touched. An index entry holds the CRC-32 of the id and the
number of the record, in a bucket of sixteen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

from tallystick.counters.shared_file import HEAD_WORDS, WORD, SharedFile, packer
from tallystick.ports import CountersAway

MOST_HOLDS = 48
MOST_NAME = 64
HOLD_WORDS = 8
_HEAD = 24
RECORD_WORDS = _HEAD + MOST_HOLDS * HOLD_WORDS
_BUCKET = 16
_NUMBER_BITS = 24
# Words of the file's head: one more than the first free record (0 is none), records ever used.
_AT_FREE, _AT_USED = HEAD_WORDS - 2, HEAD_WORDS - 1
_READ_HEAD = packer(8).unpack_from
_READ_BUCKET = packer(_BUCKET).unpack_from


@dataclass(slots=True)
class Record:
    """One open reservation as it lies in the file.

    Attributes:
        address: Word it begins at.
        entry: Word of its index entry.
        next_free: What the free list went on with.
        probe_us: The `PROBE` that it has set on breakers; 0 for none.
        holds: Eight words for each hold: address, amount, posted, reserved, limit, probed breaker, key.
    """

    address: int
    count: int
    expires_us: int
    output: int
    at_us: int
    probe_us: int
    entry: int
    holds: tuple[int, ...]


@dataclass(slots=True)
class NewRecord:
    """What a reservation is made of; `holds` as in `Record`."""

    name: bytes
    owner: bytes
    expires_us: int
    output: int
    at_us: int
    probe_us: int
    holds: Sequence[int]


class OpenTable:
    """Finds, adds and removes reservations; every method expects the file's lock to be held."""

    def __init__(self, file: SharedFile, start: int, capacity: int) -> None:
        self._file = file
        self._capacity = capacity
        self._buckets = _buckets(capacity)
        self._index = start
        self._records = start + self._buckets * _BUCKET

    @staticmethod
    def words(capacity: int) -> int:
        """How many words index and records take."""
        return _buckets(capacity) * _BUCKET + capacity * RECORD_WORDS

    def find(self, name: bytes) -> Record | None:
        """The open reservation of that id."""
        checksum = crc32(name)
        bucket = self._index + checksum % self._buckets * _BUCKET
        for entry in _READ_BUCKET(self._file.words, bucket * WORD):
            if entry and entry >> _NUMBER_BITS == checksum:
                record = self._read(entry & ((1 << _NUMBER_BITS) - 1))
                if self.names(record)[0] == name:
                    return record
        return None

    def add(self, new: NewRecord) -> list[int]:
        """Write a record that nobody sees yet; the changes that make it real.

        Raises:
            CountersAway: As many are open as fit.
        """
        words = self._file.words
        free = words[_AT_FREE]
        number = free - 1 if free else words[_AT_USED]
        checksum = crc32(new.name)
        bucket = self._index + checksum % self._buckets * _BUCKET
        entries = _READ_BUCKET(words, bucket * WORD)
        if number >= self._capacity or 0 not in entries:
            raise CountersAway("full: too many reservations are open")
        entry = bucket + entries.index(0)
        address = self._records + number * RECORD_WORDS
        follower = words[address + 6] if free else 0
        count = len(new.holds) // HOLD_WORDS
        lengths = len(new.name) | len(new.owner) << 8
        body = (new.expires_us, new.output, new.at_us, new.probe_us, lengths)
        packer(5).pack_into(words, (address + 1) * WORD, *body)
        words[address + 7] = entry
        texts = new.name.ljust(MOST_NAME, b"\0") + new.owner.ljust(MOST_NAME, b"\0")
        words[address + 8 : address + _HEAD] = memoryview(texts).cast("q")
        packer(len(new.holds)).pack_into(words, (address + _HEAD) * WORD, *new.holds)
        changes = [address, count + 1, entry, checksum << _NUMBER_BITS | number]
        return changes + ([_AT_FREE, follower] if free else [_AT_USED, number + 1])

    def remove(self, record: Record) -> list[int]:
        """The changes that end a reservation."""
        number = (record.address - self._records) // RECORD_WORDS
        free = self._file.words[_AT_FREE]
        return [record.address, 0, record.address + 6, free, record.entry, 0, _AT_FREE, number + 1]

    def all(self) -> Iterator[Record]:
        """Every open reservation."""
        words = self._file.words
        used = words[_AT_USED]
        end = self._records + used * RECORD_WORDS
        for number, state in enumerate(words[self._records : end : RECORD_WORDS].tolist() if used else ()):
            if state:
                yield self._read(number)

    def names(self, record: Record) -> tuple[bytes, bytes]:
        """Id and owner."""
        lengths = self._file.words[record.address + 5]
        first = record.address + 8
        text = self._file.words[first : first + 2 * MOST_NAME // WORD].tobytes()
        return text[: lengths & 255], text[MOST_NAME : MOST_NAME + (lengths >> 8)]

    def _read(self, number: int) -> Record:
        words = self._file.words
        address = self._records + number * RECORD_WORDS
        state, expires_us, output, at_us, probe_us, _, _, entry = _READ_HEAD(words, address * WORD)
        count = state - 1
        holds = packer(count * HOLD_WORDS).unpack_from(words, (address + _HEAD) * WORD)
        return Record(address, count, expires_us, output, at_us, probe_us, entry, holds)


def _buckets(capacity: int) -> int:
    """Four reservations to a bucket of sixteen when all are open."""
    return max(1, capacity // 4)
