"""How many events a second the ledger takes for good, when it already holds many.

    python -m bench.ingest --held 10000000 --events 1000000

Fills a store with `--held` events by SQL (not timed), then ingests `--events` fresh ones in
batches through `operations.ingest_events`: columns made, ids looked for, rows appended and
synced, as the running server does. Beside it, in the same run and into a store of its own,
the same columns appended without looking for duplicates: the ratio of the two is what
exactly-once costs. Then one batch again, to see that nothing of it is taken twice.
"""

import argparse
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tallystick.ledger.columns import EVENT_COLUMNS
from tallystick.ledger.rows import to_columns
from tallystick.ledger.store import EVENTS, append_mark
from tallystick.operations.context import Context
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.post_charges import post_charges
from tallystick.operations.start_ledger import start_ledger
from tallystick.storage.clickhouse_engine import ClickHouseEngine
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tallystick.usage.model import Measured, UsageEvent

START = 1_740_000_000_000_000
GAP = 3_600_000  # microseconds between held events: 10 million of them span 14 months


def main() -> None:
    options = parse()
    folder = Path(tempfile.mkdtemp(prefix="tally-ingest-", dir=options.folder))
    try:
        run(options, folder)
    finally:
        shutil.rmtree(folder)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000, help="events to ingest, timed")
    parser.add_argument("--held", type=int, default=10_000_000, help="events in the store before")
    parser.add_argument("--batch", type=int, default=20_000, help="events in one transaction")
    parser.add_argument("--engine", choices=["duckdb", "clickhouse"], default="duckdb")
    parser.add_argument("--folder", help="where the store is made; the system's temporary folder by default")
    return parser.parse_args()


def run(options: argparse.Namespace, folder: Path) -> None:
    batches = (options.events + options.batch - 1) // options.batch
    # The engine in process serves one folder at a time, so the two stores are two runs one after the other.
    raw, raw_cpu = append_raw(open_store(options.engine, folder / "raw"), batches, options)
    context = open_store(options.engine, folder / "full")
    fill(context, options.held)
    before = context.ledger.disk_bytes()
    seconds, cpu = [], 0.0
    for events in make(options.held, batches, options.batch):
        began, cpu_began = time.perf_counter(), time.process_time()
        new = ingest_events(context, events).new
        seconds.append(time.perf_counter() - began)
        cpu += time.process_time() - cpu_began
        assert new == len(events), f"{new} of {len(events)} were new"
    again = ingest_events(context, events)
    assert again.new == 0, "a redelivery was taken twice"
    began = time.perf_counter()
    posted = post_charges(context)
    post_seconds = time.perf_counter() - began
    context.ledger.checkpoint()
    total = batches * options.batch
    rate = total / sum(seconds)
    print(f"{options.engine}: {total:,} events into a store of {options.held:,}, batches of {options.batch:,}")
    print(f"  ingest, each once, durable   {rate:10,.0f} events/s")
    print(f"  raw append of the columns    {raw:10,.0f} events/s   ratio {rate / raw:.2f}")
    print(f"  cpu of the two, all threads  {1e6 * cpu / total:10.1f} us an event, {1e6 * raw_cpu / total:.1f} us raw")
    print(f"  one batch, seconds           median {statistics.median(seconds):.3f}   worst {max(seconds):.3f}")
    print(f"  posting                      {posted / post_seconds:10,.0f} events/s")
    print(f"  disk                         {(context.ledger.disk_bytes() - before) / total:10.0f} bytes an event")
    print(
        f"  memory                       {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:10.0f} MB at the most"
    )
    context.ledger.close()


def open_store(engine: str, folder: Path) -> Context:
    folder.mkdir()
    ledger = DuckDbEngine(folder / "ledger.duckdb") if engine == "duckdb" else ClickHouseEngine(f"chdb://{folder}/ch")
    context = Context(ledger=ledger, config_db=ConfigDb(folder / "config.db"), data_dir=folder)
    start_ledger(context)
    return context


