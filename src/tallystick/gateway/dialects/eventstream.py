"""Amazon's event streams, ``application/vnd.amazon.eventstream``, cut into frames as the bytes come.

A frame is: whole length, length of its headers (four bytes each, big-endian), CRC of
these eight bytes, headers, payload, CRC of all before. The cuts depend on the bytes
alone, never on how the network chunked them. A frame whose check sums are wrong says
that the place in the stream is lost: all since passes unread, and the reader says so.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# The service's own bounds; a length above them is no length.
LARGEST_HEADERS = 128 * 1024
LARGEST_FRAME = 24 * 1024 * 1024 + LARGEST_HEADERS + 16

_PRELUDE = struct.Struct(">III")
_WORD = struct.Struct(">I")
_SHORT = struct.Struct(">H")
_LEAST = 16
_TEXT = 7
# Bytes of a header's value by its type; texts (7) and bytes (6) say their length themselves.
_WIDTHS = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_MOST_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a stream.

    Attributes:
        headers: Those that are text, such as ``:event-type`` and ``:message-type``.
    """

    headers: Mapping[str, str]
    payload: bytes


class FrameSplitter:
    """Cuts chunks into frames.

    Attributes:
        broken: Why nothing is read any more; empty while all is well.
    """

    __slots__ = ("_held", "_needs", "_seen", "broken")

    def __init__(self) -> None:
        self._held = bytearray()
        # So many bytes must be there before it is worth looking again.
        self._needs = _PRELUDE.size
        # The headers of a stream repeat: each distinct block of them is read once.
        self._seen: dict[bytes, Mapping[str, str]] = {}
        self.broken = ""

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that this chunk completes."""
        if self.broken:
            return []
        self._held += chunk
        if len(self._held) < self._needs:
            return []
        return self._take(bytes(self._held))

    def _take(self, held: bytes) -> list[Frame]:
        frames: list[Frame] = []
        start = 0
        while (length := self._length(held, start)) and start + length <= len(held):
            frame = self._frame(held[start : start + length])
            if frame is None:
                break
            frames.append(frame)
            start += length
        self._needs = length or _PRELUDE.size
        del self._held[:start]
        if self.broken:
            self._held.clear()
        return frames

    @property
    def waits(self) -> bool:
        """A frame has begun whose end has not come."""
        return bool(self._held)

    def _length(self, held: bytes, start: int) -> int:
        """The length of the frame that begins here; 0 when its prelude has not come or is no prelude."""
        if len(held) - start < _PRELUDE.size:
            return 0
        length, headers, check = _PRELUDE.unpack_from(held, start)
        if zlib.crc32(held[start : start + 8]) != check:
            self.broken = "a frame's prelude has a wrong check sum"
        elif not _LEAST <= length <= LARGEST_FRAME or headers > min(LARGEST_HEADERS, length - _LEAST):
            self.broken = "a frame has an impossible length"
        return 0 if self.broken else int(length)

    def _frame(self, whole: bytes) -> Frame | None:
        if zlib.crc32(whole[:-4]) != _WORD.unpack_from(whole, len(whole) - 4)[0]:
            self.broken = "a frame has a wrong check sum"
            return None
        end = _PRELUDE.size + _WORD.unpack_from(whole, 4)[0]
        block = whole[_PRELUDE.size : end]
        headers = self._seen.get(block)
        if headers is None:
            headers = read_headers(block)
            if len(self._seen) < _MOST_REMEMBERED and len(block) < 1024:
                self._seen[block] = headers
        return Frame(headers, whole[end:-4])


def read_headers(block: bytes) -> Mapping[str, str]:
    """The headers that are text; what is cut short or of an unknown type ends the reading."""
    return dict(_each_header(block))


def _each_header(block: bytes) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(block):
        name_end = place + 1 + block[place]
        if name_end >= len(block):
            return
        name, kind, place = block[place + 1 : name_end], block[name_end], name_end + 1
        width = _WIDTHS.get(kind)
        if width is None:
            if kind not in (6, _TEXT) or place + 2 > len(block):
                return
            width = _SHORT.unpack_from(block, place)[0]
            place += 2
        if place + width > len(block):
            return
        if kind == _TEXT:
            yield name.decode("utf-8", "replace"), block[place : place + width].decode("utf-8", "replace")
        place += width


def to_frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """The bytes of a frame whose headers are text."""
    block = b"".join(
        bytes((len(name.encode()),)) + name.encode() + bytes((_TEXT,)) + _SHORT.pack(len(text)) + text
        for name, text in ((name, value.encode()) for name, value in headers.items())
    )
    prelude = struct.pack(">II", _LEAST + len(block) + len(payload), len(block))
    whole = prelude + _WORD.pack(zlib.crc32(prelude)) + block + payload
    return whole + _WORD.pack(zlib.crc32(whole))
