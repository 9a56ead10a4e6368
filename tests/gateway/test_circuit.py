"""Circuits: when they open, how long, and that one probe decides."""

from hypothesis import given
from hypothesis import strategies as st

from tallystick.gateway.circuit import FIRST_COOL_DOWN, LEAST_FAILURES, LONGEST_COOL_DOWN, WINDOW_SECONDS, Circuit

STEPS = st.lists(st.tuples(st.sampled_from(["ask", "well", "ill"]), st.floats(0, 40)), max_size=60)


def opened(at: float = 0.0) -> Circuit:
    circuit = Circuit()
    for _ in range(5):
        circuit.failed(at)
    return circuit


def test_it_opens_at_the_fifth_failure_when_half_of_the_calls_failed() -> None:
    circuit = Circuit()
    for _ in range(5):
        circuit.succeeded(0.0)
    for number in range(4):
        circuit.failed(1.0 + number)
    assert circuit.state(5.0) == "closed"
    circuit.failed(5.0)
    assert circuit.state(5.0) == "open"


def test_failures_among_many_good_calls_do_not_open_it() -> None:
    circuit = Circuit()
    for _ in range(100):
        circuit.succeeded(0.0)
    for _ in range(50):
        circuit.failed(1.0)
    assert circuit.state(1.0) == "closed"


def test_failures_longer_ago_than_the_window_are_forgotten() -> None:
    circuit = Circuit()
    for at in (0.0, 0.0, 0.0, 0.0, 31.0):
        circuit.failed(at)
    assert circuit.state(31.0) == "closed"


def test_it_cools_down_then_admits_one_probe() -> None:
    circuit = opened()
    assert not circuit.admits(9.9)
    assert circuit.admits(10.0)
    assert not circuit.admits(10.1)


def test_a_good_probe_closes_it_and_a_bad_one_doubles_the_wait_up_to_two_minutes() -> None:
    circuit, now = opened(), 0.0
    for wait in (10, 20, 40, 80, 120, 120):
        assert not circuit.admits(now + wait - 0.1)
        now += wait
        assert circuit.admits(now)
        circuit.failed(now)
    now += 120
    assert circuit.admits(now)
    circuit.succeeded(now)
    assert circuit.state(now) == "closed"
    assert opened().cool_down == 10


def test_a_probe_nobody_heard_of_again_does_not_keep_it_waiting() -> None:
    circuit = opened()
    assert circuit.admits(10.0)
    assert not circuit.admits(69.0)
    assert circuit.admits(70.0)


@given(STEPS)
def test_it_is_open_only_after_enough_failures_and_never_longer_than_the_longest_cool_down(
    steps: list[tuple[str, float]],
) -> None:
    circuit, now, failures = Circuit(), 0.0, []
    for what, wait in steps:
        now += wait
        if what == "ask":
            before = circuit.state(now)
            assert circuit.admits(now) == (before == "closed") or before == "half-open"
        elif what == "well":
            if circuit.opened_at is not None:
                failures.clear()  # a closed circuit goes on counting: one good answer among them mends nothing
            circuit.succeeded(now)
            assert circuit.state(now) == "closed"
        else:
            circuit.failed(now)
            failures.append(now)
        if circuit.opened_at is not None:
            recent = [at for at in failures if circuit.opened_at - WINDOW_SECONDS < at]
            assert len(recent) >= LEAST_FAILURES or circuit.cool_down > FIRST_COOL_DOWN
            assert circuit.state(now + LONGEST_COOL_DOWN) != "open"
