"""Whether a limit still fits what is used: looked at again after it has been in force for a while."""

from collections.abc import Sequence
from dataclasses import dataclass

from tallystick.budgets.model import Budget

# Room above what nearly all windows used.
_ROOM_PERCENT = 20
_TIGHT, _LOOSE = 90, 40


@dataclass(frozen=True, slots=True)
class Review:
    """What past windows say. Amounts in the budget's unit.

    Attributes:
        windows: Windows of groups that used anything.
        p95: 95 of 100 windows used at most this; None where there is none.
        suggested: A limit that leaves some room above it; None where there is none.
        finding: ``tight``, ``loose``, ``fits`` or ``unused``.
    """

    windows: int
    p95: int | None
    suggested: int | None
    finding: str


def review(budget: Budget, used: Sequence[int]) -> Review:
    """The review of a budget, from what its groups used in past windows."""
    if not used:
        return Review(0, None, None, "unused")
    ordered = sorted(used)
    p95 = ordered[-(-len(ordered) * 95 // 100) - 1]
    suggested = _two_digits(p95 + p95 * _ROOM_PERCENT // 100)
    part = p95 * 100 // budget.limit
    return Review(len(used), p95, suggested, "tight" if part >= _TIGHT else "loose" if part <= _LOOSE else "fits")


def _two_digits(amount: int) -> int:
    """Rounded up to two digits that count.

    >>> _two_digits(1234), _two_digits(7)
    (1300, 7)
    """
    step = int(10 ** max(0, len(str(amount)) - 2))
    return -(-amount // step) * step
