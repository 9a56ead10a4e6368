"""Counters in shared memory under what processes do to each other: together, killed, stopped, and with a lost file."""

import asyncio
import multiprocessing
import os
import random
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick.counters import shared_file, shared_slots
from tallystick.counters.shared import SharedCounters
from tallystick.counters.shared_file import LOG_WORDS
from tallystick.kernel.errors import Unavailable
from tallystick.ports import CountersAway
from tests.counters.deadly import make_deadly
from tests.counters.driven import DAY, HOUR_US, NOON_US, Driven, ask, hold, key

SPAWN = multiprocessing.get_context("fork")
SIZES = {"counters": 256, "reservations": 64}


OPENED: list[Driven] = []


def counters_at(path: Path, **more: Any) -> Driven:
    """One more process's view of the file; closed when the test ends."""
    OPENED.append(Driven(SharedCounters(path, **{**SIZES, **more})))
    return OPENED[-1]


@pytest.fixture(autouse=True)
def close_all() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


@pytest.fixture
def counters(tmp_path: Path) -> Iterator[Driven]:
    driven = counters_at(tmp_path / "counters")
    driven.mark_built()
    yield driven
    driven.close()


def test_two_processes_see_the_same_counters(counters: Driven, tmp_path: Path) -> None:
    other = counters_at(tmp_path / "counters")
    assert other.built()
    assert counters.reserve(ask("evt_1", hold("a", 60, 100))).granted
    assert not other.reserve(ask("evt_2", hold("a", 41, 100))).granted
    other.settle("evt_1", [5])
    assert counters.stands("a") == (5, 0)


def test_a_repeated_ask_gives_the_first_answer_in_any_process(counters: Driven, tmp_path: Path) -> None:
    other = counters_at(tmp_path / "counters")
    one = ask("evt_1", hold("a", 1, 100, per_output=1000), hold("b", 1, None), most=500, least=1)
    first = counters.reserve(one)
    counters.reserve(ask("evt_2", hold("b", 7, None)))
    assert other.reserve(one) == first
    assert other.stands("a") == (0, 100)


def test_the_file_is_for_its_owner_alone(counters: Driven, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "counters").stat().st_mode) == 0o600


def test_what_was_counted_outlives_every_process(tmp_path: Path) -> None:
    first = counters_at(tmp_path / "counters")
    first.mark_built()
    first.reserve(ask("evt_1", hold("a", 60, 100)))
    first.close()
    again = counters_at(tmp_path / "counters")
    assert again.stands("a") == (0, 60)
    again.settle("evt_1", None)
    assert again.stands("a") == (60, 0)


# ── many at once ─────────────────────────────────────────────────────────────


def _hammer(path: Path, number: int, calls: int, limit: int, start: Any) -> None:
    driven = counters_at(path, deadline_ms=5000)
    start.wait()
    dice = random.Random(number)
    granted = 0
    for call in range(calls):
        name = f"evt_{number}_{call}"
        amount = dice.randrange(1, 20)
        one = ask(name, hold("all", amount, limit), hold(f"own{number}", 1, None), hold(f"c{call % 7}", 1, None))
        if driven.reserve(one).granted:
            granted += 1
            found = driven.read("all")[0]
            assert found.posted + found.reserved <= limit, found
            driven.counters.settle(name, [amount, 1, 1] if call % 3 else [0, 0, 0])
    driven.close()
    os._exit(0 if granted else 3)


def test_four_processes_never_pass_a_limit_and_lose_nothing(counters: Driven, tmp_path: Path) -> None:
    limit, calls = 30_000, 1500
    start = SPAWN.Barrier(4)
    workers = [
        SPAWN.Process(target=_hammer, args=(tmp_path / "counters", number, calls, limit, start)) for number in range(4)
    ]
    for one in workers:
        one.start()
    for one in workers:
        one.join(60)
    assert [one.exitcode for one in workers] == [0, 0, 0, 0]
    assert counters.open() == []
    every, *own = counters.read("all", "own0", "own1", "own2", "own3")
    cells = counters.read(*(f"c{number}" for number in range(7)))
    assert every.reserved == 0
    assert limit - 20 < every.posted <= limit
    assert sum(one.posted for one in own) == sum(one.posted for one in cells)
    assert all(one.reserved == 0 for one in (*own, *cells))


