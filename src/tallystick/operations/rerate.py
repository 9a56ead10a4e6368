"""Re-rate a period: what corrected prices and contracts make of calls that are in the ledger already.

Nothing is edited: each call whose cost is another gets an adjustment, a row of events that
holds the difference, at the call's own instant. A second run finds no difference.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tallystick.kernel.ids import new_id
from tallystick.kernel.money import grains_from_decimal, text_from_grains
from tallystick.kernel.period import DAY_US, Period
from tallystick.ledger.adjust import COPIED, COSTS, EVENTS, REASON, SOURCE_KEY, adjustable, adjustment_id, differences
from tallystick.operations.audit import record
from tallystick.operations.context import Context, now_us
from tallystick.operations.contract_months import month_factors
from tallystick.operations.ingest_events import ingest_columns
from tallystick.operations.load_prices import load_book
from tallystick.operations.rate_events import RATING, prepare_rating
from tallystick.operations.reconcile import list_reconciliations, month_of, reconcile
from tallystick.org.model import Principal
from tallystick.pricing import store
from tallystick.pricing.book import PriceBook
from tallystick.pricing.contract import contracted
from tallystick.pricing.replayed import relation

_OPERATOR = Principal("operator", "admin", local=True)
DIMENSIONS = ("team", "feature", "model")


@dataclass(slots=True)
class Shift:
    """What a re-rate does to one group: grains of what is held and what will be held.

    `before` counts only what is known; `newly_priced` calls had no cost at all.
    """

    calls: int = 0
    before: int = 0
    after: int = 0
    newly_priced: int = 0


@dataclass(slots=True)
class Rerating:
    """What a re-rate finds.

    Attributes:
        groups: (dimension, value, currency) to its shift.
        total: By currency.
        other_currency: Calls left alone, for they hold a cost in another currency than the book's.
        run_id: Of the adjustments; empty where nothing was posted.
        months: (provider account, currency, UTC month) that adjustments are of.
    """

    start_us: int
    end_us: int
    groups: dict[tuple[str, str, str], Shift] = field(default_factory=lambda: defaultdict(Shift))
    total: dict[str, Shift] = field(default_factory=lambda: defaultdict(Shift))
    other_currency: int = 0
    run_id: str = ""
    months: set[tuple[str, str, Period]] = field(default_factory=set)


def rerate(
    context: Context, *, start_us: int, end_us: int, post: bool = False, principal: Principal = _OPERATOR
) -> Rerating:
    """Compare what the ledger holds for a period with what the book says now; with `post` adjust it.

    A run that was cut off is finished by the next one: adjustments have ids of their own. Months that a bill speaks of
    are held against it again at once: what it says was spread over what was metered before.
    """
    found = Rerating(start_us, end_us)
    if post:
        found.run_id = _begin(context, found)
    for rows in _differences(context, start_us, end_us):
        adjustments = [row for row in (_adjustment(one, found) for one in rows) if row]
        if post and adjustments:
            ingest_columns(context, {name: [row[name] for row in adjustments] for name in adjustments[0]})
    if post:
        _finish(context, found, principal)
        _hold_again(context, found)
    return found


def _hold_again(context: Context, found: Rerating) -> None:
    for one in list_reconciliations(context):
        period = Period(one.period_start, one.period_end)
        if (one.account, one.currency, period) in found.months:
            reconcile(context, one.account, period, one.currency)


def _differences(context: Context, start_us: int, end_us: int) -> Iterator[list[tuple[object, ...]]]:
    """The differing calls, a day at a time."""
    engine, book = context.ledger, load_book(context.config_db)
    listed_book = PriceBook(book.cards)
    events, values = relation(engine.dialect, (), adjustable(engine.dialect))
    whole: dict[str, Any] = {**values, "from": start_us, "to": end_us}
    with RATING:
        months = month_factors(context, listed_book, (start_us, end_us))
        listed = prepare_rating(engine, listed_book, events, whole)
        contracts = store.list_contracts(context.config_db)
        paid_book = PriceBook(contracted(book.cards, contracts, months)) if contracts else listed_book
        paid = prepare_rating(engine, paid_book, events, whole, suffix="_paid")
        sql = differences(engine.dialect, listed, paid)
        for day in _days(context, whole):
            yield engine.rows(sql, whole | {"from": max(start_us, day), "to": min(end_us, day + DAY_US)})


def _days(context: Context, whole: dict[str, Any]) -> list[int]:
    """Starts of the UTC days that have calls."""
    dialect = context.ledger.dialect
    day = dialect.micros(dialect.bucket("u.occurred_at", DAY_US // 1_000_000))
    rows = context.ledger.rows(
        f"SELECT DISTINCT {day} AS day FROM {dialect.final(EVENTS)} u WHERE {adjustable(dialect)} ORDER BY day",  # noqa: S608 - names of ours
        {"from": whole["from"], "to": whole["to"]},
    )
    return [int(str(one)) for (one,) in rows]


def _adjustment(row: Sequence[Any], found: Rerating) -> dict[str, Any]:
    """The row of events that makes up a difference, counted; empty where it cannot be made."""
    event_id, occurred_at, *rest = row
    copied, rest = dict(zip(COPIED, rest, strict=False)), rest[len(COPIED) :]
    held_currency, currency, price_id, number, unpriced_held, unpriced, *counts_and_costs = rest
    counts, counted, *costs = counts_and_costs
    grains = [None if one is None else grains_from_decimal(one) for one in costs]
    pairs = dict(zip(COSTS, zip(grains[::2], grains[1::2], strict=True), strict=True))
    before, after = pairs["effective_cost"]
    if before is not None and held_currency != currency:
        found.other_currency += 1
        return {}
    found.months.add((str(copied["provider_account"]), str(currency), month_of(int(occurred_at))))
    for shift in (found.total[currency], *(found.groups[one, str(copied[one]), currency] for one in DIMENSIONS)):
        shift.calls += 1
        shift.before += before or 0
        shift.after += after or 0
        shift.newly_priced += before is None
    return {
        **copied,
        "tags": dict(copied["tags"]),
        "event_id": adjustment_id(str(event_id), int(number)),
        "occurred_at": occurred_at,
        "source_key": SOURCE_KEY,
        "attempt_reason": REASON,
        "outcome": "ok",
        "usage_state": "reported",
        "input_tokens": 0,
        "output_tokens": 0,
        "q_requests": 0,
        "currency": currency,
        "price_id": price_id,
        "unpriced_tokens": int(unpriced or 0) - int(unpriced_held or 0),
        "unpriced_change": int(counted) - int(counts),
        **{
            name: None if new is None and old is None else (new or 0) - (old or 0) for name, (old, new) in pairs.items()
        },
    }


def _begin(context: Context, found: Rerating) -> str:
    at = now_us()
    run_id = new_id("rerate", at)
    body = json.dumps({"from": found.start_us, "to": found.end_us})
    context.config_db.execute(
        "INSERT INTO rerate_run (run_id, body, created_at, done_at) VALUES (:run, :body, :at, NULL)",
        {"run": run_id, "body": body, "at": at},
    )
    return run_id


def _finish(context: Context, found: Rerating, principal: Principal) -> None:
    sums = {
        currency: {"calls": one.calls, "before": text_from_grains(one.before), "after": text_from_grains(one.after)}
        for currency, one in found.total.items()
    }
    body = json.dumps({"from": found.start_us, "to": found.end_us, "total": sums})
    with context.config_db.transaction():
        context.config_db.execute(
            "UPDATE rerate_run SET body = :body, done_at = :at WHERE run_id = :run",
            {"body": body, "at": now_us(), "run": found.run_id},
        )
        record(context, principal.name, "re-rate", f"{found.run_id} {json.dumps(sums)}")
