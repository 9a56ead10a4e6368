"""How many events a second are rated: in Python, in SQL, and by genai-prices. Prints ratios.

    python -m bench.rating [--events N] [--copies N]

One process, one run, the same events for all; the best of three rounds each, because
other work on the machine can only slow a round down.
"""

import argparse
import os
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from genai_prices import Usage, calc_price

from tallystick.connectors.list_prices import list_prices
from tallystick.ledger.columns import EVENT_COLUMNS
from tallystick.operations.rate_events import prepare_rating
from tallystick.pricing.book import PriceBook
from tallystick.pricing.rate import priced, rate
from tallystick.storage.duckdb_engine import DuckDbEngine
from tallystick.usage.model import Measured, UsageEvent

MODELS = (
    ("openai", "gpt-4o-2024-08-06", ""),
    ("openai", "gpt-4o-mini", "batch"),
    ("openai", "o3", "flex"),
    ("openai", "gpt-5-mini", "default"),
    ("anthropic", "claude-sonnet-4-5-20250929", ""),
    ("anthropic", "claude-haiku-4-5", ""),
    ("google", "gemini-2.5-flash", ""),
    ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", ""),
)
DAY_US = 86_400_000_000
START_US = 1_767_225_600_000_000  # 2026-01-01


def events_of(count: int, seed: int) -> list[UsageEvent]:
    """Events of eight models over ten months, two to four meters each."""
    dice = random.Random(seed)
    found = []
    for number in range(count):
        provider, model, tier = dice.choice(MODELS)
        uncached, cached, output = dice.randrange(1, 9000), dice.choice((0, 4096)), dice.randrange(1, 900)
        quantities = {"uncached_input": uncached, "cache_read": cached, "plain_output": output, "requests": 1}
        if provider == "anthropic":
            quantities["cache_write_5m"] = dice.randrange(500)
        found.append(
            UsageEvent(
                event_id=f"evt_{number}",
                call_id=f"evt_{number}",
                occurred_at=START_US + dice.randrange(300 * DAY_US),
                provider=provider,
                request_model=model,
                response_model=model,
                service_tier=tier,
                measured=Measured(
                    quantities, uncached + cached + quantities.get("cache_write_5m", 0), output, "reported"
                ),
            )
        )
    return found


def best_rate(work: Callable[[], int], rounds: int = 3) -> float:
    """Events a second of the best round; CPU of this thread is not the measure, the wall clock is."""
    best = 0.0
    for _ in range(rounds):
        start = time.perf_counter()
        done = work()
        best = max(best, done / (time.perf_counter() - start))
    return best


def in_python(book: PriceBook, events: Sequence[UsageEvent]) -> int:
    for event in events:
        rate(
            book,
            provider=event.provider,
            model=event.response_model,
            service_tier=event.service_tier,
            region="",
            at_us=event.occurred_at,
            measured=event.measured,
        )
    return len(events)


def whole_events(book: PriceBook, events: Sequence[UsageEvent]) -> int:
    for event in events:
        priced(book, event)
    return len(events)


def by_genai_prices(events: Sequence[UsageEvent]) -> int:
    for event in events:
        quantities = event.measured.quantities
        usage = Usage(
            input_tokens=event.measured.input_tokens,
            cache_read_tokens=quantities["cache_read"],
            cache_write_tokens=quantities.get("cache_write_5m", 0),
            output_tokens=event.measured.output_tokens,
        )
        at = datetime.fromtimestamp(event.occurred_at // 1_000_000, UTC)
        calc_price(usage, event.response_model, provider_id=event.provider, genai_request_timestamp=at)
    return len(events)


def in_sql(book: PriceBook, events: Sequence[UsageEvent], copies: int) -> tuple[float, float]:
    """Events a second of one statement over a table: every line and sum of it, and written to a table besides."""
    engine = DuckDbEngine(None)
    engine.ensure_table("usage_event", EVENT_COLUMNS, order_by=["event_id"], unique=True)
    columns: dict[str, list[object]] = {
        name: [getattr(event, name) for event in events]
        for name in ("event_id", "occurred_at", "provider", "request_model", "response_model", "service_tier")
    }
    columns["usage_state"] = ["reported"] * len(events)
    columns["input_tokens"] = [event.measured.input_tokens for event in events]
    for meter in ("uncached_input", "cache_read", "cache_write_5m", "plain_output", "requests"):
        columns[f"q_{meter}"] = [event.measured.quantities.get(meter) for event in events]
    engine.append("usage_event", EVENT_COLUMNS, columns)
    for _ in range(copies - 1):
        engine.execute(f"INSERT INTO usage_event SELECT * FROM usage_event LIMIT {len(events)}")
    rows = len(events) * copies
    sql = prepare_rating(engine, book)

    def work(statement: str) -> int:
        engine.execute(statement)
        return rows

    summed = f"SELECT sum(list_cost), sum(unpriced_tokens) FROM ({sql})"
    return best_rate(lambda: work(summed)), best_rate(lambda: work(f"CREATE OR REPLACE TABLE rated AS {sql}"))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000, help="events rated in Python")
    parser.add_argument("--copies", type=int, default=20, help="times those events in the SQL table")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    book, events = PriceBook(list_prices()), events_of(options.events, options.seed)
    few = events[: max(1, len(events) // 10)]
    theirs = best_rate(lambda: by_genai_prices(few))
    lines = best_rate(lambda: in_python(book, events))
    whole = best_rate(lambda: whole_events(book, events[: len(events) // 2]))
    sql, written = in_sql(book, events, options.copies)
    print(
        f"events: {len(events):,} in Python, {len(events) * options.copies:,} in SQL, {len(few):,} by genai-prices; "
        f"load average {os.getloadavg()[0]:.1f}"
    )
    print(f"{'':34}{'events/s':>12}{'x genai-prices':>16}")
    for name, found in (
        ("genai-prices calc_price", theirs),
        ("rate() to priced lines", lines),
        ("priced() to a whole new event", whole),
        ("one SQL statement (DuckDB)", sql),
        ("the same, written to a table", written),
    ):
        print(f"{name:34}{found:12,.0f}{found / theirs:16.1f}")


if __name__ == "__main__":
    main()
