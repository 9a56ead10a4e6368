"""The spool: what is written comes out once at least, in order, whatever dies in between."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tallystick.kernel.errors import Unavailable
from tallystick.storage.segment import HEADER, MARKER, decode, encode, find_next
from tallystick.storage.spool import SpoolReader, SpoolWriter
from tallystick.storage.version_word import VersionWord


def drain(reader: SpoolReader, limit: int = 1000) -> list[tuple[str, str, bytes]]:
    found = []
    while True:
        batch = reader.poll(limit)
        reader.commit(batch)
        if not batch.records:
            return found
        found += [(one.kind, one.event_id, one.payload) for one in batch.records]


def segments(root: Path) -> list[Path]:
    return sorted(root.glob("*/*.seg"))


def test_records_come_out_in_the_order_of_writing(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "gw", segment_bytes=64 * 1024)
    for name in ("a", "b"):
        writer.intent(name, b"begun " + name.encode())
    writer.completion("b", b"done b")

    assert drain(SpoolReader(tmp_path)) == [
        ("intent", "a", b"begun a"),
        ("intent", "b", b"begun b"),
        ("completion", "b", b"done b"),
    ]
    writer.close()


def test_what_is_not_committed_is_handed_out_again(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "gw")
    writer.intent("a", b"1")
    reader = SpoolReader(tmp_path)

    assert reader.poll(10).records == reader.poll(10).records != ()
    reader.commit(reader.poll(10))
    assert reader.poll(10).records == ()
    writer.close()


def test_a_reader_that_starts_anew_begins_at_the_front(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "gw")
    writer.intent("a", b"1")
    drain(SpoolReader(tmp_path))

    assert [one[1] for one in drain(SpoolReader(tmp_path))] == ["a"]
    writer.close()


def test_a_completion_may_lie_in_a_later_segment_than_its_intent(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "gw", segment_bytes=30_000)
    writer.intent("early", b"x" * 100)
    for number in range(50):
        writer.intent(f"e{number}", b"x" * 100)
        writer.completion(f"e{number}", b"y" * 500)
    reader = SpoolReader(tmp_path)
    drain(reader)
    first = segments(tmp_path)[0]
    assert first.name == "00000001.seg", "the segment of an open event stays"

    writer.completion("early", b"done")
    assert drain(reader) == [("completion", "early", b"done")]
    assert not first.exists()
    writer.close()


def test_a_segment_goes_only_when_the_ledger_holds_all_events_begun_in_it(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "gw", segment_bytes=1)
    writer.intent("a", b"x")
    writer.completion("a", b"y")
    writer.intent("b", b"x" * 20_000)  # rolls
    reader = SpoolReader(tmp_path)
    batch = reader.poll(100)

    assert len(segments(tmp_path)) == 2
    reader.commit(batch)
    assert [path.name for path in segments(tmp_path)] == ["00000002.seg"]
    writer.close()


def test_open_intents_of_a_closed_gateway_are_orphans_until_settled(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "gw")
    writer.intent("a", b"the row of a")
    writer.intent("b", b"the row of b")
    writer.completion("a", b"done")
    reader = SpoolReader(tmp_path)
    drain(reader)
    assert reader.orphans() == [], "its gateway lives"
    assert reader.is_empty(), "a call in flight waits for nobody"

    writer.close()
    drain(reader)
    assert reader.orphans() == [("b", b"the row of b")]
    assert not reader.is_empty()

    reader.settle(["b"])
    assert reader.orphans() == []
    assert reader.is_empty()
    assert list(tmp_path.iterdir()) == [], "nothing is left of a gateway that is gone and drained"


def test_orphans_wait_until_all_that_was_written_is_read(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "gw")
    writer.intent("a", b"row")
    writer.completion("a", b"done")
    writer.close()
    reader = SpoolReader(tmp_path)
    reader.commit(reader.poll(1))

    assert reader.orphans() == []
    assert not reader.is_empty()


def test_a_torn_tail_ends_the_segment_and_what_came_before_stands(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "gw")
    writer.intent("a", b"1")
    writer.completion("a", b"2")
    writer.close()
    path = segments(tmp_path)[0]
    path.write_bytes(path.read_bytes() + encode("intent", "torn", b"never whole")[:-3])
    reader = SpoolReader(tmp_path)

    assert [one[1] for one in drain(reader)] == ["a", "a"]
    assert reader.damaged_bytes > 0
    assert reader.is_empty()


def test_behind_a_damaged_place_the_rest_is_found(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "gw")
    for name in ("a", "b", "c"):
        writer.completion(name, MARKER * 20 + name.encode())
    writer.close()
    path = segments(tmp_path)[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF  # in the midst of b
    path.write_bytes(data)
    reader = SpoolReader(tmp_path)

    assert [one[1] for one in drain(reader)] == ["a", "c"]
    assert reader.damaged_bytes == len(encode("completion", "b", MARKER * 20 + b"b"))


def test_a_record_that_is_just_being_written_is_waited_for(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "gw")
    writer.intent("a", b"1")
    reader = SpoolReader(tmp_path)
    drain(reader)
    path, record = segments(tmp_path)[0], encode("intent", "b", b"2")
    at = len(encode("intent", "a", b"1"))
    with path.open("r+b") as file:
        file.seek(at)
        file.write(record[:-1])
        file.flush()
        assert reader.poll(10).records == ()
        file.write(record[-1:])
        file.flush()
    assert [one.event_id for one in reader.poll(10).records] == ["b"]
    writer.close()


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_refuses_new_calls_and_finishes_those_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = SpoolWriter(tmp_path / "gw", segment_bytes=60_000)
    writer.intent("first", b"x")
    monkeypatch.setattr(os, "posix_fallocate", full_disk)
    begun = ["first"]
    with pytest.raises(Unavailable, match="No space"):
        while True:
            writer.intent(f"e{len(begun)}", b"x" * 200)
            begun.append(f"e{len(begun)}")
    assert len(begun) > 3

    for name in begun:
        writer.completion(name, b"y" * 8000)
    records = drain(SpoolReader(tmp_path))
    assert [one[1] for one in records if one[0] == "completion"] == begun
    assert len(segments(tmp_path)) == 1
    assert not list(tmp_path.glob("*/*.new"))

    monkeypatch.undo()
    writer.intent("later", b"x" * 50_000)
    writer.close()


def test_a_completion_larger_than_its_room_is_refused_on_a_full_disk_and_a_small_one_still_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = SpoolWriter(tmp_path / "gw", segment_bytes=30_000)
    writer.intent("a", b"x")
    monkeypatch.setattr(os, "posix_fallocate", full_disk)

    with pytest.raises(Unavailable):
        writer.completion("a", b"y" * 100_000)
    writer.completion("a", b"y" * 1000)
    writer.close()


def test_a_failed_new_segment_does_not_make_the_reader_drop_the_one_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = SpoolWriter(tmp_path / "gw", segment_bytes=20_000)
    writer.intent("a", b"x")
    reader = SpoolReader(tmp_path)
    drain(reader)
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full_disk)
        with pytest.raises(Unavailable):
            writer.intent("b", b"x" * 20_000)
        assert drain(reader) == []
    writer.completion("a", b"y")
    assert [one[1] for one in drain(reader)] == ["a"]
    writer.close()


def test_nothing_in_the_folder_is_readable_by_others(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool" / "gw")
    writer.intent("a", b"x")

    assert (tmp_path / "spool" / "gw").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "spool" / "gw").iterdir())
    writer.close()


def test_a_record_survives_its_bytes_and_no_other_bytes_are_one() -> None:
    record = encode("completion", "evt_é", b"\x00payload")
    found = decode(b"##" + record, 2, 100)

    assert found is not None
    assert (found.kind, found.event_id, found.payload) == ("completion", "evt_é", b"\x00payload")
    assert (found.offset, found.end) == (102, 102 + len(record))
    for position in range(len(record)):
        broken = bytearray(record)
        broken[position] ^= 1
        assert decode(bytes(broken), 0, 0) is None
    assert decode(record[:-1], 0, 0) is None
    assert find_next(MARKER + b"noise" + record, 0, 0) is not None
    assert decode(HEADER.pack(MARKER, 2**31, 0), 0, 0) is None


_CHILD = """
import sys
from pathlib import Path
from tallystick.storage.spool import SpoolWriter
writer = SpoolWriter(Path(sys.argv[1]), segment_bytes=100_000)
number = 0
while True:
    writer.intent(f"e{number}", b"i" * 200)
    sys.stdout.write(f"i {number}\\n"); sys.stdout.flush()
    if number >= 3:
        writer.completion(f"e{number - 3}", b"c" * 700)
        sys.stdout.write(f"c {number - 3}\\n"); sys.stdout.flush()
    number += 1
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_gateway_loses_nothing_it_has_written(tmp_path: Path, seed: int) -> None:
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(tmp_path / "gw")], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    reader, records = SpoolReader(tmp_path), []
    told = [child.stdout.readline()]
    deadline = time.monotonic() + 0.1 + random.Random(seed).random() * 0.3
    while time.monotonic() < deadline:
        batch = reader.poll(500)
        records += [(one.kind, one.event_id) for one in batch.records]
        reader.commit(batch)
        told += [child.stdout.readline() for _ in range(100)]
    child.send_signal(signal.SIGKILL)
    told += child.stdout.readlines()
    child.wait()
    child.stdout.close()
    records += [(kind, event_id) for kind, event_id, _ in drain(reader)]

    assert len(set(records)) == len(records)
    words = {"i": "intent", "c": "completion"}
    acknowledged = {(words[line[0]], f"e{line[2:].strip()}") for line in told if line.endswith("\n")}
    assert acknowledged <= set(records)
    begun = {event_id for kind, event_id in records if kind == "intent"}
    done = {event_id for kind, event_id in records if kind == "completion"}
    orphans = [event_id for event_id, _ in reader.orphans()]
    assert sorted(orphans) == sorted(begun - done)
    reader.settle(orphans)
    assert reader.is_empty()
    assert list(tmp_path.iterdir()) == []


