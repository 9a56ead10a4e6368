"""From the gateway's spool into the ledger, with the real spool and the real ledger."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.ledger.store import read_event
from tallystick.operations.context import Context
from tallystick.operations.drain_spool import count_rejected, drain_spool
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing.book import PriceBook
from tallystick.pricing.model import PriceCard, Tier
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tallystick.storage.spool import SpoolReader, SpoolWriter
from tallystick.usage.model import Measured, UsageEvent
from tests.ledger.sample import an_event, usage_events

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


@pytest.fixture
def reader(tmp_path: Path) -> SpoolReader:
    return SpoolReader(tmp_path / "spool")


def call(writer: SpoolWriter, event: UsageEvent) -> None:
    """A call as the gateway spools it."""
    writer.intent(event.event_id, encode(replace(event, outcome="interrupted", priced={}, effective_cost=None)))
    writer.completion(event.event_id, encode(event))


def count(ledger: Context) -> object:
    return ledger.ledger.rows("SELECT count(*) FROM usage_event")[0][0]


@settings(max_examples=30)
@given(usage_events(money=st.integers(-(2**63), 2**63 - 1)))  # a message holds 9.2 million dollars a line
def test_an_event_survives_its_message(event: UsageEvent) -> None:
    assert msgspec.msgpack.decode(encode(event), type=UsageEvent) == event


def test_completions_become_rows_as_they_are(ledger: Context, writer: SpoolWriter, reader: SpoolReader) -> None:
    events = [an_event(number) for number in range(300)]
    for event in events:
        call(writer, event)

    assert drain_spool(ledger, reader, NO_BOOK) == 300

    assert read_event(ledger.ledger, "evt_000299") == events[299]
    assert reader.is_empty()
    assert drain_spool(ledger, reader, NO_BOOK) == 0


def test_a_call_in_flight_is_not_yet_a_row(ledger: Context, writer: SpoolWriter, reader: SpoolReader) -> None:
    writer.intent("evt_000001", encode(an_event(1, outcome="interrupted")))

    assert drain_spool(ledger, reader, NO_BOOK) == 0

    writer.completion("evt_000001", encode(an_event(1)))
    assert drain_spool(ledger, reader, NO_BOOK) == 1
    found = read_event(ledger.ledger, "evt_000001")
    assert found is not None
    assert found.outcome == "ok"


def test_a_crash_between_ledger_and_spool_delivers_again_and_counts_once(
    ledger: Context, writer: SpoolWriter, reader: SpoolReader, tmp_path: Path
) -> None:
    for number in range(5):
        call(writer, an_event(number))
    ingest_events(ledger, [an_event(number) for number in range(3)])  # and died before the spool's commit

    assert drain_spool(ledger, SpoolReader(tmp_path / "spool"), NO_BOOK) == 2
    assert count(ledger) == 5


def test_a_dead_gateways_open_call_becomes_an_interrupted_row_with_a_cost(
    ledger: Context, reader: SpoolReader, tmp_path: Path
) -> None:
    writer = SpoolWriter(tmp_path / "spool" / "gateway-2")
    card = PriceCard("p1", "openai", "gpt-4o", (Tier(0, {"uncached_input": 2_500_000, "plain_output": 10_000_000}),))
    estimate = Measured({"uncached_input": 40}, 40, None, "estimated", ("uncached_input",))
    intent = an_event(1, request_model="gpt-4o", model="", measured=estimate, priced={}, list_cost=None)
    writer.intent("evt_000001", encode(replace(intent, effective_cost=None)))
    call(writer, an_event(2))
    writer.close()

    assert drain_spool(ledger, reader, PriceBook([card])) == 2

    found = read_event(ledger.ledger, "evt_000001")
    assert found is not None
    assert found.outcome == "interrupted"
    assert found.measured == estimate
    assert found.effective_cost == 40 * 2_500_000
    assert reader.is_empty()
    assert drain_spool(ledger, reader, NO_BOOK) == 0
    assert count(ledger) == 2


def test_what_cannot_be_read_is_set_aside_and_blocks_nothing(
    ledger: Context, writer: SpoolWriter, reader: SpoolReader, tmp_path: Path
) -> None:
    call(writer, an_event(1))
    writer.completion("evt_broken", b"\xc1 not a message")
    writer.completion("evt_shape", encode({"event_id": 5}))
    writer.completion("evt_absurd", encode(an_event(7, occurred_at=2**62)))
    writer.completion("evt_huge", encode(an_event(8, request_bytes=2**63)))
    writer.completion("evt_text", encode(an_event(9)).replace(b"Support", b"Supp\xff\xfft"))
    call(writer, an_event(2))

    assert drain_spool(ledger, reader, NO_BOOK) == 2

    assert count_rejected(ledger) == 5
    assert (tmp_path / "spool" / "rejected").stat().st_mode & 0o077 == 0
    assert reader.is_empty()
    assert drain_spool(ledger, SpoolReader(tmp_path / "spool"), NO_BOOK) == 0
    assert count_rejected(ledger) == 5


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 20))
def test_any_deliveries_in_any_steps_leave_each_event_once(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], every: int
) -> None:
    folder = tmp_path_factory.mktemp("drain")
    engine = DuckDbEngine(None)
    ledger = Context(ledger=engine, config_db=ConfigDb(folder / "config.db"), data_dir=folder)
    start_ledger(ledger)
    writer = SpoolWriter(folder / "spool" / "g", segment_bytes=16 * 1024)
    reader = SpoolReader(folder / "spool")
    new = 0
    for step, number in enumerate(numbers):
        call(writer, an_event(number))
        if step % every == 0:
            new += drain_spool(ledger, reader, NO_BOOK)
            reader = SpoolReader(folder / "spool")  # a reader that remembers nothing
    new += drain_spool(ledger, reader, NO_BOOK)
    assert new == count(ledger) == len(set(numbers))
    writer.close()
    engine.close()
