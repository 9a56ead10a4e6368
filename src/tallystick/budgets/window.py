"""The windows of budgets in time.

Calendar windows run in the budget's own zone. A local day begins at the first instant
that bears its date, whatever the clock does; when a clock is set back over midnight, the
hour that returns stays with the day that has begun. An hour (or minute) of the clock ends
when its number or the offset from UTC changes: the hour that comes twice is two windows,
and none is longer than an hour.

Rolling windows have no zone: they are slots counted from 1970 UTC, and what still counts
is rounded out to whole slots, so that it is never less than the whole last period.
"""

from datetime import date, timedelta
from functools import lru_cache

from tallystick.budgets.model import Budget, Span, Window
from tallystick.kernel.period import DAY_US, HOUR_US, MINUTE_US, day_start, local_day, moment

ENDLESS: frozenset[Window] = frozenset({"run", "conversation", "total"})
# Length of a rolling window and its slots; both grow with `window_count`.
_ROLLING: dict[str, tuple[int, int]] = {
    "minute": (MINUTE_US, 6),
    "hour": (HOUR_US, 12),
    "day": (DAY_US, 24),
    "week": (7 * DAY_US, 28),
    "month": (30 * DAY_US, 30),
    "quarter": (91 * DAY_US, 26),
    "year": (365 * DAY_US, 73),
}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_CLOCK = {"minute": MINUTE_US, "hour": HOUR_US}
_NO_END = Span(0, 0)
_MOST_REMEMBERED = 4096

# The last window of each kind: nearly every call falls in it again. Answers do not depend on them.
_last: dict[tuple[str, str, int], Span] = {}
_last_slots: dict[tuple[str, int], tuple[Span, tuple[int, ...], Span]] = {}


def span(budget: Budget, at_us: int) -> Span:
    """The window an instant falls in; of a rolling one the whole stretch that counts, with the current slot."""
    if budget.window in ENDLESS:
        return _NO_END
    if budget.rolling:
        return _rolling(budget, at_us)[2]
    key = (budget.zone, budget.window, budget.fiscal_start)
    found = _last.get(key)
    if found is None or not found.start_us <= at_us < found.end_us:
        found = _of_calendar(at_us, *key)
        if len(_last) >= _MOST_REMEMBERED:
            _last.clear()
        _last[key] = found
    return found


def previous(budget: Budget, at_us: int) -> Span | None:
    """The calendar window before; None where there is none."""
    if budget.rolling or budget.window in ENDLESS:
        return None
    return _beside(span(budget, at_us).start_us - 1, budget.zone, budget.window, budget.fiscal_start)


def following(budget: Budget, at_us: int) -> Span | None:
    """The calendar window after; None where there is none."""
    if budget.rolling or budget.window in ENDLESS:
        return None
    return _beside(span(budget, at_us).end_us, budget.zone, budget.window, budget.fiscal_start)


def slots(budget: Budget, at_us: int) -> tuple[Span, tuple[int, ...]]:
    """The current slot of a rolling window, and the starts of the earlier slots that still count, newest first.

    A budget that is not rolling has one slot, its window.
    """
    return _rolling(budget, at_us)[:2] if budget.rolling else (span(budget, at_us), ())


def slot_end(budget: Budget, at_us: int) -> int:
    """When what is counted now may be forgotten: end of the window, or when the current slot counts no more."""
    if not budget.rolling:
        return span(budget, at_us).end_us
    length, _ = _ROLLING[budget.window]
    return slots(budget, at_us)[0].end_us + length * budget.window_count


def _rolling(budget: Budget, at_us: int) -> tuple[Span, tuple[int, ...], Span]:
    """The current slot, the starts of those before it, and the stretch of all."""
    key = (budget.window, budget.window_count)
    found = _last_slots.get(key)
    if found is None or not found[0].start_us <= at_us < found[0].end_us:
        length, count = _ROLLING[budget.window]
        size = length * budget.window_count // count
        start = at_us - at_us % size
        earlier = tuple(start - size * back for back in range(1, count + 1))
        found = Span(start, start + size), earlier, Span(earlier[-1], start + size)
        if len(_last_slots) >= _MOST_REMEMBERED:
            _last_slots.clear()
        _last_slots[key] = found
    return found


def _of_calendar(at_us: int, zone: str, window: str, fiscal_start: int) -> Span:
    if window in _CLOCK:
        return _clock_span(at_us, zone, window)
    return _calendar_span(at_us, zone, window, fiscal_start)


# Windows beside the current one are asked for by their edge, which is the same for every call in it.
_beside = lru_cache(maxsize=_MOST_REMEMBERED)(_of_calendar)


def _clock_span(at_us: int, zone: str, window: str) -> Span:
    length, offset = _CLOCK[window], _offset(at_us, zone)
    start = at_us - (at_us + offset) % length
    end = start + length
    if _offset(start, zone) != offset:
        start = _change(start, at_us, zone)
    if _offset(end - 1, zone) != offset:
        end = _change(at_us, end - 1, zone)
    return Span(start, end)


def _calendar_span(at_us: int, zone: str, window: str, fiscal_start: int) -> Span:
    day = local_day(at_us, zone)
    following = day + timedelta(days=1)
    if at_us >= _first_instant(following, zone):
        day = following
    first = _first_day(day, window, fiscal_start)
    return Span(_first_instant(first, zone), _first_instant(_next_first(first, window), zone))


def _first_day(day: date, window: str, fiscal_start: int) -> date:
    if window == "day":
        return day
    if window == "week":
        return day - timedelta(days=day.weekday())
    return _add_months(day, -((day.month - fiscal_start) % _MONTHS[window]))


def _next_first(first: date, window: str) -> date:
    if window in _MONTHS:
        return _add_months(first, _MONTHS[window])
    return first + timedelta(days=7 if window == "week" else 1)


def _add_months(day: date, count: int) -> date:
    """The first day of the month so many months on."""
    years, month = divmod(day.month - 1 + count, 12)
    return date(day.year + years, month + 1, 1)


def _first_instant(day: date, zone: str) -> int:
    """The first instant whose local date is this one, or later where the zone leaves the date out."""
    start = day_start(day, zone)
    if local_day(start - 1, zone) < day:
        return start
    return _change(start - DAY_US, start, zone)  # the clock was put forward from before midnight to after it


def _offset(at_us: int, zone: str) -> int:
    delta = moment(at_us, zone).utcoffset() or timedelta()
    return delta // timedelta(microseconds=1)


def _change(low: int, high: int, zone: str) -> int:
    """The instant between two at which the offset from UTC becomes that of the later one."""
    offset = _offset(high, zone)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(middle, zone) == offset:
            high = middle
        else:
            low = middle
    return high
