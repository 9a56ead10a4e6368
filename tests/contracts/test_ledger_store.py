"""The ledger on each engine: every event once, every charge once, at every moment."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.kernel.errors import Conflict, DataError
from tallystick.kernel.table import Column
from tallystick.ledger.columns import CHARGE_COLUMNS, EVENT_COLUMNS
from tallystick.ledger.post import EVENT_SUMS
from tallystick.ledger.store import append_mark, read_event, read_last_seq, read_mark
from tallystick.operations.compact_charges import compact_charges
from tallystick.operations.context import Context
from tallystick.operations.ingest_events import Ingested, ingest_columns, ingest_events
from tallystick.operations.post_charges import post_charges
from tallystick.operations.start_ledger import start_ledger
from tallystick.storage.engine import Dialect, Engine, Param
from tallystick.usage.model import Measured, UsageEvent
from tests.ledger.sample import HOUR, START, an_event, usage_events

PER_EXAMPLE = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def ledger(context: Context) -> Context:
    start_ledger(context)
    return context


def empty(context: Context) -> None:
    """As on the first day: for one Hypothesis example after another."""
    for table in ("usage_event", "charge", "ledger_mark"):
        context.ledger.execute(f"DROP TABLE IF EXISTS {table}")
    start_ledger(context)


def test_an_event_comes_back_as_it_was_sent(ledger: Context) -> None:
    @PER_EXAMPLE
    @given(st.lists(usage_events(), min_size=1, max_size=4, unique_by=lambda event: event.event_id))
    def check(events: list[UsageEvent]) -> None:
        empty(ledger)
        ingest_events(ledger, events)
        for event in events:
            assert read_event(ledger.ledger, event.event_id) == event

    check()


def test_an_event_nobody_sent_is_none(ledger: Context) -> None:
    assert read_event(ledger.ledger, "evt_none") is None


def test_a_redelivery_changes_nothing(ledger: Context) -> None:
    events = [an_event(number) for number in range(5)]

    assert ingest_events(ledger, events) == Ingested(new=5, duplicates=0)
    assert ingest_events(ledger, events[::-1]) == Ingested(new=0, duplicates=5)
    assert ingest_events(ledger, [an_event(4), an_event(5), an_event(5)]) == Ingested(new=1, duplicates=2)
    assert ingest_events(ledger, []) == Ingested(new=0, duplicates=0)
    assert ledger.ledger.rows("SELECT count(*) FROM usage_event") == [(6,)]


def test_of_two_rows_of_one_id_in_a_batch_the_first_counts(ledger: Context) -> None:
    ingest_events(ledger, [an_event(1, status=200), an_event(1, status=500)])

    found = read_event(ledger.ledger, "evt_000001")
    assert found is not None
    assert found.status == 200


def test_ingest_numbers_go_on_without_a_gap_across_restarts_and_posts(ledger: Context) -> None:
    for number in range(4):
        ingest_events(ledger, [an_event(2 * number), an_event(2 * number + 1), an_event(0)])
        if number % 2:
            post_charges(ledger)
        start_ledger(ledger)

    numbers = ledger.ledger.rows("SELECT ingest_seq FROM usage_event ORDER BY ingest_seq")
    assert [seq for (seq,) in numbers] == list(range(1, 9))


def test_numbers_are_never_used_twice_though_all_posted_events_are_deleted(ledger: Context) -> None:
    ingest_events(ledger, [an_event(1), an_event(2)])
    post_charges(ledger)
    ledger.ledger.execute("DELETE FROM usage_event WHERE attempt = 1")

    ingest_events(ledger, [an_event(3)])

    assert ledger.ledger.rows("SELECT ingest_seq FROM usage_event") == [(3,)]
    assert post_charges(ledger) == 1


def test_columns_need_no_event_objects(ledger: Context) -> None:
    columns = {
        "event_id": ["a", "b", "a"],
        "occurred_at": [START, START + 1, START],
        "team": ["Support", "", "Support"],
        "tags": [{"x": "y"}, {}, {"x": "y"}],
        "q_cache_read": [None, 0, None],
        "c_cache_read": [None, 2, None],
    }

    assert ingest_columns(ledger, columns) == Ingested(new=2, duplicates=1)

    found = read_event(ledger.ledger, "b")
    assert found is not None
    assert found.measured.quantities == {"cache_read": 0}
    assert found.priced == {"cache_read": 2}
    assert found.dimensions == {}


def test_a_batch_with_an_absurd_figure_is_refused_whole(ledger: Context) -> None:
    bad = an_event(2, measured=Measured({"cache_read": 10**18}, 10**18, 1, "reported"))

    with pytest.raises(DataError, match="event evt_000002"):
        ingest_events(ledger, [an_event(1), bad])

    assert ledger.ledger.rows("SELECT count(*) FROM usage_event") == [(0,)]


def test_charges_say_what_came_in_by_the_hour(ledger: Context) -> None:
    unknown = Measured({"uncached_input": 7}, 7, None, "estimated", ("uncached_input",))
    ingest_events(
        ledger,
        [
            an_event(1),
            replace(an_event(2), attempt=2, outcome="error", measured=Measured(), priced={}, list_cost=None, effective_cost=None),
            an_event(3, attempt=0, outcome="refused", measured=Measured(), priced={}, list_cost=None, effective_cost=None),
            an_event(100, dimensions={"team": "Sales"}, measured=unknown, priced={}, list_cost=None, effective_cost=None),
        ],
    )  # fmt: skip

    assert post_charges(ledger) == 4

    hour = ledger.ledger.dialect.micros("charge_period_start")
    columns = "calls, attempts, errors, estimated_calls, unpriced_calls, unpriced_tokens, input_tokens, output_tokens"
    rows = ledger.ledger.rows(
        f"SELECT team, {hour}, {columns}, q_uncached_input, q_cache_read, effective_cost FROM charge ORDER BY team"
    )
    three, four = START // HOUR * HOUR, START // HOUR * HOUR + HOUR  # 03:00 and 04:00; event 100 is at 04:46
    assert rows == [
        ("Sales", four, 1, 1, 0, 1, 1, 7, 7, 0, 7, None, None),
        ("Support", three, 2, 2, 1, 0, 0, 0, 100, 20, 100, None, Decimal("0.000000000450")),
    ]
    assert ledger.ledger.rows("SELECT DISTINCT basis, currency, batch_seq FROM charge") == [("metered", "USD", 4)]


def test_a_zone_off_the_hour_gets_quarters(context: Context) -> None:
    kolkata = replace(context, zone="Asia/Kolkata")
    start_ledger(kolkata)
    ingest_events(kolkata, [an_event(number) for number in (0, 10, 25)])  # 03:06:40, 03:16:40, 03:31:40

    post_charges(kolkata)

    hour = context.ledger.dialect.micros("charge_period_start")
    starts = context.ledger.rows(f"SELECT {hour} FROM charge ORDER BY 1")
    quarter = HOUR // 4
    assert [start for (start,) in starts] == [START // HOUR * HOUR + n * quarter for n in range(3)]


def test_posting_twice_equals_once(ledger: Context) -> None:
    ingest_events(ledger, [an_event(number) for number in range(20)])
    assert post_charges(ledger) == 20
    before = totals(ledger.ledger)

    assert post_charges(ledger) == 0
    assert totals(ledger.ledger) == before


def test_a_long_backlog_is_posted_in_steps_with_one_sum(ledger: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tallystick.operations.post_charges._STEP", 7)
    ingest_events(ledger, [an_event(number) for number in range(20)])

    assert post_charges(ledger) == 20
    assert ledger.ledger.rows("SELECT DISTINCT batch_seq FROM charge ORDER BY 1") == [(7,), (14,), (20,)]
    assert totals(ledger.ledger) == by_hand([an_event(number) for number in range(20)])


def test_compaction_merges_old_batches_and_changes_no_sum(ledger: Context) -> None:
    for number in range(12):  # one minute apart, in one hour, one batch each
        ingest_events(ledger, [an_event(number)])
        post_charges(ledger)
    before = totals(ledger.ledger)

    assert compact_charges(ledger) == 0  # readers may hold a mark as old as the last run
    ingest_events(ledger, [an_event(12)])
    post_charges(ledger)
    saved = compact_charges(ledger)

    merges = not ledger.ledger.dialect.merges
    assert saved == (11 if merges else 0)
    assert totals(ledger.ledger) == before | by_hand([an_event(number) for number in range(13)])
    assert ledger.ledger.rows("SELECT count(*) FROM charge") == [(2 if merges else 13,)]


def test_a_ledger_of_a_newer_version_is_not_touched(ledger: Context) -> None:
    append_mark(ledger.ledger, "schema", 999)

    with pytest.raises(Conflict, match="schema 999"):
        start_ledger(ledger)


def test_a_ledger_of_an_older_version_gets_the_new_meter(ledger: Context) -> None:
    for table, columns in (("usage_event", EVENT_COLUMNS), ("charge", CHARGE_COLUMNS)):
        kept = [column for column in columns if "cache_read_audio" not in column.name]
        ledger.ledger.execute(f"DROP TABLE {table}")
        order = ("occurred_at", "event_id") if table == "usage_event" else ("charge_period_start", "batch_seq")
        ledger.ledger.ensure_table(table, kept, order_by=order, unique=table == "usage_event")
    old = {"event_id": ["old"], "occurred_at": [START], "q_cache_read": [5], "tags": [{}]}
    ledger.ledger.append("usage_event", EVENT_COLUMNS, old | {"ingest_seq": [1]})

    start_ledger(ledger)

    ingest_events(ledger, [an_event(1, measured=Measured({"cache_read_audio": 3}, 3, 0, "reported"))])
    post_charges(ledger)
    assert ledger.ledger.rows("SELECT sum(q_cache_read), sum(q_cache_read_audio) FROM charge") == [(5, 3)]


# The sums below are made twice: by the ledger from charges and tail, and here by hand from the events.

SUMS = (
    "calls", "attempts", "errors", "estimated_calls", "unpriced_calls", "unpriced_tokens", "input_tokens",
    "output_tokens", "q_cache_read", "c_cache_read", "q_searches", "effective_cost",
)  # fmt: skip
TOKENS = ("uncached_input", "cache_read", "plain_output")
Totals = dict[str, tuple[object, ...]]


def totals(engine: Engine) -> Totals:
    """By team, what a reader finds: charges up to the mark and the events after it."""
    mark = {"mark": read_mark(engine)}
    charges = ", ".join(f"sum({name})" for name in SUMS)
    tail = ", ".join(EVENT_SUMS[name] for name in SUMS)
    parts = [
        engine.rows(f"SELECT team, {charges} FROM charge WHERE batch_seq <= $mark GROUP BY team", mark),
        engine.rows(
            f"SELECT team, {tail} FROM {engine.dialect.final('usage_event')} WHERE ingest_seq > $mark GROUP BY team",
            mark,
        ),
    ]
    found: Totals = {}
    for team, *sums in (row for part in parts for row in part):
        found[str(team)] = plus(found.get(str(team), (None,) * len(SUMS)), sums)
    return found


def plus(left: Sequence[object], right: Sequence[object]) -> tuple[object, ...]:
    """Sums in which unknown and unknown is unknown."""
    pairs = zip(left, right, strict=True)
    return tuple(b if a is None else a if b is None else Decimal(str(a)) + Decimal(str(b)) for a, b in pairs)


def by_hand(events: Sequence[UsageEvent]) -> Totals:
    found: Totals = {}
    for event in {event.event_id: event for event in reversed(events)}.values():
        team = event.dimensions.get("team", "")
        found[team] = plus(found.get(team, (None,) * len(SUMS)), one_by_hand(event))
    return found


def one_by_hand(event: UsageEvent) -> tuple[object, ...]:
    quantities, priced = event.measured.quantities, event.priced
    unpriced = [name for name in quantities if quantities[name] and name not in priced]
    grain = Decimal("0.000000000001")
    return (
        int(event.attempt in (0, 1)),
        int(event.attempt > 0),
        int(event.outcome in ("error", "cut", "interrupted")),
        int(event.measured.state == "estimated"),
        int(bool(unpriced)),
        sum(quantities[name] for name in unpriced if name in TOKENS),
        event.measured.input_tokens or 0,
        event.measured.output_tokens or 0,
        quantities.get("cache_read"),
        priced["cache_read"] * grain if "cache_read" in priced else None,
        quantities.get("searches"),
        None if event.effective_cost is None else event.effective_cost * grain,
    )


@st.composite
def summable(draw: st.DrawFn, number: int) -> UsageEvent:
    meters = st.sampled_from([*TOKENS, "searches"])
    return an_event(
        number,
        occurred_at=START + draw(st.integers(0, 3 * HOUR)),
        attempt=draw(st.integers(0, 2)),
        outcome=draw(st.sampled_from(["ok", "error", "cut", "client_gone", "interrupted", "refused"])),
        dimensions=draw(st.sampled_from([{}, {"team": "Support"}, {"team": "Sales"}])),
        measured=Measured(
            draw(st.dictionaries(meters, st.integers(0, 10**6))),
            draw(st.none() | st.integers(0, 10**6)),
            draw(st.none() | st.integers(0, 10**6)),
            draw(st.sampled_from(["reported", "estimated", "absent"])),
        ),
        priced=draw(st.dictionaries(meters, st.integers(-(10**15), 10**15))),
        effective_cost=draw(st.none() | st.integers(-(10**15), 10**15)),
    )


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[UsageEvent], list[tuple[str, object]]]:
    """Events, and what happens to a ledger: deliveries in any order and number, posts, crashes."""
    events = [draw(summable(number)) for number in range(draw(st.integers(1, 12)))]
    deliveries = st.lists(st.integers(0, len(events) - 1), min_size=1, max_size=8)
    step = st.one_of(
        st.tuples(st.just("ingest"), deliveries),
        st.tuples(st.just("post"), st.none()),
        st.tuples(st.just("crash in post"), st.integers(0, 4)),
        st.tuples(st.just("crash in ingest"), deliveries),
        st.tuples(st.just("start"), st.none()),
        st.tuples(st.just("compact"), st.none()),
    )
    return events, draw(st.lists(step, min_size=1, max_size=8))


class Died(Exception):
    """The power went."""


class Dying:
    """An engine that passes on so many writes and then dies, before or after the last of them."""

    def __init__(self, engine: Engine, writes: int) -> None:
        self._engine = engine
        self._left = writes

    def _write(self, write: Callable[[], None]) -> None:
        if self._left == 0:
            raise Died
        write()
        self._left -= 1
        if self._left == 0:
            raise Died

    @property
    def dialect(self) -> Dialect:
        return self._engine.dialect

    def execute(self, sql: str, params: Mapping[str, Param] | None = None) -> None:
        self._write(lambda: self._engine.execute(sql, params))

    def rows(self, sql: str, params: Mapping[str, Param] | None = None) -> list[tuple[object, ...]]:
        return self._engine.rows(sql, params)

    def ensure_table(
        self, table: str, columns: Sequence[Column], *, order_by: Sequence[str], unique: bool = False
    ) -> None:
        self._engine.ensure_table(table, columns, order_by=order_by, unique=unique)

    def append(self, table: str, columns: Sequence[Column], data: Mapping[str, Sequence[object]]) -> None:
        self._write(lambda: self._engine.append(table, columns, data))

    def known(
        self, table: str, column: str, texts: Sequence[str], *, where: str, params: Mapping[str, Param]
    ) -> set[str]:
        return self._engine.known(table, column, texts, where=where, params=params)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._engine.transaction():
            yield

    def disk_bytes(self) -> int:
        return self._engine.disk_bytes()

    def checkpoint(self) -> None:
        self._engine.checkpoint()

    def close(self) -> None:
        self._engine.close()


def live(ledger: Context, events: Sequence[UsageEvent], happened: str, what: object) -> list[UsageEvent]:
    """Let it happen; the events that may have arrived by it."""
    batch = [events[index] for index in what] if isinstance(what, list) else []
    try:
        if happened == "ingest":
            ingest_events(ledger, batch)
        elif happened == "post":
            post_charges(ledger)
        elif happened == "compact":
            compact_charges(ledger)
        elif happened == "crash in ingest":
            ingest_events(replace(ledger, ledger=Dying(ledger.ledger, 1)), batch)
        elif happened == "crash in post" and isinstance(what, int):
            post_charges(replace(ledger, ledger=Dying(ledger.ledger, what)))
        else:
            start_ledger(ledger)
    except Died:
        pass
    return batch


@pytest.mark.slow
def test_charges_and_tail_are_the_events_at_every_moment_of_every_life(ledger: Context) -> None:
    @PER_EXAMPLE
    @given(lives())
    def check(life: tuple[list[UsageEvent], list[tuple[str, object]]]) -> None:
        empty(ledger)
        events, steps = life
        arrived: list[UsageEvent] = []
        for happened, what in steps:
            sent = live(ledger, events, happened, what)
            held = {str(row[0]) for row in ledger.ledger.rows("SELECT event_id FROM usage_event")}
            # A crash may lose what was not acknowledged, whole or not at all; never what was.
            before = {event.event_id for event in arrived}
            unacknowledged = {event.event_id for event in sent} - before
            assert before <= held
            assert unacknowledged & held in (set(), unacknowledged)
            arrived += [event for event in sent if event.event_id in held]
            assert totals(ledger.ledger) == by_hand(arrived)
        numbers = Counter(row[0] for row in ledger.ledger.rows("SELECT ingest_seq FROM usage_event"))
        assert set(numbers) == set(range(1, len(numbers) + 1))
        assert read_last_seq(ledger.ledger) == len(numbers)

    check()


@pytest.mark.slow
def test_arrival_order_does_not_matter(ledger: Context) -> None:
    @settings(PER_EXAMPLE, max_examples=8)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        events = [data.draw(summable(number)) for number in range(6)]
        sums = []
        for order in (events, data.draw(st.permutations(events))):
            empty(ledger)
            for event in order:
                ingest_events(ledger, [event])
                if data.draw(st.booleans()):
                    post_charges(ledger)
            post_charges(ledger)
            sums.append(totals(ledger.ledger))
        assert sums[0] == sums[1] == by_hand(events)

    check()


def test_charges_that_no_mark_names_are_dropped_at_the_start(ledger: Context, tmp_path: Path) -> None:
    ingest_events(ledger, [an_event(1)])
    post_charges(ledger)
    ghost = {"charge_period_start": [START], "batch_seq": [999], "calls": [1], "effective_cost": [10**12]}
    ledger.ledger.append("charge", CHARGE_COLUMNS, ghost)

    start_ledger(ledger)

    assert ledger.ledger.rows("SELECT count(*), max(batch_seq) FROM charge") == [(1, 1)]
