"""The bytes of one spool segment: records one after another, each checked by its CRC.

A record is a marker (2 bytes), the length of its body (4), the CRC-32 of its body (4),
then the body: kind (1), length of the event id (1), event id, payload. All numbers are
little-endian. A segment is allocated as zeros, and zeros are no record, so the end of
what was written needs no footer. Pure: bytes in, records out.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Literal

Kind = Literal["intent", "completion", "content"]

MARKER = b"\xa7\x1e"
HEADER = struct.Struct("<2sII")
_KINDS: dict[int, Kind] = {1: "intent", 2: "completion", 3: "content"}
_CODES: dict[Kind, bytes] = {"intent": b"\x01", "completion": b"\x02", "content": b"\x03"}
MAX_BODY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SpoolRecord:
    """One record as it was read.

    Attributes:
        payload: MessagePack of a usage event; an intent's is the row to store should the gateway die.
            A content's is what was said in a call, empty once that is in the ledger.
        offset, end: Where it lies in its segment, in bytes.
    """

    kind: Kind
    event_id: str
    payload: bytes
    offset: int
    end: int


def encode(kind: Kind, event_id: str, payload: bytes) -> bytes:
    """One record, ready to be written.

    Raises:
        ValueError: The event id has more than 255 bytes.
    """
    name = event_id.encode()
    if len(name) > 255:
        raise ValueError(f"an event id has at most 255 bytes, found {len(name)}")
    start = b"%b%c%b" % (_CODES[kind], len(name), name)
    # The payload is copied once: the checksum goes on from what stands before it.
    checksum = zlib.crc32(payload, zlib.crc32(start))
    return b"".join((HEADER.pack(MARKER, len(start) + len(payload), checksum), start, payload))


def blank(record: SpoolRecord) -> bytes:
    """A sound content record of the same length that says nothing: written over one whose text is kept elsewhere."""
    return encode("content", "", bytes(record.end - record.offset - HEADER.size - 2))


def decode(buffer: bytes, position: int, base: int) -> SpoolRecord | None:
    """The record that begins at a position of the buffer; None when there is no whole, sound one.

    Args:
        buffer: Bytes of the segment.
        position: Where in the buffer to look.
        base: Offset of the buffer's first byte in its segment.
    """
    start = position + HEADER.size
    if len(buffer) < start + 2:
        return None
    marker, length, checksum = HEADER.unpack_from(buffer, position)
    end = start + length
    if marker != MARKER or not 2 <= length <= MAX_BODY or end > len(buffer):
        return None
    body = buffer[start:end]
    name_end = 2 + body[1]
    kind = _KINDS.get(body[0])
    if kind is None or name_end > length or zlib.crc32(body) != checksum:
        return None
    name = body[2:name_end].decode("utf-8", "replace")
    return SpoolRecord(kind, name, body[name_end:], base + position, base + end)


def find_next(buffer: bytes, position: int, base: int) -> SpoolRecord | None:
    """The first sound record at or after a position: what survives behind a damaged place."""
    while (position := buffer.find(MARKER, position)) >= 0:
        record = decode(buffer, position, base)
        if record is not None:
            return record
        position += 1
    return None
