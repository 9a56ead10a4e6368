"""The client's side of one request: reading the body, answering, noticing that it left."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from tallystick.gateway.refuse import Refusal, Refused

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

# A client that keeps sending may take this much longer than the silence allowed, in seconds a byte.
_SLOWEST = 1 / (32 * 1024)
# A client that takes nothing for so long is given up.
_STALLED_SECONDS = 600.0
# What is thrown away of a body that is too large, so that its sender gets to read the answer.
_DISCARD_FACTOR = 2


class Client:
    """One request's client. `link` is what our server puts into the scope (`gateway.serve`)."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self.gone = False
        self.started = False
        self._link = scope.get("tally.link")
        self._watch: asyncio.Task[None] | None = None
        self._on_gone: Callable[[], None] | None = None

    async def read_body(self, limit: int, silence_seconds: float) -> bytes:
        """The whole body.

        Raises:
            Refused: 413 when it is larger than the limit, 408 when it comes too slowly.
            ConnectionResetError: The client left.
        """
        self._check_length(limit)
        if self._link is not None and self._link.has_whole_body(limit):
            # The usual case, without a timer: nothing is left to wait for.
            return bytes((await self._receive()).get("body", b""))
        chunks: list[bytes] = []
        size = 0
        started = asyncio.get_running_loop().time()
        while True:
            left = started + silence_seconds + size * _SLOWEST - asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(max(0.0, min(left, silence_seconds))):
                    message = await self._receive()
            except TimeoutError:
                raise _slow(size) from None
            if message["type"] == "http.disconnect":
                self.gone = True
                raise ConnectionResetError
            chunk = message.get("body", b"")
            size += len(chunk)
            if size <= limit:
                chunks.append(chunk)
            elif size > limit * (1 + _DISCARD_FACTOR) or not message.get("more_body"):
                raise _too_large(limit)
            if not message.get("more_body"):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def chunks(self, silence_seconds: float) -> AsyncIterator[bytes]:
        """The body as it comes, unbounded.

        Raises:
            TimeoutError: The client fell silent.
            ConnectionResetError: It left.
        """
        more = True
        while more:
            async with asyncio.timeout(silence_seconds):
                message = await self._receive()
            if message["type"] == "http.disconnect":
                self.gone = True
                raise ConnectionResetError
            more = bool(message.get("more_body"))
            if message.get("body"):
                yield message["body"]

    def _check_length(self, limit: int) -> None:
        for name, value in self.scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > limit * (1 + _DISCARD_FACTOR):
                raise _too_large(limit)

    def when_gone(self, callback: Callable[[], None]) -> None:
        """Call back once when the client leaves before its answer is complete."""
        self._on_gone = callback
        if self._link is not None:
            self._link.on_gone = self._left
            if self._link.lost:
                self._left()
        else:
            self._watch = asyncio.ensure_future(self._watch_receive())

    async def _watch_receive(self) -> None:
        # For servers that do not tell: the body was read, so the next message is the end.
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left()

    def _left(self) -> None:
        if not self.gone and self._on_gone is not None:
            self.gone = True
            self._on_gone()

    def forget(self) -> None:
        """Stop watching."""
        self._on_gone = None
        if self._link is not None:
            self._link.on_gone = None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    async def start(self, status: int, headers: Headers) -> None:
        """Send status and headers."""
        if self.gone:
            return
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, body: bytes, *, more: bool) -> None:
        """Send a part of the body; the last one with `more` False."""
        if self.gone:
            return
        if not more:
            self.forget()
        message = {"type": "http.response.body", "body": body, "more_body": more}
        if self._link is None or not self._link.flow.write_paused:
            await self._send(message)
            return
        try:
            async with asyncio.timeout(_STALLED_SECONDS):
                await self._send(message)
        except TimeoutError:
            # It reads nothing and keeps its connection: as good as gone.
            self._link.cut()

    @property
    def congested(self) -> bool:
        """It takes bytes more slowly than they come."""
        return self._link is not None and bool(self._link.flow.write_paused)

    def abort(self) -> None:
        """End the connection without ending the answer, so that the client sees a cut, not an end."""
        self.forget()
        if self.gone:
            return
        if self._link is None:
            raise ConnectionAbortedError("the upstream cut its answer")
        self._link.cut()


def _too_large(limit: int) -> Refused:
    message = f"the request body is larger than {limit} bytes; raise [gateway] max_body_bytes to allow it"
    return Refused(Refusal(413, "request_too_large", message, close=True))


def _slow(size: int) -> Refused:
    message = (
        f"the request body came too slowly ({size} bytes so far); raise [gateway] read_timeout_seconds to allow it"
    )
    return Refused(Refusal(408, "request_timeout", message, final=False, close=True))
