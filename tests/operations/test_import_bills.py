"""A bill is loaded once: the same again is nothing, a newer one takes its place, bad rows stay aside."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.bills.model import BillLine, Load
from tallystick.bills.store import list_lines, list_loads
from tallystick.cli.import_text import import_lines
from tallystick.kernel.errors import DataError
from tallystick.operations.context import Context
from tallystick.operations.import_files import ImportRequest, ImportSummary, import_files
from tallystick.operations.import_wire import summary_to_wire
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing.book import PriceBook
from tallystick.pricing.model import PriceCard, Tier
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tests.focus.rows import ANTHROPIC, DISK

UNIT = 10**12
BOOK = PriceBook([PriceCard("c1", "anthropic", "claude-sonnet-4-5", (Tier(0, {"plain_output": 1}),))])
EVER = (0, 7_000_000_000_000_000)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    engine, config_db = DuckDbEngine(None), ConfigDb(tmp_path / "config.db")
    found = Context(ledger=engine, config_db=config_db, data_dir=tmp_path)
    start_ledger(found)
    yield found
    engine.close()
    config_db.close()


def put(context: Context, name: str, *rows: dict[str, object]) -> Path:
    lines = [list(ANTHROPIC), *([str(row[key]) for key in ANTHROPIC] for row in rows)]
    text = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) + "\n" for line in lines)
    path = context.data_dir / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def run(context: Context, *paths: Path, **words: object) -> ImportSummary:
    return import_files(context, BOOK, ImportRequest(paths, **words))


def held(context: Context) -> tuple[list[Load], list[BillLine]]:
    loads = list_loads(context.config_db)
    return loads, [line for _, _, line in list_lines(context.ledger, [one.load_id for one in loads], EVER)]


def billed(context: Context) -> int:
    return sum(line.billed_cost or 0 for line in held(context)[1])


def said(summary: ImportSummary) -> list[str]:
    return import_lines(json.loads(json.dumps(summary_to_wire(summary))), dry_run=False)


def test_a_bill_lands_with_its_slices_named_and_summed(context: Context) -> None:
    named = {**ANTHROPIC, "SkuPriceDetails": '{"x_ModelId":"claude-sonnet-4-5"}'}
    summary = run(context, put(context, "may.csv", named, named, DISK))
    loads, lines = held(context)
    assert {
        (one.source, one.dataset, one.slice_key, one.rows, one.provider_account, one.currency) for one in loads
    } == {
        ("import:focus", "focus", "org-harbour/2026-10", 2, "anthropic", "USD"),
        ("import:focus", "focus", "123456789012/2026-10", 1, "123456789012", "USD"),
    }
    assert {one.slice_key: one.sums["billed_cost"] for one in loads} == {
        "org-harbour/2026-10": 50_400_000_000_000, "123456789012/2026-10": 1_500_000_000_000,
    }  # fmt: skip
    assert [(line.line_no, line.model, line.ai) for line in lines if line.ai] == [
        (2, "claude-sonnet-4-5", True), (3, "claude-sonnet-4-5", True),
    ]  # fmt: skip
    assert (summary.landed, summary.rejected, summary.files) == (True, 0, ())
    assert said(summary) == [
        "may.csv",
        "  FOCUS 1.2 (CSV), source import:focus",
        "  3 rows, 2 AI, 1 other; 2026-10; account 123456789012, anthropic",
        "  in all: billed 51.90, effective 51.90, list 75.60, contracted 75.60 USD",
        "  AI: billed 50.40, effective 50.40, list 50.40, contracted 50.40 USD",
        "  123456789012/2026-10: imported 1 line",
        "  org-harbour/2026-10: imported 2 lines",
    ]


def test_the_same_rows_again_in_any_order_and_packing_change_nothing(context: Context) -> None:
    other = {**ANTHROPIC, "BilledCost": "1"}
    run(context, put(context, "a.csv", ANTHROPIC, other, other))
    before = held(context)
    again = run(context, put(context, "b.csv.gz", other, ANTHROPIC, other))
    assert held(context) == before
    assert said(again)[-1] == "  org-harbour/2026-10: nothing new, 3 lines there already"
    assert context.ledger.rows("SELECT count(*) FROM bill_line") == [(3,)]


def test_a_newer_bill_takes_the_place_of_the_older_and_says_so(context: Context) -> None:
    run(
        context,
        put(context, "a.csv", {**ANTHROPIC, "BilledCost": "10000"}, {**DISK, "BillingPeriodStart": "2026-09-01"}),
    )
    summary = run(context, put(context, "b.csv", {**ANTHROPIC, "BilledCost": "10212"}))
    assert billed(context) == 10_213_500_000_000_000, "the other account's month stays"
    assert said(summary)[-1] == "  org-harbour/2026-10: replaced 1 line, 10,000.00 → 10,212.00"
    assert len(list_loads(context.config_db, all_of_them=True)) == 3


def test_files_of_one_command_are_parts_of_one_load(context: Context) -> None:
    paths = put(context, "a.csv", ANTHROPIC), put(context, "b.csv", ANTHROPIC)
    run(context, *paths)
    assert [(one.rows, one.file) for one in held(context)[0]] == [(2, "a.csv, b.csv")]
    run(context, *reversed(paths))
    assert len(list_loads(context.config_db, all_of_them=True)) == 1


def test_add_puts_a_bill_beside_and_a_later_whole_one_replaces_both(context: Context) -> None:
    first, second = put(context, "a.csv", ANTHROPIC), put(context, "b.csv", {**ANTHROPIC, "BilledCost": "1"})
    run(context, first)
    run(context, second, beside=True)
    assert billed(context) == 26_200_000_000_000
    run(context, second, beside=True)
    run(context, first)
    assert billed(context) == 26_200_000_000_000, "both are there already"
    assert sorted(one.slice_key for one in held(context)[0]) == ["org-harbour/2026-10", "org-harbour/2026-10+2"]
    summary = run(context, put(context, "c.csv", {**ANTHROPIC, "BilledCost": "3"}))
    assert billed(context) == 3 * UNIT
    assert said(summary)[-1] == "  org-harbour/2026-10: replaced 2 lines, 26.20 → 3.00"


def test_an_account_and_a_source_can_be_named(context: Context) -> None:
    run(context, put(context, "a.csv", ANTHROPIC), account="claude-eu", source="finance")
    ((load,), (line,)) = held(context)
    assert (load.source, load.provider_account, line.provider_account) == ("import:finance", "claude-eu", "claude-eu")


def test_bad_rows_stay_aside_with_their_place_and_the_rest_lands(context: Context) -> None:
    bad = {**ANTHROPIC, "BilledCost": "12,50"}
    summary = run(context, put(context, "a.csv", ANTHROPIC, bad))
    assert (billed(context), summary.rejected) == (25_200_000_000_000, 1)
    (problem,) = summary.problems
    assert (Path(problem.file).name, problem.line) == ("a.csv", 3)
    (entry,) = map(json.loads, Path(summary.bills_rejected_file).read_text().splitlines())
    assert entry["line"] == 3
    assert json.loads(entry["row"])["BilledCost"] == "12,50"
    assert held(context)[0][0].rejected == 1


def test_strict_and_dry_runs_leave_nothing(context: Context) -> None:
    good, bad = put(context, "a.csv", ANTHROPIC), put(context, "b.csv", {**ANTHROPIC, "ChargePeriodStart": ""})
    for summary in (run(context, good, dry_run=True), run(context, good, bad, strict=True)):
        assert not summary.landed
        assert held(context) == ([], [])
    assert "not imported" in said(summary)[-2] or "not imported" in said(summary)[-1]
    assert run(context, good, strict=True).landed


def test_a_file_that_breaks_off_loads_nothing_of_the_command(context: Context) -> None:
    whole = put(context, "a.csv", ANTHROPIC)
    cut = context.data_dir / "cut.csv.gz"
    packed = put(context, "b.csv.gz", *[{**ANTHROPIC, "InvoiceId": f"{number * 7919}"} for number in range(3000)])
    cut.write_bytes(packed.read_bytes()[:-40])
    with pytest.raises(DataError, match="damaged"):
        run(context, whole, cut)
    assert held(context) == ([], [])
    assert context.ledger.rows("SELECT count(*) FROM bill_line") == [(0,)]


def test_currencies_of_one_slice_are_summed_apart(context: Context) -> None:
    summary = run(context, put(context, "a.csv", ANTHROPIC, {**ANTHROPIC, "BillingCurrency": "EUR", "BilledCost": "2"}))
    ((load,), _) = held(context)
    assert (load.currency, load.sums["billed_cost:EUR"], load.sums["billed_cost:USD"]) == (
        "",
        2 * UNIT,
        25_200_000_000_000,
    )
    assert {code: sums["billed_cost"] for code, sums in summary_to_wire(summary)["bills"][0]["sums"].items()} == {
        "EUR": "2", "USD": "25.2",
    }  # fmt: skip


def test_json_lines_of_changing_shape_are_one_bill(context: Context) -> None:
    path = context.data_dir / "a.jsonl"
    rows = [ANTHROPIC, {name: cell for name, cell in ANTHROPIC.items() if name != "Tags"}, {**ANTHROPIC, "x_More": [1]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "[1]\n")
    summary = run(context, path)
    assert (summary.rejected, billed(context)) == (1, 75_600_000_000_000)
    assert [line.extra.get("x_More", "") for line in held(context)[1]] == ["", "", "[1]"]


def test_usage_and_bills_can_be_named_in_one_command(context: Context) -> None:
    usage = context.data_dir / "usage.csv"
    usage.write_text("time,model,input_tokens,output_tokens\n2026-11-01T00:00:00Z,m,1,2\n")
    summary = run(context, put(context, "a.csv", ANTHROPIC), usage, set_texts=("provider=openai",))
    assert ([one.new for one in summary.files], [one.rows for one in summary.bills[0].files]) == ([1], [1])
    wire = summary_to_wire(summary)
    assert (wire["rows"], len(wire["files"]), len(wire["bills"])) == (2, 1, 1)


def test_a_bill_without_rows_is_refused(context: Context) -> None:
    with pytest.raises(DataError, match="no rows"):
        run(context, put(context, "a.csv"))


def test_a_bill_of_which_no_row_can_be_used_replaces_nothing_and_says_so(context: Context) -> None:
    run(context, put(context, "a.csv", ANTHROPIC))
    before = billed(context)
    again = run(context, put(context, "b.csv", {**ANTHROPIC, "BilledCost": "many"}))
    assert (again.rejected, billed(context)) == (1, before)
    assert any(line.endswith("1 rejected; no row can be used, and nothing is replaced") for line in said(again))
