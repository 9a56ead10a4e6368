"""Runs a gateway process on uvicorn: bounded heads, calls finished before it stops."""

import asyncio
import re
import socket
from collections.abc import Callable

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tallystick.gateway.app import build_gateway
from tallystick.gateway.settings import GatewaySettings

_MOST_HEADERS = 256
_LONGEST_HEAD = 64 * 1024
_HEAD_SECONDS = 20.0
_ENDLESS = "/gateway/live"
# What JDK clients ask of every plain address. It may be ignored, but the parser would take the body for HTTP/2.
_H2C = re.compile(rb"\r\nupgrade:[ \t]*h2c[ \t]*(?=\r\n)", re.IGNORECASE)


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a bound on a request's head, in bytes and in time, and a word to the
    application when the connection is lost (`tally.link` in the scope).
    """

    on_gone: Callable[[], None] | None = None
    lost = False
    _head_bytes = 0
    _head_received = 0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(_HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost = True
        self._stop_timer()
        if self.on_gone is not None:
            callback, self.on_gone = self.on_gone, None
            callback()

    def shutdown(self) -> None:
        """The server is to stop: calls go on to their end; what streams to a page without one is cut."""
        if self.cycle is not None and self.cycle.scope["path"] == _ENDLESS:
            self.transport.close()
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        if self._head_timer is not None:
            # A single header without end reaches no callback: count what came before this piece.
            if self._head_received > _LONGEST_HEAD:
                self._refuse_head()
                return
            self._head_received += len(data)
        if b"h2c" in data and (self.cycle is None or not self.cycle.more_body):
            head, end, rest = data.partition(b"\r\n\r\n")
            data = _H2C.sub(b"", head + end) + rest
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["tally.link"] = self  # type: ignore[typeddict-unknown-key]
        self._head_bytes = 0
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(_HEAD_SECONDS, self._give_up)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        self._stop_timer()
        self._head_received = 0
        if not self.transport.is_closing():
            super().on_headers_complete()

    def has_whole_body(self, limit: int) -> bool:
        """Whether the request's body has arrived to its end and is no larger than this."""
        cycle = self.cycle
        return not cycle.more_body and not cycle.disconnected and len(cycle.body) <= limit

    def cut(self) -> None:
        """Close the connection in the midst of an answer; what was written still leaves."""
        if self.cycle is not None:
            # Set now, so that the server does not report an incomplete answer as our fault.
            self.cycle.disconnected = True
        self.transport.close()

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > _LONGEST_HEAD or len(self.headers) > _MOST_HEADERS:
            self._refuse_head()

    def _refuse_head(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            )
            self.transport.close()

    def _give_up(self) -> None:
        self._head_timer = None
        self.transport.close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def server_config(settings: GatewaySettings) -> uvicorn.Config:
    """How the gateway is served."""
    return uvicorn.Config(
        build_gateway(settings),
        loop="auto",
        http=GuardedProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(settings.shutdown_seconds),
        backlog=2048,
        ssl_certfile=settings.tls_cert or None,
        ssl_keyfile=settings.tls_key or None,
    )


def serve_gateway(
    settings: GatewaySettings, *, host: str = "127.0.0.1", port: int = 8420, fd: int | None = None
) -> None:
    """Serve until told to stop (SIGTERM, SIGINT): then calls in flight are finished first.

    Args:
        settings: What to serve.
        host: Address to listen on; ignored with `fd`.
        port: Port to listen on; ignored with `fd`.
        fd: A listening socket that several workers share.
    """
    config = server_config(settings)
    if fd is None:
        config.host, config.port = host, port
        uvicorn.Server(config).run()
        return
    with socket.socket(fileno=fd) as listener:
        listener.setblocking(False)
        uvicorn.Server(config).run(sockets=[listener])
