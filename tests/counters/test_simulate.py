"""The laws hold in simulated worlds, and worlds with a planted fault are told apart."""

from types import SimpleNamespace
from typing import Any

import pytest

from tallystick.budgets import repair
from tests.counters.simulate import Broken, simulate


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 200, 50))
def test_every_law_holds_in_two_hundred_worlds(first: int) -> None:
    worlds = [simulate(seed) for seed in range(first, first + 50)]
    calls = sum(len(world.reached) for world in worlds)
    told = [line for world in worlds for line in world.log]
    assert calls > 50 * 20
    for what in ("died inside the lock", "crash: app", "crash: file", "corrected", "resolved", "refused"):
        assert any(what in line for line in told), f"no world has seen: {what}"


def test_a_seed_gives_the_same_world_again() -> None:
    first, again = simulate(7), simulate(7)
    assert first.log == again.log
    assert first.reached == again.reached


# Of four hundred worlds from here on, an early one has met even the rarest fault.
FIRST = 350


def faulty(**changes: Any) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(repair), **changes})


def release_what_is_unknown(left: Any, known: Any, dead: Any, at_us: int, *, awaited_owners: Any) -> Any:
    """Does not ask whether the owner may still tell."""
    return repair.resolve(left, known, {one.owner for one in left}, at_us, awaited_owners=())


def release_when_expired(left: Any, known: Any, dead: Any, at_us: int, *, awaited_owners: Any) -> Any:
    """Takes time for an answer, though a spool is still to be read."""
    return repair.resolve(left, known, dead, at_us, awaited_owners=())


def release_all(left: Any, known: Any, dead: Any, at_us: int, *, awaited_owners: Any) -> Any:
    return [(one.reservation_id, (0,) * len(one.amounts)) for one in left if one.owner in dead]


@pytest.mark.parametrize(
    "rules",
    [
        faulty(resolve=release_when_expired),
        faulty(resolve=release_what_is_unknown),
        faulty(resolve=release_all),
        faulty(resolve=lambda *_, **__: []),
        faulty(expected_posted=lambda calls, open_ids: repair.expected_posted(calls, ())),
        faulty(drift=lambda wanted, found: []),
        faulty(GRACE_US=0),
        faulty(in_flight=lambda *_: repair.InFlight(frozenset(), frozenset())),
        faulty(in_flight=lambda before, was, now, still: repair.in_flight(now, was, now, still)),
    ],
    ids=["expired", "unknown", "known", "nobody", "open twice", "no drift", "no grace", "not in flight", "in doubt"],
)
@pytest.mark.slow
def test_a_wrong_rule_breaks_a_law_soon(rules: Any) -> None:
    with pytest.raises(Broken):
        for seed in range(FIRST, FIRST + 400):
            simulate(seed, rules)
