"""Any implementation of the port `Counters`, driven from tests without a word of async."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from tallystick.budgets.model import Ask, Granted, Hold, OpenReservation, Standing
from tallystick.ports import Counters

T = TypeVar("T")

NOON_US = 1_777_032_000_000_000  # 2026-04-24T12:00:00Z
SECOND = 1_000_000
DAY = 86_400 * SECOND
HOUR_US = 3600 * SECOND


def key(name: str) -> bytes:
    """A counter's 16 bytes, readable in a failure."""
    assert len(name) <= 16
    return name.encode().ljust(16, b".")


def hold(name: str, amount: int, limit: int | None, **more: Any) -> Hold:
    """A hold whose amount does not hang on the output, unless `per_output` says so."""
    return Hold(key(name), amount, more.pop("per_output", 0), limit, **more)


def ask(name: str, *holds: Hold, most: int = 100, least: int | None = None, at_us: int = NOON_US) -> Ask:
    """One attempt's ask; it may not be clamped unless `least` is given."""
    return Ask(name, "gateway-1", holds, most, most if least is None else least, at_us, at_us + HOUR_US)


class Driven:
    """Counters on a loop of their own; settlements are waited for, also where they are queued."""

    def __init__(self, counters: Counters, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.counters = counters
        self.loop = loop or asyncio.new_event_loop()

    @classmethod
    def on_loop(cls, make: Callable[[], Counters]) -> "Driven":
        """Counters that want a running loop when they are made."""
        loop = asyncio.new_event_loop()

        async def made() -> Counters:
            return make()

        try:
            return cls(loop.run_until_complete(made()), loop)
        except BaseException:
            loop.close()
            raise

    def run(self, awaitable: Awaitable[T]) -> T:
        async def whole() -> T:
            return await awaitable

        return self.loop.run_until_complete(whole())

    def reserve(self, one: Ask) -> Granted:
        return self.run(self.counters.reserve(one))

    def settle(self, reservation_id: str, amounts: Sequence[int] | None) -> None:
        async def settled() -> None:
            self.counters.settle(reservation_id, amounts)
            give_up = time.monotonic() + 5
            while any(one.reservation_id == reservation_id for one in await self.counters.open_reservations()):
                assert time.monotonic() < give_up, "a settlement was queued and never done"
                await asyncio.sleep(0.002)

        self.run(settled())

    def settle_later(self, reservation_id: str, amounts: Sequence[int] | None) -> None:
        """Settle without waiting for it."""

        async def queued() -> None:
            self.counters.settle(reservation_id, amounts)

        self.run(queued())

    def read(self, *names: str) -> list[Standing]:
        return self.run(self.counters.read([key(name) for name in names]))

    def stands(self, name: str) -> tuple[int, int]:
        """Posted and reserved of one counter."""
        found = self.read(name)[0]
        return found.posted, found.reserved

    def open(self) -> list[OpenReservation]:
        return self.run(self.counters.open_reservations())

    def correct(self, name: str, expected: int, posted: int, ends_us: int = 0) -> bool:
        return self.run(self.counters.correct(key(name), expected, posted, ends_us))

    def reopen(self, *names: str) -> None:
        self.run(self.counters.reopen([key(name) for name in names]))

    def mark_built(self) -> None:
        self.run(self.counters.mark_built())

    def built(self) -> bool:
        return self.run(self.counters.built())

    def close(self) -> None:
        if self.loop.is_closed():
            return
        try:
            self.run(self.counters.close())
        finally:
            self.run(_let_go())
            self.loop.close()


async def _let_go() -> None:
    """End what still runs on the loop, and let transports that were closed end too."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for _ in range(2):
        await asyncio.sleep(0)
