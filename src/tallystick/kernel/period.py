"""Instants are microseconds since 1970 UTC; periods take their start in and leave their end out."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time.

    Attributes:
        start_us: First microsecond in.
        end_us: First microsecond out.
    """

    start_us: int
    end_us: int

    def __post_init__(self) -> None:
        if self.end_us < self.start_us:
            raise ValueError(f"a period cannot end before it starts: {self}")

    @property
    def seconds(self) -> float:
        return (self.end_us - self.start_us) / SECOND_US


def instant(moment: datetime) -> int:
    """Microseconds of an aware datetime, exactly."""
    delta = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return delta // timedelta(microseconds=1)


def moment(at_us: int, zone: str = "UTC") -> datetime:
    """The aware datetime of an instant in a time zone."""
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    return utc.astimezone(ZoneInfo(zone))


def day_start(day: date, zone: str = "UTC") -> int:
    """The first instant of a local day, also where midnight does not exist that day."""
    return instant(datetime.combine(day, time(), tzinfo=ZoneInfo(zone)))


def local_day(at_us: int, zone: str = "UTC") -> date:
    """The local day an instant falls in."""
    return moment(at_us, zone).date()


def days(first: date, end: date, zone: str = "UTC") -> Period:
    """The period of local days from first (in) to end (out)."""
    return Period(day_start(first, zone), day_start(end, zone))


def rfc3339(at_us: int) -> str:
    """``2026-11-23T15:12:46.000001Z``; whole seconds without a fraction."""
    whole, micros = divmod(at_us, SECOND_US)
    text = moment(whole * SECOND_US).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{micros:06d}Z" if micros else f"{text}Z"
