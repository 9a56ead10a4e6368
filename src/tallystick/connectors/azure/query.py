"""Cost Management's query API: what is asked, and its answers as lines. Pure.

Columns come in an order that the answer itself gives. A query has at most two groupings, so it
says less than an export: without an invoice, mostly without units of measure.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.azure.columns import CATEGORIES, PRICING
from tallystick.connectors.azure.judge import PROVIDER, consumed, judge, quantity
from tallystick.connectors.labels import dimensions
from tallystick.connectors.records import Unusable, decimal, json_of, list_of, member, text
from tallystick.kernel.errors import ConfigError
from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.period import DAY_US, SECOND_US, Period, day_start, moment
from tallystick.ports import Page

API_VERSION = "2025-03-01"
_COSTS = ("Cost", "PreTaxCost")
# Dimension of a grouping → the attribute it fills; others land in `extra`.
_ATTRIBUTES = {
    "ResourceId": "resource_id",
    "ServiceName": "service_name",
    "MeterCategory": "service_name",
    "MeterSubCategory": "service_subcategory",
    "MeterSubcategory": "service_subcategory",
    "Meter": "sku_meter",
    "MeterId": "sku_id",
    "SubscriptionId": "sub_account_id",
    "SubscriptionName": "sub_account_name",
    "ResourceLocation": "region",
    "BillingAccountId": "billing_account_id",
    "InvoiceId": "invoice_id",
    "Product": "charge_description",
}
_OWN = frozenset({"ChargeType", "PricingModel", "UnitOfMeasure", "UsageDate", "Currency", "UsageQuantity"})
_ENVELOPE = frozenset({"properties", "id", "name", "type", "location", "sku", "eTag"})
# Fields of the envelope, and why no line holds them.
IGNORED = {
    "id": "the query's own id", "name": "the query's own id", "type": "always the same",
    "location": "of the query, not of what was used", "sku": "of the query", "eTag": "of the query",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grouping:
    """What a query groups by.

    Attributes:
        dimensions: Names of Cost Management's dimensions.
        tags: Keys of tags.
    """

    dimensions: tuple[str, ...] = ("ResourceId", "Meter")
    tags: tuple[str, ...] = ()


def parse_grouping(words: str) -> Grouping:
    """`ResourceId,Meter` or `Meter,tag:team`.

    Raises:
        ConfigError: More than two, for which Cost Management refuses the query, or a name that is none.
    """
    parts = [part.strip() for part in words.split(",") if part.strip()]
    names = [part for part in parts if not part.startswith("tag:")]
    bad = next((name for name in names if not (name.isascii() and name.isalpha())), "")
    if not 1 <= len(parts) <= 2 or bad:
        what = f"{bad!r} is no dimension" if bad else f"{len(parts)} groupings: Cost Management takes one or two"
        raise ConfigError(what, where="group", next_steps=["write one or two of ResourceId, Meter, tag:team …"])
    return Grouping(tuple(names), tuple(part[4:] for part in parts if part.startswith("tag:")))


def parse_meter_units(words: str) -> tuple[tuple[str, str], ...]:
    """`*1M Tokens=1M;*Tokens=1K`: patterns of meter names and the unit of measure each has, the first that fits holds.

    Raises:
        ConfigError: A part is no pair.
    """
    pairs = [part.rpartition("=") for part in words.split(";") if part.strip()]
    for name, equals, unit in pairs:
        if not (name.strip() and equals and unit.strip()):
            raise ConfigError("a unit is missing", where="meter_units", next_steps=['write "*1M Tokens=1M;*Tokens=1K"'])
    return tuple((name.strip().lower(), unit.strip()) for name, _, unit in pairs)


def body_of(cost_type: str, window: Period, grouping: Grouping) -> bytes:
    """The query for a month, by day; `to` is in."""
    first, last = moment(window.start_us), moment(window.end_us - SECOND_US)
    groups = [{"type": "Dimension", "name": name} for name in grouping.dimensions]
    groups += [{"type": "TagKey", "name": name} for name in grouping.tags]
    query = {
        "type": cost_type,
        "timeframe": "Custom",
        "timePeriod": {"from": f"{first:%Y-%m-%dT%H:%M:%S}+00:00", "to": f"{last:%Y-%m-%dT%H:%M:%S}+00:00"},
        "dataset": {
            "granularity": "Daily",
            "aggregation": {
                "totalCost": {"name": "Cost", "function": "Sum"},
                "totalQty": {"name": "UsageQuantity", "function": "Sum"},
            },
            "grouping": groups,
        },
    }
    return json.dumps(query).encode()


def sum_body(cost_type: str) -> bytes:
    """The smallest query: one row, the cost of this month."""
    total = {"totalCost": {"name": "Cost", "function": "Sum"}}
    return json.dumps({"type": cost_type, "timeframe": "MonthToDate", "dataset": {"aggregation": total}}).encode()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the query was, as far as its answer does not say.

    Attributes:
        units: Pattern of meter names → unit of measure.
    """

    cost_type: str
    units: Sequence[tuple[str, str]]
    labels: Mapping[str, str]


