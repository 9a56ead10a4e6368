"""The short way of an ask that simply fits, and of its end, is to the byte the long one."""

import asyncio
import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.budgets.model import Ask, Hold
from tallystick.counters import shared, shared_plain
from tallystick.counters.shared import SharedCounters
from tallystick.ports import CountersAway
from tests.counters.driven import DAY, HOUR_US, NOON_US, Driven, ask, hold, key

NAMES = ("a", "b", "c", "d")
SIZES = {"counters": 16, "reservations": 8}


@pytest.fixture
def counters(tmp_path: Path) -> Iterator[SharedCounters]:
    opened = opened_at(tmp_path / "counters")
    yield opened
    asyncio.run(opened.close())


def opened_at(path: Path) -> SharedCounters:
    opened = SharedCounters(path, **SIZES)
    asyncio.run(opened.mark_built())
    return opened


def content(path: Path) -> bytes:
    """The whole file, its log too."""
    return path.read_bytes()


# ── the same as the long way ─────────────────────────────────────────────────

# Most asks are such as the short way is for, with one hold at the most that is not.
PLAIN = st.builds(
    lambda base, per_output, limit: {"base": base, "per_output": per_output, "limit": limit},
    st.sampled_from((0, 1, 30)),
    st.sampled_from((0, 999, 1000)),
    st.sampled_from((None, 40, 120, 2**62)),
)
ODD = st.sampled_from(
    (
        {}, {}, {}, {},
        {"ends_us": NOON_US},
        {"also": (key("d"),)},
        {"carry": (key("d"), 50)},
        {"trip_us": 60_000_000},
        {"trip_us": 60_000_000, "breaker": key("loop")},
        {"base": 2**63 - 1},
        {"base": -1},
    )
)  # fmt: skip


@st.composite
def steps(draw: st.DrawFn) -> list[Any]:
    """Asks, ends of earlier ones (some twice, some at the bound), and repairs."""
    at_us = NOON_US
    made: list[Any] = [ask("evt_0", *[hold(name, 1, None) for name in NAMES], at_us=at_us)]
    for number in range(1, draw(st.integers(2, 10))):
        what = draw(st.sampled_from(("ask", "ask", "ask", "end", "correct")))
        at_us += draw(st.sampled_from((0, 1000, HOUR_US, 1, DAY)))
        if what == "ask":
            plain = {name: draw(PLAIN) for name in draw(st.lists(st.sampled_from(NAMES[:3]), min_size=1, unique=True))}
            plain[draw(st.sampled_from(sorted(plain)))] |= draw(ODD)
            holds = [Hold(key=key(name), **of) for name, of in plain.items()]
            most = draw(st.integers(0, 60))
            made.append(ask(f"evt_{number}", *holds, most=most, least=draw(st.integers(0, most)), at_us=at_us))
        elif what == "end":
            amount = draw(st.sampled_from((None, 0, 7, 20, 2**62)))
            made.append((f"evt_{draw(st.integers(0, number))}", amount))
        else:
            made.append((key(draw(st.sampled_from(NAMES))), draw(st.integers(0, 60))))
    return made


def played(path: Path, todo: list[Any]) -> list[Any]:
    """Every answer, and what the file holds after each step."""
    counters = opened_at(path)
    told: list[Any] = []
    holds: dict[str, int] = {}
    for step in todo:
        told.append(_answer(counters, step, holds))
        told.append(content(path))
    asyncio.run(counters.close())
    return told


def _answer(counters: SharedCounters, step: Any, holds: dict[str, int]) -> Any:
    try:
        if isinstance(step, Ask):
            holds[step.reservation_id] = len(step.holds)
            return asyncio.run(counters.reserve(step))
        first, amount = step
        if isinstance(first, bytes):
            return asyncio.run(counters.correct(first, 0, amount, 0))
        return counters.settle(first, None if amount is None else [amount] * holds.get(first, 0))
    except Exception as error:
        return type(error), str(error)


