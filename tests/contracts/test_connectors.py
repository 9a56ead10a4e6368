"""The contract of every connector: what was read is what is loaded, once, whatever happens on the way.

How to join: write a module with `CASES` (each a `tests.contracts.source_case.Case`: the connector's `KIND`, one of its
streams, a stand-in for its provider as one function from request to reply, and by hand what must be loaded of its two
editions), and add the module's name to `MODULES`. `tests/contracts/tiny_source.py` is the smallest example. The suite runs the stand-in on a
real socket, syncs the slice through the real operations into a real ledger, and breaks things on the way. It asks of a
connector that

- an answer 429 (or `throttled`) is a `SourceFailed` with the asked `retry_seconds` and no waiting of an hour,
- an expired key (`refused`) is a `SourceFailed` without `retry_seconds`, whose reason holds no secret,
- each page is given with the cursor that asked for it and the one that asks for the next, and a new connector goes on
  from any cursor,
- `dataset` of a line is the stream's name; `parse` is pure and total.

Waits between tries take no time here: `tallystick.transport.patience.pause` is replaced.
"""

import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.bills.model import BillLine, Rejected
from tallystick.bills.store import ensure_tables, list_lines, list_loads
from tallystick.connectors.registry import Kinds
from tallystick.connectors.store import list_pages, list_windows
from tallystick.kernel.errors import UsageError
from tallystick.kernel.period import SECOND_US
from tallystick.operations import sync_source
from tallystick.operations.connect_source import Secrets, Sources, check_source, connect
from tallystick.operations.context import Context
from tallystick.operations.keep_pages import read_page
from tallystick.operations.manage_sources import NewSource, add_source, find_source
from tallystick.operations.sync_source import SyncSummary, Wanted, reparse, sync
from tallystick.ports import Connector, Page, SourceFailed, Stream
from tallystick.pricing.book import PriceBook
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tallystick.storage.engine import Engine
from tallystick.transport.ask import forget_connections
from tests.contracts.source_case import Case, Facts, Reply, StandIn, standing_in

MODULES = (
    "tests.contracts.tiny_source",
    "tests.contracts.anthropic_source",
    "tests.contracts.aws_source",
    "tests.contracts.azure_source",
    "tests.contracts.gcp_source",
    "tests.contracts.openai_source",
)
CASES: list[Case] = [case for name in MODULES for case in importlib.import_module(name).CASES]
NAME = "bill"
HOUR_US = 3600 * SECOND_US


@dataclass
class Bench:
    """A ledger, a stand-in and a clock; `environment` holds the secrets."""

    case: Case
    stand_in: StandIn
    context: Context
    sources: Sources
    environment: dict[str, str]
    now: int

    def sync(self, **wanted: object) -> SyncSummary:
        """Sync the one slice, an hour later each time."""
        self.now += HOUR_US
        asked = Wanted(by_hand=True, since_us=self.case.window.start_us, streams=(self.case.stream,))
        return sync(self.context, self.sources, NAME, replace(asked, **wanted))  # type: ignore[arg-type]

    def loaded(self) -> list[Facts]:
        """The facts of each line that counts, sorted."""
        loads = [one.load_id for one in list_loads(self.context.config_db, NAME)]
        lines = [line for _, _, line in list_lines(self.context.ledger, loads, (0, 2**52))]
        return _sorted([{name: getattr(line, name) for name in self.case.first[0]} for line in lines])

    def connector(self) -> tuple[Connector, Stream]:
        """A new connector, as after a restart."""
        source = find_source(self.context, NAME)
        made = connect(self.sources, source, Secrets(source.secrets, self.sources.environment))
        return made, next(one for one in made.streams if one.name == self.case.stream)


def _sorted(facts: object) -> list[Facts]:
    return sorted((dict(one) for one in facts), key=repr)  # type: ignore[attr-defined]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture(scope="module")
def ledger() -> Iterator[Engine]:
    """One for all: each test has a row database of its own, which alone says what counts."""
    made = DuckDbEngine(None, threads=1)
    ensure_tables(made)
    yield made
    made.close()


