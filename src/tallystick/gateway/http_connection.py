"""One connection of a client: HTTP/1.1 on an asyncio transport, parsed by llhttp, answered in the order asked.

Requests that come before the one ahead is answered are held, with reading paused, so that no
more of them is in memory than one read brought. What breaks the protocol is answered
after everything that was asked before it, and ends the connection.

What is sent leaves in the loop's next round, after all calls that this round wakes: a sleeping
receiver on another core is woken once a round, not by every answer, which is a tenth of a call's CPU.
"""

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Protocol, cast

import httptools

from tallystick.gateway.client import Client
from tallystick.gateway.http_head import Headers

# What of a body is held for a slow reader before its sender is made to wait.
_HIGH_WATER = 256 * 1024
_CLOCK_SECONDS = 0.001
# SO_LINGER's words for a close that the other side takes for a break.
_RESET = struct.pack("ii", 1, 0)
_REFUSED = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 30\r\n"
    b"connection: close\r\n\r\nInvalid HTTP request received."
)
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection may take. Times are seconds, sizes bytes.

    Attributes:
        head_bytes, headers, head_seconds: Of a request's head, from its first byte.
        idle_seconds: Between requests.
        close_seconds: To take what is still written when we close.
    """

    head_bytes: int = 64 * 1024
    headers: int = 256
    head_seconds: float = 20.0
    idle_seconds: float = 75.0
    close_seconds: float = 600.0


class Server(Protocol):
    """Where connections live.

    Attributes:
        stopping: No request is taken any more.
    """

    bounds: Bounds
    stopping: bool

    def opened(self, connection: "Connection") -> None:
        """Count in a connection."""

    def closed(self, connection: "Connection") -> None:
        """Count out a connection that is lost; called once."""

    def serve(self, client: Client) -> None:
        """Begin to answer a request; never before this returns."""


class Connection(asyncio.Protocol):
    """The transport's protocol, the parser's, and the line of its clients.

    Attributes:
        congested: What was written waits to be taken.
        ends: The request that is answered is the last one.
    """

    def __init__(self, server: Server) -> None:
        self.congested = self.ends = False
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._peer: object = None
        self._scheme = "http"
        # The request that is answered, those behind it, and the one whose body arrives.
        self._client: Client | None = None
        self._behind: list[Client] = []
        self._filling: Client | None = None
        # Nothing more is read; it closes once what was sent has left; what is said last, once all requests before it
        # are answered.
        self._deaf = self._closes = False
        self._last_word = b""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._unread = 0
        self._in_head = False
        self._hurries = True
        self._upgrade = b""
        self._reading_paused = False
        self._drained: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = self._due = 0.0

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: a head is to come."""
        # uvloop's transports keep the interface without its name.
        self._transport = cast(asyncio.Transport, transport)
        self._peer = transport.get_extra_info("peername")
        self._scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        self._server.opened(self)
        if self._server.stopping:
            self._close()
        else:
            self._watch(self._server.bounds.head_seconds)

    def data_received(self, data: bytes) -> None:
        """Parse."""
        if self._deaf:
            return
        self._unread += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse(self._last_word or _REFUSED)
            return
        if self._unread > self._server.bounds.head_bytes:
            self._refuse(_TOO_LARGE if self._in_head else _REFUSED)
        elif self._in_head and self._client is None:
            self._hurry()
        elif self._filling is not None and self._filling.complete:
            # The rest of a body that nobody wants.
            self._watch(self._server.bounds.idle_seconds)

    def eof_received(self) -> bool:
        """The client will say no more, and is taken to have left: the transport closes itself."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone, by whoever's doing."""
        self._deaf = True
        self._stop_timer()
        self._behind.clear()
        client, self._client, self._filling = self._client, None, None
        self.congested = False
        self._wake()
        if client is not None:
            client.lose()
        self._server.closed(self)
        # It holds us as we hold it.
        del self._parser

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self.congested = True

    def resume_writing(self) -> None:
        """There is room again."""
        self.congested = False
        self._wake()

    # The clients' calls.

    def send(self, data: bytes) -> None:
        """As `Line`."""
        self._loop.call_soon(self._write, data)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    async def drain(self) -> None:
        """As `Line`."""
        while self.congested:
            if self._drained is None:
                self._drained = self._loop.create_future()
            # Shared: one who gives up does not wake the others.
            await asyncio.shield(self._drained)

    def resume(self) -> None:
        """As `Line`; not while requests wait, for theirs is what would be read.

        Who reads nothing hears of no client that leaves, so it goes on whenever it may.
        """
        if self._reading_paused and not self._behind and not self._transport.is_closing():
            self._reading_paused = False
            self._transport.resume_reading()

    def answered(self, client: Client) -> None:
        """As `Line`: the next in line, or wait for one."""
        if client is not self._client:
            return
        self._client = None
        if not client.keeps or self.ends:
            self._close()
        elif self._behind:
            self._begin(self._behind.pop(0))
            self.resume()
        elif self._last_word:
            self.send(self._last_word)
            self._close()
        else:
            if self._in_head:
                self._hurry()
            else:
                self._watch(self._server.bounds.idle_seconds)
            self.resume()

    def cut(self) -> None:
        """As `Line`."""
        if self._client is not None and self._client.unframed:
            # Its answer has no other end than the connection's, which must not look like one.
            sock = self._transport.get_extra_info("socket")
            if self._scheme == "https" or sock is None:
                self.abort()
                return
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._close()

    def abort(self) -> None:
        """As `Line`."""
        self._deaf = True
        self._transport.abort()

    def stop(self) -> None:
        """The server stops: an idle connection is closed, another after its answer."""
        self.ends = True
        if self._client is None:
            self._close()

    # What follows is between the parser and us.

    def _feed(self, data: bytes | memoryview) -> None:
        while True:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                # The parser is done, for a body would be another protocol's. To us it is this one's: the
                # head is read again without its wish.
                data = memoryview(data)[upgrade.args[0] :]
                self._parser = httptools.HttpRequestParser(self)
                self._parser.feed_data(self._upgrade)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field of the head, or of the trailers, which are dropped."""
        if self._in_head:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is whole: a request."""
        url, headers, parser = self._url, self._headers, self._parser
        self._url, self._headers, self._in_head, self._hurries = b"", [], False, False
        if self._deaf:
            raise ValueError("it follows the last one")
        bounds = self._server.bounds
        if len(headers) > bounds.headers or (self._unread > bounds.head_bytes < _size(url, headers)):
            self._last_word = _TOO_LARGE
            raise ValueError("the head is too large")
        method = parser.get_method().decode("ascii")
        modern = parser.get_http_version() != "1.0"
        if parser.should_upgrade():
            self._upgrade = _without_upgrade(method, url, headers, modern=modern)
            return
        path, query = _split(url)
        scope = {
            "method": method,
            "raw_path": path,
            "query_string": query,
            "headers": headers,
            "client": self._peer,
            "scheme": self._scheme,
        }
        client = Client(scope, self, modern and parser.should_keep_alive(), modern=modern)
        self._unread = 0
        self._filling = client
        if self._client is None:
            self._begin(client)
        else:
            self._behind.append(client)
            self._pause()

    def on_body(self, body: bytes) -> None:
        """Some bytes of a body, without their framing."""
        self._unread = 0
        client = self._filling
        if client is None or client.complete:
            return
        client.hold(body)
        if client.held > _HIGH_WATER:
            self._pause()

    def on_message_complete(self) -> None:
        """A request is whole."""
        client, self._filling = self._filling, None
        if client is None:
            return
        self._unread = 0
        client.end()
        if not client.keeps:
            self._deaf = True
        if self._reading_paused:
            self.resume()

    def _begin(self, client: Client) -> None:
        self._client = client
        self._due = 0.0
        self._server.serve(client)

    def _refuse(self, answer: bytes) -> None:
        """The request that arrives is none: answer so in its turn."""
        if self._deaf:
            # It followed the last one.
            return
        self._deaf = True
        self._last_word = answer
        broken, self._filling = self._filling, None
        if broken in self._behind:
            self._behind.remove(broken)
        elif broken is not None and not broken.complete:
            self._client = None
            broken.lose()
            if broken.started:
                self._close()
        if self._client is None:
            self.send(answer)
            self._close()

    def _pause(self) -> None:
        if not self._reading_paused and not self._transport.is_closing():
            self._reading_paused = True
            self._transport.pause_reading()

    def _close(self) -> None:
        """After what was sent."""
        self._deaf = True
        if not self._closes and not self._transport.is_closing():
            self._closes = True
            self._loop.call_soon(self._transport.close)
            self._watch(self._server.bounds.close_seconds)

    def _wake(self) -> None:
        waiter, self._drained = self._drained, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # One timer a connection, moved only when it rings or is to ring sooner.

    def _hurry(self) -> None:
        """A head has begun and is not whole: it has so long, from its first byte."""
        if not self._hurries:
            self._hurries = True
            self._watch(self._server.bounds.head_seconds)

    def _watch(self, seconds: float) -> None:
        """Close when nothing has changed by then."""
        self._due = self._loop.time() + seconds
        if self._timer is not None:
            if self._rings_at <= self._due:
                return
            self._timer.cancel()
        self._set_timer()

    def _set_timer(self) -> None:
        self._rings_at = self._due
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if not self._due:
            return
        if self._loop.time() + _CLOCK_SECONDS < self._due:
            self._set_timer()
        elif self._transport.is_closing():
            self._transport.abort()
        else:
            self._close()

    def _stop_timer(self) -> None:
        self._due = 0.0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _split(url: bytes) -> tuple[bytes, bytes]:
    """Path and query as sent.

    Raises:
        ValueError: Neither is there.
    """
    if url.startswith(b"/") and b"#" not in url:
        path, _, query = url.partition(b"?")
    else:
        parts = httptools.parse_url(url)
        path, query = parts.path or b"/", parts.query or b""
    if not path.isascii():
        raise ValueError("a path is ASCII")
    return path, query


def _size(url: bytes, headers: Headers) -> int:
    return len(url) + sum(len(name) + len(value) + 4 for name, value in headers)


def _without_upgrade(method: str, url: bytes, headers: Headers, *, modern: bool) -> bytes:
    """The head of a request less its wish to change the protocol.

    Raises:
        ValueError: It asks for a tunnel, which is no request.
    """
    if method == "CONNECT":
        raise ValueError("no tunnels")
    lines = [b"%b %b HTTP/1.%d\r\n" % (method.encode(), url, modern)]
    lines += [b"%b: %b\r\n" % one for one in headers if one[0] != b"upgrade"]
    return b"".join((*lines, b"\r\n"))
