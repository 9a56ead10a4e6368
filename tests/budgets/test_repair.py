"""What a repair does with reservations that were left open, and with sums that drifted."""

from tallystick.budgets.model import OpenReservation
from tallystick.budgets.repair import Counted, Drift, drift, expected_posted, in_flight, resolve

A, B = b"a" * 16, b"b" * 16


def left(name: str, owner: str, expires_us: int = 100) -> OpenReservation:
    return OpenReservation(name, owner, expires_us, (A, B), (10, 20))


def test_what_the_ledger_knows_is_settled_at_its_cost_whoever_owns_it() -> None:
    found = resolve(
        [left("evt_1", "alive"), left("evt_2", "dead"), left("evt_3", "dead")],
        {"evt_1": (3, 4), "evt_2": (5, 6), "evt_3": None},
        {"dead"}, 0, awaited_owners={"alive"},
    )  # fmt: skip
    assert found == [("evt_1", (3, 4)), ("evt_2", (5, 6)), ("evt_3", None)]


def test_what_nobody_has_heard_of_is_released_once_its_owner_cannot_tell() -> None:
    reservations = [left("evt_1", "alive"), left("evt_2", "dead"), left("evt_3", "elsewhere", 100)]
    rest = ({}, {"dead"})
    assert resolve(reservations, *rest, 99, awaited_owners={"alive"}) == [("evt_2", (0, 0))]
    assert resolve(reservations, *rest, 100, awaited_owners={"alive"}) == [("evt_2", (0, 0)), ("evt_3", (0, 0))]


def test_time_alone_releases_nothing_that_a_spool_can_still_tell_of() -> None:
    assert resolve([left("evt_1", "alive", 100)], {}, (), 10**9, awaited_owners={"alive"}) == []


def test_counters_should_hold_every_call_that_does_not_post_itself() -> None:
    calls = [Counted("evt_1", {A: 1, B: 2}), Counted("evt_2", {A: 10}), Counted("evt_3", {B: 100})]
    assert expected_posted(calls, {"evt_3"}) == {A: 11, B: 2}
    assert expected_posted(calls, ()) == {A: 11, B: 102}


def test_counters_that_differ_are_named_also_where_one_side_has_none() -> None:
    assert drift({A: 5}, {A: 5}) == []
    assert drift({A: 5}, {A: 4, B: 7}) == [Drift(A, 4, 5), Drift(B, 7, 0)]
    assert drift({A: 5, B: 0}, {}) == [Drift(A, 0, 5)]


def test_a_call_in_flight_counts_only_where_its_reservation_is_lost_for_certain() -> None:
    found = in_flight(
        before={"lost", "settled since", "still open"},
        open_before={"settled since", "still open"},
        now={"lost", "settled since", "still open", "new and open", "new and gone"},
        open_now={"still open", "new and open"},
    )
    assert found.counted == {"lost"}
    assert found.doubtful == {"new and gone"}
