"""A row of Azure's FOCUS export: read as any FOCUS, then its meter's name as Azure writes it. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.azure.judge import PROVIDER, Judged, consumed, judge, quantity
from tallystick.connectors.labels import dimensions
from tallystick.connectors.sheets import Row, raw_of
from tallystick.focus.cells import read_decimal
from tallystick.focus.convert import line_from_focus
from tallystick.focus.place import Place
from tallystick.kernel.period import Period, moment
from tallystick.ports import Page
from tallystick.usage.units import meant, parse_unit


def read_focus(row: Row, line_no: int, page: Page, labels: Mapping[str, str]) -> BillLine | Rejected:
    """The line; models, meters and units by Azure's names, which no other cloud has."""
    place = Place(line_no=line_no, dataset="focus_export", account=page.account)
    line = line_from_focus(row, place)
    if isinstance(line, Rejected):
        return line
    billed_from = line.charge_period_start if line.billing_period_start is None else line.billing_period_start
    if not _in(billed_from, page.window):
        words = f"it is billed in {moment(billed_from):%Y-%m}, and {moment(page.window.start_us):%Y-%m} is read"
        return Rejected(line_no, words, raw_of(row))
    # 1.0 has no SkuMeter; the name then stands in a column of Azure's own.
    meter = line.sku_meter or line.extra.get("x_SkuMeterName", "")
    family = line.extra.get("x_SkuMeterSubcategory", "") or line.service_subcategory
    service = line.extra.get("x_SkuMeterCategory", "") or line.service_name
    judged = judge(meter, service, family, line.resource_id, _pricing_unit(line))
    line = replace(line, sku_meter=meter, **_ai(line, judged))
    mapped = dimensions(line.tags, labels)
    center = line.extra.get("x_CostCenter", "")
    if center:
        mapped.setdefault("cost_center", center)
    return replace(line, dimensions={**line.dimensions, **mapped}, list_cost=_list_cost(line))


def _in(at_us: int, window: Period) -> bool:
    return window.start_us <= at_us < window.end_us


def _pricing_unit(line: BillLine) -> str:
    """The unit of `PricingQuantity`: as described in full (`1K`), else the unit itself with its block size."""
    described = line.extra.get("x_PricingUnitDescription", "")
    return described or line.pricing_unit


def _ai(line: BillLine, judged: Judged) -> dict[str, Any]:
    if not judged.ai:
        return {}
    found: dict[str, Any] = {"ai": True, "provider": PROVIDER}
    if not judged.model_line:
        return found
    named = judged.named
    found |= {"raw_model": named.model, "meter": named.meter, "service_tier": named.service_tier,
              "context": named.context}  # fmt: skip
    used = line.charge_category == "Usage"
    found["quantity"] = _quantity(line, judged) if used else None
    if named.provisioned and used:
        found["consumed_quantity"], found["consumed_unit"] = consumed(line.pricing_quantity, judged.unit)
    if named.reach:
        found["extra"] = {**line.extra, "deployment": named.reach}
    return found


def _quantity(line: BillLine, judged: Judged) -> int | None:
    """By what was consumed and by what was priced; None where they disagree, for then one unit is not what it says."""
    block = read_decimal(line.extra.get("x_PricingBlockSize"))
    sound = judged.unit is None or not isinstance(block, Decimal) or judged.unit.size == block
    priced = quantity(line.pricing_quantity, judged) if sound else None
    unit = parse_unit(line.consumed_unit) if line.consumed_unit else None
    spoken = replace(judged, unit=None if unit is None else meant(unit, judged.named.thing))
    used = quantity(line.consumed_quantity, spoken)
    if priced is None or used is None:
        return used if priced is None else priced
    return priced if priced == used else None


def _list_cost(line: BillLine) -> int | None:
    """Azure writes 0 as the list cost of what a commitment covered: nobody said that it is free."""
    covered = line.pricing_category == "Committed" and line.list_cost == 0 and line.charge_category == "Usage"
    return None if covered else line.list_cost
