"""OpenAI's costs: dollars a day by line item, project, key and user. Pure.

A line item is a text such as ``gpt-6-astra, input_tokens`` and no documented format: it is
split at its last comma, and where its last part is not made of words we know, it stays
whole, without model and meter.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.openai.lines import GROUPS, line, named, results
from tallystick.connectors.records import Record, Row, Unusable, currency_of, decimal, member, raw_of, text
from tallystick.kernel.money import decimal_from_grains, grains_from_decimal
from tallystick.ports import Page
from tallystick.usage.meters import BY_NAME, TOKEN_METERS
from tallystick.usage.units import convert, parse_unit

OBJECT = "organization.costs.result"
KNOWN = frozenset({"object", "amount", "line_item", "quantity", "quantity_unit", "api_source", *GROUPS})
IGNORED: Mapping[str, str] = {}

_TIERS = ("batch", "flex", "priority")
_SILENT = frozenset({"tokens", "token", "text", "usage"})
# The words of a line item's last part, without tier and silent words → the meter.
_METERS: Mapping[frozenset[str], str] = {
    frozenset(words.split()): meter
    for words, meter in {
        "input": "uncached_input",
        "uncached input": "uncached_input",
        "cached input": "cache_read",
        "input cache read": "cache_read",
        "input cache write": "cache_write_unknown",
        "input cache write 30m": "cache_write_30m",
        "input cache write 12h": "cache_write_12h",
        "cache write": "cache_write_unknown",
        "cache write 30m": "cache_write_30m",
        "cache write 12h": "cache_write_12h",
        "output": "plain_output",
        "audio input": "uncached_input_audio",
        "cached audio input": "cache_read_audio",
        "audio output": "plain_output_audio",
        "image input": "uncached_input_image",
        "cached image input": "cache_read_image",
        "image output": "plain_output_image",
        "images": "images",
        "image": "images",
        "image generation": "images",
        "characters": "characters",
        "seconds": "seconds",
        "minutes": "seconds",
        "hours": "seconds",
        "duration": "seconds",
    }.items()
}
_UNIT_OF = {"images": "images", "characters": "characters", "seconds": "time"}


def lines(page: Page) -> Iterator[BillLine | Rejected]:
    """One line for each result."""
    for row in results(page, OBJECT):
        yield row if isinstance(row, Rejected) else _line(row)


def _line(row: Row) -> BillLine | Rejected:
    record = row.record
    try:
        amount = member(record, "amount")
        value = decimal(amount, "value")
        if value is None:
            raise Unusable("amount.value is missing: a cost without an amount is no cost")
        grains = grains_from_decimal(value)
        money = {"currency": currency_of(amount), "billed_cost": grains, "effective_cost": grains}
        values = _item(record)
        extra = {**named(record, ("api_source",)), **_unknown_of(amount), **values.get("extra", {})}
        if decimal_from_grains(grains) != value:
            extra["amount.value"] = str(value)
        return line(row, "cost", KNOWN, {**values, **money, "extra": extra})
    except Unusable as problem:
        return Rejected(row.line_no, str(problem), raw_of(record))


def _unknown_of(amount: Record) -> dict[str, str]:
    known = ("value", "currency")
    return {f"amount.{name}": text(value) for name, value in amount.items() if name not in known and value is not None}


def _item(record: Record) -> dict[str, Any]:
    """Model, meter, tier and quantity of a line item, as far as it says them."""
    item = text(record.get("line_item"))
    model, meter, tier = split_item(item)
    values: dict[str, Any] = {
        "charge_description": item,
        "sku_id": item,
        "sku_meter": item.rpartition(", ")[2] if model else "",
        "raw_model": model,
        "meter": meter,
        "service_tier": tier,
    }
    return values | _quantity(decimal(record, "quantity"), text(record.get("quantity_unit")), meter)


def split_item(item: str) -> tuple[str, str, str]:
    """Model, meter and tier; all empty where the text is not of the kind ``<model>, <what>``.

    >>> split_item("gpt-6-astra, input_tokens"), split_item("Web search, low context")
    (('gpt-6-astra', 'uncached_input', ''), ('', '', ''))
    """
    model, comma, last = item.rpartition(", ")
    words = [word for word in re.split(r"[\s_]+", last.lower()) if word]
    tiers = [word for word in words if word in _TIERS]
    meter = _METERS.get(frozenset(word for word in words if word not in _TIERS and word not in _SILENT), "")
    if not comma or not model.strip() or not meter or len(tiers) > 1:
        return "", "", ""
    return model.strip(), meter, tiers[0] if tiers else ""


def _quantity(quantity: Decimal | None, spelled: str, meter: str) -> dict[str, Any]:
    """The quantity in its own unit, and in the meter's where that is whole and of the same kind."""
    if quantity is None:
        return {"consumed_unit": "", "extra": {"quantity_unit": spelled} if spelled else {}}
    consumed = {"consumed_quantity": quantity, "consumed_unit": _focus_unit(spelled)}
    unit = parse_unit(spelled.removeprefix("duration_"))
    kind = "tokens" if meter in TOKEN_METERS else _UNIT_OF.get(meter, "")
    if unit is None or unit.kind != kind:
        return consumed | ({"extra": {"quantity_unit": spelled}} if spelled else {})
    smallest = convert(quantity, unit, type(unit)(kind))
    whole = None if smallest is None else smallest * BY_NAME[meter].scale
    if whole is None or whole != int(whole) or whole < 0:
        return consumed
    return consumed | {"quantity": int(whole)}


def _focus_unit(spelled: str) -> str:
    """OpenAI's unit as FOCUS spells it: `1000_tokens` is ``1000 Tokens``, `duration_minutes` is ``Minutes``."""
    words = spelled.removeprefix("duration_").replace("gibibyte", "GiB").replace("_", " ").split()
    return " ".join(word if word[0].isupper() else word.capitalize() for word in words)
