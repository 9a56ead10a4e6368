"""Counters in memory that all processes of one machine share: a file in the data directory, mapped.

They outlive every gateway, and the process of the ledger builds and repairs them. Each operation
takes the file's lock for some microseconds and is done, or not done, as a whole (`shared_file.py`).
"""

import contextlib
import logging
import secrets
import struct
from asyncio import AbstractEventLoop
from asyncio.events import _get_running_loop
from collections.abc import Sequence
from pathlib import Path

from tallystick.budgets.model import Ask, Granted, OpenReservation, Standing
from tallystick.counters.shared_file import BODY, HEAD_WORDS, WORD, Shape, SharedFile
from tallystick.counters.shared_open import (
    HOLD_WORDS,
    MOST_HOLDS,
    MOST_NAME,
    RECORD_WORDS,
    WRITTEN_WORDS,
    NewRecord,
    OpenTable,
    Record,
    Written,
)
from tallystick.counters.shared_plain import NO_LIMIT, USED_US, end, fit
from tallystick.counters.shared_slots import SLOT_WORDS, Slots, key_of, read_slot
from tallystick.counters.weigh import ENDS, POSTED, PROBE, PROBE_US, RESERVED, TRIPPED, USED, Weighed, weigh
from tallystick.ports import CountersAway

_AT_BUILT, _AT_BUILDING = HEAD_WORDS - 3, HEAD_WORDS - 4
_MOST_MINE = 16_384
_log = logging.getLogger(__name__)


