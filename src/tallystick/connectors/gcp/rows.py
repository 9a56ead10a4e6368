"""A row of the standard or detailed billing export as lines: its cost, and each of its credits. Pure.

Net = cost + the sum of the credits. A row is read once and its credits beside it, so that
nothing fans out: the lines of a row sum to its net.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any, cast

from tallystick.bills.model import BillLine, ChargeCategory, Rejected
from tallystick.connectors.gcp.skus import Sku, read_sku
from tallystick.connectors.labels import dimensions
from tallystick.connectors.records import leftover, raw_of, text
from tallystick.focus.cells import Bad, read_decimal, read_instant
from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.period import Period, moment
from tallystick.usage.meters import BY_NAME
from tallystick.usage.units import Unit, convert, meant, parse_unit, spell

Row = Mapping[str, Any]
# Path of a field → why nothing keeps it.
IGNORED: dict[str, str] = {
    "project.ancestors": "the folders above a project: the organisation's tree, told by the project's own id",
    "project.ancestry_numbers": "the same folders as numbers",
    "project.number": "the project's id names it",
    "location.country": "the region names it",
    "location.location": "the region, or the multi-region where there is none: read where no region is given",
    "tags.inherited": "a tag holds whether it was set here or above",
    "tags.namespace": "the number of the organisation that owns the tag: one account has one",
    "export_time": "when the row was written: the month is read whole again, so that late rows need no mark",
    "currency_conversion_rate": "amounts stay in the currency that is billed",
    "credits.full_name": "the same as the credit's name, longer",
    "price.pricing_unit_quantity": "how many units a price is for: told by the pricing unit",
    "cost_at_list_consumption_model": "the list cost under another plan of paying",
}
_CATEGORIES = {"regular": "Usage", "tax": "Tax", "adjustment": "Adjustment", "rounding_error": "Adjustment"}
_NESTED = ("service", "sku", "project", "location", "usage", "invoice", "price", "resource", "subscription",
           "adjustment_info", "consumption_model")  # fmt: skip
# What is read of each record of a row; the rest of it lands in `extra`.
_READ: dict[str, frozenset[str]] = {
    "service": frozenset({"description"}),
    "sku": frozenset({"id", "description"}),
    "project": frozenset({"id", "name", "number", "labels", "ancestors", "ancestry_numbers"}),
    "location": frozenset({"location", "country", "region"}),
    "usage": frozenset({"amount", "unit", "amount_in_pricing_units", "pricing_unit"}),
    "invoice": frozenset({"month"}),
    "price": frozenset({"effective_price", "list_price", "unit", "pricing_unit_quantity"}),
    "resource": frozenset({"name", "global_name"}),
}
_TOP = frozenset({
    "billing_account_id", "usage_start_time", "usage_end_time", "labels", "system_labels", "tags", "cost", "currency",
    "currency_conversion_rate", "credits", "cost_type", "export_time", "cost_at_list", "seller_name",
    "cost_at_effective_price_default", "cost_at_list_consumption_model", *_NESTED,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """How rows are read.

    Attributes:
        dataset: `detailed` or `standard`.
        strict: A row of another invoice month is refused; else it is another month's and passed over.
    """

    dataset: str
    window: Period
    account: str
    labels: Mapping[str, str]
    strict: bool


class Refused(ValueError):
    """Why a row cannot be used."""


def read_row(row: Row, line_no: int, reading: Reading) -> Iterator[BillLine | Rejected]:
    """The cost line and the credits of a row; all of them or a rejection, never a part."""
    try:
        lines = _lines(row, line_no, reading)
    except Refused as refused:
        yield Rejected(line_no, str(refused), raw_of(row))
        return
    yield from lines


def _lines(row: Row, line_no: int, reading: Reading) -> list[BillLine]:
    month = f"{moment(reading.window.start_us):%Y%m}"
    found = text(_record(row, "invoice").get("month"))
    if found != month:
        if len(found) != 6 or not found.isdecimal():
            raise Refused(f"invoice.month is {found[:40]!r}, and must be a month such as {month}")
        if not reading.strict:
            return []
        raise Refused(f"it is invoiced in {found}, and {month} was asked for")
    cost = number(row, "cost")
    if cost is None:
        raise Refused("cost is missing; the table may have changed")
    line = _cost_line(row, line_no, reading, cost)
    return [line, *(_credit_line(line, credit) for credit in _repeated(row, "credits"))]


def _cost_line(row: Row, line_no: int, reading: Reading, cost: Decimal) -> BillLine:
    start, end = instant(row, "usage_start_time"), instant(row, "usage_end_time")
    currency = text(row.get("currency")).upper()
    if start is None or end is None or end < start:
        raise Refused("usage_start_time and usage_end_time bound no time")
    if not currency:
        raise Refused("the currency is missing (currency)")
    parts = {name: _record(row, name) for name in _NESTED}
    sku = read_sku(text(parts["service"].get("description")), text(parts["sku"].get("description")))
    category = text(row.get("cost_type")).lower() or "regular"
    account = text(row.get("billing_account_id"))
    place = parts["location"]
    tags = tags_of(row)
    return BillLine(
        layer="invoice",
        dataset=reading.dataset,
        slice_key=f"{account or reading.account}/{moment(reading.window.start_us):%Y-%m}",
        line_no=line_no,
        charge_period_start=start,
        charge_period_end=end,
        billing_period_start=reading.window.start_us,
        billing_period_end=reading.window.end_us,
        currency=currency,
        charge_category=cast("ChargeCategory", _CATEGORIES.get(category, "Adjustment")),
        charge_description=text(parts["sku"].get("description")),
        charge_frequency="Usage-Based" if category == "regular" else "",
        provider_account=reading.account,
        service_provider_name=text(row.get("seller_name")) or "Google Cloud",
        host_provider_name="Google Cloud",
        invoice_issuer_name="Google Cloud",
        billing_account_id=account,
        sub_account_id=text(parts["project"].get("id")),
        sub_account_name=text(parts["project"].get("name")),
        service_name=text(parts["service"].get("description")),
        service_category="AI and Machine Learning" if sku.ai else "",
        resource_id=text(parts["resource"].get("global_name")) or text(parts["resource"].get("name")),
        resource_name=text(parts["resource"].get("name")),
        region=text(place.get("region")) or text(place.get("location")),
        sku_id=text(parts["sku"].get("id")),
        sku_meter=text(parts["sku"].get("description")),
        billed_cost=grains_from_decimal(cost),
        effective_cost=grains_from_decimal(cost),
        list_cost=_grains(number(row, "cost_at_list")),
        contracted_cost=_grains(number(row, "cost_at_effective_price_default")),
        tags=tags,
        dimensions=dimensions(tags, reading.labels, ("", "tag/", "project/")),
        extra=_extra(row, parts, category),
        **_of_sku(sku, parts, used=category == "regular"),
    )


def _of_sku(sku: Sku, parts: Mapping[str, Row], *, used: bool) -> dict[str, Any]:
    usage, price = parts["usage"], parts["price"]
    amount, pricing = number(usage, "amount", "usage."), number(usage, "amount_in_pricing_units", "usage.")
    unit, pricing_unit = text(usage.get("unit")), text(usage.get("pricing_unit")) or text(price.get("unit"))
    found = quantity_of(sku, ((amount, unit), (pricing, pricing_unit))) if used else None
    return {
        "ai": sku.ai,
        "provider": sku.provider,
        "raw_model": sku.model,
        "meter": sku.meter,
        "service_tier": sku.service_tier,
        "context": sku.context,
        "quantity": found,
        "consumed_quantity": amount,
        "consumed_unit": _spelled(unit, sku),
        "pricing_quantity": pricing,
        "pricing_unit": pricing_unit,
        "list_unit_price": _grains(number(price, "list_price", "price.")),
        "contracted_unit_price": _grains(number(price, "effective_price", "price.")),
    }


def _spelled(spelled: str, sku: Sku) -> str:
    """A bare "count" as what the SKU counts; other units as they are written."""
    unit = parse_unit(spelled) if spelled else None
    counts = unit == Unit("count") and sku.thing not in {"", "time"}
    return spell(Unit(sku.thing)) if counts else spelled


def quantity_of(sku: Sku, amounts: tuple[tuple[Decimal | None, str], ...]) -> int | None:
    """Whole units of the SKU's meter by the first amount whose unit is of it; None where none is."""
    meter = BY_NAME.get(sku.meter)
    for amount, spelled in amounts if meter is not None else ():
        unit = parse_unit(spelled) if spelled else None
        if amount is None or unit is None or meter is None:
            continue
        # Time is never a bare count: that may be clips.
        found = convert(amount, unit if sku.thing == "time" else meant(unit, sku.thing), Unit(sku.thing))
        if found is not None:
            with localcontext(prec=60):
                return int((found * meter.scale).to_integral_value(ROUND_HALF_EVEN))
    return None


