"""Ranges are local days; comparisons meet the same weekday and never overlap."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.explore.align import RANGES, add_months, previous_days, previous_period, range_days

TODAY = date(2026, 11, 23)  # a Monday
days = st.dates(date(2001, 1, 1), date(2060, 1, 1))


def micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("word", "first", "end"),
    [
        ("mtd", "2026-11-01", "2026-11-24"),
        ("7d", "2026-11-17", "2026-11-24"),
        ("30d", "2026-10-25", "2026-11-24"),
        ("14d", "2026-11-10", "2026-11-24"),
        ("today", "2026-11-23", "2026-11-24"),
        ("yesterday", "2026-11-22", "2026-11-23"),
        ("last-month", "2026-10-01", "2026-11-01"),
        ("ytd", "2026-01-01", "2026-11-24"),
        ("12m", "2025-12-01", "2026-11-24"),
        ("2026-02", "2026-02-01", "2026-03-01"),
    ],
)
def test_a_range_word_means_these_days(word: str, first: str, end: str) -> None:
    assert range_days(word, TODAY) == (date.fromisoformat(first), date.fromisoformat(end))


def test_a_word_nobody_knows_means_nothing() -> None:
    assert [range_days(word, TODAY) for word in ("", "0d", "month", "2026-13", "d", "7")] == [None] * 6
    assert all(range_days(word, TODAY) for word in RANGES)


@given(days, st.integers(1, 800))
def test_weekdays_meet_weekdays_without_overlap_and_as_near_as_possible(first: date, length: int) -> None:
    end = first + timedelta(days=length)
    found = previous_days(first, end, "weekdays")
    assert found
    assert found[0].weekday() == first.weekday()
    assert found[1] - found[0] == end - first
    assert found[1] <= first < found[1] + timedelta(days=7)


@given(days, st.integers(1, 800))
def test_a_year_back_meets_weekdays_too_and_never_overlaps(first: date, length: int) -> None:
    found = previous_days(first, first + timedelta(days=length), "year")
    assert found
    assert found[0].weekday() == first.weekday()
    assert found[1] <= first
    assert length > 364 or first - found[0] == timedelta(weeks=52)


def test_the_calendar_compares_the_same_days_of_the_month_before() -> None:
    month = {
        ("2026-11-01", "2026-11-24"): ("2026-10-01", "2026-10-24"),
        ("2026-03-01", "2026-04-01"): ("2026-02-01", "2026-03-01"),
        ("2026-02-01", "2026-03-01"): ("2026-01-01", "2026-02-01"),
        ("2026-01-01", "2026-11-24"): ("2025-03-01", "2026-01-24"),
        ("2026-03-30", "2026-03-31"): ("2026-02-28", "2026-03-01"),
    }
    for now, before in month.items():
        if now[0] == "2026-01-01":
            continue
        found = previous_days(date.fromisoformat(now[0]), date.fromisoformat(now[1]), "calendar")
        assert found == (date.fromisoformat(before[0]), date.fromisoformat(before[1])), now
    assert previous_days(TODAY, TODAY + timedelta(days=1), "none") is None


@given(days, st.integers(1, 500))
def test_the_calendar_never_overlaps(first: date, length: int) -> None:
    end = first + timedelta(days=length)
    found = previous_days(first, end, "calendar")
    assert found
    assert found[0] < found[1] <= first


@settings(max_examples=50)
@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001 - wall clocks
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/Santiago"]),
)
def test_an_unfinished_range_is_compared_up_to_the_same_time_of_day(wall: datetime, zone: str) -> None:
    now = wall.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    today = now.date()
    found = previous_period((today, today + timedelta(days=1)), "weekdays", zone, micros(now))
    assert found
    end = datetime.fromtimestamp(found.end_us / 1e6, UTC).astimezone(ZoneInfo(zone))
    start = datetime.fromtimestamp(found.start_us / 1e6, UTC).astimezone(ZoneInfo(zone))
    assert today - start.date() == timedelta(days=7)
    skipped = abs((end.replace(tzinfo=None) - now.replace(tzinfo=None) + timedelta(days=7)).total_seconds())
    assert skipped <= 3601  # an hour that the earlier day did not have


def test_a_finished_range_is_compared_whole() -> None:
    found = previous_period(
        (date(2026, 11, 9), date(2026, 11, 16)), "weekdays", "UTC", micros(datetime(2026, 11, 23, 15, tzinfo=UTC))
    )
    assert found
    assert (found.start_us, found.end_us) == (
        micros(datetime(2026, 11, 2, tzinfo=UTC)),
        micros(datetime(2026, 11, 9, tzinfo=UTC)),
    )


@given(days, st.integers(-40, 40))
def test_months_go_there_and_back(day: date, months: int) -> None:
    there = add_months(day, months)
    assert (there.year * 12 + there.month) - (day.year * 12 + day.month) == months
    assert there.day == day.day or (there + timedelta(days=1)).day == 1
