"""Counters in Redis, for gateways on several machines: one script per act, one round trip, a deadline."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any

import msgspec
from redis.exceptions import RedisError

from tallystick.budgets.model import Ask, Granted, Hold, OpenReservation, Standing
from tallystick.counters.redis_queue import SettleQueue
from tallystick.counters.redis_scripts import BUILT, CORRECT, MARK_BUILT, REOPEN, RESERVE
from tallystick.counters.redis_server import RedisServer
from tallystick.counters.weigh import DAY_US, IDLE_US
from tallystick.ports import CountersAway

_REFUSALS = {
    b"E": "empty: not yet built from the ledger",
    b"S": "stale: Redis was restarted, not yet built from the ledger",
    b"C": "too slow: the call was given up before it arrived",
    b"O": "full: an amount is beyond 63 bits",
}
# Numbers below it are exact in Lua, and so is the sum of four.
_PLAIN = 10**15
_NO_LIMIT = 1e300
# A counter is kept so long after its end, by the server's own clock; one without an end after its last use twice
# the idle time. Nothing stays reserved as long: the repair resolves what has expired.
_KEPT_US = 32 * DAY_US
_PATIENCE_S = 2.0
# Of what is asked outside calls: pages, the repair.
_UNHURRIED_S = 5.0


class RedisCounters:
    """The port `Counters` over one Redis server, version 6 or later, not a cluster. For one event loop.

    Args:
        url: ``redis://…``, ``rediss://…`` (TLS) or ``unix://…``; may carry user, password and database.
        deadline_ms: Longest wait of a reservation; after it the call is judged without counters.
        owner: Who this is, for the server's list of clients.
        namespace: First part of every key's name.
    """

    def __init__(self, url: str, *, deadline_ms: float = 20, owner: str = "", namespace: str = "tally") -> None:
        self._prefix = f"{namespace}:"
        self._deadline_s = deadline_ms / 1000
        self._building = ""
        # A client's name has no spaces.
        name = "-".join(["tally", *owner.split()])
        self._server = RedisServer(url, name=name, connect_s=_UNHURRIED_S)
        self._queue = SettleQueue(self._server, self._prefix)

    async def reserve(self, ask: Ask) -> Granted:
        """As the port says; one round trip, given up at the deadline."""
        if self._queue.is_full:
            raise CountersAway("away: too many settlements wait for Redis")
        rows = [_packed(hold, ask) for hold in ask.holds]
        holds = _PACK.encode(rows)
        keys, amounts = " ".join([row[0] for row in rows]), " ".join([row[4] for row in rows])
        numbers = (ask.expires_us, ask.at_us, ask.most, ask.least)
        words = (ask.reservation_id, ask.owner, *numbers, holds, keys, amounts)
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await self._server.run(RESERVE, self._prefix, *words)
        except (RedisError, OSError, TimeoutError) as error:
            self._queue.cancel(ask.reservation_id, len(ask.holds))
            reason = "too slow: no answer within the deadline" if isinstance(error, TimeoutError) else f"away: {error}"
            raise CountersAway(reason) from error
        except asyncio.CancelledError:
            self._queue.cancel(ask.reservation_id, len(ask.holds))
            raise
        if answer in _REFUSALS:
            raise CountersAway(_REFUSALS[answer])
        return _granted(answer)

    def settle(self, reservation_id: str, amounts: Sequence[int] | None) -> None:
        """As the port says; queued, sent in the background until done."""
        self._queue.settle(reservation_id, amounts)

    async def read(self, keys: Sequence[bytes]) -> list[Standing]:
        """As the port says."""
        found = await self._ask([("HMGET", self._counter(key), "p", "r", "t") for key in keys])
        return [Standing(int(posted or 0), int(held or 0), None, int(until or 0)) for posted, held, until in found]

    async def open_reservations(self) -> list[OpenReservation]:
        """As the port says."""
        (names,) = await self._ask([("SMEMBERS", f"{self._prefix}open")])
        ids = sorted(name.decode() for name in names)
        found = await self._ask([("HMGET", f"{self._prefix}r:{name}", "o", "x", "k", "a") for name in ids])
        return [
            OpenReservation(
                name, owner.decode(), int(expires_us),
                tuple(bytes.fromhex(key) for key in keys.decode().split()),
                tuple(int(amount) for amount in amounts.split()),
            )
            for name, (owner, expires_us, keys, amounts) in zip(ids, found, strict=True)
            if owner is not None  # settled between the two questions
        ]  # fmt: skip

    async def correct(self, key: bytes, expected: int, posted: int, ends_us: int) -> bool:
        """As the port says."""
        return bool(await self._run(CORRECT, self._counter(key), str(expected), str(posted), ends_us))

    async def reopen(self, keys: Sequence[bytes]) -> None:
        """As the port says."""
        await self._run(REOPEN, *map(self._counter, keys))

    async def built(self) -> bool:
        """As the port says: by this run of the server, since it last was empty."""
        found = await self._run(BUILT, self._prefix, secrets.token_hex(8))
        if found == 1:
            return True
        self._building = self._building or found.decode()
        return False

    async def mark_built(self) -> None:
        """As the port says.

        Raises:
            CountersAway: Not reachable; or what was seen empty and built is lost: restarted or flushed meanwhile.
        """
        building, self._building = self._building, ""
        if not await self._run(MARK_BUILT, self._prefix, building):
            raise CountersAway("empty: lost while it was built from the ledger")

    async def close(self) -> None:
        """Send what is queued, for up to two seconds; close the connections."""
        await self._queue.close(_PATIENCE_S)
        await self._server.close()

    def _counter(self, key: bytes) -> str:
        return f"{self._prefix}c:{key.hex()}"

    async def _ask(self, calls: Sequence[Sequence[str]]) -> list[Any]:
        if not calls:
            return []
        try:
            async with asyncio.timeout(_UNHURRIED_S):
                return await self._server.commands(calls)
        except (RedisError, OSError, TimeoutError) as error:
            raise CountersAway(f"away: {error}") from error

    async def _run(self, script: str, *arguments: str | int) -> Any:
        try:
            async with asyncio.timeout(_UNHURRIED_S):
                return await self._server.run(script, *arguments)
        except (RedisError, OSError, TimeoutError) as error:
            raise CountersAway(f"away: {error}") from error


_PACK = msgspec.msgpack.Encoder()
_ANSWER = msgspec.msgpack.Decoder(tuple[bool, int, list[tuple[str, str, str, int]], list[int]])


def _packed(hold: Hold, ask: Ask) -> tuple[Any, ...]:
    """A hold as the script reads it: amounts as decimal strings, keys in hex, times as numbers.

    The last three are for its short way: limit and amount as numbers where they are plain and below 10^15, and
    whether how long the counter is kept begins anew with each use.
    """
    limit, amount = hold.limit, hold.amount(ask.most)
    plain = not hold.also and hold.carry is None and not hold.trip_us and amount < _PLAIN
    kept = max(0, hold.ends_us - ask.at_us) + _KEPT_US if hold.ends_us else 2 * IDLE_US
    carried, carry_limit = ("", "") if hold.carry is None else (hold.carry[0].hex(), str(hold.carry[1]))
    return (
        hold.key.hex(),
        str(hold.base),
        str(hold.per_output),
        "" if limit is None else str(limit),
        str(amount),
        str(hold.amount(ask.least)),
        kept // 1000,
        hold.trip_us if limit is not None else 0,
        (hold.breaker or hold.key).hex() if hold.trip_us else "",
        carried,
        carry_limit,
        [key.hex() for key in hold.also] if hold.also else (),
        plain and (_NO_LIMIT if limit is None else limit if limit < _PLAIN else False),
        amount if plain else 0,
        not hold.ends_us,
    )


def _granted(answer: bytes) -> Granted:
    granted, output, standings, lacking = _ANSWER.decode(answer)
    return Granted(
        granted,
        output,
        tuple(
            Standing(int(posted), int(reserved), int(limit) if limit else None, tripped)
            for posted, reserved, limit, tripped in standings
        ),
        tuple(lacking),
    )