def _credit_line(line: BillLine, credit: Row) -> BillLine:
    """What a credit takes off; its quantity is that of the cost line, and not counted twice."""
    amount = number(credit, "amount", "credits.")
    if amount is None:
        raise Refused("a credit has no amount (credits.amount)")
    kind = text(credit.get("type"))
    unknown = leftover(credit, frozenset({"name", "amount", "full_name", "id", "type"}), "credits.")
    return replace(
        line,
        charge_category="Credit",
        charge_description=text(credit.get("name")) or line.charge_description,
        charge_frequency="",
        commitment_id=text(credit.get("id")) if kind.startswith("COMMITTED_USAGE") else "",
        quantity=None,
        consumed_quantity=None,
        consumed_unit="",
        pricing_quantity=None,
        pricing_unit="",
        list_unit_price=None,
        contracted_unit_price=None,
        list_cost=None,
        contracted_cost=None,
        billed_cost=grains_from_decimal(amount),
        effective_cost=grains_from_decimal(amount),
        extra={name: value for name, value in (("credit_type", kind), ("credit_id", text(credit.get("id")))) if value}
        | unknown,
    )


def tags_of(row: Row) -> dict[str, str]:
    """Labels by their names; tags as `tag/<name>`, a project's labels as `project/…`, Google's own as `system/…`."""
    found = _pairs(_repeated(row, "labels"), "")
    found |= _pairs(_repeated(row, "tags"), "tag/")
    found |= _pairs(_repeated(_record(row, "project"), "labels"), "project/")
    return found | _pairs(_repeated(row, "system_labels"), "system/")