class SharedCounters:
    """The port `Counters` over one file; any number of processes and threads.

    Args:
        path: The file; made when missing, replaced by an empty one when it is from before the last boot of the
            machine, of another version or of other sizes. All processes give the same sizes.
        counters: How many counters there is room for; half of them is where it works well. 64 bytes each.
        reservations: How many may be open at once. 3.2 KB each.
        deadline_ms: Longest wait for another process.

    Raises:
        Unavailable: The file cannot be made or opened.
    """

    def __init__(
        self,
        path: Path,
        *,
        counters: int = 262_144,
        reservations: int = 8_192,
        deadline_ms: float = 20,
    ) -> None:
        slots = Slots.words(counters)
        shape = Shape((counters, reservations, SLOT_WORDS, RECORD_WORDS), slots + OpenTable.words(reservations))
        self._file = SharedFile(path, shape, deadline_s=deadline_ms / 1000)
        self._slots = Slots(self._file, BODY, counters)
        self._open = OpenTable(self._file, BODY + slots, reservations)
        self._building = 0
        # Settlements that wait, whose loop will see to them, and what this process has reserved and not settled.
        self._late: list[tuple[str, Sequence[int] | None]] = []
        self._due: AbstractEventLoop | None = None
        self._mine: dict[str, Written] = {}

    async def reserve(self, ask: Ask) -> Granted:
        """As the port says; never waits but for the lock.

        Raises:
            ValueError: More than 48 holds, or an id or owner of more than 64 bytes.
        """
        name, owner = ask.reservation_id.encode(), ask.owner.encode()
        if len(ask.holds) > MOST_HOLDS or len(name) > MOST_NAME or len(owner) > MOST_NAME:
            raise ValueError(f"at most {MOST_HOLDS} holds, and {MOST_NAME} bytes of id and of owner")
        file = self._file
        file.lock()
        try:
            if self._late:
                self._settle_late()
            return self._reserve(ask, name, owner)
        except IndexError:
            file.give_up()
        finally:
            file.unlock()

    def settle(self, reservation_id: str, amounts: Sequence[int] | None) -> None:
        """As the port says; done when it returns, unless another process held the lock past the deadline.

        On a running loop, what this process has reserved waits for the end of the loop's round, so that all that end
        in one round share one lock; the next `reserve` or `read` of this process does it before anything else. Who
        answers a client by a callback that is put on the loop after this was called (`call_soon` keeps the order)
        answers when the settlement is done.
        """
        loop = _get_running_loop()
        mine = self._mine.get(reservation_id) if loop is not None else None
        if mine is not None and amounts is not None and len(amounts) != mine.state - 1:
            raise _unlike(mine.state - 1, amounts)
        self._late.append((reservation_id, amounts))
        if loop is None or mine is None:
            self._settle_now()
        elif self._due is not loop:
            self._due = loop
            loop.call_soon(self._end_round)

    async def read(self, keys: Sequence[bytes]) -> list[Standing]:
        """As the port says."""
        with contextlib.suppress(CountersAway):
            self._catch_up()
        with self._file:
            cells = [self._slots.look(key) for key in keys]
        return [
            Standing(0, 0, None) if cell is None else Standing(cell[POSTED], cell[RESERVED], None, cell[TRIPPED])
            for cell in cells
        ]

    async def open_reservations(self) -> list[OpenReservation]:
        """As the port says."""
        self._catch_up()
        with self._file:
            found = [(record, *self._open.names(record)) for record in self._open.all()]
        return [
            OpenReservation(
                name.decode(), owner.decode(), record.expires_us,
                tuple(key_of(*record.holds[at + 6 : at + 8]) for at in range(0, len(record.holds), HOLD_WORDS)),
                record.holds[1::HOLD_WORDS],
            )
            for record, name, owner in found
        ]  # fmt: skip

    async def correct(self, key: bytes, expected: int, posted: int, ends_us: int) -> bool:
        """As the port says."""
        self._catch_up()
        with self._file:
            cell = self._slots.look(key)
            if (cell[POSTED] if cell else 0) != expected:
                return False
            at = self._slots.at(key) or self._slots.make(key, ends_us, 0, set)
            self._file.commit([at + POSTED, posted, at + ENDS, ends_us])
        return True

    async def reopen(self, keys: Sequence[bytes]) -> None:
        """As the port says."""
        with self._file:
            for key in keys:
                if self._slots.look(key) and (at := self._slots.at(key)):
                    self._file.commit([at + TRIPPED, 0, at + PROBE, 0])

    async def built(self) -> bool:
        """As the port says. Where they are not, this begins to build them: `mark_built` is about this file."""
        with self._file:
            words = self._file.words
            if words[_AT_BUILT]:
                return True
            if not words[_AT_BUILDING]:
                words[_AT_BUILDING] = secrets.randbits(62) | 1
            self._building = self._building or words[_AT_BUILDING]
            return False

    async def mark_built(self) -> None:
        """As the port says.

        Raises:
            CountersAway: What was seen empty and built is lost: the file is another one.
        """
        with self._file:
            building, self._building = self._building, 0
            if building not in {0, self._file.words[_AT_BUILDING]}:
                raise CountersAway("empty: lost while it was built from the ledger")
            self._file.commit([_AT_BUILT, 1])

    async def close(self) -> None:
        """Settle what is late, let go of the file."""
        with contextlib.suppress(CountersAway):
            self._catch_up()
        self._late.clear()
        self._file.close()

    def _reserve(self, ask: Ask, name: bytes, owner: bytes) -> Granted:
        """The answer, made true; the lock is held.

        Raises:
            CountersAway: Not built, or full.
        """
        if not self._file.words[_AT_BUILT]:
            raise CountersAway("empty: not yet built from the ledger")
        again = self._open.find(name)
        if again is not None:
            return _answer(again)
        fitting = fit(ask, self._slots.known, self._file.words)
        try:
            if fitting is not None:
                standings, changes, holds = fitting
                self._write(ask, NewRecord(name, owner, ask.expires_us, ask.most, ask.at_us, 0, holds), changes)
                return Granted(True, ask.most, standings)
            weighed = weigh(ask, self._slots.look)
            self._apply(ask, name, owner, weighed)
        except struct.error as error:
            raise CountersAway("full: an amount is beyond 63 bits") from error
        return weighed.granted

    def _write(self, ask: Ask, new: NewRecord, changes: list[int]) -> None:
        """Make a reservation and all that changes with it, in one commit; remember it until it is settled."""
        written, more = self._open.add(new)
        changes += more
        self._file.commit(changes)
        if not new.probe_us:
            if len(self._mine) >= _MOST_MINE:
                self._mine.clear()
            self._mine[ask.reservation_id] = written

    def _apply(self, ask: Ask, name: bytes, owner: bytes, weighed: Weighed) -> None:
        """Make the answer true: breakers, and when it was granted the reservation, in one commit."""
        changes: list[int] = []
        probed: list[int] = []
        for turn in weighed.turns:
            at = self._at(turn.key, turn.tripped, ask)
            changes += (at + TRIPPED, turn.tripped, at + PROBE, turn.probe)
            if turn.probing:
                probed.append(at)
        if weighed.granted.granted:
            holds = self._take(ask, weighed, changes)
            for number, at in enumerate(probed):
                holds[number * WRITTEN_WORDS + 5] = at
            probe_us = ask.at_us + PROBE_US if probed else 0
            new = NewRecord(name, owner, ask.expires_us, weighed.granted.output, ask.at_us, probe_us, holds)
            self._write(ask, new, changes)
        elif changes:
            self._file.commit(changes)

    def _take(self, ask: Ask, weighed: Weighed, changes: list[int]) -> list[int | bytes]:
        """The record's values for all holds; what changes in the counters goes to `changes`."""
        at_us, known = ask.at_us, self._slots.known
        holds: list[int | bytes] = []
        for hold, amount, standing, cell in zip(
            ask.holds, weighed.amounts, weighed.granted.standings, weighed.cells, strict=True
        ):
            seen = known.get(hold.key) if cell is not None else None
            at = self._at(hold.key, hold.ends_us, ask) if seen is None else seen[0] // WORD
            slot = read_slot(self._file.words, at * WORD) if cell is None else cell
            _, reserved, ends_us, used_us, _, _, high, low = slot
            changes += (at + RESERVED, reserved + amount)
            if ends_us != hold.ends_us or at_us - used_us > USED_US:
                changes += (at + ENDS, hold.ends_us, at + USED, at_us)
            limit = standing.limit
            holds += (
                at,
                amount,
                standing.posted,
                standing.reserved,
                NO_LIMIT if limit is None else limit,
                0,
                key_of(high, low),
            )
        return holds

    def _at(self, key: bytes, ends_us: int, ask: Ask) -> int:
        """The word a counter begins at; it is made where there is none, in the place of none this ask is about."""
        at = self._slots.at(key)
        if at is not None:
            return at
        return self._slots.make(key, ends_us, ask.at_us, lambda: self._asked(ask))

    def _asked(self, ask: Ask) -> set[int]:
        """Where the counters of this ask are, as far as they are there."""
        keys = {hold.key for hold in ask.holds} | {hold.breaker for hold in ask.holds if hold.breaker}
        return {at for key in keys if self._slots.look(key) and (at := self._slots.at(key))}

    def _settle_now(self) -> None:
        try:
            failed = self._catch_up()
        except CountersAway:
            return
        if failed:
            raise failed[-1]

    def _end_round(self) -> None:
        """What ended in this round of the loop."""
        self._due = None
        with contextlib.suppress(CountersAway):
            self._catch_up()

    def _catch_up(self) -> list[Exception]:
        """Settle what waits; as `_settle_late`."""
        if not self._late:
            return []
        file = self._file
        file.lock()
        try:
            return self._settle_late()
        except IndexError:
            file.give_up()
        finally:
            file.unlock()

    def _settle_late(self) -> list[Exception]:
        """Settle what waits, while the lock is held. What can never be settled so is given up: the repair knows of it.

        Raises:
            CountersAway: There is no room for a counter; it waits on.
        """
        late, failed = self._late, list[Exception]()
        while late:
            try:
                self._settle(*late[0])
            except (ValueError, struct.error) as error:
                _log.error("%s cannot be settled and is left to the repair: %s", late[0][0], error)
                failed.append(error)
            del late[0]
        return failed

    def _settle(self, reservation_id: str, amounts: Sequence[int] | None) -> None:
        mine = self._mine.pop(reservation_id, None)
        if mine is not None and self._open.stands(mine):
            changes = end(mine, amounts, self._file.words)
            if changes is not None:
                changes += self._open.remove(mine.address, mine.entry)
                self._file.commit(changes)
                return
        self._settle_found(reservation_id, amounts)

    def _settle_found(self, reservation_id: str, amounts: Sequence[int] | None) -> None:
        record = self._open.find(reservation_id.encode())
        if record is None:
            return
        words, holds = self._file.words, record.holds
        used = holds[1::HOLD_WORDS] if amounts is None else amounts
        if len(used) != record.count:
            raise _unlike(record.count, used)
        changes: list[int] = []
        columns = [holds[number::HOLD_WORDS] for number in (0, 1, 5, 6, 7)]
        for at, held, probed, high, low, amount in zip(*columns, used, strict=True):
            slot = read_slot(words, at * WORD)
            if slot[6] != high or slot[7] != low:
                # Nothing was reserved on it, its time was over, and its place was given away: it is made again.
                at = self._again(key_of(high, low), record)
                slot = read_slot(words, at * WORD)
            changes += (at, slot[POSTED] + amount, at + RESERVED, slot[RESERVED] - held)
            if probed and words[probed + PROBE] == record.probe_us:
                changes += (probed + TRIPPED, 0, probed + PROBE, 0)
        changes += self._open.remove(record.address, record.entry)
        self._file.commit(changes)

    def _again(self, key: bytes, record: Record) -> int:
        at = self._slots.at(key) if self._slots.look(key) else None
        return at or self._slots.make(key, 0, record.at_us, lambda: set(record.holds[::HOLD_WORDS]))


def _unlike(due: int, amounts: Sequence[int]) -> ValueError:
    return ValueError(f"{due} amounts are due, {len(amounts)} were given")


def _answer(record: Record) -> Granted:
    """What was answered when this reservation was made."""
    standings = [
        Standing(posted, reserved, None if limit == NO_LIMIT else limit)
        for posted, reserved, limit in zip(
            record.holds[2::HOLD_WORDS], record.holds[3::HOLD_WORDS], record.holds[4::HOLD_WORDS], strict=True
        )
    ]
    return Granted(True, record.output, tuple(standings))
