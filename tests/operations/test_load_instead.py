"""Two streams of a source that say the same count once, whichever is switched on when."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.bills.model import BillLine
from tallystick.bills.store import list_loads
from tallystick.operations.context import Context
from tallystick.operations.load_lines import Reading, each, load_lines
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing.book import PriceBook
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tests.pricing.sample import day

AT = day("2026-10-01")
OTHER = {"old": ("new",), "new": ("old",), "apart": ()}
steps = st.lists(st.tuples(st.sampled_from(sorted(OTHER)), st.sampled_from("12"), st.integers(0, 2)), max_size=6)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    path: Path = tmp_path_factory.mktemp("instead")
    made = Context(ledger=DuckDbEngine(None, threads=1), config_db=ConfigDb(path / "config.db"), data_dir=path)
    start_ledger(made)
    yield made
    made.config_db.close()
    made.ledger.close()


def _load(context: Context, source: str, dataset: str, slice_key: str, amount: int) -> None:
    """One slice of a dataset with one line of an amount, or with none at all."""
    line = BillLine(layer="cost", dataset=dataset, slice_key=slice_key, line_no=1, charge_period_start=AT,
                    charge_period_end=AT + 1, currency="USD", billed_cost=amount)  # fmt: skip
    reading = Reading(source, "acct", [(dataset, slice_key)], instead_of=OTHER[dataset])
    load_lines(context, PriceBook([]), reading, each("page", [line] if amount else []))


@given(steps)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_stream_that_told_a_slice_last_is_the_one_that_counts(
    context: Context, taken: list[tuple[str, str, int]]
) -> None:
    _load(context, "neighbour", "old", "1", 7)
    context.config_db.execute("DELETE FROM bill_load WHERE source = 'bill'")
    expected: dict[tuple[str, str], int] = {}
    for dataset, key, amount in taken:
        _load(context, "bill", dataset, key, amount)
        expected[dataset, key] = amount
        if amount:
            expected.update({(other, key): 0 for other in OTHER[dataset]})
    found = {(one.dataset, one.slice_key): one.sums["billed_cost"] for one in list_loads(context.config_db, "bill") if one.rows}  # fmt: skip
    assert found == {key: amount for key, amount in expected.items() if amount}
    (neighbour,) = list_loads(context.config_db, "neighbour")
    assert neighbour.sums == {"billed_cost": 7}


def test_what_was_told_twice_before_is_mended_when_the_same_comes_again(context: Context) -> None:
    context.config_db.execute("DELETE FROM bill_load WHERE source = 'bill'")
    _load(context, "bill", "old", "1", 2)
    _load(context, "bill", "new", "1", 2)
    context.config_db.execute("UPDATE bill_load SET superseded_at = NULL WHERE source = 'bill'")
    _load(context, "bill", "new", "1", 2)
    assert [one.dataset for one in list_loads(context.config_db, "bill")] == ["new"]
