"""Takes connections from a listening socket that several workers may share, one in a round of the loop.

A loop's own server takes all that wait at once: whichever worker wakes first has a whole burst of clients, and keeps
them, for clients keep their connections. Taking one a round leaves the rest to who is idle.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable

_log = logging.getLogger("tallystick.gateway")
# After an error of the system's, such as no descriptor left, in seconds.
_PAUSE = 1.0


class Listener:
    """Accepts until closed.

    Args:
        sock: Bound; non-blocking from here on, and closed by `close`.
        protocol: Makes what a connection is given to.
        tls: For https.
    """

    def __init__(
        self, sock: socket.socket, protocol: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None, backlog: int
    ) -> None:
        self._sock = sock
        self._protocol = protocol
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        sock.setblocking(False)
        sock.listen(backlog)
        self._listen()

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._sock.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            sock, _ = self._sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            # Another worker was faster, or the client has left.
            return
        except OSError as error:
            _log.error("no connection can be taken for a second: %s", error.strerror)
            self._loop.remove_reader(self._sock.fileno())
            self._pause = self._loop.call_later(_PAUSE, self._listen)
            return
        sock.setblocking(False)
        task = self._loop.create_task(self._connect(sock))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def _connect(self, sock: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, sock, ssl=self._tls)
        except OSError:
            # It left, or its handshake failed: nobody is there to be told.
            sock.close()

    def close(self) -> None:
        """Take no more."""
        if self._pause is not None:
            self._pause.cancel()
        else:
            self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
