"""Windows against an oracle that walks the minutes and reads the clock on the wall, and the odd days by hand."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.budgets import window
from tallystick.budgets.model import WINDOWS, Budget, Span
from tallystick.budgets.window import following, previous, slot_end, slots, span
from tests.budgets.sample import NOON, at, budget

MINUTE = 60_000_000
DAY = 1440 * MINUTE
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLACES = [
    ("UTC", 2025), ("America/New_York", 2025), ("Asia/Kolkata", 2025), ("America/St_Johns", 2025),
    ("Australia/Lord_Howe", 2025), ("Pacific/Apia", 2011),
]  # fmt: skip

Label = Callable[[datetime], object]
LABELS: dict[str, Label] = {
    "hour": lambda wall: (wall.utcoffset(), wall.date(), wall.hour),
    "day": lambda wall: wall.date(),
    "week": lambda wall: wall.isocalendar()[:2],
    "month": lambda wall: (wall.year, wall.month),
    "quarter": lambda wall: (wall.year, (wall.month + 2) // 3),
    "year": lambda wall: wall.year,
}


def wall_minutes(zone: str, year: int) -> Iterator[tuple[int, datetime]]:
    """Every minute of two years and a month on each side, with what a clock on the wall shows."""
    place = ZoneInfo(zone)
    moment = datetime(year, 1, 1, tzinfo=UTC) - timedelta(days=31)
    for _ in range((731 + 62) * 1440):
        yield (moment - EPOCH) // timedelta(microseconds=1), moment.astimezone(place)
        moment += timedelta(minutes=1)


def wall_starts(zone: str, year: int) -> dict[str, list[int]]:
    """Where each kind of window begins: where the wall shows a label it has not shown before."""
    last: dict[str, object] = {}
    seen: dict[str, set[object]] = {kind: set() for kind in LABELS}
    starts: dict[str, list[int]] = {kind: [] for kind in LABELS}
    hour = (-1, timedelta(days=9))
    for at_us, wall in wall_minutes(zone, year):
        # All labels are made of the hour, its date and the offset: within one hour none of them changes.
        if (wall.hour, wall.utcoffset()) == hour:
            continue
        hour = (wall.hour, wall.utcoffset() or timedelta())
        for kind, label in LABELS.items():
            shown = label(wall)
            if shown != last.get(kind) and shown not in seen[kind]:
                starts[kind].append(at_us)
            last[kind] = shown
            seen[kind].add(shown)
    return starts


@pytest.mark.slow
@pytest.mark.parametrize(("zone", "year"), PLACES)
def test_windows_agree_with_the_clock_on_the_wall_in_every_minute_of_two_years(zone: str, year: int) -> None:
    starts = wall_starts(zone, year)
    first, last = at(f"{year}-01-02T00:00:00+00:00"), at(f"{year + 1}-12-31T00:00:00+00:00")
    for kind in LABELS:
        held, asked, known = budget(window=kind, zone=zone), 0, None
        # The first label is cut off by the beginning of the walk.
        for begins, ends in pairwise(starts[kind][1:]):
            for at_us in range(max(begins, first), min(ends, last), MINUTE):
                found = span(held, at_us)
                asked += 1
                if found is not known:
                    assert (found.start_us, found.end_us) == (begins, ends), f"{kind} in {zone} at {at_us}"
                    known = found
        assert asked == (last - first) // MINUTE, kind


@pytest.mark.parametrize("zone", [zone for zone, _ in PLACES])
@given(at_us=st.integers(at("2005-01-01T00:00:00+00:00"), at("2035-01-01T00:00:00+00:00")), fiscal=st.integers(1, 12))
def test_windows_adjoin_and_hold_the_instant(zone: str, at_us: int, fiscal: int) -> None:
    for kind in ("minute", "hour", "day", "week", "month", "quarter", "year"):
        held = budget(window=kind, zone=zone, fiscal_start=fiscal)
        found = span(held, at_us)
        assert found.start_us <= at_us < found.end_us
        assert span(held, found.start_us) == span(held, found.end_us - 1) == found
        assert span(held, found.end_us).start_us == found.end_us
        before = previous(held, at_us)
        assert before is not None
        assert before.end_us == found.start_us
        assert span(held, before.start_us) == before
        assert following(held, before.start_us) == found == span(held, at_us)


def seen(held: Budget, text: str) -> tuple[int, int]:
    found = span(held, at(text))
    return found.start_us, found.end_us


def both(start: str, end: str) -> tuple[int, int]:
    return at(start), at(end)


def test_the_day_apia_left_out_has_no_window() -> None:
    held = budget(window="day", zone="Pacific/Apia")
    assert seen(held, "2011-12-29T12:00:00-10:00") == both("2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00")
    assert seen(held, "2011-12-31T00:00:00+14:00") == both("2011-12-31T00:00:00+14:00", "2012-01-01T00:00:00+14:00")
    assert at("2011-12-31T00:00:00+14:00") - at("2011-12-29T00:00:00-10:00") == DAY


def test_a_midnight_that_is_left_out_or_comes_twice() -> None:
    beirut, havana = budget(window="day", zone="Asia/Beirut"), budget(window="day", zone="America/Havana")
    # Beirut goes from 23:59:59 to 01:00; Havana's clock shows 00:30 twice in November.
    assert seen(beirut, "2026-03-29T12:00:00+03:00") == both("2026-03-29T01:00:00+03:00", "2026-03-30T00:00:00+03:00")
    assert seen(havana, "2026-11-01T00:30:00-05:00") == both("2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00")


def test_time_that_returns_over_midnight_stays_with_the_day_that_has_begun() -> None:
    # Until 2011 the clocks of St. John's went from 00:01 back to 23:01 of the day, here of the month, before.
    day, month = (budget(window=kind, zone="America/St_Johns") for kind in ("day", "month"))
    begins = "2009-11-01T00:00:00-02:30"
    assert seen(day, "2009-10-31T23:30:00-03:30") == both(begins, "2009-11-02T00:00:00-03:30")
    assert seen(month, "2009-10-31T23:30:00-03:30") == both(begins, "2009-12-01T00:00:00-03:30")
    assert seen(day, "2009-10-31T23:59:59-02:30") == both("2009-10-31T00:00:00-02:30", begins)


def test_a_clock_put_forward_from_before_midnight_to_after_it_begins_the_day_there() -> None:
    # Toronto, 1919: 23:30 became 00:30.
    held = budget(window="day", zone="America/Toronto")
    assert seen(held, "1919-03-31T12:00:00-04:00") == both("1919-03-31T00:30:00-04:00", "1919-04-01T00:00:00-04:00")


def test_the_hour_that_comes_twice_is_two_windows_and_none_is_longer() -> None:
    york = budget(window="hour", zone="America/New_York")
    assert seen(york, "2026-11-01T01:30:00-04:00") == both("2026-11-01T01:00:00-04:00", "2026-11-01T02:00:00-04:00")
    assert seen(york, "2026-11-01T01:30:00-05:00") == both("2026-11-01T01:00:00-05:00", "2026-11-01T02:00:00-05:00")
    howe = budget(window="hour", zone="Australia/Lord_Howe")
    assert seen(howe, "2026-04-05T01:45:00+11:00") == both("2026-04-05T01:00:00+11:00", "2026-04-05T02:00:00+11:00")
    assert seen(howe, "2026-04-05T01:45:00+10:30") == both("2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30")
    assert seen(howe, "2026-10-04T02:40:00+11:00") == both("2026-10-04T02:30:00+11:00", "2026-10-04T03:00:00+11:00")
    kolkata = budget(window="hour", zone="Asia/Kolkata")
    assert seen(kolkata, "2026-05-05T05:45:00+05:30") == both("2026-05-05T05:00:00+05:30", "2026-05-05T06:00:00+05:30")
    johns = budget(window="hour", zone="America/St_Johns")
    assert seen(johns, "2009-11-01T00:00:30-02:30") == both("2009-11-01T00:00:00-02:30", "2009-11-01T00:01:00-02:30")


@pytest.mark.parametrize(
    ("kind", "fiscal", "start", "end"),
    [
        ("minute", 1, "2026-03-29T14:07:00+02:00", "2026-03-29T14:08:00+02:00"),
        ("day", 1, "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
        ("week", 1, "2026-03-23T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
        ("month", 1, "2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"),
        ("quarter", 1, "2026-01-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"),
        ("quarter", 2, "2026-02-01T00:00:00+01:00", "2026-05-01T00:00:00+02:00"),
        ("quarter", 12, "2026-03-01T00:00:00+01:00", "2026-06-01T00:00:00+02:00"),
        ("year", 1, "2026-01-01T00:00:00+01:00", "2027-01-01T00:00:00+01:00"),
        ("year", 4, "2025-04-01T00:00:00+02:00", "2026-04-01T00:00:00+02:00"),
        ("year", 3, "2026-03-01T00:00:00+01:00", "2027-03-01T00:00:00+01:00"),
    ],
)
def test_calendar_windows_by_hand(kind: str, fiscal: int, start: str, end: str) -> None:
    held = budget(window=kind, zone="Europe/Berlin", fiscal_start=fiscal)
    assert seen(held, "2026-03-29T14:07:31+02:00") == both(start, end)


@pytest.mark.parametrize("kind", ["run", "conversation", "total"])
def test_what_has_no_end_in_time(kind: str) -> None:
    held = budget(window=kind)
    assert span(held, NOON) == Span(0, 0)
    assert previous(held, NOON) is following(held, NOON) is None
    assert slots(held, NOON) == (Span(0, 0), ())
    assert slot_end(held, NOON) == 0


ROLLING = {"minute": 1, "hour": 60, "day": 1440, "week": 10080, "month": 43200, "quarter": 131_040, "year": 525_600}
COUNTS = {"minute": 6, "hour": 12, "day": 24, "week": 28, "month": 30, "quarter": 26, "year": 73}


@given(st.sampled_from(sorted(ROLLING)), st.sampled_from([1, 2, 10]), st.integers(NOON - 10**15, NOON + 10**15))
def test_a_rolling_window_counts_the_whole_last_period_and_at_most_a_slot_more(
    kind: str, count: int, at_us: int
) -> None:
    held = budget(window=kind, rolling=True, window_count=count)
    length = ROLLING[kind] * MINUTE * count
    size = length // COUNTS[kind]
    slot, earlier = slots(held, at_us)
    assert slot.start_us <= at_us < slot.end_us == slot.start_us + size
    assert [one - other for one, other in zip((slot.start_us, *earlier), earlier, strict=False)] == [size] * COUNTS[
        kind
    ]
    # What was an instant less than the whole period ago counts; what was a slot longer ago does not.
    assert earlier[-1] <= at_us - length < earlier[-1] + size
    assert span(held, at_us) == Span(earlier[-1], slot.end_us)
    assert previous(held, at_us) is following(held, at_us) is None
    # The current slot is needed until it counts no more, and not longer.
    gone = slot_end(held, at_us)
    assert slot.start_us in slots(held, gone - 1)[1]
    assert slot.start_us not in slots(held, gone)[1]


def test_the_sizes_of_slots_by_hand() -> None:
    seconds = {}
    for kind in ROLLING:
        slot = slots(budget(window=kind, rolling=True), NOON)[0]
        seconds[kind] = (slot.end_us - slot.start_us) // 10**6
    assert seconds == {
        "minute": 10, "hour": 300, "day": 3600, "week": 21_600, "month": 86_400, "quarter": 302_400, "year": 432_000,
    }  # fmt: skip


def test_answers_do_not_depend_on_what_was_asked_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "_MOST_REMEMBERED", 2)
    kinds = [budget(window=kind, rolling=rolling) for kind in WINDOWS for rolling in (False, True) if kind in ROLLING]
    once = [span(held, NOON) for held in kinds]
    again = [span(held, instant) for instant in (NOON + 400 * DAY, NOON) for held in kinds]
    assert again[len(kinds) :] == once
