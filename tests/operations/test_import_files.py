"""Imported rows count once each: again, in overlapping parts, in any order; bad ones are kept aside."""

import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.explore.parse import parse_query
from tallystick.kernel.errors import DataError, UsageError
from tallystick.operations.context import Context
from tallystick.operations.explore import explore
from tallystick.operations.import_files import FileSummary, ImportRequest, ImportSummary, Progress, import_files
from tallystick.operations.import_wire import summary_to_wire
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.post_charges import post_charges
from tallystick.operations.start_ledger import start_ledger
from tallystick.org.model import Principal
from tallystick.pricing.book import PriceBook
from tallystick.pricing.model import PriceCard, Tier
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tallystick.usage.model import Measured, UsageEvent

START = datetime(2026, 11, 1, tzinfo=UTC)
# A token in costs 2 millionths of a dollar, cached 1, out 10.
PRICES = {"uncached_input": 2_000_000, "cache_read": 1_000_000, "plain_output": 10_000_000}
BOOK = PriceBook([PriceCard("card-1", "openai", "gpt-test", (Tier(0, PRICES),))])
HEADER = "time,model,input_tokens,cached_tokens,output_tokens\n"


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    yield from _context(tmp_path)


def _context(folder: Path) -> Iterator[Context]:
    engine, config_db = DuckDbEngine(None), ConfigDb(folder / "config.db")
    found = Context(ledger=engine, config_db=config_db, data_dir=folder)
    start_ledger(found)
    yield found
    engine.close()
    config_db.close()


def line(minute: int, tokens: int) -> str:
    return f"{(START + timedelta(minutes=minute)).isoformat()},gpt-test,{tokens},{tokens // 2},7\n"


def put(context: Context, name: str, *lines: str) -> Path:
    path = context.data_dir / name
    path.write_text(HEADER + "".join(lines))
    return path


def run(context: Context, *paths: Path, **words: object) -> ImportSummary:
    return import_files(context, BOOK, ImportRequest(paths, set_texts=("provider=openai",), **words))


def totals(context: Context) -> tuple[int, int, int]:
    ((rows, tokens, cost),) = context.ledger.rows(
        "SELECT count(*), coalesce(sum(input_tokens), 0), coalesce(sum(effective_cost), 0) FROM usage_event"
    )
    return int(str(rows)), int(str(tokens)), round(float(str(cost)) * 1e12)


def only(summary: ImportSummary) -> FileSummary:
    (one,) = summary.files
    return one


def test_a_file_lands_with_our_prices(context: Context) -> None:
    one = only(run(context, put(context, "a.csv", line(0, 100), line(1, 40))))
    # 100 in: 50 uncached at 2, 50 cached at 1; 40 in: 20 at 2, 20 at 1; 7 out each at 10.
    cost = (50 * 2 + 50 + 20 * 2 + 20 + 14 * 10) * 1_000_000
    assert (one.rows, one.new, one.input_tokens, one.output_tokens, one.cost) == (2, 2, 140, 14, cost)
    assert totals(context) == (2, 140, cost)


def test_the_second_time_nothing_changes(context: Context) -> None:
    path = put(context, "a.csv", line(0, 100), line(1, 40))
    run(context, path)
    before = totals(context)
    again = only(run(context, path))
    assert (again.new, again.duplicates) == (0, 2)
    assert totals(context) == before


def test_five_equal_rows_count_five_times_also_after_a_second_import(context: Context) -> None:
    path = put(context, "a.csv", *[line(0, 100)] * 5, line(1, 1))
    for _ in range(2):
        run(context, path)
    assert totals(context)[:2] == (6, 501)


def test_a_copy_under_another_name_and_packing_is_the_same_file(context: Context) -> None:
    path = put(context, "a.csv", line(0, 100), line(0, 100))
    run(context, path)
    copy = context.data_dir / "other.txt"
    copy.write_bytes(path.read_bytes())
    assert only(run(context, copy)).new == 0


def test_another_source_counts_on_its_own(context: Context) -> None:
    path = put(context, "a.csv", line(0, 100))
    run(context, path)
    assert only(run(context, path, source="second")).new == 1


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 3)), min_size=3, max_size=40),
    st.integers(0, 2**32),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_overlapping_parts_in_any_order_are_the_file(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int]], seed: int
) -> None:
    lines = [line(minute, tokens) for minute, tokens in sorted(rows)]
    rng = random.Random(seed)
    third = len(lines) // 3
    # Equal rows stand together, and a part that cuts through them is joined by one that holds them all.
    cut = [_outside(lines, 0), _outside(lines, 2 * third)]
    parts = [lines[: cut[1]], lines[_outside(lines, third) :], lines[cut[0] : cut[1]]]
    rng.shuffle(parts)
    for context in _context(tmp_path_factory.mktemp("parts")):
        for number, part in enumerate([*parts, *parts]):
            if part:
                run(context, put(context, f"{number}.csv", *part))
        assert totals(context)[:2] == (len(lines), sum(tokens for _, tokens in rows))


