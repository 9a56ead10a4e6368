"""Lines that come by columns land as the same lines one by one: in their slices, all at once, and only when new."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tallystick.bills.batch import LineBatch
from tallystick.bills.columns import LINE_COLUMNS
from tallystick.bills.model import BillLine, Rejected
from tallystick.kernel.table import Repeated
from tallystick.operations.context import Context
from tallystick.operations.load_lines import Reading, load_lines
from tallystick.operations.load_window import _batch_of_slice
from tallystick.operations.loaded import LoadSummary
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing.book import PriceBook
from tallystick.pricing.model import Clause, Tier
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tests.pricing.sample import card, day

AT = day("2026-10-01")
CENT = 10**10
BOOK = PriceBook([card(match=Clause("starts_with", "m"), tiers=(Tier(0, {"uncached_input": 2}),))])
OCTOBER, OTHER = "111/2026-10", "222/2026-10"


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = Context(ledger=DuckDbEngine(None, threads=1), config_db=ConfigDb(tmp_path / "config.db"), data_dir=tmp_path)
    start_ledger(made)
    yield made
    made.config_db.close()
    made.ledger.close()


def batch(keys: Sequence[str], costs: Sequence[int], **more: Sequence[Any]) -> LineBatch:
    """Written by hand: defaults are those of the table, not of the code under test."""
    rows = len(keys)
    data: dict[str, Sequence[Any]] = {}
    own = {one.name for one in fields(BillLine)} - {"dimensions", "model"}
    for column in LINE_COLUMNS:
        if column.name in own or column.name.startswith("d_"):
            empty = None if column.nullable else {"bool": False, "tags": {}}.get(column.kind, "")
            data[column.name] = Repeated(empty, rows)
    return LineBatch(
        data
        | {
            "layer": Repeated("invoice", rows), "dataset": Repeated("cur2", rows), "slice_key": keys,
            "line_no": list(range(1, rows + 1)), "charge_period_start": [AT + one for one in range(rows)],
            "charge_period_end": [AT + 9] * rows, "currency": Repeated("USD", rows), "billed_cost": costs,
        }
        | more
    )  # fmt: skip


def load(context: Context, *given: LineBatch | BillLine | Rejected) -> LoadSummary:
    return load_lines(context, BOOK, Reading("bill", "acct"), [("page_1", one) for one in given])


def landed(context: Context, what: str = "slice_key, line_no, CAST(billed_cost AS VARCHAR)") -> list[tuple[Any, ...]]:
    named = [str(row[0]) for row in context.config_db.rows("SELECT load_id FROM bill_load WHERE superseded_at IS NULL")]
    return context.ledger.rows(
        f"SELECT {what} FROM bill_line WHERE load_id IN (SELECT unnest($named)) ORDER BY ALL", {"named": named}
    )  # fmt: skip


def test_a_batch_lands_in_the_slices_of_its_lines(context: Context) -> None:
    done = load(context, batch([OCTOBER, OTHER, OCTOBER], [CENT, 2 * CENT, 4 * CENT]), Rejected(4, "odd"))
    assert (done.rows, done.rejected) == (3, 1)
    assert {one.slice_key: dict(one.sums) for one in done.slices} == {
        OCTOBER: {"billed_cost": 5 * CENT},
        OTHER: {"billed_cost": 2 * CENT},
    }
    assert landed(context) == [
        (OCTOBER, 1, "0.010000000000"),
        (OCTOBER, 3, "0.040000000000"),
        (OTHER, 2, "0.020000000000"),
    ]
    assert context.config_db.rows("SELECT slice_key, rows, first_at, last_at FROM bill_load ORDER BY 1") == [
        (OCTOBER, 2, AT, AT + 2),
        (OTHER, 1, AT + 1, AT + 1),
    ]


def test_the_same_lines_in_other_batches_change_nothing_and_leave_nothing_behind(context: Context) -> None:
    load(context, batch([OCTOBER] * 3, [CENT, CENT, 2 * CENT]))
    parts = [batch([OCTOBER], [2 * CENT], charge_period_start=[AT + 2]), batch([OCTOBER] * 2, [CENT, CENT])]
    again = load(context, *parts)
    assert [one.changed for one in again.slices] == [False]
    assert context.ledger.rows("SELECT count(*) FROM bill_line") == [(3,)]
    fewer = load(context, batch([OCTOBER] * 2, [CENT, CENT]))
    assert [(one.changed, one.rows, one.rows_before) for one in fewer.slices] == [(True, 2, 3)]


@pytest.mark.parametrize(
    "other",
    [{"tags": [{"team": "blue"}]}, {"raw_model": ["m-1"]}, {"billed_cost": [CENT + 1]}, {"d_team": ["blue"]}],
    ids=["a tag", "a model", "a grain", "a dimension"],
)
def test_whatever_differs_in_a_line_is_a_new_load(context: Context, other: dict[str, Sequence[Any]]) -> None:
    load(context, batch([OCTOBER], [CENT]))
    assert [one.changed for one in load(context, batch([OCTOBER], [CENT], **other)).slices] == [True]


def test_models_are_named_by_the_book(context: Context) -> None:
    load(context, batch([OCTOBER] * 2, [CENT, CENT], raw_model=["m-1", ""], provider=["p", ""]))
    assert landed(context, "line_no, model") == [(1, BOOK.resolve("p", "m-1").model), (2, "")]


def test_what_was_begun_before_a_failure_is_taken_back(context: Context) -> None:
    def broken() -> Iterator[tuple[str, LineBatch]]:
        yield "page_1", batch([OCTOBER], [CENT])
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        load_lines(context, BOOK, Reading("bill", "acct"), broken())
    assert context.ledger.rows("SELECT count(*) FROM bill_line") == [(0,)]


def test_what_the_table_refuses_ends_the_load_though_it_is_written_beside_the_reading(context: Context) -> None:
    with pytest.raises((OverflowError, ValueError)):
        load(context, batch([OCTOBER], [CENT]), batch([OCTOBER], [10**40]), batch([OCTOBER], [CENT]))
    assert context.ledger.rows("SELECT count(*) FROM bill_line") == [(0,)]
    assert context.config_db.rows("SELECT count(*) FROM bill_load") == [(0,)]


def test_lines_of_another_month_than_was_asked_for_are_kept_aside() -> None:
    good, *bad = _batch_of_slice(batch([OCTOBER, "111/2026-09"], [CENT, CENT]), "2026-10")
    assert isinstance(good, LineBatch)
    assert list(good.data["line_no"]) == [1]
    (odd,) = bad
    assert isinstance(odd, Rejected)
    assert (odd.line_no, odd.reason) == (2, "it belongs to 111/2026-09, and 2026-10 was asked for")
