"""The usage of the demo company in a ledger of its own: from the generator of `tally demo`, without its bills."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tallystick.demo.generate import Generator
from tallystick.demo.model import DemoModel, DemoSpec
from tallystick.operations.context import Context
from tallystick.operations.ingest_events import ingest_columns
from tallystick.operations.load_prices import load_book
from tallystick.operations.refresh_prices import refresh_prices
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing.model import Rated
from tallystick.pricing.rate import rate
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tallystick.usage.model import Measured

NOW_US = 1_795_447_876_000_000  # Mon 2026-11-23 15:31:16 UTC


@contextmanager
def northwind(folder: Path, events: int, seed: int) -> Iterator[Context]:
    """Fourteen months of it."""
    context = Context(DuckDbEngine(folder / "ledger.duckdb"), ConfigDb(folder / "config.db"), folder)
    start_ledger(context)
    refresh_prices(context)
    book = load_book(context.config_db)

    def rated(model: DemoModel, at_us: int, measured: Measured) -> Rated:
        return rate(
            book, provider=model.provider, model=model.name, service_tier="", region="", at_us=at_us, measured=measured
        )

    with context.ledger.transaction():
        for columns in Generator(DemoSpec(events, seed, NOW_US), rated).batches():
            ingest_columns(context, columns)
    try:
        yield context
    finally:
        context.ledger.close()
        context.config_db.close()
