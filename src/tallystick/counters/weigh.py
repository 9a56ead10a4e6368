"""Whether one ask fits: the one rule of the counters in this process and of those in shared memory.

A counter is a plain list here, its *cell*: the rule runs twelve times per call, and a record
per counter would cost more than the rule itself. Redis follows the same rule in its script;
one contract suite holds all three to it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tallystick.budgets.model import Ask, Granted, Hold, Standing

Cell: TypeAlias = list[int]
Look: TypeAlias = Callable[[bytes], Sequence[int] | None]

# Fields of a cell. `ENDS` is when it may be forgotten, `USED` when it was last asked, `TRIPPED` until when
# its breaker is open, `PROBE` until when the one call that a half-open breaker let through is waited for.
POSTED, RESERVED, ENDS, USED, TRIPPED, PROBE = range(6)
PROBE_US = 5_000_000
DAY_US = 86_400_000_000
IDLE_US = 30 * DAY_US


@dataclass(frozen=True, slots=True)
class Turn:
    """A breaker that changes: its counter, and what `TRIPPED` and `PROBE` become.

    Attributes:
        probing: This call is the one that is let through, its end closes the breaker.
    """

    key: bytes
    tripped: int
    probe: int
    probing: bool = False


@dataclass(slots=True)
class Weighed:
    """What is to be done for one ask.

    Attributes:
        amounts: To reserve, one for each hold; empty when refused.
        turns: Breakers that change, also when it is refused.
        cells: The counters as they were looked at, one for each hold.
    """

    granted: Granted
    amounts: Sequence[int]
    turns: Sequence[Turn]
    cells: Sequence[Sequence[int] | None] = ()


def new_cell(ends_us: int, at_us: int) -> Cell:
    """A counter that is seen first now."""
    return [0, 0, ends_us, at_us, 0, 0]


def forget_at(cell: Cell) -> int:
    """The first instant at which it may be forgotten; a day of grace lets late corrections find it.

    One that a repair has made and no call has asked yet (`USED` 0) counts from when it is first looked at.
    """
    return cell[ENDS] + DAY_US if cell[ENDS] else cell[USED] + IDLE_US


def may_forget(cell: Cell, at_us: int) -> bool:
    """Whether nobody can need this counter any more: nothing is held, and its time is over by a day."""
    if not cell[USED]:
        cell[USED] = at_us
    return not cell[RESERVED] and cell[TRIPPED] <= at_us and at_us >= forget_at(cell)


def weigh(ask: Ask, look: Look) -> Weighed:
    """The answer to an ask, and what follows from it; changes nothing itself."""
    output, least = ask.most, ask.least
    standings: list[Standing] = []
    amounts: list[int] = []
    lacking: list[int] = []
    turns: list[Turn] = []
    cells = [look(hold.key) for hold in ask.holds]
    for index, hold in enumerate(ask.holds):
        cell = cells[index]
        posted, reserved = (cell[0], cell[1]) if cell is not None else (0, 0)
        limit, tripped = hold.limit, 0
        if hold.also or hold.carry is not None:
            posted, reserved, limit = _widened(hold, look, posted, reserved)
        amount = hold.base - (-output * hold.per_output // 1000)
        amounts.append(amount)
        if limit is not None and (hold.trip_us or posted + reserved + amount > limit):
            most = _fitting(hold, limit - posted - reserved, output)
            if hold.trip_us:
                tripped = _breaker(hold, ask.at_us, look, most >= least, turns)
            if most < least or tripped:
                lacking.append(index)
            elif most < output:
                output = most
        standings.append(Standing(posted, reserved, limit, tripped))
    if lacking:
        opened = [turn for turn in turns if turn.tripped > ask.at_us]
        return Weighed(Granted(False, 0, tuple(standings), tuple(lacking)), (), opened)
    granted = Granted(True, output, tuple(standings))
    amounts = amounts if output == ask.most else [one.amount(output) for one in ask.holds]
    return Weighed(granted, amounts, turns, cells)


def _fitting(hold: Hold, room: int, output: int) -> int:
    """The most output up to `output` that fits into the room; -1 when not even none of it does.

    What asks for nothing fits where nothing is left, also where more was used than allowed.
    """
    left = (room if room > 0 else 0) - hold.base
    if left < 0:
        return -1
    if not hold.per_output:
        return output
    # base + ceil(n x per_output / 1000) <= room, solved for n: exact, for all are whole.
    return min(output, left * 1000 // hold.per_output)


def _widened(hold: Hold, look: Look, posted: int, reserved: int) -> tuple[int, int, int | None]:
    """Totals with those of earlier slots, limit with what the window before left unused: at most one limit."""
    for key in hold.also:
        cell = look(key)
        if cell is not None:
            posted += cell[POSTED]
            reserved += cell[RESERVED]
    if hold.carry is None or hold.limit is None:
        return posted, reserved, hold.limit
    key, unused = hold.carry
    before = look(key)
    if before is not None:
        unused -= before[POSTED] + before[RESERVED]
    return posted, reserved, hold.limit + max(0, min(unused, hold.limit))


def _breaker(hold: Hold, at_us: int, look: Look, fits: bool, turns: list[Turn]) -> int:
    """Until when the breaker refuses; 0 when it lets the call through. What changes goes to `turns`.

    Open: nothing passes. Cooled down: one call passes and is waited for, for a while; its end
    closes the breaker, and so does the next call that fits once it was waited for long enough.
    """
    key = hold.breaker or hold.key
    cell = look(key)
    tripped, probe = (cell[TRIPPED], cell[PROBE]) if cell is not None else (0, 0)
    if tripped > at_us:
        return tripped
    if not fits:
        turns.append(Turn(key, at_us + hold.trip_us, 0))
        return at_us + hold.trip_us
    if probe > at_us:
        return probe
    if tripped:
        turns.append(Turn(key, 0, 0) if probe else Turn(key, tripped, at_us + PROBE_US, probing=True))
    return 0
