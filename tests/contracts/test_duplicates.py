"""A call that two captures bring counts once, in whatever order they come. On every column engine."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import permutations

import pytest

from tallystick.ledger.post import EVENT_SUMS
from tallystick.operations.context import Context
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.post_charges import post_charges
from tallystick.operations.start_ledger import start_ledger
from tallystick.usage.model import UsageEvent
from tests.ledger.sample import an_event

COUNTED = ("calls", "attempts", "errors", "unpriced_tokens", "input_tokens", "q_plain_output", "effective_cost")
SECOND = 1_000_000


def ours(number: int, **changes: object) -> UsageEvent:
    """A call as our gateway has it, with the id that the provider gave its answer."""
    known: dict[str, object] = {"response_id": f"chatcmpl-{number:012d}", "provider_account": "main"}
    return replace(an_event(number), **{**known, **changes})  # type: ignore[arg-type]


def copy(number: int, source: str = "import:litellm", **changes: object) -> UsageEvent:
    """The same call in another gateway's log: a second later, at another price, without our account."""
    known: dict[str, object] = {
        "provider_account": "",
        "effective_cost": 999,
        "list_cost": 999,
        "priced": {"uncached_input": 900, "plain_output": 99},
    }
    event = ours(number, **{"source": source, **known, **changes})
    return replace(
        event, event_id=f"evt_{source[7:]}_{number}", call_id=f"call_{source[7:]}_{number}",
        occurred_at=event.occurred_at + SECOND,
    )  # fmt: skip


def totals(context: Context) -> tuple[int, ...]:
    """What all charges come to."""
    ((*row,),) = context.ledger.rows(f"SELECT {', '.join(f'sum({name})' for name in COUNTED)} FROM charge")
    return tuple(int(value * 10**12) if isinstance(value, Decimal) and value % 1 else int(str(value)) for value in row)


def take(context: Context, *batches: Sequence[UsageEvent]) -> None:
    for one in batches:
        ingest_events(context, list(one))
        post_charges(context)


def linked(context: Context) -> list[tuple[str, str, str]]:
    rows = context.ledger.rows(
        f"SELECT event_id, kept_id, provider_account FROM {context.ledger.dialect.final('duplicate')} ORDER BY event_id"
    )
    return [tuple(map(str, one)) for one in rows]  # type: ignore[misc]


@pytest.fixture
def started(context: Context) -> Context:
    start_ledger(context)
    return context


def test_a_late_import_of_calls_that_our_gateway_has_changes_no_sum(started: Context) -> None:
    take(started, [ours(n) for n in range(3)])
    before = totals(started)
    assert before == (3, 3, 0, 0, 300, 60, 1350)
    log = [copy(n) for n in range(3)]
    take(started, log)
    assert totals(started) == before
    take(started, log)
    assert totals(started) == before
    assert linked(started) == [(f"evt_litellm_{n}", f"evt_{n:06d}", "main") for n in range(3)]
    # The unposted tail and whatever is asked of single calls agree with charges.
    ((*counts,),) = started.ledger.rows(
        f"SELECT {', '.join(EVENT_SUMS[name] for name in COUNTED[:6])} FROM {started.ledger.dialect.final('usage_event')}"
    )
    assert tuple(map(int, map(str, counts))) == before[:6]


def test_the_gateways_row_counts_though_two_logs_came_before_it(started: Context) -> None:
    take(started, [copy(1, "import:portkey")], [copy(1)])
    assert totals(started) == (1, 1, 0, 0, 100, 20, 999)
    assert linked(started) == [("evt_portkey_1", "evt_litellm_1", "")]
    take(started, [ours(1)])
    assert totals(started) == (1, 1, 0, 0, 100, 20, 450)
    assert linked(started) == [("evt_litellm_1", "evt_000001", "main"), ("evt_portkey_1", "evt_000001", "main")]
    rows = started.ledger.rows("SELECT basis, sum(calls) FROM charge GROUP BY basis ORDER BY basis")
    assert [(str(basis), int(str(calls))) for basis, calls in rows] == [("duplicate", -2), ("metered", 3)]


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)  # the statements are the same
def test_every_order_of_arrival_comes_to_the_same(started: Context) -> None:
    captures = [ours(1), copy(1), copy(1, "import:portkey")]
    others = [copy(2, "import:portkey"), copy(2), ours(3)]
    found = set()
    for order in permutations(range(3)):
        for table in ("usage_event", "charge", "ledger_mark", "duplicate"):
            started.ledger.execute(f"DELETE FROM {table}")
        batches = [[captures[n], others[n]] for n in order]
        take(started, *(batches if order[0] else [batches[0], [*batches[1], *batches[2], *batches[0]]]))
        found.add((totals(started), tuple(linked(started))))
    assert {one for one, _ in found} == {(3, 3, 0, 0, 300, 60, 450 + 999 + 450)}
    assert len(found) == 1


def test_what_no_id_proves_to_be_the_same_call_counts(started: Context) -> None:
    late = an_event(6).occurred_at + 3 * 86_400 * SECOND
    pairs = [
        (
            ours(1, response_id="chatcmpl-77"),
            copy(1, response_id="chatcmpl-77"),
        ),  # a server of one's own counts them up
        (ours(2, response_id=""), copy(2, response_id="")),
        (ours(3), copy(3, provider="azure.ai.openai")),
        (ours(4), copy(4, source="gateway")),  # two calls of one gateway are two calls, whatever ids they bear
        (ours(5), copy(5, served_from="cache")),
        (ours(6), copy(6, occurred_at=late)),
    ]
    take(started, [one for one, _ in pairs], [two for _, two in pairs])
    assert totals(started)[-1] == 6 * (450 + 999)
    assert linked(started) == []


def test_a_copy_that_failed_or_has_no_price_leaves_no_trace_in_any_count(started: Context) -> None:
    take(started, [ours(1)])
    before = totals(started)
    take(
        started, [copy(1, outcome="cut", priced={}, effective_cost=None, list_cost=None, measured=an_event(1).measured)]
    )
    assert totals(started) == before
