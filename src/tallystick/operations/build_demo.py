"""Fill the ledger with the Northwind demo company, and write down what was planted."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tallystick.demo.generate import Generator
from tallystick.demo.model import Columns, DemoModel, DemoSpec
from tallystick.demo.store import clear
from tallystick.demo.truth import to_document
from tallystick.kernel.errors import UsageError
from tallystick.kernel.period import local_day
from tallystick.operations.context import Context
from tallystick.operations.ingest_events import ingest_columns
from tallystick.operations.load_prices import load_book
from tallystick.operations.post_charges import post_charges
from tallystick.pricing.model import Rated
from tallystick.pricing.rate import rate
from tallystick.usage.model import Measured

COMPANY = "Northwind"
TRUTH_FILE = "demo_truth.json"
_STATE_FILE = "demo.json"
_FEWEST, _MOST = 10_000, 100_000_000
# One commit for so many: each costs a sync of the disk.
_TRANSACTION_EVENTS = 500_000

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class DemoBuilt:
    """What became of the request.

    Attributes:
        rebuilt: False when the company was there already.
        months: Whole months of history before the current one.
    """

    events: int
    rebuilt: bool
    months: int


def build_demo(
    context: Context, *, events: int, seed: int, now_us: int, on_progress: OnProgress | None = None
) -> DemoBuilt:
    """Build the company unless it is there already for this number of events, seed and day.

    Rows of an older demo are replaced; rows from elsewhere stay. An interrupted build is
    begun again by the next call.

    Args:
        context: Of a ledger that is ready and a price book that is filled.
        events: From 10 thousand to 100 million.
        seed: Equal seeds give equal companies.
        now_us: The demo's now, in microseconds.
        on_progress: Called with events done and events in all.

    Raises:
        UsageError: More or fewer events than the generator is made for.
    """
    if not _FEWEST <= events <= _MOST:
        raise UsageError(f"--events {events} is not between {_FEWEST:,} and {_MOST:,}")
    spec = DemoSpec(events=events, seed=seed, now_us=now_us)
    state = context.data_dir / _STATE_FILE
    wanted = {"events": events, "seed": seed, "day": local_day(now_us).isoformat(), "complete": True}
    if _read(state) == wanted:
        return DemoBuilt(events, rebuilt=False, months=spec.months)
    if state.exists():
        clear(context.ledger)
    state.write_text(json.dumps(wanted | {"complete": False}))
    _fill(context, spec, on_progress or (lambda done, total: None))
    state.write_text(json.dumps(wanted))
    return DemoBuilt(events, rebuilt=True, months=spec.months)


def _read(state: Path) -> object:
    try:
        return json.loads(state.read_text())
    except (OSError, ValueError):
        return None


def _fill(context: Context, spec: DemoSpec, on_progress: OnProgress) -> None:
    book = load_book(context.config_db)

    def rated(model: DemoModel, at_us: int, measured: Measured) -> Rated:
        return rate(
            book,
            provider=model.provider,
            model=model.name,
            service_tier="",
            region="",
            at_us=at_us,
            measured=measured,
        )

    generator = Generator(spec, rated)
    batches = generator.batches()
    while _take(context, batches, lambda: on_progress(generator.made, spec.events)):
        post_charges(context)
    truth = context.data_dir / TRUTH_FILE
    truth.write_text(json.dumps(to_document(generator.truth), indent=1), encoding="utf-8")


def _take(context: Context, batches: Iterator[Columns], on_progress: Callable[[], None]) -> int:
    """Ingest batches in one transaction, until there are enough of them or no more; how many events."""
    done = 0
    with context.ledger.transaction():
        for columns in batches:
            done += ingest_columns(context, columns).new
            on_progress()
            if done >= _TRANSACTION_EVENTS:
                break
    return done
