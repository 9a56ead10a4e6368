"""The open reservations in the shared file: records of fixed size, and an index over their ids.

A record is written while nobody can see it and becomes real by two words of the commit that
reserves: its state and its entry in the index. Free records are a list, the last one freed is
taken first, so that few pages are touched. An index entry holds the CRC-32 of the id and the
number of the record, in a bucket of sixteen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, NamedTuple
from zlib import crc32

from tallystick.counters.shared_file import HEAD_WORDS, WORD, SharedFile, packer
from tallystick.ports import CountersAway

MOST_HOLDS = 48
MOST_NAME = 64
HOLD_WORDS = 8
# Values of a hold as it is written: its last two words are one key.
WRITTEN_WORDS = 7
_HEAD = 24
RECORD_WORDS = _HEAD + MOST_HOLDS * HOLD_WORDS
_BUCKET = 16
_NUMBER_BITS = 24
# Words of the file's head: one more than the first free record (0 is none), records ever used.
_AT_FREE, _AT_USED = HEAD_WORDS - 2, HEAD_WORDS - 1
_READ_HEAD = packer(8).unpack_from
_READ_BUCKET = packer(_BUCKET).unpack_from
# A record but for its state and its holds, which is what it says of itself.
_PACK_HEAD = Struct(f"7q{MOST_NAME}s{MOST_NAME}s").pack
_EMPTY = bytes(_BUCKET * WORD)
_PACK_HOLDS = [Struct("6q16s" * count).pack for count in range(MOST_HOLDS + 1)]


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
    """What a reservation is made of; `holds` as in `Record`, their key as the 16 bytes it is."""

    name: bytes
    owner: bytes
    expires_us: int
    output: int
    at_us: int
    probe_us: int
    holds: Sequence[int | bytes]


class Written(NamedTuple):
    """A reservation as it was written: true of the file as long as the same bytes stand there and it is open.

    Attributes:
        content: All of it but the state, which comes before.
        state: What the state is while it is open.
        holds: As in `NewRecord`.
    """

    address: int
    entry: int
    state: int
    content: bytes
    holds: Sequence[Any]


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
        if self._file.bytes[bucket * WORD : (bucket + _BUCKET) * WORD] == _EMPTY:
            return None
        for entry in _READ_BUCKET(self._file.words, bucket * WORD):
            if entry and entry >> _NUMBER_BITS == checksum:
                record = self._read(entry & ((1 << _NUMBER_BITS) - 1))
                if self.names(record)[0] == name:
                    return record
        return None

    def stands(self, one: Written) -> bool:
        """Whether it is open in this file, as it was written: not settled by a repair, nor lost with another file."""
        first = one.address * WORD
        held = self._file.bytes[first + WORD : first + WORD + len(one.content)]
        return held == one.content and self._file.words[one.address] == one.state

    def add(self, new: NewRecord) -> tuple[Written, tuple[int, ...]]:
        """Write a record that nobody sees yet; the changes that make it real.

        Raises:
            CountersAway: As many are open as fit.
            struct.error: An amount does not fit into 64 bits.
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
        # Written as it is already: what the list of the free goes on with must stand there at every instant.
        follower = words[address + 6]
        lengths = len(new.name) | len(new.owner) << 8
        count = len(new.holds) // WRITTEN_WORDS
        head = (new.expires_us, new.output, new.at_us, new.probe_us, lengths, follower, entry, new.name, new.owner)
        content = _PACK_HEAD(*head) + _PACK_HOLDS[count](*new.holds)
        first = (address + 1) * WORD
        self._file.bytes[first : first + len(content)] = content
        list_end = (_AT_FREE, follower) if free else (_AT_USED, number + 1)
        changes = (address, count + 1, entry, checksum << _NUMBER_BITS | number, *list_end)
        return Written(address, entry, count + 1, content, new.holds), changes

    def remove(self, address: int, entry: int) -> tuple[int, ...]:
        """The changes that end a reservation."""
        number = (address - self._records) // RECORD_WORDS
        return (address, 0, address + 6, self._file.words[_AT_FREE], entry, 0, _AT_FREE, number + 1)

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
