"""The ask that nearly every call makes, in one pass: all its counters are known, and all of it fits as it is.

`weigh.py` is the rule. Here is only where it has nothing to decide: no window that rolls or carries over, no
breaker, no counter to make or to prolong, no limit in the way of the most that is asked. Everything else is
None, and goes the long way; what is done here is to the byte what would be done there.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from tallystick.budgets.model import Ask, Standing
from tallystick.counters.shared_file import WORD
from tallystick.counters.shared_open import WRITTEN_WORDS, Written
from tallystick.counters.shared_slots import read_keyed

NO_LIMIT = -(2**63)
# How exactly a slot knows when it was used last: a write less for most calls.
USED_US = 3_600_000_000

Fitting: TypeAlias = tuple[tuple[Standing, ...], list[int], list[int | bytes]]


def fit(ask: Ask, known: Mapping[bytes, tuple[int, int, int]], words: memoryview) -> Fitting | None:
    """Standings, changes and the record's holds of an ask that is granted in full; None where the rule has to look.

    Args:
        known: As `Slots.known`.
    """
    output, at_us = ask.most, ask.at_us
    standings: list[Standing] = []
    changes: list[int] = []
    holds: list[int | bytes] = []
    for hold in ask.holds:
        key, limit = hold.key, hold.limit
        seen = known.get(key)
        if seen is None or hold.also or hold.trip_us or hold.carry is not None:
            return None
        posted, reserved, ends_us, used_us, _, _, there = read_keyed(words, seen[0])
        amount = hold.base - (-output * hold.per_output // 1000)
        after = reserved + amount
        if there != key or ends_us != hold.ends_us or at_us - used_us > USED_US:
            return None
        at = seen[0] // WORD
        if limit is None:
            holds += (at, amount, posted, reserved, NO_LIMIT, 0, key)
        elif posted + after <= limit:
            holds += (at, amount, posted, reserved, limit, 0, key)
        else:
            return None
        changes += (at + 1, after)
        standings.append(Standing(posted, reserved, limit))
    return tuple(standings), changes, holds


def end(mine: Written, amounts: Sequence[int] | None, words: memoryview) -> list[int] | None:
    """What changes in the counters when a reservation that stands as it was written is settled; its record apart.

    None where a counter has lost its place, or a number of amounts is given that is not its holds'.
    """
    holds = mine.holds
    used = holds[1::WRITTEN_WORDS] if amounts is None else amounts
    if len(used) != mine.state - 1:
        return None
    changes: list[int] = []
    places, keys = holds[::WRITTEN_WORDS], holds[6::WRITTEN_WORDS]
    for at, held, key, amount in zip(places, holds[1::WRITTEN_WORDS], keys, used, strict=True):
        posted, reserved, _, _, _, _, there = read_keyed(words, at * WORD)
        if there != key:
            return None
        changes += (at, posted + amount, at + 1, reserved - held)
    return changes
