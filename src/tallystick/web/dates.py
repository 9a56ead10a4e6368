"""Days and spans in words, in the zone of the page."""

from datetime import date, timedelta

from tallystick.explore.model import Grain
from tallystick.kernel.period import DAY_US, HOUR_US, Period, day_start, local_day, moment

_SHORT = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

RANGES = (
    ("mtd", "Month to date"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
    ("today", "Today"),
    ("yesterday", "Yesterday"),
    ("90d", "Last 90 days"),
    ("last-month", "Last month"),
    ("ytd", "Year to date"),
    ("12m", "Last 12 months"),
)
COMPARISONS = (
    ("weekdays", "Same weekdays before"),
    ("calendar", "Same dates before"),
    ("year", "A year before"),
    ("none", "No comparison"),
)
GRAINS = (("hour", "Hour"), ("day", "Day"), ("week", "Week"), ("month", "Month"))
EACH = {"hour": "Hourly", "day": "Daily", "week": "Weekly", "month": "Monthly"}


def day(on: date, *, year: bool = False) -> str:
    """``4 Oct``, with the year where asked."""
    return f"{on.day} {_SHORT[on.month - 1]}" + (f" {on.year}" if year else "")


def days_of(period: Period, zone: str) -> tuple[date, date]:
    """The first and the last local day of a period, both in it."""
    first = local_day(period.start_us, zone)
    return first, max(first, local_day(period.end_us - 1, zone))


def number_of_days(period: Period, zone: str) -> str:
    """``23 days``; one day is ``1 day``."""
    first, last = days_of(period, zone)
    number = (last - first).days + 1
    return f"{number} day{'s' if number != 1 else ''}"


def bucket(start_us: int, grain: Grain, zone: str) -> tuple[str, str]:
    """A bucket's label below the axis and in full: ``("Nov 4", "Wed 4 Nov 2026")``."""
    at = moment(start_us, zone)
    if grain == "hour":
        return f"{at:%H:%M}", f"{_DAYS[at.weekday()]} {day(at.date())}, {at:%H:%M}"
    if grain == "month":
        return f"{_SHORT[at.month - 1]} {at.year % 100:02d}", f"{_SHORT[at.month - 1]} {at.year}"
    full = f"{_DAYS[at.weekday()]} {day(at.date(), year=True)}"
    return f"{_SHORT[at.month - 1]} {at.day}", f"Week of {full}" if grain == "week" else full


def bucket_end(start_us: int, grain: Grain, zone: str) -> int:
    """The first instant after a bucket, in local days where the grain has any."""
    on = local_day(start_us, zone)
    if grain == "hour":
        return start_us + HOUR_US
    if grain == "month":
        return day_start(date(on.year + on.month // 12, on.month % 12 + 1, 1), zone)
    return day_start(on + timedelta(days=7 if grain == "week" else 1), zone)


def clock(at_us: int, zone: str) -> str:
    """``23 Nov 2026, 15:12:46``."""
    at = moment(at_us, zone)
    return f"{day(at.date(), year=True)}, {at:%H:%M:%S}"


def clock_short(at_us: int, zone: str) -> str:
    """``23 Nov 15:12:46``."""
    at = moment(at_us, zone)
    return f"{day(at.date())} {at:%H:%M:%S}"


def ago(at_us: int, now_us: int) -> str:
    """``4 s ago``, ``12 min ago``, ``3 h ago``, ``5 days ago``."""
    seconds = max(0, (now_us - at_us) // 1_000_000)
    for size, word in ((86400 * 2, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // (86400 if word == 'days' else size)} {word} ago"
    return f"{seconds} s ago"


def utc_start(at_us: int) -> str:
    """``2026-08-17``, and ``2026-08-16 16:00 UTC`` where it is not midnight there: prices are dated in UTC."""
    at = moment(at_us)
    return f"{at:%Y-%m-%d}" if at_us % DAY_US == 0 else f"{at:%Y-%m-%d %H:%M} UTC"
