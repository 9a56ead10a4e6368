"""A small made-up ledger, and what it sums to by plain Python that knows nothing of the query model."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tallystick.operations.context import Context
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.post_charges import post_charges
from tallystick.operations.start_ledger import start_ledger
from tallystick.usage.model import Measured, UsageEvent

SECOND = 1_000_000
TEAMS = ("Support", "team-a", "Platform", "")
MODELS = ("gpt-5", "claude-opus", "gpt-5-mini")
OWNERS = ("ada", "grace", "")


def micros(text: str, zone: str = "UTC") -> int:
    """An instant of local words."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND


def made_events(seed: int, count: int, first: str, last: str) -> list[UsageEvent]:
    """Events all over a stretch of time, of every state a figure can have."""
    dice = random.Random(seed)
    start, end = micros(first), micros(last)
    return [_made(dice, f"{seed}-{number}", dice.randrange(start, end)) for number in range(count)]


def _made(dice: random.Random, name: str, at: int) -> UsageEvent:
    state = dice.choice(("reported", "reported", "estimated", "absent"))
    plain, cached, output = (dice.randrange(5000) for _ in range(3))
    quantities = {} if state == "absent" else {"uncached_input": plain, "cache_read": cached, "plain_output": output}
    cost = None if state == "absent" or dice.random() < 0.15 else dice.randrange(10**11) + 1
    attempt = dice.choice((0, 1, 1, 1, 2))
    return UsageEvent(
        event_id=f"evt_{name}",
        call_id=f"call_{name}",
        occurred_at=at,
        attempt=attempt,
        source=dice.choice(("gateway", "import:old")),
        outcome=dice.choice(("ok", "ok", "error")),
        provider=dice.choice(("openai", "anthropic")),
        model=dice.choice(MODELS),
        dimensions={
            name: value
            for name, value in (
                ("team", dice.choice(TEAMS)),
                ("user", dice.choice(OWNERS)),
                ("feature", dice.choice("xyz")),
            )
            if value
        },
        tags=dice.choice(({}, {"squad": "red"}, {"squad": "blue"})),
        measured=Measured(
            quantities=quantities,
            input_tokens=None if state == "absent" else plain + cached,
            output_tokens=None if state == "absent" else output,
            state=state,
        ),
        priced={} if cost is None else {name: cost if name == "plain_output" else 0 for name in quantities},
        list_cost=None if cost is None else cost * 2,
        effective_cost=cost,
    )


def filled(context: Context, events: Sequence[UsageEvent], posted: int) -> Context:
    """The events in the ledger, so many of them posted in two batches, the rest not."""
    start_ledger(context)
    for part in (events[: posted // 2], events[posted // 2 : posted]):
        ingest_events(context, part)
        post_charges(context)
    ingest_events(context, events[posted:])
    return context


def value_of(event: UsageEvent, dimension: str) -> str:
    """What an event says of a dimension."""
    if dimension.startswith("tag."):
        return event.tags.get(dimension[4:], "")
    return event.dimensions.get(dimension, "") or getattr(event, dimension, "")


def cost_by(events: Iterable[UsageEvent], key: Callable[[UsageEvent], object]) -> dict[object, int]:
    """Cost in grains per key."""
    found: dict[object, int] = defaultdict(int)
    for event in events:
        found[key(event)] += event.effective_cost or 0
    return dict(found)


def local(event: UsageEvent, zone: str) -> datetime:
    """The local time of an event."""
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=event.occurred_at)
    return utc.astimezone(ZoneInfo(zone))
