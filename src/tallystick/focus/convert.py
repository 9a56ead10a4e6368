"""One FOCUS record as a bill line: the reference that the column-wise reader is held to."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from tallystick.bills.model import BillLine, Rejected
from tallystick.focus.cells import Bad, read_grains, read_id, read_instant, read_text
from tallystick.focus.columns import COSTS
from tallystick.focus.judge import (
    CUSTOM_HINTS,
    HINTS,
    account_of,
    note_of,
    problem_of,
    quantity_of,
    raw_of,
    read_category,
    read_extra,
    slice_of,
    tell_from,
)
from tallystick.focus.layout import IDS, Layout, lay_out
from tallystick.focus.place import Place
from tallystick.focus.tags import dimensions_of, read_tags
from tallystick.kernel.money import decimal_from_grains


def line_from_focus(record: Mapping[str, object], place: Place) -> BillLine | Rejected:
    """The line of a Cost and Usage record of any version.

    Args:
        record: By FOCUS's names in any spelling (`BilledCost`, `billed_cost`); texts or typed values. What
            FOCUS does not know lands in `extra` by its own name.
        place: Where it stands; its notes are added to.
    """
    cells = list(record.values())
    layout = lay_out(tuple(record))
    values: dict[str, Any] = {}
    for part, read in ((layout.money, read_grains), (layout.quantities, read_grains), (layout.instants, read_instant)):
        for attribute, (at, name) in part.items():
            value = read(cells[at])
            if isinstance(value, Bad):
                return Rejected(place.line_no, f"{name}: {value.reason}", raw_of(layout.names, cells))
            values[attribute] = value
    reason = problem_of(
        values.get("charge_period_start"),
        values.get("charge_period_end"),
        [values.get(name) for name in COSTS if place.needs_cost],
    )
    if reason:
        return Rejected(place.line_no, reason, raw_of(layout.names, cells))
    values |= _texts(layout, cells, place)
    return _line(values, layout, cells, place)


def reader_of(attribute: str) -> Callable[[object], str]:
    """How the text of an attribute is read."""
    if attribute == "charge_category":
        return read_category
    if attribute == "currency":
        return lambda cell: read_text(cell).upper()
    return read_id if attribute in IDS else read_text


def _texts(layout: Layout, cells: list[object], place: Place) -> dict[str, str]:
    found = {"charge_category": "Usage", "currency": ""}
    for attribute, (at, name) in layout.texts.items():
        found[attribute] = reader_of(attribute)(cells[at])
        note = note_of(name, found[attribute])
        if note:
            place.notes.add(note)
    return found


def _line(values: dict[str, Any], layout: Layout, cells: list[object], place: Place) -> BillLine:
    facts = tell_from(
        [values.get(name, "") for name in HINTS],
        [[read_text(cells[at]) for at in layout.hints[name]] for name in CUSTOM_HINTS],
    )
    extra = {name: text for at, name in layout.extras if (text := read_extra(cells[at]))}
    tags = read_tags(cells[layout.tags]) if layout.tags is not None else {}
    if tags is None and layout.tags is not None:
        extra["Tags"] = read_extra(cells[layout.tags])
    provider = (place.provider or facts.provider) if facts.ai else ""
    billing_account = values.get("billing_account_id", "")
    seller = values.get("invoice_issuer_name", "") or values.get("service_provider_name", "")
    start = values["charge_period_start"]
    billed_from = values.get("billing_period_start")
    consumed, pricing = values.pop("consumed_quantity", None), values.pop("pricing_quantity", None)
    return BillLine(
        layer=place.layer,
        dataset=place.dataset,
        slice_key=slice_of(billing_account, seller, start if billed_from is None else billed_from, place.suffix),
        line_no=place.line_no,
        provider=provider,
        provider_account=account_of(place.account, provider, billing_account, seller),
        ai=facts.ai,
        raw_model=facts.raw_model,
        meter=facts.meter,
        service_tier=facts.service_tier,
        context=facts.context,
        quantity=quantity_of(facts, consumed, pricing),
        consumed_quantity=_decimal(consumed),
        pricing_quantity=_decimal(pricing),
        tags=tags or {},
        dimensions=dimensions_of(tags or {}),
        extra=extra,
        **values,
    )


def _decimal(grains: int | None) -> Decimal | None:
    return None if grains is None else decimal_from_grains(grains)
