"""What our price book adds to a line: the canonical model, and the cost of usage that came without one."""

from dataclasses import replace
from typing import Any

from tallystick.bills.model import BillLine
from tallystick.pricing.book import PriceBook
from tallystick.pricing.rate import rate
from tallystick.usage.meters import FACT_METERS
from tallystick.usage.model import Measured

# A bucket sums many calls, so its size says nothing of theirs: the source says which price tier it was.
_SHORT, _LONG = 0, 2**62


def completed(book: PriceBook, line: BillLine) -> BillLine:
    """The line with its model named, and rated where it is of the usage layer; what nobody knows stays None.

    The price is the one that held when the line's charge period began.
    """
    change: dict[str, Any] = {}
    if line.raw_model and not line.model:
        change["model"] = book.resolve(line.provider, line.raw_model, line.service_tier, line.region).model
    if line.layer == "usage" and line.meter and line.quantity is not None and line.list_cost is None:
        change |= _rated(book, line, line.quantity)
    return replace(line, **change) if change else line


def _rated(book: PriceBook, line: BillLine, quantity: int) -> dict[str, Any]:
    size = _LONG if line.context == "long" else _SHORT
    found = rate(
        book,
        provider=line.provider,
        model=line.raw_model or line.model,
        service_tier=line.service_tier,
        region=line.region,
        at_us=line.charge_period_start,
        measured=Measured({line.meter: quantity}, input_tokens=size, state="reported"),
    )
    if found.cost is None or (line.meter in FACT_METERS and not found.price_id):
        return {}
    return {"list_cost": found.cost, "effective_cost": found.cost, "currency": found.currency}