def append_raw(context: Context, batches: int, options: argparse.Namespace) -> tuple[float, float]:
    """Events a second and CPU seconds."""
    spent = cpu = 0.0
    for events in make(0, batches, options.batch):
        columns = to_columns(events) | {"ingest_seq": range(len(events))}
        began, cpu_began = time.perf_counter(), time.process_time()
        with context.ledger.transaction():
            context.ledger.append(EVENTS, EVENT_COLUMNS, columns)
        spent += time.perf_counter() - began
        cpu += time.process_time() - cpu_began
    context.ledger.close()
    return batches * options.batch / spent, cpu


def fill(context: Context, held: int) -> None:
    """Rows like those of `make`, made by the engine itself."""
    duck = context.ledger.dialect.name == "duckdb"
    numbers = "range" if duck else "number"
    source = "range($first, $end)" if duck else "numbers($first, $end - $first)"
    text = "printf('evt_%026d', i)" if duck else "concat('evt_', leftPad(toString(i), 26, '0'))"
    step = 1_000_000
    for first in range(0, held, step):
        params = {"first": first, "end": min(first + step, held), "start": START, "gap": GAP}
        context.ledger.execute(
            f"""INSERT INTO {EVENTS} (event_id, call_id, attempt, occurred_at, ingest_seq, source, outcome, status,
                  provider, model, request_model, key, team, feature, customer, "user", usage_state, input_tokens,
                  output_tokens, q_uncached_input, q_plain_output, c_uncached_input, c_plain_output, list_cost,
                  effective_cost, duration_us, currency)
                SELECT {text}, {text}, 1, {context.ledger.dialect.instant("$start + i * $gap")}, i + 1, 'gateway', 'ok',
                  200, 'openai', 'gpt-4o', 'gpt-4o', 'key_1', concat('team ', i % 12), concat('feature ', i % 40),
                  concat('customer ', i % 300), concat('user ', i % 5000), 'reported', 100 + i % 1000, i % 700,
                  100 + i % 1000, i % 700, (100 + i % 1000) * 0.0000025, (i % 700) * 0.00001,
                  (100 + i % 1000) * 0.0000025 + (i % 700) * 0.00001,
                  (100 + i % 1000) * 0.0000025 + (i % 700) * 0.00001, 100000 + i % 900000, 'USD'
                FROM (SELECT {numbers} AS i FROM {source}) AS n""",
            params,
        )
    append_mark(context.ledger, "posted", held)


def make(first: int, batches: int, size: int) -> Iterator[list[UsageEvent]]:
    for batch in range(batches):
        start = first + batch * size
        yield [event(number) for number in range(start, start + size)]


def event(number: int) -> UsageEvent:
    """A streamed gateway call with its attribution, cache and cost: some thirty columns filled."""
    fresh, cached, written = 100 + number % 1000, 50 * (number % 7), number % 700
    costs: dict[str, Any] = {"uncached_input": fresh * 2_500_000, "plain_output": written * 10_000_000}
    cost = sum(costs.values())
    return UsageEvent(
        event_id=f"evt_{number:026d}",
        call_id=f"call_{number:026d}",
        occurred_at=START + number * GAP,
        status=200,
        operation_name="chat",
        provider="openai",
        key=f"key_{number % 20}",
        request_model="gpt-4o",
        response_model="gpt-4o-2024-11-20",
        model="gpt-4o",
        response_id=f"chatcmpl-{number:x}",
        stream=True,
        dimensions={
            "team": f"team {number % 12}",
            "feature": f"feature {number % 40}",
            "customer": f"customer {number % 300}",
            "user": f"user {number % 5000}",
            "environment": "production",
        },
        tags={"squad": "blue"} if number % 4 == 0 else {},
        measured=Measured(
            {"uncached_input": fresh, "cache_read": cached, "plain_output": written},
            fresh + cached,
            written,
            "reported",
        ),
        price_id="p_0123456789abcdef",
        priced=costs | {"cache_read": cached * 1_250_000},
        list_cost=cost,
        effective_cost=cost,
        request_bytes=4 * fresh,
        response_bytes=4 * written,
        finish_reason="stop",
        time_to_first_token_us=200_000 + number % 100_000,
        duration_us=900_000 + number % 1_000_000,
        user_agent="OpenAI/Python 3.54.0",
    )


if __name__ == "__main__":
    main()