def test_threads_of_one_process_exclude_each_other(counters: Driven) -> None:
    shared = counters.counters

    async def one(number: int) -> bool:
        def act() -> bool:
            granted = asyncio.run(shared.reserve(ask(f"evt_{number}", hold("a", 1, 50)))).granted
            shared.settle(f"evt_{number}", None)
            return granted

        return await asyncio.to_thread(act)

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*(one(number) for number in range(120)))

    assert sum(counters.run(all_of_them())) == 50
    assert counters.stands("a") == (50, 0)


# ── killed anywhere ──────────────────────────────────────────────────────────


def _die_while_calling(path: Path, lives: int) -> None:
    """Reserve and settle until the write that kills."""
    driven = counters_at(path, deadline_ms=5000)
    make_deadly(driven.counters, lives, lambda: os.kill(os.getpid(), signal.SIGKILL))  # type: ignore[arg-type]
    call = 0
    while True:
        call += 1
        name = f"evt_{os.getpid()}_{call}"
        holds = (hold("a", 3, 1000), hold(f"n{call % 5}", 3, None), hold("b", 3, None))
        if not driven.reserve(ask(name, *holds)).granted:
            os._exit(5)
        if call % 4:
            driven.counters.settle(name, [2, 2, 2])


@pytest.mark.parametrize("seed", range(3))
def test_a_process_killed_at_any_write_leaves_whole_operations(counters: Driven, tmp_path: Path, seed: int) -> None:
    """Three counters move together in every call, so any half-done operation shows as a difference between them."""
    dice = random.Random(seed)
    for _ in range(14):
        worker = SPAWN.Process(target=_die_while_calling, args=(tmp_path / "counters", dice.randrange(400)))
        worker.start()
        worker.join(30)
        assert worker.exitcode == -signal.SIGKILL
        a, b, *numbered = counters.read("a", "b", *(f"n{number}" for number in range(5)))
        held = counters.open()
        assert (a.posted, a.reserved) == (b.posted, b.reserved)
        assert (a.posted, a.reserved) == (sum(n.posted for n in numbered), sum(n.reserved for n in numbered))
        assert a.reserved == sum(one.amounts[0] for one in held) == 3 * len(held)
        assert a.posted + a.reserved <= 1000
        for one in held[: len(held) // 2]:
            counters.settle(one.reservation_id, [0, 0, 0])


def test_what_was_committed_but_not_carried_out_is_carried_out_by_the_next(counters: Driven, tmp_path: Path) -> None:
    """Killed right after the commit word: the operation counts."""
    file = counters.counters._file  # type: ignore[attr-defined]
    counters.reserve(ask("evt_1", hold("a", 1, 100)))
    with file:
        at = counters.counters._slots.at(key("a"))  # type: ignore[attr-defined]
        file._write_log([at, 77])
        file.words[shared_file._AT_LOGGED] = 2
    assert counters_at(tmp_path / "counters").stands("a") == (77, 1)


def test_a_kill_between_reserve_and_settle_leaves_the_reservation(counters: Driven, tmp_path: Path) -> None:
    def die() -> None:
        driven = counters_at(tmp_path / "counters")
        driven.reserve(ask("evt_1", hold("a", 60, 100)))
        os.kill(os.getpid(), signal.SIGKILL)

    worker = SPAWN.Process(target=die)
    worker.start()
    worker.join(30)
    assert counters.stands("a") == (0, 60)
    (left,) = counters.open()
    assert left.reservation_id == "evt_1"


def test_a_stopped_holder_delays_calls_by_the_deadline_and_settlements_are_kept(
    counters: Driven, tmp_path: Path
) -> None:
    counters.reserve(ask("evt_1", hold("a", 60, 100)))
    stopped = counters_at(tmp_path / "counters").counters._file  # type: ignore[attr-defined]
    with stopped:
        with pytest.raises(CountersAway, match="slow"):
            counters.reserve(ask("evt_2", hold("a", 1, 100)))
        counters.counters.settle("evt_1", [7])
    assert counters.reserve(ask("evt_3", hold("a", 93, 100))).granted
    assert counters.stands("a") == (7, 93)


# ── the file ─────────────────────────────────────────────────────────────────


def test_a_file_that_is_removed_under_us_is_noticed_and_empty(counters: Driven, tmp_path: Path) -> None:
    counters.reserve(ask("evt_1", hold("a", 60, 100)))
    (tmp_path / "counters").unlink()
    with pytest.raises(CountersAway, match="empty"):
        counters.reserve(ask("evt_2", hold("a", 1, 100)))
    counters.settle("evt_1", [60])
    assert counters.stands("a") == (0, 0)
    other = counters_at(tmp_path / "counters")
    other.mark_built()
    assert counters.reserve(ask("evt_3", hold("a", 1, 100))).granted
    assert other.stands("a") == (0, 1)


def _overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\x5a" * 4096)


def _cut_short(path: Path) -> None:
    os.truncate(path, 4096)


def _wrong_log(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(16 * shared_file.WORD)
        file.write((10**12).to_bytes(8, "little"))


def _wrong_address(path: Path) -> None:
    """An operation to be carried out again, at an address that there is not."""
    with path.open("r+b") as file:
        file.seek(16 * shared_file.WORD)
        file.write((2).to_bytes(8, "little"))
        file.seek(shared_file.HEAD_WORDS * shared_file.WORD)
        file.write((2**60).to_bytes(8, "little"))


def _wrong_free_place(path: Path) -> None:
    """Met in the middle of an operation: the head's last words but one lead to a record that there is not."""
    with path.open("r+b") as file:
        file.seek((shared_file.HEAD_WORDS - 2) * shared_file.WORD)
        file.write((2**64 - 2**60).to_bytes(8, "little"))


@pytest.mark.parametrize("damage", [_overwritten, _cut_short, _wrong_log, _wrong_address, _wrong_free_place])
def test_a_file_that_somebody_wrote_into_is_away_once_and_then_empty_for_all(
    counters: Driven, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    other = counters_at(tmp_path / "counters")
    damage(tmp_path / "counters")
    with pytest.raises(CountersAway, match="damaged"):
        counters.reserve(ask("evt_1", hold("a", 1, 10)))
    for one in (counters, other):
        with pytest.raises(CountersAway, match="empty"):
            one.reserve(ask("evt_1", hold("a", 1, 10)))
    other.mark_built()
    assert counters.reserve(ask("evt_1", hold("a", 1, 10))).granted


def test_a_file_that_cannot_be_made_again_is_away_until_it_can(counters: Driven, tmp_path: Path) -> None:
    path = tmp_path / "counters"
    path.unlink()
    path.mkdir()
    files = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(CountersAway, match="away"):
            counters.reserve(ask("evt_1", hold("a", 1, 10)))
    assert len(list(Path("/proc/self/fd").iterdir())) <= files
    path.rmdir()
    with pytest.raises(CountersAway, match="empty"):
        counters.reserve(ask("evt_1", hold("a", 1, 10)))
    counters.mark_built()
    assert counters.reserve(ask("evt_1", hold("a", 1, 10))).granted


def test_what_is_lost_while_it_is_built_is_not_marked_built(tmp_path: Path) -> None:
    builder = counters_at(tmp_path / "counters")
    assert not builder.built()
    builder.correct("a", 0, 90)
    (tmp_path / "counters").unlink()
    with pytest.raises(CountersAway, match="lost while"):
        builder.mark_built()
    assert not builder.built()
    builder.mark_built()
    assert builder.built()


@pytest.mark.parametrize("damage", ["magic", "version", "boot", "cut", "text"])
def test_a_file_that_is_not_ours_is_replaced_by_an_empty_one(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "counters"
    first = counters_at(path)
    first.mark_built()
    first.close()
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[-8:]
    elif damage == "text":
        content = bytearray(b"not a table")
    else:
        content[{"magic": 0, "version": 8, "boot": 16}[damage]] ^= 1
    path.write_bytes(content)
    again = counters_at(path)
    assert not again.built()


def test_other_sizes_make_a_new_file_and_older_processes_stand_aside(counters: Driven, tmp_path: Path) -> None:
    larger = counters_at(tmp_path / "counters", counters=512)
    assert not larger.built()
    larger.mark_built()
    with pytest.raises(CountersAway, match="another version"):
        counters.reserve(ask("evt_1", hold("a", 1, 100)))
    assert larger.reserve(ask("evt_1", hold("a", 1, 100))).granted


def test_a_place_where_no_file_can_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be used"):
        SharedCounters(tmp_path / "missing" / "counters", **SIZES)


# ── full, and forgetting ─────────────────────────────────────────────────────


def test_a_full_table_of_counters_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    small = counters_at(tmp_path / "counters", counters=1, reservations=8)
    small.mark_built()
    for number in range(shared_slots.WINDOW):
        small.correct(f"n{number}", 0, number + 1)
    with pytest.raises(CountersAway, match="full"):
        small.reserve(ask("evt_1", hold("n0", 1, None), hold("more", 1, 100)))
    assert small.open() == []
    assert small.stands("n0") == (1, 0)
    assert small.stands("n127") == (128, 0)


def test_room_is_made_by_counters_whose_time_is_over(tmp_path: Path) -> None:
    small = counters_at(tmp_path / "counters", counters=1, reservations=8)
    small.mark_built()
    ends = NOON_US + HOUR_US
    for number in range(shared_slots.WINDOW):
        small.correct(f"n{number}", 0, 1, ends)
    small.reserve(ask("evt_1", hold("n0", 1, 100, ends_us=ends)))
    with pytest.raises(CountersAway, match="full"):
        small.reserve(ask("evt_2", hold("new", 1, 100), at_us=ends + DAY - 1))
    granted = small.reserve(ask("evt_3", hold("n1", 4, 9), hold("new", 1, 9), hold("newer", 1, 9), at_us=ends + DAY))
    assert granted.granted
    assert [(one.posted, one.reserved) for one in small.read("n0", "n1", "new", "newer")] == [
        (1, 1), (1, 4), (0, 1), (0, 1)
    ]  # fmt: skip
    small.settle("evt_3", [1, 1, 1])
    assert small.stands("new") == (1, 0)


def test_a_reservation_of_nothing_never_posts_to_another_counter(tmp_path: Path) -> None:
    small = counters_at(tmp_path / "counters", counters=1, reservations=8)
    small.mark_built()
    small.reserve(ask("evt_1", hold("a", 0, 100, ends_us=NOON_US)))
    for number in range(shared_slots.WINDOW - 1):
        small.correct(f"n{number}", 0, 1, NOON_US + 400 * DAY)
    small.reserve(ask("evt_2", hold("b", 3, 100, ends_us=NOON_US + 2 * DAY), at_us=NOON_US + 2 * DAY))
    small.settle("evt_2", [3])
    assert small.stands("a") == (0, 0)
    with pytest.raises(CountersAway, match="full"):
        small.counters.settle("evt_1", [5])
        small.open()
    assert small.stands("b") == (3, 0)


def test_too_many_open_reservations_are_refused_until_one_ends(tmp_path: Path) -> None:
    small = counters_at(tmp_path / "counters", counters=64, reservations=8)
    small.mark_built()
    for number in range(8):
        small.reserve(ask(f"evt_{number}", hold("a", 1, 100)))
    with pytest.raises(CountersAway, match="full"):
        small.reserve(ask("evt_more", hold("a", 1, 100)))
    assert small.stands("a") == (0, 8)
    small.settle("evt_3", [1])
    assert small.reserve(ask("evt_more", hold("a", 1, 100))).granted


def test_the_log_holds_the_largest_operation(counters: Driven) -> None:
    many = [
        hold(f"n{number}", 1, 5, ends_us=NOON_US + number, trip_us=HOUR_US, breaker=key(f"b{number}"))
        for number in range(48)
    ]
    assert counters.reserve(ask("evt_1", *many)).granted
    assert (
        len(
            counters.reserve(
                ask("evt_2", *[hold(f"n{n}", 9, 5, trip_us=9, breaker=key(f"b{n}")) for n in range(48)])
            ).lacking
        )
        == 48
    )
    later = counters.reserve(ask("evt_3", *many, at_us=NOON_US + HOUR_US + 1))
    assert later.granted
    counters.settle("evt_3", [1] * 48)
    assert {one.tripped_until_us for one in counters.read(*(f"b{number}" for number in range(48)))} == {0}
    assert LOG_WORDS >= 48 * 2 * 8
    with pytest.raises(ValueError, match="48 holds"):
        counters.reserve(ask("evt_4", *many, hold("more", 1, 1)))


def test_amounts_beyond_63_bits_are_refused_whole(counters: Driven) -> None:
    counters.correct("a", 0, 2**62)
    with pytest.raises(CountersAway, match="63 bits"):
        counters.reserve(ask("evt_1", hold("b", 1, None), hold("a", 2**63, None)))
    assert counters.read("a", "b")[1].reserved == 0
    assert counters.open() == []
