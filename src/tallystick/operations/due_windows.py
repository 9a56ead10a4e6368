"""Which slices of a stream are to be read now. Pure: the instant is an argument."""

from collections.abc import Sequence
from datetime import date, timedelta

from tallystick.connectors.kept import Window
from tallystick.kernel.period import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Period, day_start, local_day
from tallystick.ports import Stream

# A slice that has ended and may still be revised is read twice a day.
_REVISED_US = 12 * HOUR_US
_FIRST_WAIT_US, _LONGEST_WAIT_US = MINUTE_US, 6 * HOUR_US
_STORM = 2


def windows_of(stream: Stream, since_us: int, now_us: int) -> list[Period]:
    """The slices from an instant until now, the newest first; the last one may not have ended."""
    found: list[Period] = []
    first, today = local_day(max(since_us, 0)), local_day(now_us)
    day = today if stream.slice == "day" else today.replace(day=1)
    first = first if stream.slice == "day" else first.replace(day=1)
    while day >= first:
        end = day + timedelta(days=1) if stream.slice == "day" else next_month(day)
        found.append(Period(day_start(day), day_start(end)))
        day = day - timedelta(days=1) if stream.slice == "day" else (day - timedelta(days=1)).replace(day=1)
    return found


def next_month(day: date) -> date:
    """The first day of the month after."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def slice_name(stream: Stream, window: Period) -> str:
    """How slices of a window are called: the day, or the month that their keys end in."""
    day = local_day(window.start_us).isoformat()
    return day if stream.slice == "day" else day[:7]


def backfill_from(stream: Stream, backfill_days: int, now_us: int) -> int:
    """Where the first run begins: as far back as wanted, no further than the source can be read."""
    days = backfill_days if stream.backfill_days is None else min(backfill_days, stream.backfill_days)
    return now_us - days * DAY_US


def is_due(stream: Stream, period: Period, known: Window | None, now_us: int, every_us: int | None) -> bool:
    """Whether a slice is to be read: never read, failed, or read before it could not change any more.

    Args:
        stream: Says how long a slice is revised.
        period: The slice.
        known: What was fetched of it.
        now_us: This instant.
        every_us: How often a slice that still grows is read again; None asks by hand, which heeds no wait.
    """
    if known is None:
        return True
    if every_us is not None and known.next_at is not None and known.next_at > now_us:
        return False
    if known.fetched_at is None or known.last_error:
        return True
    if known.fetched_at >= period.end_us + stream.revises_days * DAY_US:
        return False
    if every_us is None:
        return True
    wait = every_us if now_us < period.end_us else max(every_us, _REVISED_US)
    return now_us - known.fetched_at >= wait


def wait_us(attempts: int, retry_seconds: float) -> int:
    """How long a slice waits after so many failures: twice as long each time, never less than was asked."""
    grown = min(_FIRST_WAIT_US << min(attempts - 1, 20), _LONGEST_WAIT_US)
    return max(grown, int(retry_seconds * SECOND_US))


def storm_until(windows: Sequence[Window], now_us: int) -> int | None:
    """Until when a whole source is left alone: two slices that wait are a source that does not want to be asked."""
    waiting = sorted(one.next_at for one in windows if one.next_at is not None and one.next_at > now_us)
    return waiting[-1] if len(waiting) >= _STORM else None
