"""Lines of bills come in whole slices: priced, all at once or not at all, and the same again is nothing."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.bills.model import BillLine, Rejected
from tallystick.bills.sums import Sums
from tallystick.kernel.errors import DataError
from tallystick.operations import load_lines as loading
from tallystick.operations.complete_lines import completed
from tallystick.operations.context import Context
from tallystick.operations.load_lines import Reading, each, load_lines
from tallystick.operations.loaded import LoadSummary
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing.book import PriceBook
from tallystick.pricing.model import Clause, Tier
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tests.pricing.sample import card, day

DAY = 86_400_000_000
AT = day("2026-10-01")
CENT = 10**10
BOOK = PriceBook([card(match=Clause("starts_with", "m"), tiers=(Tier(0, {"uncached_input": 2}), Tier(200_000, {"uncached_input": 5})))])  # fmt: skip


def line(number: int = 1, key: str = "2026-10-01", **more: object) -> BillLine:
    given: dict[str, object] = {"layer": "cost", "dataset": "costs", "charge_period_start": AT, "charge_period_end": AT + DAY, "currency": "USD", "billed_cost": CENT, "provider": "p"}  # fmt: skip
    return BillLine(slice_key=key, line_no=number, **(given | more))  # type: ignore[arg-type]


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = Context(ledger=DuckDbEngine(None, threads=1), config_db=ConfigDb(tmp_path / "config.db"), data_dir=tmp_path)
    start_ledger(made)
    yield made
    made.config_db.close()
    made.ledger.close()


def load(context: Context, *lines: BillLine | Rejected, slices: tuple[tuple[str, str], ...] = ()) -> LoadSummary:
    return load_lines(context, BOOK, Reading("bill", "acct", slices), each("page_1", lines))


def counting(context: Context) -> list[tuple[object, ...]]:
    """What counts: the lines of the loads that are not superseded."""
    named = [str(row[0]) for row in context.config_db.rows("SELECT load_id FROM bill_load WHERE superseded_at IS NULL")]
    return context.ledger.rows(
        "SELECT slice_key, line_no, CAST(billed_cost AS VARCHAR) FROM bill_line WHERE load_id IN (SELECT unnest($named)) "
        "ORDER BY 1, 2",
        {"named": named},
    )


def test_lines_land_in_the_slices_they_name_with_their_sums(context: Context) -> None:
    done = load(context, line(1), line(2, billed_cost=None), line(3, "2026-10-02", billed_cost=-5, list_cost=7))
    first, second = done.slices
    assert (first.slice_key, first.rows, first.sums, first.changed) == ("2026-10-01", 2, {"billed_cost": CENT}, True)
    assert (second.rows, second.sums) == (1, {"billed_cost": -5, "list_cost": 7})
    assert counting(context) == [
        ("2026-10-01", 1, "0.010000000000"),
        ("2026-10-01", 2, None),
        ("2026-10-02", 3, "-0.000000000005"),
    ]


def test_the_same_lines_again_in_another_order_are_no_new_load(context: Context) -> None:
    before = load(context, line(1, raw_model="m"), line(2, tags={"a": "1", "b": "2"})).slices[0]
    again = load(context, line(1, tags={"b": "2", "a": "1"}), line(2, raw_model="m")).slices[0]
    assert (again.changed, again.load_id, again.rows_before) == (False, before.load_id, 2)
    assert len(counting(context)) == 2
    assert len(context.config_db.rows("SELECT 1 FROM bill_load")) == 1


def test_a_line_that_is_there_twice_counts_twice(context: Context) -> None:
    load(context, line(1))
    assert load(context, line(1), line(1)).slices[0].changed
    assert len(counting(context)) == 2


def test_a_revised_slice_replaces_itself_and_no_other(context: Context) -> None:
    load(context, line(1), line(1, "2026-10-02"))
    (done,) = load(context, line(1, billed_cost=3)).slices
    assert (done.rows_before, done.sums_before, done.sums) == (1, {"billed_cost": CENT}, {"billed_cost": 3})
    assert counting(context) == [("2026-10-01", 1, "0.000000000003"), ("2026-10-02", 1, "0.010000000000")]


def test_a_slice_that_was_read_whole_and_is_empty_now_is_empty(context: Context) -> None:
    load(context, line(1))
    (done,) = load(context, slices=(("costs", "2026-10-01"),)).slices
    assert (done.changed, done.rows, done.rows_before, done.sums) == (True, 0, 1, {})
    assert counting(context) == []


def test_a_slice_of_which_only_bad_lines_came_stays_as_it_was(context: Context) -> None:
    before = load(context, line(1)).slices[0]
    (done,) = load(context, Rejected(1, "no amount", "{}"), slices=(("costs", "2026-10-01"),)).slices
    assert (done.changed, done.load_id, done.rows, done.rejected) == (False, before.load_id, 1, 1)
    assert "stays" in done.note
    assert len(counting(context)) == 1
    kept = json.loads(Path(done.rejected_file).read_text())
    assert kept == {"page": "page_1", "line": 1, "reason": "no amount", "row": "{}"}


def test_bad_lines_are_kept_aside_and_the_rest_lands(context: Context) -> None:
    done = load(context, Rejected(1, "early"), line(2), Rejected(3, "late", "\ud800"))
    (one,) = done.slices
    assert (done.rows, done.rejected, one.rejected) == (1, 2, 2)
    assert [p.reason for p in done.problems] == ["early", "late"]
    assert len(Path(one.rejected_file).read_text().splitlines()) == 2
    assert context.config_db.rows("SELECT rejected FROM bill_load") == [(2,)]


def test_bad_lines_that_belong_to_no_slice_are_kept_too(context: Context) -> None:
    done = load(context, Rejected(1, "what is this"))
    assert done.slices == ()
    assert "what is this" in Path(done.rejected_file).read_text()


@pytest.mark.parametrize(
    "fault",
    [
        {"billed_cost": 10**37},
        {"quantity": 2**63},
        {"consumed_quantity": Decimal("NaN")},
        {"pricing_quantity": Decimal("1e30")},
        {"charge_period_start": AT * 1000},
        {"charge_period_end": AT - 1},
        {"charge_description": "half \ud800"},
        {"tags": {"k": "\udfff"}},
        {"dataset": ""},
    ],
)
def test_a_line_that_no_table_holds_is_kept_aside_and_stops_nothing(context: Context, fault: dict[str, object]) -> None:
    done = load(context, line(1), line(2, **fault))
    assert (done.rows, done.rejected) == (1, 1)
    assert done.problems[0].line_no == 2
    assert len(counting(context)) == 1


def test_a_page_that_cannot_be_read_loads_nothing(context: Context) -> None:
    load(context, line(1))
    with pytest.raises(DataError, match="cannot be read: no JSON"):
        load(context, line(1, billed_cost=9), Rejected(0, "no JSON"))
    assert counting(context) == [("2026-10-01", 1, "0.010000000000")]


def test_one_that_is_interrupted_half_way_leaves_nothing(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "BATCH", 2)
    load(context, line(1))

    def breaking() -> Iterator[tuple[str, BillLine | Rejected]]:
        yield "page_1", line(1, billed_cost=5)
        yield "page_1", Rejected(2, "bad")
        yield "page_2", line(3, billed_cost=5)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        load_lines(context, BOOK, Reading("bill", "acct"), breaking())
    assert counting(context) == [("2026-10-01", 1, "0.010000000000")]
    assert context.ledger.rows("SELECT count(*) FROM bill_line") == [(1,)]
    assert not list((context.data_dir / "rejected").iterdir())


def test_many_batches_are_one_load_and_the_same_again_leaves_no_rows(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(loading, "BATCH", 3)
    lines = [line(number, f"2026-10-0{1 + number % 3}", billed_cost=number) for number in range(1, 20)]
    seen: list[int] = []
    done = load_lines(context, BOOK, Reading("bill", "acct"), each("p", lines), on_rows=seen.append)
    assert sum(one.rows for one in done.slices) == 19
    assert seen == [3, 6, 9, 12, 15, 18, 19]
    assert not any(one.changed for one in load(context, *lines).slices)
    assert context.ledger.rows("SELECT count(*), count(DISTINCT load_id) FROM bill_line") == [(19, 3)]


def test_currencies_are_never_added(context: Context) -> None:
    (done,) = load(context, line(1, billed_cost=1), line(2, billed_cost=2, currency="EUR")).slices
    assert done.sums == {"billed_cost:USD": 1, "billed_cost:EUR": 2}
    assert context.config_db.rows("SELECT currency FROM bill_load") == [("",)]


@pytest.mark.parametrize(
    ("change", "cost"),
    [
        ({"quantity": 1_000_000}, 2_000_000),
        ({"quantity": 1_000_000, "context": "long"}, 5_000_000),
        ({"quantity": 0}, 0),
        ({"quantity": None}, None),
        ({"quantity": 3, "raw_model": "other"}, None),
        ({"quantity": 3, "meter": "plain_output"}, None),
        ({"quantity": 3, "meter": "requests"}, 0),
        ({"quantity": 3, "meter": "requests", "raw_model": "other"}, None),
        ({"quantity": 3, "service_tier": "batch"}, None),
        ({"quantity": 3, "layer": "cost"}, None),
    ],
)
def test_usage_is_priced_by_the_book_and_what_it_does_not_know_stays_unknown(
    change: dict[str, object], cost: int | None
) -> None:
    usage: dict[str, object] = {"layer": "usage", "billed_cost": None, "raw_model": "m-2026", "meter": "uncached_input"}
    found = completed(BOOK, line(**(usage | change)))
    assert (found.list_cost, found.effective_cost, found.billed_cost) == (cost, cost, None)


def test_models_are_named_as_the_book_names_them() -> None:
    assert completed(BOOK, line(raw_model="m-2026")).model == "m"
    assert completed(BOOK, line(raw_model="zzz")).model == "zzz"
    assert completed(BOOK, line(raw_model="m-2026", model="mine")).model == "mine"
    assert completed(BOOK, line()).model == ""


COSTS = st.lists(st.tuples(st.none() | st.integers(-(10**20), 10**20), st.sampled_from(["", "m"])), max_size=6)


@given(COSTS, st.randoms(use_true_random=False))
def test_equal_lines_in_any_order_have_one_hash_and_others_another(costs: list[tuple[int | None, str]], chance: object) -> None:  # fmt: skip
    lines = [line(number, billed_cost=cost, raw_model=model) for number, (cost, model) in enumerate(costs, 1)]
    mixed = list(lines)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert _hash(lines) == _hash(mixed)
    assert _hash([*lines, line(99, billed_cost=1)]) != _hash(lines)
    if lines:
        assert _hash([replace(lines[0], charge_description="other"), *lines[1:]]) != _hash(lines)


def _hash(lines: list[BillLine]) -> str:
    sums = Sums()
    for one in lines:
        sums.add(one)
    return sums.content_hash()