@pytest.fixture
def bench(case: Case, ledger: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr("tallystick.transport.patience.pause", lambda seconds: None)
    for name, value in case.limits.items():
        monkeypatch.setattr(name, value)
    context = Context(ledger, ConfigDb(tmp_path / "config.db"), tmp_path)
    with standing_in(case) as stand_in:
        environment = {
            f"SECRET_{name.upper()}": value.replace("{url}", stand_in.url) for name, value in case.secrets.items()
        }
        made = Bench(case, stand_in, context, None, environment, case.window.end_us - 12 * HOUR_US)  # type: ignore[arg-type]
        kinds = Kinds({case.kind.kind: case.kind})
        made.sources = Sources(kinds, lambda: PriceBook([]), lambda name: environment.get(name, ""), clock=lambda: made.now)  # fmt: skip
        secrets = {name: f"env:SECRET_{name.upper()}" for name in case.secrets}
        options = dict(case.options(stand_in.url))
        add_source(context, kinds, NewSource(case.kind.kind, NAME, "acct", options, secrets, backfill_days=1))
        yield made
    forget_connections()
    context.config_db.close()


def test_a_slice_is_read_page_by_page_and_loaded_whole(bench: Bench) -> None:
    done = bench.sync()
    assert [one.error for one in done.windows] == [""]
    assert bench.loaded() == _sorted(bench.case.first)
    assert {line.dataset for _, _, line in _lines(bench)} == {bench.case.stream}
    (window,) = list_windows(bench.context.config_db, NAME)
    assert (window.fetched_at, window.last_error, window.cursor) == (bench.now, "", "")
    assert [one.number for one in list_pages(bench.context.config_db, window)] == list(range(window.pages))


def test_the_same_again_changes_nothing(bench: Bench) -> None:
    bench.sync()
    pages, loads = _count(bench, "source_page"), _count(bench, "bill_load")
    done = bench.sync()
    assert not any(one.changed for one in done.windows[0].loaded.slices)  # type: ignore[union-attr]
    assert (_count(bench, "source_page"), _count(bench, "bill_load")) == (pages, loads)
    assert bench.loaded() == _sorted(bench.case.first)


def test_a_slice_that_was_revised_is_replaced(bench: Bench) -> None:
    bench.sync()
    bench.stand_in.edition = "revised"
    bench.sync()
    assert bench.loaded() == _sorted(bench.case.revised)


class _Killed(BaseException):
    """As a kill: nothing in between catches it."""


def test_a_death_between_two_pages_loses_and_repeats_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = sync_source.keep_page

    def keep_and_die(*args: object) -> object:
        if len(list(bench.context.config_db.rows("SELECT 1 FROM source_page"))) == 1:
            raise _Killed
        return keep(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(sync_source, "keep_page", keep_and_die)
    try:
        bench.sync()
    except _Killed:
        assert bench.loaded() == []
    monkeypatch.setattr(sync_source, "keep_page", keep)
    bench.context.config_db.close()
    done = bench.sync(since_us=None)
    assert bench.loaded() == _sorted(bench.case.first)
    (window,) = [one for one in list_windows(bench.context.config_db, NAME) if one.start_us == bench.case.window.start_us]  # fmt: skip
    resumed = [one for one in done.windows if one.start_us == window.start_us]
    assert not resumed or resumed[0].pages == window.pages - 1


def test_a_connector_goes_on_from_any_cursor(bench: Bench) -> None:
    connector, stream = bench.connector()
    whole = list(connector.fetch(stream, bench.case.window))
    assert [one.number for one in whole] == list(range(len(whole)))
    assert whole[0].cursor == "" and whole[-1].next_cursor == ""
    for before, after in pairwise(whole):
        assert before.next_cursor == after.cursor != ""
        again, _ = bench.connector()
        assert next(iter(again.fetch(stream, bench.case.window, after.cursor, after.number))) == after


def test_who_is_throttled_comes_back_when_it_was_asked_and_not_before(bench: Bench) -> None:
    bench.stand_in.fault = lambda number, reply: bench.case.throttled
    (result,) = bench.sync().windows
    assert result.error
    (window,) = list_windows(bench.context.config_db, NAME)
    assert window.next_at is not None
    assert window.next_at >= bench.now + HOUR_US
    asked = len(bench.stand_in.requests)
    with pytest.raises(UsageError, match="no stream"):
        sync(bench.context, bench.sources, NAME, Wanted(streams=("none",)))
    bench.stand_in.fault = lambda number, reply: reply
    bench.sync()
    assert len(bench.stand_in.requests) > asked
    assert bench.loaded() == _sorted(bench.case.first)


def test_an_expired_secret_stops_the_stream_until_a_person_comes(bench: Bench) -> None:
    bench.sync()
    bench.stand_in.fault = lambda number, reply: bench.case.refused
    (result,) = bench.sync().windows
    source = find_source(bench.context, NAME)
    assert source.stopped == {bench.case.stream: result.error}
    for secret in bench.environment.values():
        assert secret not in result.error
    asked = len(bench.stand_in.requests)
    assert sync(bench.context, bench.sources, NAME, Wanted(streams=(bench.case.stream,))).windows == ()
    assert len(bench.stand_in.requests) == asked
    assert bench.loaded() == _sorted(bench.case.first)
    bench.stand_in.fault = lambda number, reply: reply
    bench.sync()
    assert find_source(bench.context, NAME).stopped == {}


def test_a_secret_that_is_not_there_is_asked_for_by_its_place(bench: Bench) -> None:
    if not bench.case.secrets:
        pytest.skip("needs no secret")
    bench.environment.clear()
    (result,) = bench.sync().windows
    assert "SECRET_" in result.error
    assert bench.stand_in.requests == []


def test_a_connection_that_breaks_in_mid_page_is_asked_again(bench: Bench) -> None:
    bench.stand_in.fault = lambda number, reply: None if number == 0 else reply
    bench.sync()
    assert bench.loaded() == _sorted(bench.case.first)


def test_half_a_page_never_replaces_what_is_there(bench: Bench) -> None:
    if not bench.case.cut_shows:
        pytest.skip("half a page cannot be told from a whole one here")
    bench.sync()
    bench.stand_in.fault = lambda number, reply: replace(reply, body=reply.body[: len(reply.body) * 2 // 3])
    (result,) = bench.sync().windows
    assert result.error or result.loaded is None or result.loaded.rejected
    assert bench.loaded() == _sorted(bench.case.first)
    bench.stand_in.fault = lambda number, reply: reply
    bench.sync()
    assert bench.loaded() == _sorted(bench.case.first)


def test_a_server_in_trouble_leaves_what_is_there_and_says_so(bench: Bench) -> None:
    bench.sync()
    bench.stand_in.fault = lambda number, reply: Reply(503, b"<html>away</html>")
    (result,) = bench.sync().windows
    assert result.error
    assert bench.loaded() == _sorted(bench.case.first)
    (window,) = list_windows(bench.context.config_db, NAME)
    assert (window.last_error, window.attempts, window.next_at is not None) == (result.error, 1, True)


def test_kept_pages_are_the_source_s_own_words_and_load_again_without_it(bench: Bench) -> None:
    bench.sync()
    (window,) = list_windows(bench.context.config_db, NAME)
    connector, stream = bench.connector()
    kept = [read_page(bench.context, one) for one in list_pages(bench.context.config_db, window)]
    assert kept == [one.body for one in connector.fetch(stream, bench.case.window)]
    asked = len(bench.stand_in.requests)
    (again,) = reparse(bench.context, bench.sources, NAME)
    assert (again.error, len(bench.stand_in.requests)) == ("", asked)
    assert bench.loaded() == _sorted(bench.case.first)


def test_a_kept_page_that_was_damaged_is_fetched_again(bench: Bench) -> None:
    bench.sync()
    (window,) = list_windows(bench.context.config_db, NAME)
    first = list_pages(bench.context.config_db, window)[0]
    (bench.context.data_dir / first.file).write_bytes(b"damaged")
    (result,) = reparse(bench.context, bench.sources, NAME)
    assert "cannot be read" in result.error
    bench.sync(since_us=None)
    assert bench.loaded() == _sorted(bench.case.first)
    assert read_page(bench.context, first)


def test_the_check_says_what_the_secret_may_read(bench: Bench) -> None:
    source = find_source(bench.context, NAME)
    assert check_source(bench.sources, source)
    if not bench.case.check_asks:
        pytest.skip("the check asks nothing of the provider")
    bench.stand_in.fault = lambda number, reply: bench.case.refused
    with pytest.raises(SourceFailed) as caught:
        check_source(bench.sources, source)
    assert caught.value.retry_seconds is None


@pytest.fixture(scope="module")
def pages_of() -> dict[str, tuple[Connector, list[Page]]]:
    return {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["1e400", "-1", "NaN", "2026-13-01"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=3,
)  # fmt: skip


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_page_is_lines_or_rejections_and_the_same_ones_each_time(
    data: st.DataObject, bench: Bench, pages_of: dict[str, tuple[Connector, list[Page]]]
) -> None:
    if bench.case.name not in pages_of:
        connector, stream = bench.connector()
        pages_of[bench.case.name] = connector, list(connector.fetch(stream, bench.case.window))
    connector, pages = pages_of[bench.case.name]
    page = data.draw(st.sampled_from(pages))
    page = replace(page, body=_mutated(data, page.body))
    found = list(connector.parse(page))
    assert all(isinstance(one, BillLine | Rejected) for one in found)
    assert repr(found) == repr(list(connector.parse(page)))


def _mutated(data: st.DataObject, body: bytes) -> bytes:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if value is not None and data.draw(st.booleans()):
        return json.dumps(_replaced(data, value)).encode()
    at = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(at, min(len(body), at + 12)))
    return body[:at] + data.draw(st.binary(max_size=6)) + body[end:]


def _replaced(data: st.DataObject, value: object) -> object:
    """The value with something in it replaced or left out."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 9)):
        key = data.draw(st.sampled_from(sorted(value)))
        if not data.draw(st.integers(0, 4)):
            return {name: one for name, one in value.items() if name != key}
        return {**value, key: _replaced(data, value[key])}
    if isinstance(value, list) and value and data.draw(st.integers(0, 9)):
        at = data.draw(st.integers(0, len(value) - 1))
        return [*value[:at], _replaced(data, value[at]), *value[at + 1 :]]
    return data.draw(JSON)


def _lines(bench: Bench) -> list[tuple[str, str, BillLine]]:
    loads = [one.load_id for one in list_loads(bench.context.config_db, NAME)]
    return list_lines(bench.context.ledger, loads, (0, 2**52))


def _count(bench: Bench, table: str) -> object:
    return bench.context.config_db.rows(f"SELECT count(*) FROM {table}")[0][0]
