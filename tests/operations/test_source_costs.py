"""Costs by the provider's own ids: a name is shown beside its id, and a new name splits no history."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.bills.id_costs import by_id
from tallystick.bills.model import BillLine
from tallystick.connectors.openai.source import KIND
from tallystick.connectors.registry import Kinds
from tallystick.kernel.errors import NotFound, UsageError
from tallystick.operations.connect_source import Sources
from tallystick.operations.context import Context
from tallystick.operations.load_lines import Reading, each, load_lines
from tallystick.operations.manage_sources import NewSource, add_source
from tallystick.operations.read_names import names_read
from tallystick.operations.reconcile import month_of
from tallystick.operations.start_ledger import start_ledger
from tallystick.operations.sum_source_costs import sum_source_costs
from tallystick.operations.sync_source import Wanted, sync
from tallystick.pricing.book import PriceBook
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tests.connectors.openai.fake import KEY, Organisation, served
from tests.connectors.openai.samples import COSTS, DAY_S
from tests.connectors.openai.test_names import LISTS
from tests.pricing.sample import day

OCTOBER = month_of(day("2026-10-01"))
HOUR = 3_600_000_000


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = Context(ledger=DuckDbEngine(None, threads=1), config_db=ConfigDb(tmp_path / "config.db"), data_dir=tmp_path)
    start_ledger(made)
    yield made
    made.config_db.close()
    made.ledger.close()


def test_a_project_that_is_renamed_between_two_days_is_one_project_under_its_newest_name(context: Context) -> None:
    rows = [{**COSTS, "day": DAY_S}, {**COSTS, "day": DAY_S + 86_400}]
    lists = dict(LISTS)
    now = (DAY_S + 43_200) * 1_000_000
    with served(Organisation({"costs": rows}, lists=lists)) as found:
        sources = Sources(Kinds({"openai": KIND}), lambda: PriceBook([]), {"KEY": KEY}.__getitem__, clock=lambda: now)
        new = NewSource(
            "openai", "bill", "main", {"base_url": f"{found.url}/v1"}, {"admin_key": "env:KEY"}, backfill_days=1
        )
        add_source(context, sources.kinds, new)
        sync(context, sources, "bill")
        (before,) = sum_source_costs(context, "bill", "project", OCTOBER).rows
        lists["projects"] = [{**LISTS["projects"][0], "name": "Crimson"}]
        now += 25 * HOUR
        sync(context, sources, "bill")
        (after,) = sum_source_costs(context, "bill", "project", OCTOBER).rows
        # Deleted there: it keeps the name it had last.
        lists["projects"] = []
        sync(context, sources, "bill", Wanted(by_hand=True))
        (gone,) = sum_source_costs(context, "bill", "project", OCTOBER).rows
    read = names_read(context, "bill")
    assert read is not None and (read.at, read.names, read.error) == (now, 2, "")
    assert (before.id, before.name, before.lines) == ("proj_red", "Red", 1)
    assert (after.id, after.name, after.lines) == ("proj_red", "Crimson", 2)
    assert before.reported is not None and after.reported == 2 * before.reported
    assert gone == after


def test_names_that_cannot_be_read_are_told_of_and_stop_no_bill(context: Context) -> None:
    with served(Organisation({"costs": [{**COSTS, "day": DAY_S}]})) as found:
        sources = Sources(
            Kinds({"openai": KIND}), lambda: PriceBook([]), {"KEY": KEY}.__getitem__, clock=lambda: DAY_S * 1_000_000
        )
        new = NewSource(
            "openai", "bill", "main", {"base_url": f"{found.url}/v1"}, {"admin_key": "env:KEY"}, backfill_days=1
        )
        add_source(context, sources.kinds, new)
        assert not sync(context, sources, "bill").failed
        asked = len(found.questions)
        sync(context, sources, "bill")
        assert len(found.questions) == asked
    read = names_read(context, "bill")
    assert read is not None and "does not know" in read.error and KEY not in read.error
    (row,) = sum_source_costs(context, "bill", "key", OCTOBER).rows
    assert (row.id, row.name) == (COSTS["api_key_id"], "")


def test_each_layer_says_its_own_and_a_name_on_the_line_is_the_last_resort(context: Context) -> None:
    add_source(context, Kinds({"openai": KIND}), NewSource("openai", "bill", "main", secrets={"admin_key": "env:KEY"}))
    shared = {
        "dataset": "d",
        "slice_key": "s",
        "charge_period_end": OCTOBER.end_us,
        "currency": "USD",
        "sub_account_id": "1",
    }
    at = OCTOBER.start_us
    lines = [
        BillLine(layer="usage", line_no=1, charge_period_start=at, effective_cost=5, meter="plain_output", **shared),
        BillLine(layer="usage", line_no=2, charge_period_start=at, meter="plain_output", **shared),
        BillLine(layer="cost", line_no=3, charge_period_start=at, billed_cost=7, sub_account_name="old", **shared),
        BillLine(layer="invoice", line_no=4, charge_period_start=at + 1, billed_cost=9, effective_cost=11, sub_account_name="new", **shared),
        BillLine(layer="invoice", line_no=5, charge_period_start=OCTOBER.end_us, billed_cost=99, **shared),
    ]  # fmt: skip
    load_lines(context, PriceBook([]), Reading("bill", "main"), each("page", lines))
    (row,) = sum_source_costs(context, "bill", "project", OCTOBER).rows
    assert (row.name, row.rated, row.reported, row.invoiced, row.unpriced, row.lines) == ("new", 5, 7, 11, 1, 4)
    with pytest.raises(UsageError, match="colour"):
        sum_source_costs(context, "bill", "colour", OCTOBER)
    with pytest.raises(NotFound):
        sum_source_costs(context, "nobody", "key", OCTOBER)


amounts = st.none() | st.integers(-(10**15), 10**15)
rows = st.lists(st.tuples(st.sampled_from(["a", "b", ""]), st.sampled_from(["", "x", "y"]), st.sampled_from(["USD", "EUR"]),
                          st.integers(0, 5), amounts, amounts, amounts, st.integers(0, 3), st.integers(1, 3)), max_size=8)  # fmt: skip


@given(rows, st.dictionaries(st.sampled_from("ab"), st.sampled_from(["now", ""])))
def test_names_change_no_sum_and_every_id_is_there_once(found: list[tuple], names: dict[str, str]) -> None:  # type: ignore[type-arg]
    merged = by_id(found, names)
    assert sorted((one.id, one.currency) for one in merged) == sorted({(row[0], row[2]) for row in found})
    for place, layer in ((4, "rated"), (5, "reported"), (6, "invoiced"), (7, "unpriced"), (8, "lines")):
        assert sum(getattr(one, layer) or 0 for one in merged) == sum(row[place] or 0 for row in found)
    assert all(one.name == names[one.id] for one in merged if names.get(one.id))
