"""How a budget is doing in its window: pace, forecast, the instant it runs out, the alerts that are due.

All of it goes by what is posted; reservations come and go.
"""

from dataclasses import dataclass

from tallystick.budgets.ask import limit_at
from tallystick.budgets.model import Budget, Span, Standing, Threshold

# Before this part of the window has passed, a forecast would be a guess.
LEAST_PERCENT = 5


@dataclass(frozen=True, slots=True)
class Pace:
    """Amounts in the budget's unit, rounded down; None where the window has no end or has only begun.

    Attributes:
        used: Posted.
        limit: That holds now, carry included where the counters gave one.
        expected: What an even use of the limit would have posted by now.
        ratio: Of `used` to `expected`: above 1 is faster than even.
        forecast: At the window's end, if it goes on as it went on average.
        hit_us: When the limit is reached at that rate; past when it was; None when not before the window's end.
    """

    used: int
    limit: int
    expected: int | None = None
    ratio: float | None = None
    forecast: int | None = None
    hit_us: int | None = None


def pace(budget: Budget, span: Span, standing: Standing, at_us: int) -> Pace:
    """The pace of a window at an instant in it."""
    used = standing.posted
    limit = limit_at(budget, at_us) if standing.limit is None else standing.limit
    elapsed, length = min(at_us, span.end_us) - span.start_us, span.end_us - span.start_us
    if budget.rolling or length <= 0 or elapsed * 100 < length * LEAST_PERCENT:
        return Pace(used, limit)
    expected = limit * elapsed // length
    hit_us = span.start_us - (-elapsed * limit // used) if used > 0 else None
    return Pace(
        used,
        limit,
        expected,
        used / expected if expected else None,
        used * length // elapsed,
        hit_us if hit_us is not None and hit_us < span.end_us else None,
    )


def due(budget: Budget, span: Span, standing: Standing, at_us: int) -> list[Threshold]:
    """The budget's thresholds that are reached, in its order."""
    now = pace(budget, span, standing, at_us)
    whole = {"limit": (now.used, now.limit), "pace": (now.used, now.expected), "forecast": (now.forecast, now.limit)}
    found = []
    for threshold in budget.thresholds:
        part, of = whole[threshold.of]
        if part is not None and of and part * 100 >= threshold.percent * of:
            found.append(threshold)
    return found
