"""Days are local, periods are half open, instants are exact to the microsecond."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.kernel.period import DAY_US, HOUR_US, Period, day_start, days, instant, local_day, moment, rfc3339

ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/Santiago", "Pacific/Apia", "Africa/Cairo"])


@given(st.integers(0, 4 * 10**15), ZONES)
def test_a_moment_and_its_instant_are_the_same(at_us: int, zone: str) -> None:
    assert instant(moment(at_us, zone)) == at_us


@given(st.dates(date(1990, 1, 1), date(2040, 1, 1)), ZONES)
def test_days_follow_each_other_without_gap(day: date, zone: str) -> None:
    start, end = day_start(day, zone), day_start(day + timedelta(days=1), zone)
    assert start <= end
    if start < end:
        assert local_day(start, zone) in {day, day + timedelta(days=1)}
        assert local_day(end - 1, zone) <= day + timedelta(days=1)


def test_the_days_of_a_change_of_clocks_have_23_and_25_hours() -> None:
    spring = days(date(2026, 3, 29), date(2026, 3, 30), "Europe/Berlin")
    autumn = days(date(2026, 10, 25), date(2026, 10, 26), "Europe/Berlin")
    assert (spring.end_us - spring.start_us, autumn.end_us - autumn.start_us) == (23 * HOUR_US, 25 * HOUR_US)


def test_a_period_cannot_end_before_it_starts() -> None:
    assert Period(0, DAY_US).seconds == 86_400
    with pytest.raises(ValueError, match="cannot end before"):
        Period(1, 0)


@given(st.integers(0, 4 * 10**15))
def test_rfc3339_is_read_back_by_the_standard_library(at_us: int) -> None:
    found = datetime.fromisoformat(rfc3339(at_us).replace("Z", "+00:00"))
    assert instant(found.astimezone(UTC)) == at_us
