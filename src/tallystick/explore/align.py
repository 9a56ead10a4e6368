"""Which days a range means, and which earlier ones it is compared with.

Days are local days of a zone; ends are exclusive. An unfinished range ends with today,
so today's row is in it, and what it is compared with is cut at the same time of day.
"""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tallystick.explore.model import Compare
from tallystick.kernel.period import Period, day_start, instant, moment

RANGES: tuple[str, ...] = ("mtd", "7d", "30d", "90d", "today", "yesterday", "last-month", "ytd", "12m")
_DAYS = re.compile(r"([1-9]\d{0,3})d")
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_YEAR_WEEKS = 52

Days = tuple[date, date]


def range_days(word: str, today: date) -> Days | None:
    """The days of a range word, first in and end out; None when nobody knows the word.

    Beside `RANGES`: ``14d`` (so many days, today among them) and ``2026-10`` (a month).

    >>> range_days("mtd", date(2026, 11, 23)), range_days("7d", date(2026, 11, 23))[0]
    ((datetime.date(2026, 11, 1), datetime.date(2026, 11, 24)), datetime.date(2026, 11, 17))
    """
    tomorrow, first = today + timedelta(days=1), today.replace(day=1)
    named: dict[str, Days] = {
        "mtd": (first, tomorrow),
        "today": (today, tomorrow),
        "yesterday": (today - timedelta(days=1), today),
        "last-month": (add_months(first, -1), first),
        "ytd": (date(today.year, 1, 1), tomorrow),
        "12m": (add_months(first, -11), tomorrow),
    }
    if found := _DAYS.fullmatch(word):
        return (tomorrow - timedelta(days=int(found[1])), tomorrow)
    if found := _MONTH.fullmatch(word):
        start = date(max(1, int(found[1])), int(found[2]), 1)
        return (start, add_months(start, 1))
    return named.get(word)


def add_months(day: date, months: int) -> date:
    """The same day some months on, the month's last where it has no such day."""
    index = day.year * 12 + day.month - 1 + months
    first = date(index // 12, index % 12 + 1, 1)
    following = date((index + 1) // 12, (index + 1) % 12 + 1, 1)
    return min(first + timedelta(days=day.day - 1), following - timedelta(days=1))


def previous_days(first: date, end: date, compare: Compare) -> Days | None:
    """The days to compare with, None for `none`.

    `weekdays` goes back by the least number of whole weeks that leaves no overlap, so
    that a Sunday meets a Sunday; `year` by 52 weeks (more where the range is longer);
    `calendar` by as many months as the range touches, to the same days of the month.

    >>> previous_days(date(2026, 11, 1), date(2026, 11, 24), "weekdays")
    (datetime.date(2026, 10, 4), datetime.date(2026, 10, 27))
    """
    if compare == "none":
        return None
    if compare == "calendar":
        return _calendar(first, end)
    weeks = -(-(end - first).days // 7)
    shift = timedelta(weeks=max(weeks, 1) if compare == "weekdays" else max(weeks, _YEAR_WEEKS))
    return (first - shift, end - shift)


def _calendar(first: date, end: date) -> Days:
    last = end - timedelta(days=1)
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    start = add_months(first, -months)
    # A range up to a month's end is compared up to a month's end, whatever their lengths.
    if end.day == 1:
        return (start, add_months(end, -months))
    return (start, add_months(last, -months) + timedelta(days=1))


def period_of(span: Days, zone: str) -> Period:
    """The instants of local days."""
    return Period(day_start(span[0], zone), day_start(span[1], zone))


def previous_period(span: Days, compare: Compare, zone: str, now_us: int) -> Period | None:
    """The period to compare `span` with; cut at this time of day where `span` is not over."""
    before = previous_days(*span, compare)
    if before is None:
        return None
    whole = period_of(before, zone)
    now = moment(now_us, zone)
    if not span[0] <= now.date() < span[1]:
        return whole
    day = _same_day(now.date(), span, before, compare)
    cut = instant(datetime.combine(day, now.time(), tzinfo=ZoneInfo(zone)))
    return Period(whole.start_us, min(max(cut, whole.start_us), whole.end_us))


def _same_day(today: date, span: Days, before: Days, compare: Compare) -> date:
    if compare != "calendar":
        return today - (span[0] - before[0])
    months = (span[0].year - before[0].year) * 12 + span[0].month - before[0].month
    return add_months(today, -months)