def read_page(page: Page, asked: Asked) -> list[BillLine | Rejected]:
    """Every row of an answer."""
    try:
        answer = json_of(page.body)
        properties = member(answer, "properties")
        names = [text(member({"column": one}, "column").get("name")) for one in list_of(properties, "columns")]
        rows = list_of(properties, "rows")
        if len(set(names)) != len(names) or not all(names):
            raise Unusable("its columns have no names, or two have one")
    except Unusable as problem:
        return [Rejected(0, f"no answer of a cost query: {problem}", page.body[:200].decode("utf-8", "replace"))]
    around = {f"page.{name}": text(answer[name]) for name in answer if name not in _ENVELOPE}
    around |= {f"page.{name}": text(properties[name]) for name in properties if name not in _KNOWN}
    frame = _Frame(page, asked, around)
    return [_read(names, row, number, frame) for number, row in enumerate(rows, start=1)]


_KNOWN = frozenset({"columns", "rows", "nextLink"})


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the rows of a page share; `around` is what nobody knows of the page itself."""

    page: Page
    asked: Asked
    around: dict[str, str]


def _read(names: Sequence[str], row: object, number: int, frame: _Frame) -> BillLine | Rejected:
    try:
        if not isinstance(row, list) or len(row) != len(names):
            raise Unusable(f"a row of {len(names)} cells was expected")
        return _line(dict(zip(names, row, strict=True)), number, frame)
    except Unusable as problem:
        return Rejected(number, str(problem), text(row))


def _line(cells: dict[str, object], number: int, frame: _Frame) -> BillLine:
    page, asked = frame.page, frame.asked
    start = _day(cells, page.window)
    cost_name = next((name for name in _COSTS if cells.get(name) is not None), "")
    if not cost_name:
        raise Unusable(f"no cost: none of {', '.join(_COSTS)} has a value")
    cost = grains_from_decimal(decimal(cells, cost_name) or Decimal(0))
    currency = text(cells.get("Currency")).upper()
    if not currency:
        raise Unusable("the currency is missing (Currency)")
    texts: dict[str, Any] = {
        attribute: text(cells[name]) for name, attribute in _ATTRIBUTES.items() if cells.get(name) is not None
    }
    meter = texts.get("sku_meter", "")
    spelled = text(cells.get("UnitOfMeasure")) or next((u for p, u in asked.units if fnmatchcase(meter.lower(), p)), "")
    judged = judge(
        meter,
        texts.get("service_name", ""),
        texts.get("service_subcategory", ""),
        texts.get("resource_id", ""),
        spelled,
    )
    amount = decimal(cells, "UsageQuantity")
    got, unit = consumed(amount, judged.unit)
    charge_type = text(cells.get("ChargeType")).lower()
    model = text(cells.get("PricingModel"))
    tags = _tags(cells)
    amortized = asked.cost_type == "AmortizedCost"
    texts["region"] = texts.get("region", "").lower().replace(" ", "")
    known = {*_ATTRIBUTES, *_OWN, cost_name, "TagKey", "TagValue"}
    extra = {name: text(cell) for name, cell in cells.items() if name not in known and cell is not None}
    return BillLine(
        layer="cost",
        dataset="query",
        slice_key=f"{page.account}/{moment(page.window.start_us):%Y-%m}",
        line_no=number,
        charge_period_start=start,
        charge_period_end=start + DAY_US,
        currency=currency,
        charge_category=CATEGORIES.get(charge_type, "Adjustment") if charge_type else "Usage",  # type: ignore[arg-type]
        pricing_category=PRICING.get(model.lower(), model),
        provider=PROVIDER if judged.ai else "",
        provider_account=page.account,
        service_provider_name="Microsoft",
        ai=judged.ai,
        raw_model=judged.named.model,
        meter=judged.named.meter,
        service_tier=judged.named.service_tier,
        context=judged.named.context,
        quantity=quantity(amount, judged),
        consumed_quantity=got,
        consumed_unit=unit,
        pricing_quantity=amount if spelled else None,
        pricing_unit=spelled,
        # Without knowing what a commitment covered, an actual cost is all that is known of the effective one.
        billed_cost=None if amortized else cost,
        effective_cost=cost,
        tags=tags,
        dimensions=dimensions(tags, asked.labels),
        extra=frame.around | extra | ({"deployment": judged.named.reach} if judged.named.reach else {}),
        **texts,
    )


def _day(cells: Mapping[str, object], window: Period) -> int:
    """`UsageDate`, a number such as 20261101."""
    number = decimal(cells, "UsageDate")
    digits = "" if number is None or number != number.to_integral_value() else f"{number:.0f}"
    try:
        found = day_start(date.fromisoformat(digits)) if len(digits) == 8 else None
    except ValueError:
        found = None
    if found is None:
        raise Unusable(f"UsageDate is {text(cells.get('UsageDate'))[:60]!r}, and must be a day such as 20261101")
    if not window.start_us <= found < window.end_us:
        raise Unusable(f"it is of {digits}, and the month of {moment(window.start_us):%Y-%m} was asked for")
    return found


def _tags(cells: Mapping[str, object]) -> dict[str, str]:
    """What a grouping by a tag gives: its key and value, each in a column."""
    key, value = text(cells.get("TagKey")), text(cells.get("TagValue"))
    return {key: value} if key and value else {}
