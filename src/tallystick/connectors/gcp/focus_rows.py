"""A row of Google Cloud's FOCUS view or export, with its quirks. Pure.

It has no ServiceCategory and no SkuMeter; labels and credits stand in columns of its own, tags in
four. Whether BilledCost is net of `x_Credits` is not said anywhere: credits are kept beside, not added.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.gcp.rows import Refused, instant, quantity_of
from tallystick.connectors.gcp.skus import read_sku
from tallystick.connectors.labels import dimensions
from tallystick.connectors.records import raw_of, text
from tallystick.focus.convert import line_from_focus
from tallystick.focus.place import Place
from tallystick.focus.tags import read_tags
from tallystick.kernel.period import moment
from tallystick.ports import Page

# Column → why nothing keeps it.
IGNORED: dict[str, str] = {
    "x_Project": "the account's id and name are in SubAccountId and SubAccountName; the folders above are a tree",
    "x_ExportTime": "when the row was written: the month is read whole again",
    "x_CurrencyConversionRate": "amounts stay in the currency that is billed",
    "x_CostAtListConsumptionModel": "the list cost under another plan of paying",
    "x_PriceListPriceConsumptionModel": "the list price under another plan of paying",
}
_TAGS = (("x_Labels", ""), ("x_Tags", "tag/"), ("x_ProjectLabels", "project/"), ("x_SystemLabels", "system/"))
_CATEGORIES = {"tax": "Tax", "adjustment": "Adjustment", "rounding_error": "Adjustment"}
_INSTANTS = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")


def read_focus(
    row: Mapping[str, Any], line_no: int, page: Page, labels: Mapping[str, str], *, strict: bool
) -> BillLine | Rejected | None:  # fmt: skip
    """The line; None for a row of another month where not only one was asked for."""
    tags: dict[str, str] = {}
    unread: dict[str, str] = {}
    for name, prefix in _TAGS:
        found = read_tags(row.get(name))
        if found is None:
            unread[name] = text(row.get(name))
        tags |= {f"{prefix}{key}": value for key, value in (found or {}).items()}
    dropped = {*IGNORED, *(name for name, _ in _TAGS)}
    plain = {name: value for name, value in row.items() if name not in dropped}
    try:
        times = {name: None if at is None else moment(at) for name in _INSTANTS if name in plain
                 for at in (instant(plain, name),)}  # fmt: skip
    except Refused as refused:
        return Rejected(line_no, str(refused), raw_of(row))
    line = line_from_focus(plain | times, Place(line_no=line_no, dataset="focus", account=page.account))
    if isinstance(line, Rejected):
        return line
    billed_from = line.charge_period_start if line.billing_period_start is None else line.billing_period_start
    if f"{moment(billed_from):%Y-%m}" != f"{moment(page.window.start_us):%Y-%m}":
        words = f"it is billed in {moment(billed_from):%Y-%m}, and {moment(page.window.start_us):%Y-%m} was asked for"
        return Rejected(line_no, words, raw_of(row)) if strict else None
    return _with_sku(replace(line, tags=tags, dimensions=dimensions(tags, labels, ("", "tag/", "project/"))), unread)


def _with_sku(line: BillLine, unread: Mapping[str, str]) -> BillLine:
    sku = read_sku(line.service_name, line.charge_description)
    cost_type = line.extra.get("x_CostType", "").lower()
    used = line.charge_category == "Usage" and cost_type in {"", "regular"}
    amounts: tuple[tuple[Decimal | None, str], ...] = (
        (line.consumed_quantity, line.consumed_unit),
        (line.pricing_quantity, line.pricing_unit),
    )
    category: Any = _CATEGORIES.get(cost_type, line.charge_category)
    return replace(
        line,
        charge_category=category,
        sku_meter=line.sku_meter or line.charge_description,
        service_category=line.service_category or ("AI and Machine Learning" if sku.ai else ""),
        ai=sku.ai,
        provider=sku.provider,
        raw_model=sku.model,
        meter=sku.meter,
        service_tier=sku.service_tier,
        context=sku.context,
        quantity=quantity_of(sku, amounts) if used else None,
        extra={**line.extra, **unread},
    )
