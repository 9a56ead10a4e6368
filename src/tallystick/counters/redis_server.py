"""One Redis server as this process reaches it: scripts run on connections that know which run of it they speak to.

A restart may bring back an old snapshot. No connection survives a restart, so each asks for the
server's run id when it is made, and hands it to every script it carries as the first argument:
what a script compares is the run it runs in, whatever happened between two calls.
"""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoScriptError, RedisError, ResponseError

_log = logging.getLogger(__name__)
_MOST_CONNECTIONS = 32

Word: TypeAlias = str | bytes | int


class Evicts(RedisError):
    """The server may drop counters when its memory is full."""


class RedisServer:
    """A pool of connections to one server.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        name: What the server's list of clients shows.
        connect_s: Longest wait for a connection.
    """

    def __init__(self, url: str, *, name: str, connect_s: float) -> None:
        self._runs: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._warned = False
        self._room = asyncio.Semaphore(_MOST_CONNECTIONS)
        self._pool: Any = ConnectionPool.from_url(
            url,
            client_name=name,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=connect_s,
            redis_connect_func=self._greet,
        )

    async def run(self, script: str, *arguments: Word) -> Any:
        """Run one script; its first argument is the run id of the server, then come those given.

        Raises:
            RedisError: Not reachable, or the server refuses.
        """
        (answer,) = await self.run_many(script, [arguments])
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def run_many(self, script: str, calls: Sequence[Sequence[Word]]) -> list[Any]:
        """Run a script once for each list of arguments, in one round trip. An error stands where an answer would."""
        return await self._once_more(lambda connection: self._scripts(connection, script, calls))

    async def commands(self, calls: Sequence[Sequence[Word]]) -> list[Any]:
        """Plain commands in one round trip.

        Raises:
            RedisError: Not reachable, or the server refuses one of them.
        """
        answers = await self._once_more(lambda connection: _exchange(connection, calls))
        for one in answers:
            if isinstance(one, Exception):
                raise one
        return answers

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    async def _once_more(self, act: Callable[[Any], Awaitable[list[Any]]]) -> list[Any]:
        """Do it, and again on another connection where the first had ended, as idle ones do.

        What was done before the connection ended is not done twice: every script knows what it has done.
        """
        try:
            async with self._borrowed() as connection:
                return await act(connection)
        except Disconnected:
            async with self._borrowed() as connection:
                return await act(connection)

    @contextlib.asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Any]:
        """A connection for one exchange; one that was left in the midst of it is not used again."""
        async with self._room:
            connection = await self._pool.get_connection()
            try:
                yield connection
            except BaseException:
                await connection.disconnect(nowait=True)
                raise
            finally:
                await self._pool.release(connection)

    async def _scripts(self, connection: Any, script: str, calls: Sequence[Sequence[Word]]) -> list[Any]:
        run_id = self._runs[connection]
        words = [("EVALSHA", _digest(script), 0, run_id, *one) for one in calls]
        answers = await _exchange(connection, words)
        if any(isinstance(one, NoScriptError) for one in answers):
            await _exchange(connection, [("SCRIPT", "LOAD", script)])
            answers = await _exchange(connection, words)
        return answers

    async def _greet(self, connection: Any) -> None:
        try:
            await connection.on_connect()
            info, settings = await _exchange(connection, [("INFO", "server"), ("CONFIG", "GET", "maxmemory*")])
            if isinstance(info, Exception):
                raise info
            self._runs[connection] = _field(bytes(info), b"run_id")
            self._check_eviction(settings)
        except BaseException:
            # Given up half-way, it would hand the next caller somebody else's answers.
            await connection.disconnect(nowait=True)
            raise

    def _check_eviction(self, found: Any) -> None:
        if isinstance(found, Exception):
            if not self._warned:
                _log.warning("Redis does not tell its maxmemory-policy (%s); counters need noeviction", found)
            self._warned = True
            return
        pairs = found if isinstance(found, dict) else dict(zip(found[::2], found[1::2], strict=True))
        if pairs.get(b"maxmemory") != b"0" and pairs.get(b"maxmemory-policy") != b"noeviction":
            raise Evicts("Redis may evict counters: set its maxmemory-policy to noeviction")


async def _exchange(connection: Any, calls: Sequence[Sequence[Word]]) -> list[Any]:
    """Send all, then read all; a refusal of one stands in its place, a broken connection ends all."""
    await connection.send_packed_command(connection.pack_commands(calls))
    answers: list[Any] = []
    for _ in calls:
        try:
            answers.append(await connection.read_response())
        except ResponseError as error:
            answers.append(error)
    return answers


_DIGESTS: dict[str, str] = {}


def _digest(script: str) -> str:
    """The name Redis knows a script by."""
    found = _DIGESTS.get(script)
    if found is None:
        found = _DIGESTS[script] = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
    return found


def _field(info: bytes, name: bytes) -> str:
    lines = (line.partition(b":") for line in info.splitlines())
    return next((value.strip().decode() for found, _, value in lines if found == name), "")
