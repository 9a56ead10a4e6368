"""The buckets of a series: local hours, days, ISO weeks and months.

The database never converts an instant to local time: it adds the zone's offset (one of
the few that hold in the period), which is arithmetic, and returns local days or hours;
what is left to fold here is one row per day and group.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache

from tallystick.explore.align import add_months
from tallystick.explore.model import Grain
from tallystick.kernel.period import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Period, day_start, local_day, moment


@dataclass(frozen=True, slots=True)
class Offsets:
    """The offsets of a zone in a period.

    Attributes:
        until: Instants at which the offset changes, rising.
        micros: Offsets from UTC; one more than `until`.
    """

    until: tuple[int, ...]
    micros: tuple[int, ...]


def offsets(period: Period, zone: str) -> Offsets:
    """Which offset holds when; two changes within one day would be missed, and there are none."""
    until: list[int] = []
    found = [_offset(period.start_us, zone)]
    at = period.start_us
    while at < period.end_us:
        following = min(at + DAY_US, period.end_us)
        offset = _offset(following, zone)
        if offset != found[-1]:
            until.append(_change(at, following, zone))
            found.append(offset)
        at = following
    return Offsets(tuple(until), tuple(found))


def _offset(at_us: int, zone: str) -> int:
    shift = moment(at_us, zone).utcoffset()
    assert shift is not None
    return shift // timedelta(microseconds=1)


def _change(low: int, high: int, zone: str) -> int:
    """The first instant (to the second) after `low` that has the offset of `high`."""
    before = _offset(low, zone)
    while high - low > SECOND_US:
        middle = (low + high) // 2
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high // SECOND_US * SECOND_US


def bucket_starts(period: Period, grain: Grain, zone: str) -> tuple[int, ...]:
    """The start of each bucket that the period touches; the first is cut at the period's start."""
    if period.start_us >= period.end_us:
        return ()
    if grain == "hour":
        first = hour_start(period.start_us, zone)
        starts = list(range(first, period.end_us, HOUR_US))
    else:
        day = _NAMED[grain](local_day(period.start_us, zone))
        starts = []
        while (at := day_start(day, zone)) < period.end_us:
            starts.append(at)
            day = _NEXT[grain](day)
    return (max(starts[0], period.start_us), *starts[1:])


def hour_start(at_us: int, zone: str) -> int:
    """The start of the local hour."""
    local = moment(at_us, zone)
    return at_us - local.minute * MINUTE_US - local.second * SECOND_US - local.microsecond


_NAMED: dict[Grain, Callable[[date], date]] = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(days=day.weekday()),
    "month": lambda day: day.replace(day=1),
}
_NEXT: dict[Grain, Callable[[date], date]] = {
    "day": lambda day: day + timedelta(days=1),
    "week": lambda day: day + timedelta(days=7),
    "month": lambda day: add_months(day, 1),
}


def bucket_index(starts: tuple[int, ...], grain: Grain, zone: str) -> Callable[[int], int]:
    """From what the database answers to the place in `starts`.

    It answers an instant for hours, and for the other grains the local midnight written
    as if it were UTC.
    """

    @cache
    def index(answer_us: int) -> int:
        at = answer_us
        if grain != "hour":
            at = day_start((datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=answer_us)).date(), zone)
        return max(bisect_right(starts, at) - 1, 0)

    return index
