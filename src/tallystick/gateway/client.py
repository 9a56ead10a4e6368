"""The client's side of one request: reading the body, answering, noticing that it left."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

from tallystick.gateway.http_head import CHUNKED, CONTINUE, LAST_CHUNK, NO_BODY, UNFRAMED, Headers, chunk, head_of
from tallystick.gateway.refuse import Refusal, Refused

# A client that keeps sending may take this much longer than the silence allowed, in seconds a byte.
_SLOWEST = 1 / (32 * 1024)
# A client that takes nothing for so long is given up.
_STALLED_SECONDS = 600.0
# What is thrown away of a body that is too large, so that its sender gets to read the answer.
_DISCARD_FACTOR = 2
# A body that is larger leaves after the head, rather than being copied behind it.
_JOINED = 64 * 1024


class Line(Protocol):
    """The connection that a request came on.

    Attributes:
        congested: What was written waits to be taken.
        ends: No request follows this one, though its sender would.
    """

    congested: bool
    ends: bool

    def send(self, data: bytes) -> None:
        """Write; nothing happens when the connection is closing."""

    async def drain(self) -> None:
        """Until there is room to write, or the connection is lost."""

    def resume(self) -> None:
        """Read on, if reading was paused for a body that nobody took."""

    def answered(self, client: "Client") -> None:
        """The answer was written to its end."""

    def cut(self) -> None:
        """Close in the midst of an answer; what was written still leaves."""

    def abort(self) -> None:
        """Close at once."""


class Client:
    """One request's client.

    Args:
        scope: `method` (text), `raw_path`, `query_string` (bytes), `headers` (pairs of bytes, names in lower
            case), `client` (address and port, or None), `scheme`.
        line: What it came on; filled by it with the body.
        keeps: Another request may follow on the connection.

    Attributes:
        gone: It left, or was given up, before its answer was complete.
        started: The answer's head was written.
        complete: So was its end, or it was cut.
        ended: The request's body has arrived to its end.
        modern: It speaks HTTP/1.1, so it knows chunks.
        task: What answers it.
    """

    __slots__ = (
        "_continued", "_framing", "_left", "_line", "_on_gone", "_pieces", "_waiter",
        "complete", "ended", "gone", "held", "keeps", "modern", "scope", "started", "task",
    )  # fmt: skip

    def __init__(self, scope: Mapping[str, Any], line: Line, keeps: bool, *, modern: bool = True) -> None:
        self.scope = scope
        self.keeps = keeps
        self.modern = modern
        self.gone = self.started = self.complete = self.ended = False
        self.held = 0
        self.task: asyncio.Task[None] | None = None
        self._line = line
        self._pieces: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._on_gone: Callable[[], None] | None = None
        self._continued = False
        self._framing = NO_BODY
        self._left = 0

    # The request.

    async def read_body(self, limit: int, silence_seconds: float) -> bytes:
        """The whole body.

        Raises:
            Refused: 413 when it is larger than the limit, 408 when it comes too slowly.
            ConnectionResetError: The client left.
        """
        if self.ended and self.held <= limit and not self.gone:
            # The usual case, without a timer: nothing is left to wait for.
            return self._take()
        self._check_length(limit)
        chunks: list[bytes] = []
        size = 0
        loop = asyncio.get_running_loop()
        started = loop.time()
        while True:
            left = started + silence_seconds + size * _SLOWEST - loop.time()
            try:
                async with asyncio.timeout(max(0.0, min(left, silence_seconds))):
                    await self._arrival()
            except TimeoutError:
                raise _slow(size) from None
            piece = self._take()
            size += len(piece)
            if size <= limit:
                chunks.append(piece)
            elif size > limit * (1 + _DISCARD_FACTOR) or self.ended:
                raise _too_large(limit)
            if self.ended:
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def chunks(self, silence_seconds: float) -> AsyncIterator[bytes]:
        """The body as it comes, unbounded.

        Raises:
            TimeoutError: The client fell silent.
            ConnectionResetError: It left.
        """
        while not self.ended or self._pieces:
            async with asyncio.timeout(silence_seconds):
                await self._arrival()
            if self._pieces:
                yield self._take()

    def _check_length(self, limit: int) -> None:
        for name, value in self.scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > limit * (1 + _DISCARD_FACTOR):
                raise _too_large(limit)

    def _take(self) -> bytes:
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.held = 0
        return data

    async def _arrival(self) -> None:
        """Until there is something of the body, or its end."""
        while not self.gone:
            if self._pieces or self.ended:
                return
            if self._awaits_word:
                self._continued = True
                self._line.send(CONTINUE)
            self._line.resume()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        raise ConnectionResetError

    @property
    def _awaits_word(self) -> bool:
        """It holds its body back until we say that we want it."""
        if self._continued or self.started or not self.modern:
            return False
        return any(
            name == b"expect" and value.strip().lower() == b"100-continue" for name, value in self.scope["headers"]
        )

    # The connection's calls.

    def hold(self, body: bytes) -> None:
        """Some bytes of the body are here."""
        self._pieces.append(body)
        self.held += len(body)
        # Who sends its body waits for no word.
        self._continued = True
        if self._waiter is not None:
            self._wake()

    def end(self) -> None:
        """The body is here to its end."""
        self.ended = True
        if self._waiter is not None:
            self._wake()

    def lose(self) -> None:
        """The client left; whoever asked is told, once."""
        if self.gone or self.complete:
            return
        self.gone = True
        if self._waiter is not None:
            self._wake()
        callback, self._on_gone = self._on_gone, None
        if callback is not None:
            callback()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # The answer.

    def when_gone(self, callback: Callable[[], None]) -> None:
        """Call back once when the client leaves before its answer is complete."""
        if self.gone:
            callback()
        else:
            self._on_gone = callback

    def forget(self) -> None:
        """Stop watching."""
        self._on_gone = None

    async def start(self, status: int, headers: Headers) -> None:
        """Send status and headers; what follows is written in parts."""
        if not self.gone and not self.complete:
            if self._line.congested:
                await self._room()
            self._line.send(self._head(status, headers))

    async def write(self, body: bytes, *, more: bool) -> None:
        """Send a part of the body; the last one with `more` False."""
        if self.gone or self.complete:
            return
        if not more:
            self.forget()
        if self._line.congested:
            await self._room()
        if framed := self._framed(body, more=more):
            self._line.send(framed)
        if not more:
            self._finish()

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer: head and body at once."""
        if self.gone or self.complete:
            return
        self.forget()
        if self._line.congested:
            await self._room()
        head = self._head(status, headers)
        framed = self._framed(body, more=False)
        if len(framed) <= _JOINED:
            self._line.send(head + framed)
        else:
            self._line.send(head)
            self._line.send(framed)
        self._finish()

    @property
    def unframed(self) -> bool:
        """Its answer ends with the connection."""
        return self._framing is UNFRAMED

    @property
    def congested(self) -> bool:
        """It takes bytes more slowly than they come."""
        return self._line.congested

    def abort(self) -> None:
        """End the connection without ending the answer, so that the client sees a cut, not an end."""
        self.forget()
        if not self.gone and not self.complete:
            self.complete = True
            self._line.cut()

    def _head(self, status: int, headers: Headers) -> bytes:
        if self.started:
            raise RuntimeError("an answer has one head")
        # Who was never told to send its body may send it or not: what follows could be either.
        keeps = self.keeps and not self._line.ends and (self.ended or not self._awaits_word)
        head = head_of(status, headers, keeps=keeps, modern=self.modern, method=self.scope["method"])
        self.started = True
        self.keeps, self._framing, self._left = head.keeps, head.framing, head.length
        return head.data

    def _framed(self, body: bytes, *, more: bool) -> bytes:
        """A part of the body as it is sent.

        Raises:
            RuntimeError: It is not of the length that the head told; nothing must follow.
        """
        framing = self._framing
        if framing is NO_BODY:
            if not self.started:
                raise RuntimeError("an answer begins with its head")
            return b""
        if framing is CHUNKED:
            if more:
                return chunk(body) if body else b""
            return chunk(body) + LAST_CHUNK if body else LAST_CHUNK
        if framing is not UNFRAMED:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("an answer's body is not as long as its head says")
        return body

    def _finish(self) -> None:
        self.complete = True
        self._line.answered(self)

    async def _room(self) -> None:
        try:
            async with asyncio.timeout(_STALLED_SECONDS):
                await self._line.drain()
        except TimeoutError:
            # It reads nothing and keeps its connection: as good as gone.
            self._line.abort()


def _too_large(limit: int) -> Refused:
    message = f"the request body is larger than {limit} bytes; raise [gateway] max_body_bytes to allow it"
    return Refused(Refusal(413, "request_too_large", message, close=True))


def _slow(size: int) -> Refused:
    message = (
        f"the request body came too slowly ({size} bytes so far); raise [gateway] read_timeout_seconds to allow it"
    )
    return Refused(Refusal(408, "request_timeout", message, final=False, close=True))
