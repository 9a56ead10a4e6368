"""A part of a Cost and Usage Report as bill lines.

Every row becomes a line, AI or not; what cannot be used is rejected with its place. Columns that no attribute
holds are in `extra` by CUR 2.0's names: all of them for Bedrock's rows, the telling ones for the others, for the
part itself is kept and a bill has hundreds of columns.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.aws.bedrock import is_bedrock, model_id, named, of_resource, read_usage_type
from tallystick.connectors.aws.cells import BadCell, at, grains, number, text
from tallystick.connectors.aws.charge_costs import COVERED, DISCOUNTS, category_of, costs_of, frequency_of
from tallystick.connectors.aws.counted import Counted, count
from tallystick.connectors.aws.regions import region_of_prefix
from tallystick.connectors.aws.services import AI, category_of_service
from tallystick.connectors.aws.sheet import MAPS, Sheet, Unreadable, read_sheet, tag_key
from tallystick.connectors.aws.tags import dimensions_of, read_map
from tallystick.kernel.period import moment
from tallystick.ports import Page

# Without these a row is no line: the export must select them.
NEEDED = (
    "bill_payer_account_id", "bill_billing_period_start_date", "line_item_line_item_type",
    "line_item_usage_start_date", "line_item_unblended_cost", "line_item_currency_code",
)  # fmt: skip
# What tells of a row that is no AI; of one that is, everything does.
_TELLING = (
    "identity_line_item_id", "line_item_line_item_type", "line_item_unblended_cost", "line_item_operation",
    "line_item_tax_type", "bill_bill_type", "reservation_reservation_a_r_n", "savings_plan_savings_plan_a_r_n",
)  # fmt: skip
# In attributes as they are, so not in `extra`.
_HELD = frozenset({
    "bill_payer_account_id", "bill_payer_account_name", "bill_invoice_id", "bill_invoicing_entity",
    "bill_billing_period_start_date", "bill_billing_period_end_date", "line_item_usage_account_id",
    "line_item_usage_account_name", "line_item_usage_start_date", "line_item_usage_end_date",
    "line_item_currency_code", "line_item_line_item_description", "line_item_resource_id", "line_item_iam_principal",
    "line_item_usage_type", "pricing_rate_code", "product_sku", "identity_time_interval",
})  # fmt: skip
_Cell = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the operator said of how reports are read.

    Attributes:
        tags: Dimension → tag.
        market_unit: What one of the Marketplace's "Units" is (`1M Tokens`); empty where only the row may say.
        profiles: Application inference profile (its id or ARN) → model.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    market_unit: str = ""
    profiles: Mapping[str, str] = field(default_factory=dict)


def missing_columns(names: list[str]) -> list[str]:
    """The columns that are needed and not there."""
    return [name for name in NEEDED if name not in names]


def parse_cur(page: Page, reading: Reading) -> Iterator[BillLine | Rejected]:
    """The lines of a part; pure."""
    try:
        sheet = read_sheet(page.body)
    except Unreadable as problem:
        yield Rejected(0, str(problem))
        return
    lacking = missing_columns(list(sheet.columns)) if sheet.rows else []
    if lacking:
        yield Rejected(0, f"{_lacks(lacking)}: has the export changed? {sheet.rows} rows cannot be read")
        return
    rows = _Rows(sheet, page, reading)
    place = 0
    for row in range(sheet.rows):
        place += 1
        while place in sheet.broken:
            yield Rejected(place, sheet.broken[place])
            place += 1
        yield rows.line(row, place)
    yield from (Rejected(at_row, why) for at_row, why in sheet.broken.items() if at_row > place)


def _lacks(names: list[str]) -> str:
    return f"the report has no value in {', '.join(names)}"


@dataclass(slots=True)
class _Shared:
    """What rows of the same product, usage type, account and tags have in common."""

    values: dict[str, Any]
    ai: bool
    market: bool
    meter: str


class _Rows:
    """One sheet's rows, with what repeats among them read once."""

    def __init__(self, sheet: Sheet, page: Page, reading: Reading) -> None:
        self._sheet, self._page, self._reading = sheet, page, reading
        self._month = f"{moment(page.window.start_us).astimezone(UTC):%Y-%m}"
        self._shared: dict[tuple[Any, ...], _Shared] = {}
        self._keys = [sheet.columns[name] for name in _SHARED if name in sheet.columns]
        self._tags = list(sheet.tags.items())
        self._maps = [(name, sheet.columns[name]) for name in ("tags", "resource_tags", "cost_category")
                      if name in sheet.columns]  # fmt: skip
        self._extra = [(name, column) for name, column in sheet.columns.items() if name not in _HELD | MAPS]
        self._telling = [(name, sheet.columns[name]) for name in _TELLING if name in sheet.columns]

    def line(self, row: int, place: int) -> BillLine | Rejected:
        columns = self._sheet.columns

        def cell(name: str) -> Any:
            column = columns.get(name)
            return None if column is None else column[row]

        try:
            return self._line(row, place, cell)
        except BadCell as problem:
            raw = ",".join(f"{name}={str(column[row])[:80]}" for name, column in self._telling)
            return Rejected(place, f"{_culprit(cell)}{problem}", raw)

    def _line(self, row: int, place: int, cell: _Cell) -> BillLine:
        kind = text(cell("line_item_line_item_type"))
        if category_of(kind) is None:
            raise BadCell(f"line item type {kind!r} is none that we know how to count")
        shared = self._shared_of(row, cell)
        start, end = _period(cell)
        costs = costs_of(
            kind, lambda name: grains(cell(name)),
            reserved=bool(cell("reservation_reservation_a_r_n")), market=shared.market,
        )  # fmt: skip
        if costs.billed is None:
            raise BadCell("line_item_unblended_cost is empty, and a row of a bill has a cost")
        used = kind == "Usage" or kind in COVERED
        counted = count(
            number(cell("line_item_usage_amount")) if used else None, text(cell("pricing_unit")), shared.meter,
            description=text(cell("line_item_line_item_description")) if shared.market else "",
            market_unit=self._reading.market_unit,
        )  # fmt: skip
        return BillLine(
            line_no=place, charge_period_start=start, charge_period_end=end,
            charge_category=category_of(kind) or "Usage", charge_frequency=frequency_of(kind),
            charge_class="Correction" if kind == "Refund" else "",
            charge_description=text(cell("line_item_line_item_description")),
            pricing_category=_pricing(kind), resource_id=text(cell("line_item_resource_id")),
            commitment_id=text(cell("savings_plan_savings_plan_a_r_n") or cell("reservation_reservation_a_r_n")),
            quantity=counted.quantity, consumed_quantity=counted.consumed, consumed_unit=counted.consumed_unit,
            pricing_quantity=counted.priced, pricing_unit=counted.priced_unit,
            list_unit_price=grains(cell("pricing_public_on_demand_rate")) if used and costs.listed else None,
            contracted_unit_price=grains(cell("line_item_unblended_rate")) if used else None,
            billed_cost=costs.billed, effective_cost=costs.effective, list_cost=costs.listed,
            contracted_cost=costs.contracted, extra=self._extra_of(row, counted, shared, kind), **shared.values,
        )  # fmt: skip

    def _extra_of(self, row: int, counted: Counted, shared: _Shared, kind: str) -> dict[str, str]:
        columns = self._extra if shared.ai else self._telling
        extra = {name: str(column[row]) for name, column in columns if column[row] is not None}
        if counted.note:
            extra["quantity_note"] = counted.note
        if kind in DISCOUNTS or kind in {"SavingsPlanNegation", "Refund"}:
            extra["charge_of"] = kind
        return extra

    def _shared_of(self, row: int, cell: _Cell) -> _Shared:
        tags = {name: str(column[row]) for name, column in self._tags if column[row]}
        for name, column in self._maps:
            try:
                found = read_map(column[row])
            except (ValueError, TypeError):
                raise BadCell(f"{name} holds {str(column[row])[:60]!r}, which is no map") from None
            tags |= {_tag_of(name, key): value for key, value in found.items()}
        key = (*(column[row] for column in self._keys), _pairs(cell("product")), *tags.items())
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = self._read_shared(cell, tags)
        return shared

    def _read_shared(self, cell: _Cell, tags: dict[str, str]) -> _Shared:
        product = read_map(cell("product"))
        service, code = text(cell("product_servicecode")), text(cell("line_item_product_code"))
        name = text(cell("product_product_name")) or product.get("product_name", "")
        operation, usage = text(cell("line_item_operation")), text(cell("line_item_usage_type"))
        market = text(cell("bill_billing_entity")) == "AWS Marketplace"
        bedrock = is_bedrock(code, service, operation, name, usage)
        values: dict[str, Any] = self._owner(cell) | {
            "layer": "invoice", "dataset": self._page.stream, "provider_account": self._page.account,
            "service_name": name or product.get("servicename", "") or text(cell("product_servicename")) or service or code,
            "region": text(cell("product_region_code") or cell("product_region")) or product.get("region", ""),
            "sku_id": text(cell("product_sku")), "sku_price_id": text(cell("pricing_rate_code")), "sku_meter": usage,
            "principal": text(cell("line_item_iam_principal")), "tags": tags,
            "dimensions": dimensions_of(tags, self._reading.tags),
            "service_provider_name": _maker(name) if market else "AWS", "host_provider_name": "AWS",
            "invoice_issuer_name": text(cell("bill_invoicing_entity")),
            "service_category": AI if bedrock else category_of_service(service, code),
        }  # fmt: skip
        values["region"] = values["region"] or region_of_prefix(usage.partition("-")[0])
        meter = ""
        values["ai"] = bedrock or values["service_category"] == AI
        if bedrock:
            spoken = read_usage_type(usage)
            meter = spoken.meter
            values |= {
                "provider": "aws.bedrock", "meter": meter, "service_tier": spoken.tier, "context": spoken.context,
                "raw_model": self._model(text(cell("line_item_resource_id")), spoken.model, name, world=spoken.world),
                "service_subcategory": "Generative AI",
            }  # fmt: skip
        return _Shared(values, values["ai"], market, meter)

    def _owner(self, cell: _Cell) -> dict[str, Any]:
        payer = text(cell("bill_payer_account_id"))
        starts = at(cell("bill_billing_period_start_date"))
        if not payer or starts is None:
            raise BadCell("bill_payer_account_id or bill_billing_period_start_date is empty")
        month = f"{moment(starts).astimezone(UTC):%Y-%m}"
        if month != self._month:
            raise BadCell(f"it is of the bill of {month}, and lies in that of {self._month}")
        return {
            "slice_key": f"{payer}/{month}", "billing_account_id": payer, "billing_period_start": starts,
            "billing_account_name": text(cell("bill_payer_account_name")),
            "billing_period_end": at(cell("bill_billing_period_end_date")),
            "invoice_id": text(cell("bill_invoice_id")), "currency": _currency(cell),
            "sub_account_id": text(cell("line_item_usage_account_id")),
            "sub_account_name": text(cell("line_item_usage_account_name")),
        }  # fmt: skip

    def _model(self, resource: str, spoken: str, product: str, *, world: bool) -> str:
        """The usage type names what was priced; where it does not, the product or the resource does."""
        own = self._reading.profiles.get(resource) or self._reading.profiles.get(resource.rpartition("/")[2], "")
        return model_id(spoken or own or of_resource(resource) or named(product), world=world)


