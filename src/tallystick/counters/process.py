"""Counters in the memory of this process: for one gateway that is all there is, and for tests."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from tallystick.budgets.model import Ask, Granted, OpenReservation, Standing
from tallystick.counters.weigh import (
    DAY_US,
    ENDS,
    POSTED,
    PROBE,
    RESERVED,
    TRIPPED,
    USED,
    Cell,
    Turn,
    Weighed,
    forget_at,
    may_forget,
    new_cell,
    weigh,
)
from tallystick.ports import CountersAway


@dataclass(slots=True)
class _Open:
    """A reservation, and the answer that was given for it."""

    owner: str
    expires_us: int
    at_us: int
    keys: tuple[bytes, ...]
    amounts: Sequence[int]
    probes: Sequence[Turn]
    granted: Granted


_NOTHING: Cell = [0, 0, 0, 0, 0, 0]


class ProcessCounters:
    """The port `Counters` over plain dicts. For one thread; nothing survives the process."""

    def __init__(self) -> None:
        self._cells: dict[bytes, Cell] = {}
        self._open: dict[str, _Open] = {}
        self._leaving: list[tuple[int, bytes]] = []
        self._built = False

    async def reserve(self, ask: Ask) -> Granted:
        """As the port says."""
        if not self._built:
            raise CountersAway("empty: not yet built from the ledger")
        again = self._open.get(ask.reservation_id)
        if again is not None:
            return again.granted
        weighed = weigh(ask, self._cells.get)
        for turn in weighed.turns:
            cell = self._cells.get(turn.key) or self._create(turn.key, turn.tripped, ask.at_us)
            cell[TRIPPED], cell[PROBE] = turn.tripped, turn.probe
        if weighed.granted.granted:
            self._take(ask, weighed)
        return weighed.granted

    def settle(self, reservation_id: str, amounts: Sequence[int] | None) -> None:
        """As the port says; done when it returns."""
        found = self._open.get(reservation_id)
        if found is None:
            return
        used = found.amounts if amounts is None else amounts
        if len(used) != len(found.amounts):
            raise ValueError(f"{len(found.amounts)} amounts are due, {len(used)} were given")
        del self._open[reservation_id]
        cells = self._cells
        for key, held, amount in zip(found.keys, found.amounts, used, strict=True):
            cell = cells.get(key) or self._create(key, 0, found.at_us)
            cell[POSTED] += amount
            cell[RESERVED] -= held
        for turn in found.probes:
            probed = cells.get(turn.key)
            if probed is not None and probed[PROBE] == turn.probe:
                probed[TRIPPED] = probed[PROBE] = 0

    async def read(self, keys: Sequence[bytes]) -> list[Standing]:
        """As the port says."""
        cells = [self._cells.get(key) or _NOTHING for key in keys]
        return [Standing(cell[POSTED], cell[RESERVED], None, cell[TRIPPED]) for cell in cells]

    async def open_reservations(self) -> list[OpenReservation]:
        """As the port says."""
        return [
            OpenReservation(name, one.owner, one.expires_us, one.keys, tuple(one.amounts))
            for name, one in self._open.items()
        ]

    async def correct(self, key: bytes, expected: int, posted: int, ends_us: int) -> bool:
        """As the port says."""
        cell = self._cells.get(key)
        if (cell or _NOTHING)[POSTED] != expected:
            return False
        cell = cell or self._create(key, ends_us, 0)
        cell[POSTED], cell[ENDS] = posted, ends_us
        return True

    async def reopen(self, keys: Sequence[bytes]) -> None:
        """As the port says."""
        for key in keys:
            if key in self._cells:
                self._cells[key][TRIPPED] = self._cells[key][PROBE] = 0

    async def built(self) -> bool:
        """As the port says."""
        return self._built

    async def mark_built(self) -> None:
        """As the port says."""
        self._built = True

    async def close(self) -> None:
        """Nothing is queued, nothing is held."""

    def _take(self, ask: Ask, weighed: Weighed) -> None:
        """Reserve on every counter."""
        at_us = ask.at_us
        for hold, amount in zip(ask.holds, weighed.amounts, strict=True):
            cell = self._cells.get(hold.key) or self._create(hold.key, hold.ends_us, at_us)
            cell[RESERVED] += amount
            cell[ENDS] = hold.ends_us
            cell[USED] = at_us
        self._open[ask.reservation_id] = _Open(
            ask.owner, ask.expires_us, at_us,
            tuple([hold.key for hold in ask.holds]),
            weighed.amounts, [turn for turn in weighed.turns if turn.probing], weighed.granted,
        )  # fmt: skip

    def _create(self, key: bytes, ends_us: int, at_us: int) -> Cell:
        """A new counter. Each makes room by forgetting up to two, so that none waits for a sweep."""
        for _ in range(2):
            if self._leaving and self._leaving[0][0] <= at_us:
                self._forget(heapq.heappop(self._leaving)[1], at_us)
        cell = self._cells[key] = new_cell(ends_us, at_us)
        heapq.heappush(self._leaving, (forget_at(cell), key))
        return cell

    def _forget(self, key: bytes, at_us: int) -> None:
        cell = self._cells[key]
        if may_forget(cell, at_us):
            del self._cells[key]
        else:
            # Used again, or something is held: looked at again when that may be over.
            heapq.heappush(self._leaving, (max(forget_at(cell), cell[TRIPPED], at_us + DAY_US), key))
