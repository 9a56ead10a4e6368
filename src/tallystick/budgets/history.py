"""Records of what happened to a budget and to its counters."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Drift:
    """A counter that a repair has set right.

    Attributes:
        at: Microseconds.
        counter: The counter's key in hexadecimal.
        before, after: Amounts in the budget's unit.
        reason: In one sentence.
    """

    at: int
    budget_id: str
    counter: str
    before: int
    after: int
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a budget.

    Attributes:
        at: Microseconds.
        limit_before: In the budget's unit; None when it was made then.
        tighter: Less is let through than before: a lower limit, or it began to block.
    """

    at: int
    by: str
    limit_before: int | None
    limit_after: int
    tighter: bool