def _outside(lines: list[str], index: int) -> int:
    """The first place from `index` on that does not lie between equal lines."""
    while 0 < index < len(lines) and lines[index] == lines[index - 1]:
        index += 1
    return index


BAD = (
    "2026-11-01T00:00:00Z,gpt-test,-5,0,1\n",
    "2026-11-01T00:00:00Z,gpt-test,99999999999,0,1\n",
    "2099-01-01T00:00:00Z,gpt-test,5,0,1\n",
    "someday,gpt-test,5,0,1\n",
    "2026-11-01T00:00:00Z,,5,0,1\n",
    "2026-11-01T00:00:00Z,gpt-test,5,9,1\n",
    "2026-11-01T00:00:00Z,gpt-test,5\n",
)


def test_good_rows_land_and_bad_ones_are_kept_with_file_line_and_reason(context: Context) -> None:
    path = put(context, "a.csv", line(0, 10), *BAD, line(1, 20))
    summary = run(context, path)
    one = only(summary)
    assert (one.rows, one.new, one.rejected, summary.landed) == (9, 2, 7, True)
    kept = [json.loads(text) for text in Path(one.rejected_file).read_text().splitlines()]
    assert [entry["line"] for entry in kept] == list(range(3, 10))
    assert {entry["file"] for entry in kept} == {str(path)}
    for word, entry in zip(
        ("negative", "more than", "future", "no time", "model", "cache_read", "fields"), kept, strict=True
    ):
        assert word in entry["reason"]
    assert [one.line for one in summary.problems] == list(range(3, 10))


def test_strict_lands_nothing_when_one_row_is_bad(context: Context) -> None:
    good, bad = put(context, "good.csv", line(0, 10)), put(context, "bad.csv", line(1, 10), BAD[0])
    summary = run(context, good, bad, strict=True)
    assert (summary.landed, summary.rejected) == (False, 1)
    assert totals(context)[0] == 0
    assert run(context, good, strict=True).landed
    assert totals(context)[0] == 1


def test_a_dry_run_says_all_and_lands_nothing(context: Context) -> None:
    summary = run(context, put(context, "a.csv", line(0, 10), BAD[0]), dry_run=True)
    assert (only(summary).rows, summary.rejected, summary.landed) == (2, 1, False)
    assert totals(context)[0] == 0
    assert not context.config_db.rows("SELECT * FROM import_run")
    assert not (context.data_dir / "rejected").exists()


def test_a_model_without_a_price_lands_unpriced_and_is_counted(context: Context) -> None:
    path = context.data_dir / "a.csv"
    path.write_text(HEADER + line(0, 100).replace("gpt-test", "gpt-unheard-of"))
    one = only(run(context, path))
    assert (one.new, one.unpriced, one.cost) == (1, 1, None)
    assert context.ledger.rows("SELECT unpriced_tokens, effective_cost FROM usage_event") == [(107, None)]


def test_each_import_is_remembered(context: Context) -> None:
    run(context, put(context, "a.csv", line(0, 10), BAD[0]))
    ((source, file, rows, rejected),) = context.config_db.rows("SELECT source, file, rows, rejected FROM import_run")
    assert str(source).startswith("import:file-")
    assert (file, rows, rejected) == ("a.csv", 2, 1)


def test_progress_reaches_the_size_of_the_file(context: Context) -> None:
    path = put(context, "a.csv", *[line(minute, 3) for minute in range(50)])
    seen = []
    import_files(context, BOOK, ImportRequest((path,)), seen.append)
    assert (seen[-1].rows, seen[-1].bytes_done, seen[-1].bytes_total) == (50, path.stat().st_size, path.stat().st_size)


def test_no_file_and_a_file_of_something_else_are_errors(context: Context) -> None:
    with pytest.raises(UsageError):
        run(context)
    other = context.data_dir / "notes.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="no column is known to hold time"):
        run(context, other)


def page(context: Context, tokens: int, model: str = "gpt-test", requests: int = 3) -> Path:
    result = {
        "object": "organization.usage.completions.result",
        "input_tokens": tokens,
        "output_tokens": 10,
        "num_model_requests": requests,
        "model": model,
    }
    bucket = {"object": "bucket", "start_time": 1_793_491_200, "end_time": 1_793_577_600, "results": [result]}
    path = context.data_dir / f"{model}-{tokens}-{requests}.json"
    path.write_text(json.dumps({"object": "page", "data": [bucket]}))
    return path


