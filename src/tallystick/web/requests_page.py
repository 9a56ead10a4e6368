"""Calls as rows, and one call as a page: what was measured, what it cost, line by line."""

from collections.abc import Sequence
from dataclasses import dataclass

from tallystick.charts.format import count, money, symbol
from tallystick.explore.describe import label
from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import rfc3339
from tallystick.ledger.duplicates import Copy
from tallystick.pricing.gpu import gpu_rate, gpu_words
from tallystick.pricing.model import PriceCard
from tallystick.usage.meters import BY_NAME, CACHE_READ_METERS
from tallystick.usage.model import UsageEvent
from tallystick.web import dates
from tallystick.web.view import Figure, exact

_OUTCOMES = {
    "ok": ("", "answered"),
    "error": ("bad", "the provider answered with an error"),
    "cut": ("warn", "the provider's stream was cut"),
    "client_gone": ("warn", "the client hung up before the end"),
    "interrupted": ("warn", "the gateway ended while the call was in flight"),
    "refused": ("bad", "refused before any provider was asked"),
}
_CLAIMED = "claimed_"
# Tone and meaning of what budgets and rules made of a call; what passed as it came has no mark.
VERDICTS = {
    "alerted": ("warn", "let pass over a budget that only tells"),
    "degraded": ("warn", "a budget had no room for the model asked for, and a cheaper one was asked"),
    "blocked": ("bad", "a budget had no room, so no provider was asked"),
    "paused": ("bad", "a budget had no room, and work that is not critical is paused"),
    "tripped": ("bad", "a breaker is open, so no provider was asked"),
    "denied": ("bad", "a rule denies it, so no provider was asked"),
    "cached": ("", "our cache answered, and no provider was asked"),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A caveat in one word, its tone, and what it means."""

    word: str
    tone: str
    why: str


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call in the list."""

    href: str
    at: str
    provider: str
    model: str
    team: str
    feature: str
    input: str
    cached: str
    output: str
    cost: Figure
    took: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One class of usage: quantity x unit price = cost."""

    meter: str
    quantity: str
    unit: str
    unit_price: str
    cost: Figure
    note: str


@dataclass(frozen=True, slots=True)
class CallPage:
    """One call, written."""

    title: str
    cost: Figure
    marks: tuple[Mark, ...]
    identity: tuple[tuple[str, str], ...]
    owners: tuple[tuple[str, str], ...]
    tags: tuple[tuple[str, str], ...]
    claimed: tuple[tuple[str, str], ...]
    lines: tuple[PriceLine, ...]
    facts: tuple[tuple[str, str], ...]
    price: tuple[tuple[str, str], ...]
    timing: tuple[tuple[str, str], ...]
    sizes: tuple[tuple[str, str], ...]


def call_row(event: UsageEvent, zone: str) -> CallRow:
    """Write one call for the list."""
    cached = [event.measured.quantities[name] for name in CACHE_READ_METERS if name in event.measured.quantities]
    return CallRow(
        href=f"/requests/{event.event_id}",
        at=dates.clock_short(event.occurred_at, zone),
        provider=event.provider,
        model=event.model or event.response_model or event.request_model,
        team=event.dimensions.get("team", ""),
        feature=event.dimensions.get("feature", ""),
        input=count(event.measured.input_tokens),
        cached=count(sum(cached)) if cached else "–",
        output=count(event.measured.output_tokens),
        cost=_cost(event),
        took=seconds(event.duration_us),
        marks=marks(event),
    )


def _cost(event: UsageEvent) -> Figure:
    return Figure(money(event.effective_cost, event.currency), exact(event.effective_cost))


def marks(event: UsageEvent) -> tuple[Mark, ...]:
    """What to know before the figures of a call are believed."""
    tone, why = _OUTCOMES[event.outcome]
    found = [Mark(event.verdict, *VERDICTS[event.verdict])] if event.verdict in VERDICTS else []
    if tone and not (found and event.outcome == "refused"):
        found.append(Mark(event.outcome.replace("_", " "), tone, why))
    if event.source_key == "duplicate":
        found.append(Mark("taken back", "", "another capture has this call too, and it counts there"))
    if event.unpriced:
        found.append(Mark("unpriced", "warn", f"no price for {', '.join(label(name) for name in event.unpriced)}"))
    if event.measured.state == "estimated":
        found.append(
            Mark("estimated", "warn", f"guessed: {', '.join(label(n) for n in event.measured.estimated) or 'usage'}")
        )
    if event.measured.state == "absent" and event.attempt:
        found.append(Mark("no usage", "warn", "the provider reported no usage, which is not a usage of zero"))
    if event.measured.drift:
        found.append(Mark("drift", "warn", "; ".join(event.measured.drift)))
    return tuple(found)


def call_page(event: UsageEvent, card: PriceCard | None, zone: str) -> CallPage:
    """Write one call with its priced lines; `card` is the price card that rated it, if the book still has it."""
    return CallPage(
        title=f"{money(event.effective_cost, event.currency)}, {event.model or event.request_model or 'unknown model'}",
        cost=_cost(event),
        marks=marks(event),
        identity=_identity(event, zone),
        owners=tuple((label(name), value) for name, value in event.dimensions.items()),
        tags=tuple(pair for pair in event.tags.items() if not pair[0].startswith(_CLAIMED)),
        claimed=tuple(
            (label(name.removeprefix(_CLAIMED)), value)
            for name, value in event.tags.items()
            if name.startswith(_CLAIMED)
        ),
        lines=tuple(_line(event, meter, card) for meter in _billed(event)),
        facts=tuple((label(name), count(event.measured.quantities[name])) for name in _unbilled(event)),
        price=_price(event, card, zone),
        timing=_timing(event),
        sizes=_sizes(event),
    )


def _billed(event: UsageEvent) -> list[str]:
    return [name for name in event.measured.quantities if name in event.priced or name in event.unpriced]


def _unbilled(event: UsageEvent) -> list[str]:
    billed = _billed(event)
    return [name for name in event.measured.quantities if name not in billed]


def _line(event: UsageEvent, meter: str, card: PriceCard | None) -> PriceLine:
    quantity, cost, about = event.measured.quantities[meter], event.priced.get(meter), BY_NAME.get(meter)
    scale = about.scale if about else 1
    unit = about.unit if about else "Units"
    price = unit_price(event, meter, card)
    per = (10**6, "million tokens") if unit == "Tokens" else (1, unit.lower().rstrip("s"))
    return PriceLine(
        meter=label(meter),
        quantity=count(quantity) if scale == 1 else f"{quantity / scale:,.3f}",
        unit=unit.lower(),
        unit_price="no price" if price is None else f"{money(price * per[0], event.currency)} per {per[1]}",
        cost=Figure("–" if cost is None else f"{symbol(event.currency)}{text_from_grains(cost)}", exact(cost)),
        note="estimated" if meter in event.measured.estimated else "",
    )


def unit_price(event: UsageEvent, meter: str, card: PriceCard | None) -> int | None:
    """Grains per unit of one line: the cost is a whole multiple of it, for no price is rounded per call."""
    cost, quantity = event.priced.get(meter), event.measured.quantities[meter]
    scale = BY_NAME[meter].scale if meter in BY_NAME else 1
    if cost is not None and quantity and scale == 1 and cost % quantity == 0:
        return cost // quantity
    prices = card.tiers[0].prices if card and card.tiers else {}
    return prices.get(meter) if cost is not None else None


def _identity(event: UsageEvent, zone: str) -> tuple[tuple[str, str], ...]:
    pairs = (
        ("When", f"{dates.clock(event.occurred_at, zone)} ({zone})"),
        ("In UTC", rfc3339(event.occurred_at)),
        ("Operation", event.operation_name),
        ("Provider", event.provider),
        ("Asked for", event.request_model),
        ("Answered by", event.response_model),
        ("Priced as", event.model),
        ("Service tier", event.service_tier),
        ("Tier asked for", event.requested_service_tier),
        ("Outcome", f"{_OUTCOMES[event.outcome][1]}{f', status {event.status}' if event.status else ''}"),
        ("Error", event.error_type),
        ("Finish reason", event.finish_reason),
        ("Key", event.key),
        ("Own key, fingerprint", event.key_fingerprint),
        ("Event", event.event_id),
        ("Call", f"{event.call_id}, attempt {event.attempt}"),
        ("Provider's id", event.response_id),
        ("Trace", event.trace_id),
        ("Source", event.source),
        ("SDK", event.user_agent),
    )
    return tuple(pair for pair in pairs if pair[1])


def _price(event: UsageEvent, card: PriceCard | None, zone: str) -> tuple[tuple[str, str], ...]:
    if not event.price_id:
        return (("Price card", "none: the price book knows no price for this call"),)
    if (by_time := gpu_rate(event.price_id)) is not None:
        return (("Priced", gpu_words(by_time)), ("Server time", seconds(event.measured.quantities.get("gpu_seconds"))))
    pairs = [("Price card", event.price_id)]
    if card is not None:
        since = "always" if not card.valid_from else dates.clock(card.valid_from, zone)
        pairs += [
            ("Sold as", f"{card.provider} {card.model}"),
            ("Condition", ", ".join(filter(None, (card.service_tier, card.region))) or "standard"),
            ("Valid from", since),
            ("Source", card.source),
        ]
    return tuple(pairs)


def _timing(event: UsageEvent) -> tuple[tuple[str, str], ...]:
    pairs = (
        ("First token", seconds(event.time_to_first_token_us)),
        ("Total", seconds(event.duration_us)),
        ("Streamed", "yes" if event.stream else "no"),
        ("Retries of the SDK", count(event.retry_count)),
    )
    return tuple(pair for pair in pairs if pair[1] != "–")


def _sizes(event: UsageEvent) -> tuple[tuple[str, str], ...]:
    pairs = (
        ("Request", event.request_bytes, "bytes"),
        ("System prompt", event.system_bytes, "bytes"),
        ("Tool schemas", event.tools_bytes, "bytes"),
        ("Response", event.response_bytes, "bytes"),
        ("Largest answer asked for", event.requested_max_tokens, "tokens"),
        ("Largest answer in force", event.effective_max_tokens, "tokens"),
    )
    return tuple((name, f"{count(value)} {unit}") for name, value, unit in pairs if value is not None)


def copy_lines(event_id: str, copies: Sequence[Copy]) -> tuple[tuple[str, str, str], ...]:
    """What other captures have of this call: words, the way there, the other's source."""
    counts = "Counted once, under"
    found = [
        (counts, f"/requests/{one.kept_id}", one.kept_source)
        if one.event_id == event_id.removesuffix("~d")
        else ("Not counted again", f"/requests/{one.event_id}", one.source)
        for one in copies
    ]
    return tuple(found)


def seconds(micros: int | None) -> str:
    """``0.84 s``; a dash when unknown."""
    if micros is None:
        return "–"
    return f"{micros / 1_000_000:.2f} s" if micros >= 10_000 else f"{micros / 1000:.1f} ms"
