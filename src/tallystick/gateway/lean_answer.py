"""An answer as it arrives: its head, what of its body waits to be read, and how it ended."""

import asyncio
from typing import Protocol

from tallystick.gateway.upstream import UpstreamFailed

LONGEST_HEAD = 64 * 1024
MOST_HEADERS = 256


class Line(Protocol):
    """The connection that an answer comes on."""

    def watch(self, seconds: float) -> None:
        """Fail the answer after so long a silence."""

    def resume(self) -> None:
        """Read on."""

    def close(self) -> None:
        """Close, whatever is under way."""


class Answer:
    """The port's answer; filled by its connection until that is taken away.

    Attributes:
        status: 0 until the head has arrived.
        connection: None once the answer has ended, well or badly.
        bodiless: No body follows, whatever the head says.
        left: The request has begun to be written.
        sent: Nothing of the request follows what was written, or is about to be.
        keep: The connection outlives the answer.
        complete: It came to its end.
        failure: Why it did not.
        unread: Bytes that arrived since the last progress: a head or trailers without end.
    """

    __slots__ = (
        "_chunks", "_held", "_waiter", "bodiless", "complete", "connection", "failure", "headers", "keep", "left", "sent",
        "silence", "status", "unread",
    )  # fmt: skip

    def __init__(self, connection: Line, silence: float, *, bodiless: bool) -> None:
        self.connection: Line | None = connection
        self.silence = silence
        self.bodiless = bodiless
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.left = self.sent = self.keep = self.complete = False
        self.failure: UpstreamFailed | None = None
        self.unread = 0
        self._chunks: list[bytes] = []
        self._held = 0
        self._waiter: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        """As the port: what has come so far in one piece; what came before a break is handed out before it."""
        chunks = self._chunks
        while not chunks:
            if self.complete:
                return b""
            if self.failure is not None:
                raise self.failure
            await self.wait()
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._held = 0
        if self.connection is not None:
            self.connection.resume()
        return data

    def close(self) -> None:
        """As the port."""
        if self.connection is not None:
            self.connection.close()

    async def wait(self) -> None:
        """Until something happens; only while there is a connection."""
        assert self.connection is not None
        self.connection.watch(self.silence)
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def wake(self) -> None:
        """Something happened."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @property
    def waits(self) -> bool:
        """Somebody waits, and nothing has happened yet."""
        return self._waiter is not None and not self._waiter.done()

    @property
    def refuses_more(self) -> bool:
        """The rest of the request is not wanted."""
        return self.complete or self.failure is not None or self.status >= 400

    def hold(self, body: bytes) -> int:
        """Keep bytes of the body for the reader; how many there are now."""
        self._chunks.append(body)
        self._held += len(body)
        return self._held

    def fail(self, failure: UpstreamFailed) -> None:
        """It will not come to its end."""
        self.connection = None
        if not self.complete and self.failure is None:
            self.failure = failure
        self.wake()

    def head_size(self) -> int:
        """The header fields' bytes."""
        return sum(len(name) + len(value) + 4 for name, value in self.headers)

    def ends_with_connection(self) -> bool:
        """Whether the end of the connection is the proper end: a head came that tells no other (RFC 9112, 6.3)."""
        if not self.status:
            return False
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        if codings:
            return not codings[-1].endswith(b"chunked")
        return all(name != b"content-length" for name, _ in self.headers)
