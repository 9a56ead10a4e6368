"""Usage events for tests: one by hand, or any that can be."""

from typing import Any

from hypothesis import strategies as st

from tallystick.usage.dimensions import ATTRIBUTION
from tallystick.usage.meters import BY_NAME
from tallystick.usage.model import Measured, UsageEvent

START = 1_777_000_000_000_000  # 2026-04-24T03:06:40Z
HOUR = 3_600_000_000

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
known_words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
counts = st.none() | st.integers(0, 10**9)
grains = st.integers(-(10**22), 10**22)


def an_event(number: int, **changes: Any) -> UsageEvent:
    """A priced call of team Support in April 2026; equal numbers give equal events."""
    event: dict[str, Any] = {
        "event_id": f"evt_{number:06d}",
        "call_id": f"call_{number:06d}",
        "occurred_at": START + number * 60_000_000,
        "provider": "openai",
        "model": "gpt-4o",
        "dimensions": {"team": "Support"},
        "measured": Measured({"uncached_input": 100, "plain_output": 20}, 100, 20, "reported"),
        "priced": {"uncached_input": 250, "plain_output": 200},
        "list_cost": 450,
        "effective_cost": 450,
    }
    return UsageEvent(**(event | changes))


@st.composite
def measured(draw: st.DrawFn) -> Measured:
    return Measured(
        quantities=draw(st.dictionaries(st.sampled_from(sorted(BY_NAME)), st.integers(0, 10**9), max_size=5)),
        input_tokens=draw(counts),
        output_tokens=draw(counts),
        state=draw(st.sampled_from(["reported", "estimated", "absent"])),
        estimated=tuple(draw(st.lists(words, max_size=2))),
        drift=tuple(draw(st.lists(words, max_size=2))),
    )


@st.composite
def usage_events(draw: st.DrawFn, money: st.SearchStrategy[int] = grains) -> UsageEvent:
    """Any event the ledger must give back as it took it."""
    return UsageEvent(
        event_id=draw(known_words),
        call_id=draw(words),
        occurred_at=draw(st.integers(0, 7_000_000_000_000_000)),
        attempt=draw(st.integers(0, 3)),
        outcome=draw(st.sampled_from(["ok", "error", "cut", "client_gone", "interrupted", "refused"])),
        status=draw(st.integers(0, 599)),
        stream=draw(st.booleans()),
        provider=draw(words),
        model=draw(words),
        key=draw(words),
        dimensions=draw(st.dictionaries(st.sampled_from(ATTRIBUTION), known_words, max_size=4)),
        tags=draw(st.dictionaries(words, words, max_size=3)),
        measured=draw(measured()),
        priced=draw(st.dictionaries(st.sampled_from(sorted(BY_NAME)), money, max_size=5)),
        list_cost=draw(st.none() | money),
        effective_cost=draw(st.none() | money),
        block_fingerprints=tuple(draw(st.lists(words, max_size=3))),
        request_bytes=draw(counts),
        duration_us=draw(counts),
        retry_count=draw(counts),
    )
