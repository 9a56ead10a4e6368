"""Fill the ledger with the Northwind demo company, and write down what was planted."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tallystick.demo.generate import Generator
from tallystick.demo.model import Columns, DemoModel, DemoSpec
from tallystick.demo.store import clear, is_empty
from tallystick.demo.truth import to_document
from tallystick.kernel.errors import Conflict, UsageError
from tallystick.kernel.period import local_day
from tallystick.operations.bill_demo import bill_demo
from tallystick.operations.context import Context
from tallystick.operations.ingest_events import ingest_columns
from tallystick.operations.instance import DEMO_FILE
from tallystick.operations.load_prices import load_book
from tallystick.operations.post_charges import post_charges
from tallystick.operations.set_up_demo import set_up_demo
from tallystick.pricing.model import Rated
from tallystick.pricing.rate import rate
from tallystick.usage.model import Measured

TRUTH_FILE = "demo_truth.json"
_FEWEST, _MOST = 10_000, 100_000_000
# One commit for so many: each costs a sync of the disk.
_TRANSACTION_EVENTS = 250_000

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """Which company is wanted.

    Attributes:
        events: From 10 thousand to 100 million.
        seed: Equal seeds give equal companies.
        now_us: The demo's now, in microseconds; only its day decides whether one that is there will do.
    """

    events: int
    seed: int
    now_us: int


@dataclass(frozen=True, slots=True)
class DemoBuilt:
    """What became of the request.

    Attributes:
        rebuilt: False when the company was there already.
        months: Whole months of history before the current one.
    """

    events: int
    rebuilt: bool
    months: int = 14


def is_built(data_dir: Path, request: DemoRequest) -> bool:
    """Whether the company is there, whole, for these events, this seed and this day."""
    return _read(data_dir / DEMO_FILE) == _wanted(request)


def build_demo(context: Context, request: DemoRequest, on_progress: OnProgress | None = None) -> DemoBuilt:
    """Build the company unless it is there already.

    Rows of an older demo are replaced; rows from elsewhere stay. An interrupted build is
    begun again by the next call.

    Args:
        context: Of a ledger that is ready and a price book that is filled.
        request: Which company.
        on_progress: Called with events done and events in all.

    Raises:
        UsageError: More or fewer events than the generator is made for.
        Conflict: The ledger holds real usage, which must not be mixed with made-up usage.
    """
    if not _FEWEST <= request.events <= _MOST:
        raise UsageError(f"--events {request.events} is not between {_FEWEST:,} and {_MOST:,}")
    if is_built(context.data_dir, request):
        return DemoBuilt(request.events, rebuilt=False)
    state = context.data_dir / DEMO_FILE
    if state.exists():
        clear(context.ledger)
    elif not is_empty(context.ledger):
        raise Conflict(
            "this data directory holds real usage",
            where=str(context.data_dir),
            next_steps=("give the demo a directory of its own with --data DIR",),
        )
    wanted = _wanted(request)
    state.write_text(json.dumps(wanted | {"complete": False}))
    spec = DemoSpec(events=request.events, seed=request.seed, now_us=request.now_us)
    _fill(context, spec, on_progress or (lambda done, total: None))
    set_up_demo(context, request.events, request.now_us)
    state.write_text(json.dumps(wanted))
    return DemoBuilt(request.events, rebuilt=True)


def _wanted(request: DemoRequest) -> dict[str, object]:
    day = local_day(request.now_us).isoformat()
    return {"events": request.events, "seed": request.seed, "day": day, "budgets": 1, "bills": 2, "complete": True}


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
    told = to_document(generator.truth) | {"bills": bill_demo(context, spec, rated)}
    (context.data_dir / TRUTH_FILE).write_text(json.dumps(told, indent=1), encoding="utf-8")


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
