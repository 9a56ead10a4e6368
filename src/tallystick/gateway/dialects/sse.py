"""Server-sent events, cut out of a byte stream exactly as they came.

Lines end with LF, CR or CRLF and an empty line ends an event. The cuts depend on
the bytes alone, never on how the network chunked them: a CR at the end of what has
arrived waits, for it may be half of a CRLF.
"""

import re

# An event nobody finishes must not fill the memory: past this it passes unread.
LARGEST_EVENT = 64 * 1024 * 1024

# Atomic, lest one CRLF be taken for a CR and an LF.
_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_LINE = re.compile(rb"\r\n|\n|\r")


class EventSplitter:
    """Cuts chunks into whole events, each with the empty line that ends it.

    Attributes:
        overflowed: An event grew past `LARGEST_EVENT`; all since is handed out as it comes.
    """

    __slots__ = ("_held", "_scanned", "overflowed")

    def __init__(self) -> None:
        self._held = bytearray()
        self._scanned = 0
        self.overflowed = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that this chunk completes. Joined with `rest`, they are what was fed."""
        if self.overflowed:
            return [chunk]
        if not self._held and chunk.endswith(b"\n\n") and b"\r" not in chunk and b"\n\n\n" not in chunk:
            return [event + b"\n\n" for event in chunk[:-2].split(b"\n\n")]
        self._held += chunk
        return self._take()

    def _take(self) -> list[bytes]:
        held, events, start = self._held, [], 0
        position = self._scanned
        while found := _END.search(held, position):
            end = found.end()
            if end == len(held) and held[-1] == 13:
                break
            events.append(bytes(held[start:end]))
            start = position = end
        del held[:start]
        # The end mark is at most four bytes, three of which may have come already.
        self._scanned = max(0, len(held) - 3)
        if len(held) > LARGEST_EVENT:
            self.overflowed = True
            events.append(self.rest())
        return events

    def rest(self) -> bytes:
        """What has come of an event whose end has not, taken out."""
        rest = bytes(self._held)
        self._held.clear()
        self._scanned = 0
        return rest


def event_data(event: bytes) -> bytes:
    r"""The data of an event: its `data:` lines joined by LF; empty for comments.

    >>> event_data(b"event: x\r\ndata: {\ndata: }\n\n"), event_data(b": hello\n\n")
    (b'{\n}', b'')
    """
    if event.startswith(b"data: ") and b"\r" not in event and event.find(b"\n") >= len(event) - 2:
        return event[6:].rstrip(b"\n")
    parts = [line[5:].removeprefix(b" ") for line in _LINE.split(event) if line.startswith(b"data:")]
    return b"\n".join(parts)
