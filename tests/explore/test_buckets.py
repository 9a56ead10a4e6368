"""Buckets cut a period without gap or overlap, and what the database answers falls into the right one."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.explore.buckets import bucket_index, bucket_starts, offsets
from tallystick.explore.model import Grain
from tallystick.kernel.period import Period, days

ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/Santiago", "Australia/Lord_Howe", "Asia/Beirut")
HOUR = 3_600_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
zones = st.sampled_from(ZONES)
first_days = st.dates(date(2024, 1, 1), date(2027, 1, 1))


def local(at_us: int, zone: str) -> datetime:
    return (EPOCH + timedelta(microseconds=at_us)).astimezone(ZoneInfo(zone))


@settings(max_examples=60)
@given(first_days, st.integers(1, 120), zones, st.integers(0, 10**6))
def test_an_instant_falls_into_the_bucket_of_its_local_day_week_and_month(
    first: date, length: int, zone: str, place: int
) -> None:
    period = days(first, first + timedelta(days=length), zone)
    at = period.start_us + (period.end_us - period.start_us - 1) * place // 10**6
    here = local(at, zone)
    labels = {
        "day": (here.date(), lambda start: start.date()),
        "week": (here.isocalendar()[:2], lambda start: start.isocalendar()[:2]),
        "month": ((here.year, here.month), lambda start: (start.year, start.month)),
    }
    for grain, (label, of) in labels.items():
        starts = bucket_starts(period, grain, zone)  # type: ignore[arg-type]
        assert starts[0] == period.start_us
        assert list(starts) == sorted(set(starts))
        assert starts[-1] < period.end_us
        day = here.date() if grain != "week" else here.date() - timedelta(days=here.weekday())
        answer = (datetime(day.year, day.month, day.day, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
        found = bucket_index(starts, grain, zone)(answer)  # type: ignore[arg-type]
        assert of(local(starts[found], zone)) == label


@settings(max_examples=60)
@given(first_days, st.integers(1, 400), zones, st.integers(0, 10**6))
def test_the_offsets_of_a_period_are_those_of_the_zone(first: date, length: int, zone: str, place: int) -> None:
    period = days(first, first + timedelta(days=length), zone)
    known = offsets(period, zone)
    at = period.start_us + (period.end_us - period.start_us - 1) * place // 10**6
    held = next(
        (offset for until, offset in zip(known.until, known.micros, strict=False) if at < until), known.micros[-1]
    )
    shift = local(at, zone).utcoffset()
    assert shift is not None
    assert timedelta(microseconds=held) == shift


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_has_as_many_hours_as_the_clock_shows(day: str, hours: int) -> None:
    first = date.fromisoformat(day)
    assert len(bucket_starts(days(first, first + timedelta(days=1), "Europe/Berlin"), "hour", "Europe/Berlin")) == hours


@pytest.mark.parametrize("grain", ["hour", "day", "week", "month"])
def test_a_period_of_nothing_has_no_buckets(grain: Grain) -> None:
    assert bucket_starts(Period(5 * HOUR, 5 * HOUR), grain, "UTC") == ()