def test_a_restated_bucket_is_corrected_by_the_difference_and_never_edited(context: Context) -> None:
    first = only(import_files(context, BOOK, ImportRequest((page(context, 1000),))))
    assert (first.new, first.corrections) == (1, 0)
    for tokens, rows in ((1500, 2), (1500, 2), (400, 3), (1500, 4)):
        import_files(context, BOOK, ImportRequest((page(context, tokens),)))
        assert totals(context) == (rows, tokens, (tokens * 2 + 10 * 10) * 1_000_000)
    ((keys,),) = context.ledger.rows("SELECT count(DISTINCT source_key) FROM usage_event")
    assert keys == 1


def test_only_the_last_state_of_a_bucket_in_one_file_counts(context: Context) -> None:
    both = context.data_dir / "both.jsonl"
    both.write_text("\n".join(page(context, tokens).read_text() for tokens in (1000, 1200)))
    import_files(context, BOOK, ImportRequest((both,)))
    assert totals(context)[:2] == (1, 1200)


def test_a_summary_on_the_wire_carries_money_as_text(context: Context) -> None:
    wire = summary_to_wire(run(context, put(context, "a.csv", line(0, 100))))
    assert (wire["rows"], wire["new"], wire["cost"]) == (1, 1, "0.00022")
    assert wire["files"][0]["from"] == "2026-11-01T00:00:00Z"


def test_a_bucket_counts_as_the_requests_it_holds_and_a_correction_as_the_difference(context: Context) -> None:
    query = parse_query({"from": ["2026-11-01"], "to": ["2026-11-02"]}, now_us=1_793_600_000_000_000, zone="UTC")
    for requests in (40, 55, 50):
        import_files(context, BOOK, ImportRequest((page(context, 1000, requests=requests),)))
        assert explore(context, query, Principal("test", "admin")).total.now.calls == requests
        post_charges(context)
        assert explore(context, query, Principal("test", "admin")).total.now.calls == requests


def test_a_log_of_another_gateway_is_counted_once_with_calls_of_ours(context: Context) -> None:
    made = datetime(2026, 11, 1, 12, tzinfo=UTC)
    micros = int(made.timestamp()) * 1_000_000
    event = UsageEvent(
        "evt_1", "call_1", micros, provider="openai", provider_account="main", model="gpt-test", effective_cost=5,
        list_cost=5, response_id="chatcmpl-00000001", measured=Measured({"plain_output": 1}, 0, 1, "reported"),
    )  # fmt: skip
    ingest_events(context, [event])
    log = {"created_at": made.isoformat(), "ai_org": "openai", "ai_model": "gpt-test",
           "response": {"id": "chatcmpl-00000001", "usage": {"prompt_tokens": 3, "completion_tokens": 1}}}  # fmt: skip
    path = context.data_dir / "portkey.jsonl"
    path.write_text(
        "".join(
            json.dumps(log | {"response": {**log["response"], "id": f"chatcmpl-0000000{n}"}}) + "\n" for n in (1, 2)
        )
    )  # type: ignore[dict-item]
    run(context, path)
    # The second call is in the log alone: 3 tokens at 2 millionths and 1 at 10, in grains.
    assert context.ledger.rows("SELECT sum(calls), sum(effective_cost) * 1000000000000 FROM charge") == [
        (2, 5 + 16_000_000)
    ]


def test_a_file_that_breaks_off_says_what_has_landed_and_the_mended_one_counts_nothing_twice(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick.operations.import_files._BATCH", 1_000)
    monkeypatch.setattr("tallystick.connectors.files.reading._CHECKED_FIRST", 0)
    lines = [line(minute, 100 + minute) for minute in range(6_000)]
    packed = gzip.compress((HEADER + "".join(lines)).encode())
    path = context.data_dir / "a.csv.gz"
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match=r"damaged.* rows before it have landed") as caught:
        run(context, put(context, "first.csv", line(-1, 1)), path)
    assert "the file before it has landed whole" in caught.value.what
    assert "not counted twice" in caught.value.next_steps[-1]
    assert totals(context)[0] > 1
    path.write_bytes(packed)
    run(context, path)
    assert totals(context)[:2] == (6_001, 1 + sum(range(100, 6_100)))


def test_a_small_file_that_breaks_off_lands_nothing(context: Context) -> None:
    path = context.data_dir / "a.csv.gz"
    path.write_bytes(gzip.compress((HEADER + line(0, 100) * 9_000).encode())[:-9])
    with pytest.raises(DataError, match="damaged"):
        run(context, path)
    assert totals(context)[0] == 0


def test_an_import_that_is_interrupted_is_finished_by_the_same_command(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick.operations.import_files._BATCH", 50)
    path = put(context, "a.csv", *[line(minute, 100 + minute) for minute in range(200)])
    read: list[int] = []

    def interrupt(progress: Progress) -> None:
        read.append(progress.rows)
        if len(read) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_files(context, BOOK, ImportRequest((path,), set_texts=("provider=openai",)), interrupt)
    assert totals(context)[0] == 100
    one = only(run(context, path))
    assert (one.new, one.duplicates) == (100, 100)
    assert totals(context)[:2] == (200, sum(range(100, 300)))