class SpoolMachine(RuleBasedStateMachine):
    """Any interleaving of calls, segment rolls, partial reads, reader restarts and gateway deaths:
    each event ends up in the ledger exactly once after dedupe, and nothing is left behind."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="spool-"))
        self.generation = 0
        self.reader = SpoolReader(self.root)
        self.begun: dict[str, str] = {}
        self.open: list[str] = []
        self.expected: dict[str, str] = {}
        self.ledger: dict[str, str] = {}
        self.new_gateway()

    def new_gateway(self) -> None:
        self.generation += 1
        self.writer = SpoolWriter(self.root / f"gw{self.generation:03d}", segment_bytes=12_000, fsync_interval=0.001)

    @rule(size=st.integers(0, 3000))
    def begin(self, size: int) -> None:
        name = f"e{len(self.begun)}"
        self.writer.intent(name, b"i" * size)
        self.begun[name] = name
        self.open.append(name)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), size=st.integers(0, 12_000))
    def complete(self, data: st.DataObject, size: int) -> None:
        name = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.writer.completion(name, b"c" * size)
        self.expected[name] = "completion"

    @rule(limit=st.integers(1, 6), commit=st.booleans())
    def read(self, limit: int, commit: bool) -> None:
        batch = self.reader.poll(limit)
        for record in batch.records:
            if record.kind == "completion":
                assert self.ledger.setdefault(record.event_id, "completion") == "completion"
        if commit:
            self.reader.commit(batch)

    @rule()
    def adopt_orphans(self) -> None:
        orphans = self.reader.orphans()
        for event_id, _ in orphans:
            assert event_id not in self.open
            self.ledger.setdefault(event_id, "interrupted")
        self.reader.settle(event_id for event_id, _ in orphans)

    @rule()
    def restart_reader(self) -> None:
        self.reader = SpoolReader(self.root)

    @rule()
    def gateway_dies(self) -> None:
        self.writer.close()
        for name in self.open:
            self.expected[name] = "interrupted"
        self.open.clear()
        self.new_gateway()

    @invariant()
    def nothing_is_invented(self) -> None:
        assert all(self.expected.get(name) == how for name, how in self.ledger.items())

    def teardown(self) -> None:
        self.gateway_dies()
        self.writer.close()
        for _ in range(3):
            for one in drain(self.reader, 50):
                if one[0] == "completion":
                    self.ledger.setdefault(one[1], "completion")
            self.adopt_orphans()
        assert self.ledger == self.expected
        assert self.reader.is_empty()
        assert not list(self.root.glob("*/*.seg"))
        shutil.rmtree(self.root)


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)


def test_the_version_word_is_seen_by_every_reader(tmp_path: Path) -> None:
    here, there = VersionWord(tmp_path / "version"), VersionWord(tmp_path / "version")
    assert there.read() == 0

    here.write(2**40 + 7)
    assert there.read() == 2**40 + 7
    here.close()
    there.close()


def test_what_was_said_comes_out_after_its_call_and_is_blanked_when_it_is_kept(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "gw", segment_bytes=64 * 1024)
    for name in ("a", "b"):
        writer.intent(name, b"begun")
        writer.completion(name, b"done")
        writer.content(name, b"said in " + name.encode())
    reader = SpoolReader(tmp_path)
    found = drain(reader)

    assert [one for one in found if one[0] == "content"] == [
        ("content", "a", b"said in a"),
        ("content", "b", b"said in b"),
    ]
    (segment,) = segments(tmp_path)
    assert b"said in" not in segment.read_bytes()
    writer.intent("c", b"begun")
    anew = drain(SpoolReader(tmp_path))  # the blanked records are sound: what lies behind them is found
    assert [one[:2] for one in anew if one[0] != "content"] == [
        *(one[:2] for one in found if one[0] != "content"),
        ("intent", "c"),
    ]
    assert {name for kind, name, _ in anew if kind == "content"} == {""}
    assert reader.poll(10).records[0].event_id == "c"
    writer.close()


def test_what_was_said_never_takes_the_room_of_a_completion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = SpoolWriter(tmp_path / "gw", segment_bytes=64 * 1024)
    writer.intent("a", b"begun")

    def full(descriptor: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    kept = 0
    with pytest.raises(Unavailable):
        while True:
            writer.content(f"c{kept}", b"x" * 5000)
            kept += 1
    writer.completion("a", b"y" * 8000)

    assert kept > 5
    assert [one[1] for one in drain(SpoolReader(tmp_path)) if one[0] == "completion"] == ["a"]
    writer.close()


def test_a_call_whose_words_alone_are_left_in_a_segment_holds_nothing_up(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "gw", segment_bytes=30_000)
    writer.intent("a", b"x")
    writer.completion("a", b"y")
    for number in range(20):
        writer.content(f"c{number}", b"z" * 4000)
    reader = SpoolReader(tmp_path)
    drain(reader)
    assert len(segments(tmp_path)) == 1
    assert reader.is_empty()
    writer.close()
    assert drain(reader) == []
    assert segments(tmp_path) == []
