"""Signs of life in a stream whose provider is silent, so that nothing between us and the client hangs up."""

import asyncio

from tallystick.gateway.client import Client

_ENDS = (b"\n\n", b"\r\r", b"\r\n\r\n")
_LONGEST_END = 4


class Heartbeat:
    """Writes a comment whenever a stream was silent for so long, and only where one event has ended.

    Args:
        client: Who gets the stream; its headers have left.
        sign: The comment, as the dialect writes it.
        seconds: The silence.
    """

    __slots__ = ("_client", "_last", "_loop", "_seconds", "_sign", "_stopped", "_tail", "_task", "_timer")

    def __init__(self, client: Client, sign: bytes, seconds: float) -> None:
        self._client = client
        self._sign = sign
        self._seconds = seconds
        self._tail = b""
        self._stopped = False
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._task: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(seconds, self._look)

    def passed(self, piece: bytes) -> None:
        """The next bytes of the stream leave."""
        self._tail = piece if len(piece) >= _LONGEST_END else (self._tail + piece)[-_LONGEST_END:]
        self._last = self._loop.time()

    def stop(self) -> None:
        """The stream ends; nothing more is written."""
        self._stopped = True
        self._timer.cancel()

    def _look(self) -> None:
        left = self._last + self._seconds - self._loop.time()
        if left <= 0:
            left = self._seconds
            self._last = self._loop.time()
            self._task = self._loop.create_task(self._beat())
        self._timer = self._loop.call_later(left, self._look)

    async def _beat(self) -> None:
        # Looked at here, where no other byte can come between: a client that takes nothing gets no more.
        if not self._stopped and (not self._tail or self._tail.endswith(_ENDS)) and not self._client.congested:
            await self._client.write(self._sign, more=True)
