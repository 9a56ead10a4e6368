"""A part of a Cost and Usage Report as bill lines.

Every row becomes a line, AI or not; what cannot be used is rejected with its place. Columns that no attribute
holds are in `extra` by CUR 2.0's names: all of them for Bedrock's rows, the telling ones for the others, for the
part itself is kept and a bill has hundreds of columns.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.aws.cells import BadCell, at, grains, number, text
from tallystick.connectors.aws.charge_costs import COVERED, DISCOUNTS, category_of, costs_of, frequency_of
from tallystick.connectors.aws.counted import Counted, count
from tallystick.connectors.aws.cur_facts import (
    TAG_MAPS,
    Reading,
    month_of_page,
    owner_of,
    pricing_of,
    service_of,
    tags_of,
)
from tallystick.connectors.aws.sheet import MAPS, Sheet, Unreadable, read_sheet
from tallystick.connectors.aws.tags import dimensions_of
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


def missing_columns(names: list[str]) -> list[str]:
    """The columns that are needed and not there."""
    return [name for name in NEEDED if name not in names]


def parse_cur(page: Page, reading: Reading) -> Iterator[BillLine | Rejected]:
    """The lines of a part; pure."""
    sheet = usable(page.body)
    if isinstance(sheet, Rejected):
        yield sheet
        return
    rows = Rows(sheet, page, reading)
    place = 0
    for row in range(sheet.rows):
        place += 1
        while place in sheet.broken:
            yield Rejected(place, sheet.broken[place])
            place += 1
        yield rows.line(row, place)
    yield from (Rejected(at_row, why) for at_row, why in sheet.broken.items() if at_row > place)


def usable(body: bytes) -> Sheet | Rejected:
    """The sheet of a part; a rejection of all of it where it is broken, or lacks a column that every row needs."""
    try:
        sheet = read_sheet(body)
    except Unreadable as problem:
        return Rejected(0, str(problem))
    lacking = missing_columns(list(sheet.columns)) if sheet.rows else []
    if lacking:
        return Rejected(0, f"{_lacks(lacking)}: has the export changed? {sheet.rows} rows cannot be read")
    return sheet


def _lacks(names: list[str]) -> str:
    return f"the report has no value in {', '.join(names)}"


@dataclass(slots=True)
class _Shared:
    """What rows of the same product, usage type, account and tags have in common."""

    values: dict[str, Any]
    ai: bool
    market: bool
    meter: str


class Rows:
    """One sheet's rows, line by line, with what repeats among them read once."""

    def __init__(self, sheet: Sheet, page: Page, reading: Reading) -> None:
        self._sheet, self._page, self._reading = sheet, page, reading
        self._month = month_of_page(page)
        self._shared: dict[tuple[Any, ...], _Shared] = {}
        self._keys = [sheet.columns[name] for name in _SHARED if name in sheet.columns]
        self._tags = list(sheet.tags.items())
        self._maps = [(name, sheet.columns[name]) for name in TAG_MAPS if name in sheet.columns]
        self._extra = extra_columns(sheet, ai=True)
        self._telling = extra_columns(sheet, ai=False)

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
            pricing_category=pricing_of(kind), resource_id=text(cell("line_item_resource_id")),
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
        if told_in_extra(kind):
            extra["charge_of"] = kind
        return extra

    def _shared_of(self, row: int, cell: _Cell) -> _Shared:
        tags = tags_of(
            [(name, column[row]) for name, column in self._tags], [(name, column[row]) for name, column in self._maps]
        )
        key = (*(column[row] for column in self._keys), cell("product"), *tags.items())
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = self._read_shared(cell, tags)
        return shared

    def _read_shared(self, cell: _Cell, tags: dict[str, str]) -> _Shared:
        found = service_of(cell, self._reading)
        values = owner_of(cell, self._month) | found.values | {
            "layer": "invoice", "dataset": self._page.stream, "provider_account": self._page.account,
            "sku_id": text(cell("product_sku")), "sku_price_id": text(cell("pricing_rate_code")),
            "sku_meter": text(cell("line_item_usage_type")), "principal": text(cell("line_item_iam_principal")),
            "tags": tags, "dimensions": dimensions_of(tags, self._reading.tags),
        }  # fmt: skip
        return _Shared(values, found.ai, found.market, found.meter)


def extra_columns(sheet: Sheet, *, ai: bool) -> list[tuple[str, Sequence[Any]]]:
    """The columns that go into `extra`, of rows that are AI or of the others."""
    if ai:
        return [(name, column) for name, column in sheet.columns.items() if name not in _HELD | MAPS]
    return [(name, sheet.columns[name]) for name in _TELLING if name in sheet.columns]


def told_in_extra(kind: str) -> bool:
    """Whether FOCUS's category of this line item type says less than it does."""
    return kind in DISCOUNTS or kind in {"SavingsPlanNegation", "Refund"}


# What decides a line beside its period, quantity, costs and description.
_SHARED = (
    "bill_payer_account_id", "bill_payer_account_name", "bill_invoice_id", "bill_invoicing_entity",
    "bill_billing_entity", "bill_billing_period_start_date", "bill_billing_period_end_date", "line_item_usage_account_id",
    "line_item_usage_account_name", "line_item_product_code", "line_item_usage_type", "line_item_operation",
    "line_item_currency_code", "line_item_iam_principal", "line_item_resource_id", "product_servicecode",
    "product_servicename", "product_product_name", "product_product_family", "product_region_code", "product_region",
    "product_sku", "pricing_rate_code",
)  # fmt: skip


def _period(cell: _Cell) -> tuple[int, int]:
    start, end = at(cell("line_item_usage_start_date")), at(cell("line_item_usage_end_date"))
    if start is None:
        raise BadCell("line_item_usage_start_date is empty")
    return start, start if end is None or end < start else end


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
