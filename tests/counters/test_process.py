"""Counters of this process forget what nobody can need any more."""

from tallystick.counters.process import ProcessCounters
from tests.counters.driven import DAY, HOUR_US, NOON_US, Driven, ask, hold, key


def built() -> Driven:
    driven = Driven(ProcessCounters())
    driven.mark_built()
    return driven


def test_a_counter_is_forgotten_a_day_after_its_end() -> None:
    counters = built()
    ends = NOON_US + HOUR_US
    counters.reserve(ask("old", hold("old", 10, 100, ends_us=ends)))
    counters.settle("old", [10])
    counters.reserve(ask("in time", hold("one", 1, 100), at_us=ends + DAY - 1))
    assert counters.stands("old") == (10, 0)
    counters.reserve(ask("later", hold("two", 1, 100), at_us=ends + DAY))
    assert counters.stands("old") == (0, 0)
    counters.close()


def test_one_without_an_end_is_forgotten_when_idle_for_thirty_days() -> None:
    counters = built()
    for name, at_us in (("idle", NOON_US), ("used", NOON_US), ("used", NOON_US + 20 * DAY)):
        counters.reserve(ask(f"{name}{at_us}", hold(name, 10, 100), at_us=at_us))
        counters.settle(f"{name}{at_us}", [1])
    counters.correct("repaired", 0, 5)
    for number in range(8):
        counters.reserve(ask(f"evt_{number}", hold(f"new{number}", 1, 100), at_us=NOON_US + 31 * DAY))
    assert [one.posted for one in counters.read("idle", "used", "repaired")] == [0, 2, 5]
    counters.close()


def test_memory_does_not_grow_with_windows_that_are_over() -> None:
    counters = ProcessCounters()
    driven = Driven(counters)
    driven.mark_built()
    for number in range(5000):
        at_us = NOON_US + number * HOUR_US
        one = hold(f"h{number}", 1, 10, ends_us=at_us + HOUR_US)
        driven.reserve(ask(f"evt_{number}", one, at_us=at_us))
        counters.settle(f"evt_{number}", [1])
    assert len(counters._cells) < 50
    driven.close()


def test_a_reservation_of_nothing_finds_its_counter_made_anew() -> None:
    counters = built()
    counters.reserve(ask("evt_1", hold("a", 0, 100, ends_us=NOON_US)))
    for number in range(3):
        counters.reserve(ask(f"new_{number}", hold(f"n{number}", 1, 9), at_us=NOON_US + 9 * DAY))
    assert key("a") not in counters.counters._cells  # type: ignore[attr-defined]
    counters.settle("evt_1", [5])
    assert counters.stands("a") == (5, 0)
    counters.close()
