"""Look over the price book: sources that disagree, prices nobody charges, names nobody knows, lists grown old."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tallystick.bills import store as bills
from tallystick.connectors.list_prices import PACKAGE
from tallystick.kernel.ids import content_hash
from tallystick.kernel.money import grains_from_text, text_from_grains
from tallystick.kernel.period import DAY_US
from tallystick.operations.context import Context, now_us
from tallystick.operations.find_disagreements import find_disagreements
from tallystick.operations.find_tokenizer_drift import find_tokenizer_drift
from tallystick.operations.load_prices import load_book
from tallystick.pricing import store
from tallystick.pricing.book import PriceBook
from tallystick.pricing.check import (
    Finding,
    Revealed,
    against_bill,
    is_listed,
    of_unknown_models,
    out_of_bounds,
)
from tallystick.usage.meters import BY_NAME

STALE_DAYS = 60
KINDS = ("price_sources_disagree", "price_stale", "price_of_unknown_model", "price_out_of_bounds", "tokenizer_drift")


@dataclass(frozen=True, slots=True)
class Kept:
    """A finding with its history: since when it is known, and when it was last true."""

    finding: Finding
    found_at: int
    seen_at: int
    resolved_at: int | None = None


def find_prices(context: Context, *, stale_days: int = STALE_DAYS) -> list[Finding]:
    """Look, and write down what is found; what is no longer true is resolved. Twice is once."""
    book, at = load_book(context.config_db), now_us()
    live = [card for card in book.cards if card.withdrawn_at is None]
    found = [*out_of_bounds(live), *of_unknown_models(live, PACKAGE), *_stale(book, at, stale_days)]
    found += find_disagreements(context, book, at)
    found += [one for revealed in _revealed(context, at) if (one := against_bill(book, revealed))]
    found += find_tokenizer_drift(context, at)
    _write(context, found, at)
    return found


def _stale(book: PriceBook, at: int, stale_days: int) -> list[Finding]:
    """Whether the list has brought nothing new for long."""
    known = [max(card.known_since, card.withdrawn_at or 0) for card in book.cards if is_listed(card, PACKAGE)]
    if not known or at - max(known) <= stale_days * DAY_US:
        return []
    days = (at - max(known)) // DAY_US
    what = f"the price list is {days} days old: upgrade {PACKAGE}, or set the prices that changed"
    return [Finding("price_stale", PACKAGE, what, {"days": str(days)})]


def _revealed(context: Context, at: int) -> list[Revealed]:
    """Unit prices on bill lines of the last three months: as given, or amount by quantity."""
    loads = [one.load_id for one in bills.list_loads(context.config_db)]
    if not loads:
        return []
    held: dict[tuple[object, ...], Revealed] = {}
    for source, _, line in bills.list_lines(context.ledger, loads, (at - 92 * DAY_US, at)):
        price, start = line.contracted_unit_price, line.charge_period_start
        if line.meter not in BY_NAME or not line.model or price is None or not line.quantity or not line.pricing_unit:
            continue
        one = Revealed(
            source, line.provider, line.model, line.meter, line.service_tier, line.region, line.pricing_unit, price,
            start, start, line.quantity, line.context == "long", line.currency,
        )  # fmt: skip
        key = tuple(getattr(one, name) for name in _SAME)
        if key in held:
            other = held[key]
            first, last = min(other.first_us, start), max(other.last_us, start)
            one = replace(one, first_us=first, last_us=last, quantity=one.quantity + other.quantity)
        held[key] = one
    return list(held.values())


_SAME = tuple(name for name in Revealed.__slots__ if name not in {"first_us", "last_us", "quantity"})


def _write(context: Context, found: Sequence[Finding], at: int) -> None:
    with context.config_db.transaction():
        for one in found:
            subject = f"{one.kind}: {one.subject}"
            store.write_finding(
                context.config_db, f"find_{content_hash(subject.encode())[:24]}", subject, _row(one), at
            )
        store.resolve_findings(context.config_db, KINDS, at)


def list_findings(context: Context) -> list[Kept]:
    """What was found at the last look and holds, the most money first."""
    rows = [
        Kept(_finding(kind, subject, body), found_at, seen_at)
        for kind, subject, body, found_at, seen_at in store.list_findings(context.config_db, KINDS)
    ]
    return sorted(rows, key=lambda one: (-abs(one.finding.amount or 0), one.finding.subject))


def _row(one: Finding) -> tuple[str, dict[str, Any]]:
    amount = None if one.amount is None else text_from_grains(one.amount)
    return one.kind, {"what": one.what, "evidence": dict(one.evidence), "amount": amount, "currency": one.currency}


def _finding(kind: Any, subject: str, body: str) -> Finding:
    raw = json.loads(body)
    amount = None if raw["amount"] is None else grains_from_text(raw["amount"])
    return Finding(kind, subject.partition(": ")[2], raw["what"], raw["evidence"], amount, raw["currency"])


def finding_to_wire(one: Finding) -> dict[str, Any]:
    """A finding as JSON."""
    kind, body = _row(one)
    return {"kind": kind, "subject": one.subject, **body}