def _pairs(entries: list[Row], prefix: str) -> dict[str, str]:
    return {f"{prefix}{text(one.get('key'))}": text(one.get("value")) for one in entries if text(one.get("key"))}


def _extra(row: Row, parts: Mapping[str, Row], category: str) -> dict[str, str]:
    """Fields that no attribute holds, by their paths: new ones too."""
    found = leftover(row, _TOP)
    for name, record in parts.items():
        found |= leftover(record, _READ.get(name, frozenset()), f"{name}.")
    known = {"regular": "", "tax": ""}
    return found | ({"cost_type": category} if known.get(category, category) else {})


def _record(row: Row, name: str) -> Row:
    found = row.get(name)
    if found is None or found == "":
        return {}
    if not isinstance(found, Mapping):
        raise Refused(f"{name} is {text(found)[:60]!r}, and must be a record; the table may have changed")
    return found


def _repeated(row: Row, name: str) -> list[Row]:
    found = row.get(name)
    if found is None or found == "":
        return []
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise Refused(f"{name} is {text(found)[:60]!r}, and must be a list of records")
    return found


def number(record: Row, name: str, inside: str = "") -> Decimal | None:
    """An exact number, None for none.

    Raises:
        Refused: It is something else.
    """
    found = read_decimal(record.get(name))
    if isinstance(found, Bad):
        raise Refused(f"{inside}{name}: {found.reason}")
    return found


def instant(record: Row, name: str) -> int | None:
    """Microseconds UTC; BigQuery's answers write seconds as a number in text, exports a date and time.

    Raises:
        Refused: Neither.
    """
    value = record.get(name)
    seconds = None if value is None or isinstance(value, datetime) or ("-" in str(value)[1:5]) else read_decimal(value)
    if isinstance(seconds, Decimal) and 0 <= seconds < 10**11:
        return int((seconds * 1_000_000).to_integral_value(ROUND_HALF_EVEN))
    found = read_instant(value)
    if isinstance(found, Bad):
        raise Refused(f"{name}: {found.reason}")
    return found


def _grains(amount: Decimal | None) -> int | None:
    return None if amount is None else grains_from_decimal(amount)