# What decides a line beside its period, quantity, costs and description.
_SHARED = (
    "bill_payer_account_id", "bill_payer_account_name", "bill_invoice_id", "bill_invoicing_entity",
    "bill_billing_entity", "bill_billing_period_start_date", "bill_billing_period_end_date", "line_item_usage_account_id",
    "line_item_usage_account_name", "line_item_product_code", "line_item_usage_type", "line_item_operation",
    "line_item_currency_code", "line_item_iam_principal", "line_item_resource_id", "product_servicecode",
    "product_servicename", "product_product_name", "product_product_family", "product_region_code", "product_region",
    "product_sku", "pricing_rate_code",
)  # fmt: skip


def _pairs(cell: Any) -> Any:
    """A map's cell as something that can be a key."""
    return tuple(tuple(one) for one in cell) if isinstance(cell, list) else cell


def _tag_of(column: str, key: str) -> str:
    if column == "tags":
        return key
    return f"costCategory/{key}" if column == "cost_category" else f"resourceTags/{tag_key(key)}"


def _currency(cell: _Cell) -> str:
    found = text(cell("line_item_currency_code"))
    if len(found) != 3:
        raise BadCell(f"{found!r} is no currency")
    return found.upper()


def _period(cell: _Cell) -> tuple[int, int]:
    start, end = at(cell("line_item_usage_start_date")), at(cell("line_item_usage_end_date"))
    if start is None:
        raise BadCell("line_item_usage_start_date is empty")
    return start, start if end is None or end < start else end


def _pricing(kind: str) -> str:
    if kind in COVERED:
        return "Committed"
    return "Standard" if category_of(kind) in {"Usage", "Purchase"} else ""


def _maker(product: str) -> str:
    """Who sells on the Marketplace, as far as the product's name says."""
    return "Anthropic" if product.startswith("Claude") else ""


_MONEY_CELLS = (
    "line_item_unblended_cost", "line_item_net_unblended_cost", "pricing_public_on_demand_cost",
    "line_item_usage_amount", "line_item_unblended_rate", "pricing_public_on_demand_rate", "line_item_usage_start_date",
)  # fmt: skip


def _culprit(cell: _Cell) -> str:
    """Which cell could not be read, for the reason; empty where the reason says it itself."""
    for name in _MONEY_CELLS:
        try:
            (at if name.endswith("_date") else number)(cell(name))
        except BadCell:
            return f"{name}: "
    return ""
