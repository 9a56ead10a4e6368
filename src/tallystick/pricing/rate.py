"""Rating: usage to priced lines, exact. Pure; nothing here guesses a price."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tallystick.kernel.money import divide_half_even
from tallystick.pricing.book import PriceBook, Resolution, Segment
from tallystick.pricing.gpu import gpu_rate, gpu_rated
from tallystick.pricing.model import Line, Rated
from tallystick.usage.meters import BY_NAME, FACT_METERS, INPUT_METERS
from tallystick.usage.model import Measured, UsageEvent

_SCALED = {name: meter.scale for name, meter in BY_NAME.items() if meter.scale != 1}
_NO_PRICES: dict[str, int] = {}


def rate(
    book: PriceBook,
    *,
    provider: str,
    model: str,
    service_tier: str,
    region: str,
    at_us: int,
    measured: Measured,
) -> Rated:
    """What a measured response costs.

    The provider is in OpenTelemetry's or the list's spelling, the model's name as it was
    written, the service tier the response's (else the requested one), the instant the
    request's arrival. Where a contract holds, the lines are what is paid under it; the
    card's id and `list_cost` stay the list's.
    """
    asked = (provider, model, service_tier, region)
    listed = _rate(book, asked, at_us, measured)
    if book.paid is None:
        return listed
    paid = _rate(book.paid, asked, at_us, measured)
    why = listed.why if paid.price_id == listed.price_id else f"{listed.why}; paid by {paid.why.rpartition('; ')[2]}"
    return replace(paid, price_id=listed.price_id or paid.price_id, list_cost=listed.cost, why=why)


def _rate(book: PriceBook, asked: tuple[str, str, str, str], at_us: int, measured: Measured) -> Rated:
    found = book.resolve(*asked)
    segment = found.at(at_us)
    prices = _prices(segment, measured) if segment else _NO_PRICES
    lines: list[Line] = []
    unpriced: list[str] = []
    total = 0
    for meter, quantity in measured.quantities.items():
        if not quantity:
            continue
        price = prices.get(meter)
        if price is not None:
            cost = quantity * price
            if meter in _SCALED:
                cost = divide_half_even(cost, _SCALED[meter])
            total += cost
            lines.append(Line(meter, quantity, price, cost))
        elif meter not in FACT_METERS:
            unpriced.append(meter)
            lines.append(Line(meter, quantity, None, None))
    known = _sum(total, len(lines) - len(unpriced), len(unpriced), measured)
    return Rated(
        segment.card.price_id if segment else "",
        found.model,
        tuple(lines),
        known,
        segment.card.currency if segment else "USD",
        _why(found, segment),
        tuple(unpriced),
        known,
    )


def _sum(total: int, priced_lines: int, unpriced_lines: int, measured: Measured) -> int | None:
    """The cost: nothing billed and something reported is a reported zero; nothing known is None."""
    if priced_lines:
        return total
    return None if unpriced_lines or measured.state == "absent" else 0


def _prices(segment: Segment, measured: Measured) -> Mapping[str, int]:
    """The unit prices of the size class: the whole request pays the dearer tier once it is above it."""
    steps = segment.steps
    if len(steps) == 1:
        return steps[0].prices
    size = measured.input_tokens
    if size is None:
        size = sum(measured.quantities.get(name, 0) for name in INPUT_METERS)
    for step in steps:
        if size > step.above:
            return step.prices
    return steps[-1].prices


def _why(found: Resolution, segment: Segment | None) -> str:
    if segment is None and found.segments:
        return f"{found.why}; no price holds on that date"
    if segment is not None and segment.card.source.startswith("contract "):
        return f"{found.why}; {segment.card.source}"
    return found.why


def rated(book: PriceBook, event: UsageEvent) -> Rated:
    """What an event costs: by the response's model and tier, else the requested ones."""
    name = best_name(book, event.provider, event.response_model, event.request_model)
    found = rate(
        book,
        provider=event.provider,
        model=name,
        service_tier=event.service_tier or event.requested_service_tier,
        region=event.dimensions.get("region", ""),
        at_us=event.occurred_at,
        measured=event.measured,
    )
    by_time = gpu_rate(event.price_id)
    return found if by_time is None else gpu_rated(found, event.measured, by_time)


def best_name(book: PriceBook, provider: str, response_model: str, request_model: str) -> str:
    """The response's model name; the request's where only that one is known."""
    if not response_model:
        return request_model
    if request_model and request_model != response_model and not book.resolve(provider, response_model).known:
        return request_model if book.resolve(provider, request_model).known else response_model
    return response_model


def priced(book: PriceBook, event: UsageEvent) -> UsageEvent:
    """The event with its model, price and costs filled in; effective is what a contract leaves of the list cost."""
    return replace(event, **price_fields(rated(book, event)))


def price_fields(result: Rated) -> dict[str, Any]:
    """The fields of a usage event that rating fills, for who makes the event only now."""
    return {
        "model": result.model,
        "currency": result.currency,
        "price_id": result.price_id,
        "priced": {line.meter: line.cost for line in result.lines if line.cost is not None},
        "list_cost": result.list_cost,
        "effective_cost": result.cost,
    }
