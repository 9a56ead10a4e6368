"""Public request traces, given by path, import to their own totals: again, in parts, in any order, with twins.

They are not part of this repository. Name them to run this:
TALLY_TRACE_AZURE (Azure's LLM inference traces as Parquet: ts, input_tokens, output_tokens) and
TALLY_TRACE_MOONCAKE (Mooncake's traces as Parquet: timestamp in ms from a start, input_length, output_length, …).
"""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tallystick.operations.context import Context
from tallystick.operations.import_files import ImportRequest, import_files
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing.book import PriceBook
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine


@dataclass(frozen=True)
class Trace:
    variable: str
    input: str
    output: str
    maps: tuple[str, ...]

    @property
    def path(self) -> Path:
        found = os.environ.get(self.variable, "")
        if not found:
            pytest.skip(f"NOT RUN: {self.variable} names no file")
        return Path(found)


TRACES = (
    Trace("TALLY_TRACE_AZURE", "input_tokens", "output_tokens", ()),
    Trace(
        "TALLY_TRACE_MOONCAKE",
        "input_length",
        "output_length",
        (
            "time=timestamp:ms+2026-11-01,input_tokens=input_length,output_tokens=output_length,feature=trace",
            "cache_read=prefix_hit_tokens_infinite_cache",
        ),
    ),
)
each_trace = pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.variable)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    engine, config_db = DuckDbEngine(tmp_path / "ledger.duckdb"), ConfigDb(tmp_path / "config.db")
    found = Context(ledger=engine, config_db=config_db, data_dir=tmp_path)
    start_ledger(found)
    yield found
    engine.close()
    config_db.close()


def land(context: Context, trace: Trace, path: Path) -> None:
    request = ImportRequest((path,), trace.maps, ("provider=azure,model=gpt-4o",))
    assert import_files(context, PriceBook([]), request).rejected == 0


def in_file(trace: Trace) -> tuple[int, int, int]:
    """Counted from the file by the engine alone."""
    query = f"SELECT count(*), sum({trace.input}), sum({trace.output}) FROM read_parquet(?)"
    rows, tokens, output = duckdb.execute(query, [str(trace.path)]).fetchall()[0]
    return int(rows), int(tokens), int(output)


def in_ledger(context: Context) -> tuple[int, int, int]:
    ((rows, tokens, output),) = context.ledger.rows(
        "SELECT count(*), sum(input_tokens), sum(output_tokens) FROM usage_event"
    )
    return int(str(rows)), int(str(tokens)), int(str(output))


@pytest.mark.slow
@each_trace
def test_the_totals_are_the_files_also_the_second_time(context: Context, trace: Trace) -> None:
    for _ in range(2):
        land(context, trace, trace.path)
        assert in_ledger(context) == in_file(trace)


@pytest.mark.slow
@each_trace
def test_three_overlapping_parts_in_random_order_are_the_file(context: Context, trace: Trace, tmp_path: Path) -> None:
    table = pq.read_table(trace.path)
    third = len(table) // 3
    bounds = [(0, third + 500), (third - 500, 2 * third + 500), (2 * third - 500, len(table))]
    order = random.Random(11).sample(bounds * 2, 6)
    for number, (first, end) in enumerate(order):
        part = tmp_path / f"part-{number}.parquet"
        pq.write_table(table.slice(first, end - first), part)
        land(context, trace, part)
    assert in_ledger(context) == in_file(trace)


@pytest.mark.slow
@each_trace
def test_five_equal_rows_count_five(context: Context, trace: Trace, tmp_path: Path) -> None:
    table = pq.read_table(trace.path)
    row = table.slice(100, 1)
    added = pa.concat_tables([table, *[row] * 5])
    path = tmp_path / "twins.parquet"
    pq.write_table(added, path)
    for _ in range(2):
        land(context, trace, path)
    rows, tokens, output = in_file(trace)
    one_input, one_output = row[trace.input][0].as_py(), row[trace.output][0].as_py()
    assert in_ledger(context) == (rows + 5, tokens + 5 * one_input, output + 5 * one_output)