@given(steps())
@settings(max_examples=100, deadline=None)
def test_short_and_long_way_give_the_same_answers_and_the_same_bytes(todo: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        short = played(Path(folder, "short"), todo)
        patch.setattr(shared, "fit", lambda *_: None)
        patch.setattr(shared, "end", lambda *_: None)
        assert short == played(Path(folder, "long"), todo)


def test_a_call_that_fits_goes_the_short_way(counters: SharedCounters, monkeypatch: pytest.MonkeyPatch) -> None:
    holds = (hold("a", 1, 1000, per_output=1000), hold("b", 1, None))
    asyncio.run(counters.reserve(ask("evt_1", *holds)))
    monkeypatch.setattr(shared, "weigh", _never)
    asyncio.run(counters.reserve(ask("evt_2", *holds)))
    monkeypatch.setattr(SharedCounters, "_settle_found", _never)
    for name in ("evt_1", "evt_2"):
        counters.settle(name, [5, 1])
    found = asyncio.run(counters.read([key("a"), key("b")]))
    assert [(one.posted, one.reserved) for one in found] == [(10, 0), (2, 0)]


def _never(*_: Any) -> Any:
    raise AssertionError("the long way")


def _unlike_most(**more: Any) -> Hold:
    return hold("a", 1, 1000, **more)


@pytest.mark.parametrize(
    "one",
    [
        _unlike_most(also=(key("b"),)),
        _unlike_most(carry=(key("b"), 5)),
        _unlike_most(trip_us=1),
        _unlike_most(ends_us=NOON_US),
        hold("a", 1001, 1000),
        hold("new", 1, 1000),
    ],
)
def test_what_has_to_be_weighed_goes_the_long_way(counters: SharedCounters, one: Hold) -> None:
    asyncio.run(counters.reserve(ask("evt_1", _unlike_most(), hold("b", 1, None))))
    slots = counters._slots
    assert shared_plain.fit(ask("evt_2", _unlike_most()), slots.known, counters._file.words) is not None
    assert shared_plain.fit(ask("evt_2", one), slots.known, counters._file.words) is None


@pytest.mark.parametrize(("limit", "is_short"), [(69, False), (70, True), (71, True), (None, True)])
def test_the_short_way_ends_where_the_room_does(counters: SharedCounters, limit: int | None, is_short: bool) -> None:
    asyncio.run(counters.reserve(ask("evt_1", hold("a", 20, None))))
    asyncio.run(counters.reserve(ask("evt_2", hold("a", 30, None))))
    counters.settle("evt_1", [20])
    one = ask("evt_3", hold("a", 15, limit, per_output=1000), most=5)
    assert (shared_plain.fit(one, counters._slots.known, counters._file.words) is not None) == is_short
    assert asyncio.run(counters.reserve(one)).granted == is_short


def test_a_breaker_that_is_open_is_never_passed_by(counters: SharedCounters) -> None:
    loop = hold("a", 1, 3, trip_us=HOUR_US)
    asyncio.run(counters.reserve(ask("evt_1", hold("a", 4, None), hold("b", 0, None))))
    assert not asyncio.run(counters.reserve(ask("evt_2", loop))).granted
    counters.settle("evt_1", [0, 0])
    assert asyncio.run(counters.reserve(ask("evt_3", loop))).lacking == (0,)


# ── what this process remembers may be true no more ──────────────────────────


def test_what_another_process_has_settled_is_not_settled_again(counters: SharedCounters, tmp_path: Path) -> None:
    other = Driven(SharedCounters(tmp_path / "counters", **SIZES))
    for number in range(2):
        asyncio.run(counters.reserve(ask(f"evt_{number}", hold("a", 5, 100))))
    other.settle("evt_0", [3])
    counters.settle("evt_0", [5])
    # The same place, now another's reservation.
    other.settle("evt_1", [3])
    other.reserve(ask("evt_2", hold("a", 5, 100)))
    counters.settle("evt_1", [5])
    assert other.stands("a") == (6, 5)
    other.close()


def test_what_another_process_has_made_anew_under_the_same_id_is_settled_as_it_is_now(
    counters: SharedCounters, tmp_path: Path
) -> None:
    other = Driven(SharedCounters(tmp_path / "counters", **SIZES))
    asyncio.run(counters.reserve(ask("evt_1", hold("a", 5, 100))))
    other.settle("evt_1", [0])
    other.reserve(ask("evt_1", hold("b", 9, 100)))
    counters.settle("evt_1", [4])
    assert (other.stands("a"), other.stands("b")) == ((0, 0), (4, 0))
    other.close()


def test_a_lost_file_takes_what_was_remembered_of_it(counters: SharedCounters, tmp_path: Path) -> None:
    asyncio.run(counters.reserve(ask("evt_1", hold("a", 5, 100))))
    (tmp_path / "counters").unlink()
    with pytest.raises(CountersAway, match="empty"):
        asyncio.run(counters.reserve(ask("evt_2", hold("a", 5, 100))))
    asyncio.run(counters.mark_built())
    asyncio.run(counters.reserve(ask("evt_3", hold("b", 5, 100))))
    counters.settle("evt_1", [5])
    found = asyncio.run(counters.read([key("a"), key("b")]))
    assert [(one.posted, one.reserved) for one in found] == [(0, 0), (0, 5)]


# ── settled at the end of the loop's round ───────────────────────────────────


def posted(path: Path, name: str) -> int:
    """As another process sees it."""
    other = Driven(SharedCounters(path, **SIZES))
    try:
        return other.stands(name)[0]
    finally:
        other.close()


def test_what_ends_in_one_round_is_settled_before_whatever_is_put_on_the_loop_after_it(
    counters: SharedCounters, tmp_path: Path
) -> None:
    seen: list[int] = []

    async def calls() -> None:
        for number in range(3):
            await counters.reserve(ask(f"evt_{number}", hold("a", 5, 100)))
        loop = asyncio.get_running_loop()
        for number in range(3):
            counters.settle(f"evt_{number}", [number + 1])
            loop.call_soon(lambda: seen.append(sum(one.posted for one in _now(counters))))
        # Nobody could have seen anything yet, and the answers leave after all of it.
        assert _now(counters)[0].reserved == 15
        await asyncio.sleep(0)

    def _now(of: SharedCounters) -> list[Any]:
        with of._file:
            cell = of._slots.look(key("a"))
        assert cell is not None
        return [shared.Standing(cell[0], cell[1], None)]

    asyncio.run(calls())
    assert seen == [6, 6, 6]
    assert posted(tmp_path / "counters", "a") == 6


async def _reads(counters: SharedCounters) -> int:
    return (await counters.read([key("a")]))[0].posted


async def _reserves(counters: SharedCounters) -> int:
    return (await counters.reserve(ask("evt_2", hold("a", 5, 100)))).standings[0].posted


async def _corrects(counters: SharedCounters) -> int:
    return 4 if await counters.correct(key("a"), 4, 9, 0) else -1


async def _lists(counters: SharedCounters) -> int:
    return 4 - len(await counters.open_reservations())


@pytest.mark.parametrize("act", [_reads, _reserves, _corrects, _lists])
def test_the_next_act_of_this_process_comes_after_what_was_settled(
    counters: SharedCounters, act: Callable[[SharedCounters], Any]
) -> None:
    async def call() -> int:
        await counters.reserve(ask("evt_1", hold("a", 5, 100)))
        counters.settle("evt_1", [4])
        return int(await act(counters))

    assert asyncio.run(call()) == 4


def test_a_settlement_given_twice_in_a_round_counts_once(counters: SharedCounters, tmp_path: Path) -> None:
    async def call() -> None:
        await counters.reserve(ask("evt_1", hold("a", 5, 100)))
        counters.settle("evt_1", [4])
        counters.settle("evt_1", None)

    asyncio.run(call())
    assert posted(tmp_path / "counters", "a") == 4


def test_a_loop_that_ended_early_leaves_its_settlements_to_the_next(counters: SharedCounters, tmp_path: Path) -> None:
    async def call(name: str) -> None:
        await counters.reserve(ask(name, hold("a", 5, 100)))
        counters.settle(name, [4])

    loop = asyncio.new_event_loop()
    loop.run_until_complete(call("evt_1"))
    loop.close()
    asyncio.run(call("evt_2"))
    assert posted(tmp_path / "counters", "a") == 8


def test_while_the_lock_is_held_past_the_deadline_the_round_s_settlements_wait(
    counters: SharedCounters, tmp_path: Path
) -> None:
    stopped = SharedCounters(tmp_path / "counters", **SIZES)

    async def call() -> None:
        await counters.reserve(ask("evt_1", hold("a", 5, 100)))
        counters.settle("evt_1", [4])
        with stopped._file:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert await _reads(counters) == 4

    asyncio.run(call())
    asyncio.run(stopped.close())


def test_amounts_for_other_holds_are_told_to_who_settles(counters: SharedCounters) -> None:
    async def call() -> None:
        await counters.reserve(ask("evt_1", hold("a", 5, 100)))
        with pytest.raises(ValueError, match="1 amounts are due, 2 were given"):
            counters.settle("evt_1", [4, 4])
        counters.settle("evt_1", [4])

    asyncio.run(call())


def test_what_can_never_be_settled_fails_no_other_call_and_is_told(
    counters: SharedCounters, caplog: pytest.LogCaptureFixture
) -> None:
    async def call() -> None:
        await counters.correct(key("a"), 0, 2**62, NOON_US)
        await counters.reserve(ask("evt_1", hold("a", 5, None)))
        await counters.reserve(ask("evt_2", hold("b", 5, None)))
        counters.settle("evt_1", [2**62])
        counters.settle("evt_2", [3])
        assert (await counters.reserve(ask("evt_3", hold("b", 5, None)))).standings[0].posted == 3
        assert [one.reservation_id for one in await counters.open_reservations()] == ["evt_1", "evt_3"]

    with caplog.at_level(logging.ERROR):
        asyncio.run(call())
    assert "evt_1 cannot be settled" in caplog.text
