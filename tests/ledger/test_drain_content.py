"""What gateways have spooled of what was said: into its table, once, and nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tallystick.ledger.store import read_content
from tallystick.operations.context import Context
from tallystick.operations.drain_spool import count_rejected, drain_spool
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing.book import PriceBook
from tallystick.storage import spool_reader
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tallystick.storage.spool import SpoolReader, SpoolWriter
from tallystick.usage.content import CallContent
from tests.ledger.sample import an_event

encode = msgspec.msgpack.encode
NO_BOOK = PriceBook([])


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Context]:
    engine = DuckDbEngine(None)
    context = Context(ledger=engine, config_db=ConfigDb(tmp_path / "config.db"), data_dir=tmp_path)
    start_ledger(context)
    yield context
    engine.close()


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[SpoolWriter]:
    opened = SpoolWriter(tmp_path / "spool" / "gateway-1", segment_bytes=64 * 1024)
    yield opened
    opened.close()


def said(number: int, words: str = "planted words") -> CallContent:
    event = an_event(number)
    return CallContent(event.event_id, event.occurred_at, "ursula", "Support", words, "answer", ("response",))


def call(writer: SpoolWriter, number: int, words: str = "planted words") -> None:
    event = an_event(number)
    writer.intent(event.event_id, encode(event))
    writer.completion(event.event_id, encode(event))
    writer.content(event.event_id, encode(said(number, words)))


def on_disk(folder: Path, words: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and words in path.read_bytes()]


def test_what_was_said_is_in_the_ledger_and_no_more_in_the_spool(
    ledger: Context, writer: SpoolWriter, tmp_path: Path
) -> None:
    reader = SpoolReader(tmp_path / "spool")
    for number in range(3):
        call(writer, number)
    assert on_disk(tmp_path, b"planted words")

    assert drain_spool(ledger, reader, NO_BOOK) == 3

    assert read_content(ledger.ledger, "evt_000002") == said(2)
    assert on_disk(tmp_path, b"planted words") == []
    assert reader.is_empty()
    # A reader that remembers nothing finds the same events and no more words.
    assert drain_spool(ledger, SpoolReader(tmp_path / "spool"), NO_BOOK) == 0
    assert ledger.ledger.rows("SELECT count(*) FROM content") == [(3,)]


def test_a_crash_between_ledger_and_spool_keeps_it_once(ledger: Context, writer: SpoolWriter, tmp_path: Path) -> None:
    call(writer, 1)

    class Dies(SpoolReader):
        def commit(self, batch: object) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drain_spool(ledger, Dies(tmp_path / "spool"), NO_BOOK)
    drain_spool(ledger, SpoolReader(tmp_path / "spool"), NO_BOOK)
    assert ledger.ledger.rows("SELECT count(*) FROM content") == [(1,)]
    assert on_disk(tmp_path, b"planted words") == []


def test_what_cannot_be_read_is_dropped_and_never_set_aside(
    ledger: Context, writer: SpoolWriter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    call(writer, 1)
    writer.content("evt_a", b"\xc1planted words")
    writer.content("evt_b", encode({"event_id": 5, "request": "planted words"}))
    call(writer, 2)
    reader = SpoolReader(tmp_path / "spool")

    assert drain_spool(ledger, reader, NO_BOOK) == 2

    assert ledger.ledger.rows("SELECT count(*) FROM content") == [(2,)]
    assert count_rejected(ledger) == 0
    assert on_disk(tmp_path, b"planted words") == []
    assert "evt_b cannot be read" in caplog.text
    assert "planted" not in caplog.text


def test_one_that_no_ledger_can_hold_takes_no_other_with_it(
    ledger: Context, writer: SpoolWriter, tmp_path: Path
) -> None:
    call(writer, 1)
    writer.content("evt_absurd", encode(CallContent("evt_absurd", 2**63, request="x")))
    call(writer, 2)

    assert drain_spool(ledger, SpoolReader(tmp_path / "spool"), NO_BOOK) == 2

    assert ledger.ledger.rows("SELECT event_id FROM content ORDER BY 1") == [("evt_000001",), ("evt_000002",)]


def test_much_that_was_said_is_read_in_steps(
    ledger: Context, writer: SpoolWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_reader, "_MOST_BYTES", 100_000)
    monkeypatch.setattr(spool_reader, "_CHUNK", 50_000)
    for number in range(60):
        call(writer, number, "x" * 10_000)
    reader = SpoolReader(tmp_path / "spool")
    batch = reader.poll(20_000)
    assert batch.is_large
    assert 10 <= len(batch.records) < 60

    assert drain_spool(ledger, reader, NO_BOOK) == 60

    assert ledger.ledger.rows("SELECT count(*) FROM content") == [(60,)]
    assert reader.is_empty()
