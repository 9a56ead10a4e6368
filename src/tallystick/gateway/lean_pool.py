"""The connections to one origin: the last one used is the next one used, and no more than so many."""

import asyncio
from collections import deque

from tallystick.gateway.lean_connection import Connection
from tallystick.gateway.lean_dial import Dialer
from tallystick.gateway.upstream import UpstreamFailed

_IDLE_SECONDS = 30.0
_CLOCK_SECONDS = 0.01
_STOPS = "the gateway stops"


class Pool:
    """Connections in use, idle, or being made hold one of `limit` slots each; who finds none waits in line.

    A freed connection, or a freed slot, is handed to the first in line, so nobody overtakes.
    """

    def __init__(self, dialer: Dialer, limit: int) -> None:
        self._dialer = dialer
        self._limit = limit
        self._taken = 0
        self._all: set[Connection] = set()
        self._idle: list[Connection] = []
        self._line: deque[asyncio.Future[Connection | None]] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    def idle(self) -> Connection | None:
        """An idle connection, if there is one; it is the caller's now."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable():
                return connection
            connection.close()
        return None

    async def get(self, connect_seconds: float, *, fresh: bool = False) -> Connection:
        """A connection, made if need be, when it is one's turn.

        Args:
            connect_seconds: For making it; the wait for a turn is not counted.
            fresh: None that was idle.

        Raises:
            UpstreamFailed: None could be made.
        """
        while not self._closed:
            connection = None if fresh else self.idle()
            if connection is not None:
                return connection
            if fresh and self._idle and self._taken >= self._limit:
                self._idle[0].close()
            if self._taken < self._limit:
                self._taken += 1
                return await self._make(connect_seconds)
            connection = await self._turn()
            if connection is None:
                return await self._make(connect_seconds)
            if connection.is_usable():
                return connection
            connection.close()
        raise UpstreamFailed(_STOPS, reached=False)

    async def _turn(self) -> Connection | None:
        """A connection, or None for the right to make one."""
        turn: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # It came at the same moment: the next in line has it.
                self._give_back(turn.result())
            raise

    async def _make(self, seconds: float) -> Connection:
        """Make a connection for a slot that is taken already."""
        try:
            if self._closed:
                raise UpstreamFailed(_STOPS, reached=False)
            connection = await self._dialer.dial(seconds)
        except BaseException:
            self._give_back(None)
            raise
        connection.home = self
        self._all.add(connection)
        if self._closed:
            connection.close()
            raise UpstreamFailed(_STOPS, reached=False)
        return connection

    def _give_back(self, connection: Connection | None) -> None:
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if connection is None:
            self._taken -= 1
        elif not connection.closed:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
            if self._sweep is None:
                self._sweep = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._drop_old)

    def release(self, connection: Connection) -> None:
        """As `Home`."""
        self._give_back(connection)

    def forget(self, connection: Connection) -> None:
        """As `Home`."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._give_back(None)

    def _drop_old(self) -> None:
        self._sweep = None
        loop = asyncio.get_running_loop()
        # The oldest come first.
        while self._idle and loop.time() - self._idle[0].idle_since > _IDLE_SECONDS - _CLOCK_SECONDS:
            self._idle[0].close()
        if self._idle:
            self._sweep = loop.call_at(self._idle[0].idle_since + _IDLE_SECONDS, self._drop_old)

    def close(self) -> None:
        """Close all; those in line, and those in the midst of an answer, fail."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        self._dialer.close()
        for connection in tuple(self._all):
            connection.close()
        while self._line:
            self._give_back(None)
