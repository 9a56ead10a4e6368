"""Price cards as text: their stable ids, and the JSON the row database keeps."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tallystick.kernel.ids import content_hash
from tallystick.pricing.model import Clause, PriceCard, Tier


def content(card: PriceCard) -> str:
    """What is sold, when, and for how much: equal text means equal price."""
    held: list[object] = list(card.days)
    return json.dumps(
        [
            card.provider,
            card.model,
            card.service_tier,
            card.region,
            card.currency,
            card.valid_from,
            card.valid_to,
            list(card.hours) if card.hours else None,
            _tiers(card.tiers),
            # Only where there are any, so that ids of cards without stay what they were.
            *([held] if held else []),
        ],
        separators=(",", ":"),
    )


def identify(card: PriceCard, *, known_since: int | None = None) -> PriceCard:
    """The card with its id.

    Args:
        card: Whole but for its id.
        known_since: Part of the id when given: a price that was withdrawn and came back is a new row.
    """
    parts = [content(card).encode()]
    if known_since is not None:
        parts.append(str(known_since).encode())
    return replace(card, price_id=f"price_{content_hash(*parts)[:24]}")


def to_row(card: PriceCard) -> str:
    """The body of a card's row: all but what has a column of its own (id, known_since, withdrawn_at)."""
    return json.dumps(
        {
            "tier": card.service_tier,
            "region": card.region,
            "currency": card.currency,
            "from": card.valid_from,
            "to": card.valid_to,
            "hours": list(card.hours) if card.hours else None,
            **({"days": list(card.days)} if card.days else {}),
            "prices": _tiers(card.tiers),
            "source": card.source,
            "notes": list(card.notes),
            "match": _clause_text(card.match),
            "order": card.order,
        },
        separators=(",", ":"),
        sort_keys=True,
    )


def from_row(row: tuple[str, str, str, str, int, int | None]) -> PriceCard:
    """The card of one row: price_id, provider, model, body, known_since, withdrawn_at."""
    price_id, provider, model, body, known_since, withdrawn_at = row
    raw: Mapping[str, Any] = json.loads(body)
    return PriceCard(
        price_id=price_id,
        provider=provider,
        model=model,
        tiers=tuple(Tier(above, prices) for above, prices in raw["prices"]),
        service_tier=raw["tier"],
        region=raw["region"],
        currency=raw["currency"],
        valid_from=raw["from"],
        valid_to=raw["to"],
        known_since=known_since,
        source=raw["source"],
        hours=(raw["hours"][0], raw["hours"][1]) if raw["hours"] else None,
        days=tuple(raw.get("days", ())),
        notes=tuple(raw["notes"]),
        match=_clause(raw["match"]),
        order=raw["order"],
        withdrawn_at=withdrawn_at,
    )


def _tiers(tiers: Iterable[Tier]) -> list[list[object]]:
    return [[tier.above_input_tokens, dict(sorted(tier.prices.items()))] for tier in tiers]


def _clause_text(clause: Clause | None) -> list[object] | None:
    if clause is None:
        return None
    if clause.parts:
        return [clause.kind, [_clause_text(part) for part in clause.parts]]
    return [clause.kind, clause.text]


def _clause(raw: Any) -> Clause | None:
    if raw is None:
        return None
    kind, held = raw
    if isinstance(held, list):
        return Clause(kind, parts=tuple(part for part in map(_clause, held) if part is not None))
    return Clause(kind, held)
