"""A made month put into an instance, as connectors and the gateway would: events, bill lines, price cards."""

from dataclasses import replace

from tallystick.bills.model import BillLine, Load
from tallystick.bills.store import append_lines, append_loads
from tallystick.operations.context import Context
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.post_charges import post_charges
from tallystick.pricing.model import PriceCard, Tier
from tallystick.pricing.store import append_cards
from tallystick.usage.model import Measured, UsageEvent
from tests.bills.months import DAY, FLEX_PERCENT, METERS, MODELS, OCTOBER, PRICES, Made

LAYERS = {"usage": "usage", "reports": "cost", "invoice": "invoice"}


def write_prices(context: Context) -> None:
    """The book by which the calls of every made month are priced, with a flex tier."""
    cards = []
    for model in MODELS:
        for tier, percent in (("", 100), ("flex", FLEX_PERCENT)):
            prices = {meter: PRICES[model, meter] * percent // 100 for meter in METERS}
            cards.append(PriceCard(f"{model}{tier}", "openai", model, (Tier(0, prices),), service_tier=tier))
    append_cards(context.config_db, cards, 1)


def write_month(context: Context, month: Made, account: str = "openai") -> None:
    """Its calls as events and its lines as finished loads; other gateways' logs come before them or after."""
    calls, copies = events_of(month, account), copies_of(month, account)
    for batch in (copies, calls) if month.seed % 2 else (calls, copies):
        ingest_events(context, batch)
        if month.seed % 3:
            post_charges(context)
    for name, layer in LAYERS.items():
        lines = lines_of(getattr(month, name), layer, account)
        write_load(context, f"{account}-{layer}", lines)


def write_load(context: Context, name: str, lines: list[BillLine], at: int = 1) -> None:
    """One load with these lines, in place of the one of the same name."""
    if not lines:
        return
    load_id = f"load_{name}_{at}"
    append_lines(context.ledger, name, load_id, "page", lines)
    first = min(one.charge_period_start for one in lines)
    last = max(one.charge_period_start for one in lines)
    load = Load(load_id, name, lines[0].dataset, "all", lines[0].provider_account, load_id, at, len(lines), 0, "USD", first, last)  # fmt: skip
    append_loads(context.config_db, [load])


def events_of(month: Made, account: str) -> list[UsageEvent]:
    """One event a call."""
    found = []
    for number, call in enumerate(month.calls):
        priced = {name: cost for name, cost in call["costs"].items() if cost is not None}
        cost = sum(priced.values()) if priced else None
        found.append(
            UsageEvent(
                event_id=f"evt_{account}_{month.seed}_{number}",
                call_id=f"call_{account}_{month.seed}_{number}",
                occurred_at=call["at"],
                provider="openai",
                provider_account=account,
                response_id=f"chatcmpl-{account}-{month.seed}-{number}",
                model=call["model"],
                dimensions={name: call[name] for name in ("team", "feature") if call[name]}
                | {"user": f"u{number % 3}"},
                measured=Measured(quantities=call["quantities"], state="reported"),
                priced=priced,
                list_cost=cost,
                effective_cost=cost,
            )
        )
    return found


def copies_of(month: Made, account: str) -> list[UsageEvent]:
    """One event for each row of another gateway's log: the same answer's id, some seconds apart, an id of its own."""
    events = events_of(month, account)
    found = []
    for one in month.copies:
        event = events[one["of"]]
        ids = {"event_id": f"{event.event_id}_{one['source']}", "call_id": f"{event.call_id}_{one['source']}"}
        known = account if one["account_known"] else ""
        seconds = 1_000_000 * (one["of"] % 7)
        found.append(replace(event, **ids, source=f"import:{one['source']}", provider_account=known, occurred_at=event.occurred_at + seconds))  # fmt: skip
    return found


def lines_of(lines: list, layer: str, account: str) -> list[BillLine]:
    """Bill lines; what an invoice says of a model comes in two lines of an hour each, as cloud bills do."""
    found: list[BillLine] = []
    for one in lines:
        pieces = 2 if layer == "invoice" and one.get("quantity", 0) > 1 else 1
        for piece in range(pieces):
            found.append(_line(one, layer, account, (piece, pieces, len(found) + 1)))
    return found


def _part(amount, piece, pieces):
    if amount is None:
        return None
    half = amount // pieces
    return half if piece == 0 and pieces > 1 else amount - half * (pieces - 1)


def _line(one: dict, layer: str, account: str, place: tuple[int, int, int]) -> BillLine:
    piece, pieces, number = place
    start = OCTOBER + one["day"] * DAY + piece * (DAY // 24)
    hourly = pieces > 1
    end = start + DAY // 24 if hourly else OCTOBER + one.get("end", one["day"] + 1) * DAY
    cost = _part(one["cost"], piece, pieces)
    return BillLine(
        layer=layer,
        dataset=layer,
        slice_key="all",
        line_no=number,
        charge_period_start=start,
        charge_period_end=end,
        currency="USD",
        charge_category=one.get("category", "Usage"),
        provider="openai",
        provider_account=account,
        model=one.get("model", ""),
        raw_model=one.get("model", ""),
        meter=one.get("meter", ""),
        service_tier=one.get("tier", ""),
        quantity=_part(one.get("quantity"), piece, pieces),
        billed_cost=None if layer == "usage" else cost,
        effective_cost=cost,
        list_cost=_part(one.get("list"), piece, pieces),
    )
