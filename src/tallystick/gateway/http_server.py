"""Listening sockets, the tasks that answer, and a stop that finishes what was begun."""

import asyncio
import logging
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from tallystick.gateway.client import Client
from tallystick.gateway.http_connection import Bounds, Connection
from tallystick.gateway.http_listener import Listener

_log = logging.getLogger("tallystick.gateway")
_BACKLOG = 2048
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_DID_NOT_START = 3
# What was cancelled writes its rows and ends in so many seconds.
_LAST_SECONDS = 5.0
_BROKEN = b"Internal Server Error"
_BROKEN_HEADERS = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", b"%d" % len(_BROKEN)),
    (b"connection", b"close"),
)


class App(Protocol):
    """What is served."""

    async def start(self) -> None:
        """Open files and connections, before the first request."""

    async def serve(self, client: Client) -> None:
        """Answer one request to its end."""

    def hurry(self) -> None:
        """End what would never end by itself: no more requests are taken."""

    async def stop(self) -> None:
        """Close them, after the last."""


class HttpServer:
    """Serves an app on sockets until told to stop.

    Args:
        tls: For https; None speaks plainly.
        shutdown_seconds: How long calls in flight may take when the server stops; then they are cancelled.

    Attributes:
        started: Requests are taken.
        stopping: None is taken any more.
    """

    def __init__(self, app: App, bounds: Bounds, *, tls: ssl.SSLContext | None, shutdown_seconds: float) -> None:
        self.bounds = bounds
        self.started = False
        self.stopping = False
        self._app = app
        self._tls = tls
        self._shutdown_seconds = shutdown_seconds
        self._connections: set[Connection] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()
        self._insisted = asyncio.Event()
        self._quiet = asyncio.Event()
        self._should_exit = False

    @property
    def should_exit(self) -> bool:
        """The server was told to stop."""
        return self._should_exit

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        """Tell it; from any thread."""
        self._should_exit = value
        if value and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told.set)

    def run(self, sockets: Sequence[socket.socket]) -> None:
        """Serve until told to stop; the sockets listen or are bound, and are closed in the end.

        Raises:
            SystemExit: The app did not start; why is in the log.
        """
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(self._run(sockets))

    async def _run(self, sockets: Sequence[socket.socket]) -> None:
        loop = self._loop = asyncio.get_running_loop()
        if self._should_exit:
            self._told.set()
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                loop.add_signal_handler(number, self._signalled)
        try:
            await self._app.start()
        except Exception as error:  # noqa: BLE001 - whatever it is, there is nothing to serve
            _log.error("the gateway did not start: %s", error)
            sys.exit(_DID_NOT_START)
        try:
            listening = [Listener(one, lambda: Connection(self), self._tls, _BACKLOG) for one in sockets]
            self.started = True
            await self._told.wait()
            await self._finish(listening)
        finally:
            await self._app.stop()

    def _signalled(self) -> None:
        if self._told.is_set():
            self._insisted.set()
        self.should_exit = True

    async def _finish(self, listening: Sequence[Listener]) -> None:
        """Take no more, let what is in flight finish, cancel what does not."""
        self.stopping = True
        for listener in listening:
            listener.close()
        for connection in tuple(self._connections):
            connection.stop()
        self._app.hurry()
        self._look()
        if not await _within(self._shutdown_seconds, self._quiet, self._insisted):
            await self._cancel()
        # Transports end in the loop's next rounds.
        for _ in range(3):
            await asyncio.sleep(0)

    async def _cancel(self) -> None:
        """End what did not finish."""
        _log.warning("%d calls were still in flight and are cancelled", len(self._running))
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=_LAST_SECONDS)
        for connection in tuple(self._connections):
            connection.abort()
        await _within(_LAST_SECONDS, self._quiet)

    def _look(self) -> None:
        if self.stopping and not self._running and not self._connections:
            self._quiet.set()

    # The connections' calls.

    def opened(self, connection: Connection) -> None:
        """As `Server`."""
        self._connections.add(connection)

    def closed(self, connection: Connection) -> None:
        """As `Server`."""
        self._connections.discard(connection)
        if self.stopping:
            self._look()

    def serve(self, client: Client) -> None:
        """As `Server`."""
        assert self._loop is not None
        client.task = self._loop.create_task(self._answer(client))
        self._running.add(client.task)

    async def _answer(self, client: Client) -> None:
        try:
            await self._app.serve(client)
            if not client.complete and not client.gone:
                _log.error("a request was left without the end of its answer")
                await _break_off(client)
        except asyncio.CancelledError:
            await _break_off(client)
        except Exception:  # noqa: BLE001 - one request's trouble is no other's
            _log.exception("a request could not be answered")
            await _break_off(client)
        finally:
            assert client.task is not None
            self._running.discard(client.task)
            if self.stopping:
                self._look()


async def _break_off(client: Client) -> None:
    if client.started:
        client.abort()
    else:
        await client.answer(500, _BROKEN_HEADERS, _BROKEN)


async def _within(seconds: float, *events: asyncio.Event) -> bool:
    """Whether the first of the events comes in time; any of them ends the wait."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return events[0].is_set()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Loops of uvloop, where there is one."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
