"""A part of a Cost and Usage Report by columns: the lines of `parse_cur`, for reports of millions of rows.

What columns say together (who pays, what was sold, which tags) is read once for all rows that say the same. A row
of which any cell is odd is read by itself, as `parse_cur` reads it, so that lines and reasons are the same.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tallystick.bills.batch import LineBatch, taken
from tallystick.bills.columns import LINE_COLUMNS, LINE_FIELDS
from tallystick.bills.model import BillLine, Rejected
from tallystick.connectors.aws.cells import BadCell, at, grains, number
from tallystick.connectors.aws.charge_costs import COVERED, category_of, costs_of, frequency_of
from tallystick.connectors.aws.counted import count
from tallystick.connectors.aws.cur import Rows, extra_columns, told_in_extra, usable
from tallystick.connectors.aws.cur_facts import (
    OWNER_COLUMNS,
    SERVICE_COLUMNS,
    TAG_MAPS,
    Reading,
    Service,
    month_of_page,
    owner_of,
    pricing_of,
    service_of,
    tags_of,
)
from tallystick.connectors.aws.sheet import Sheet
from tallystick.connectors.aws.tags import dimensions_of
from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.table import Repeated
from tallystick.ports import Page
from tallystick.usage.dimensions import ATTRIBUTION

_ROWS = 10_000
_MOST_COUNTED = 2**63 - 1
_MOST_GRAINS = 10**37
_LATEST_US = 7_258_118_400_000_000
_RESOURCE = "line_item_resource_id"
# Attributes that are a column as it stands.
_TEXTS = {
    "charge_description": "line_item_line_item_description", "resource_id": _RESOURCE, "sku_id": "product_sku",
    "sku_price_id": "pricing_rate_code", "sku_meter": "line_item_usage_type", "principal": "line_item_iam_principal",
}  # fmt: skip
_OWNER = (
    "slice_key", "billing_account_id", "billing_account_name", "billing_period_start", "billing_period_end",
    "invoice_id", "currency", "sub_account_id", "sub_account_name",
)  # fmt: skip
_SERVICE = (
    "service_name", "region", "service_provider_name", "invoice_issuer_name", "service_category", "ai", "provider",
    "meter", "service_tier", "context", "raw_model", "service_subcategory",
)  # fmt: skip
_MONEY = (
    "line_item_unblended_cost", "line_item_net_unblended_cost", "discount_total_discount",
    "pricing_public_on_demand_cost", "pricing_public_on_demand_rate", "line_item_unblended_rate",
    "reservation_net_effective_cost", "reservation_effective_cost",
    "reservation_unused_amortized_upfront_fee_for_billing_period", "reservation_unused_recurring_fee",
    "savings_plan_net_savings_plan_effective_cost", "savings_plan_savings_plan_effective_cost",
    "savings_plan_total_commitment_to_date", "savings_plan_used_commitment", "line_item_usage_amount",
)  # fmt: skip
_Found = dict[str, Sequence[Any]]


class _Odd:
    """Stands for a cell, or for what cells say together, that is to be read by itself."""


_ODD = _Odd()


def parse_cur_columns(page: Page, reading: Reading) -> Iterator[LineBatch | BillLine | Rejected]:
    """The lines of a part, in any order; pure."""
    sheet = usable(page.body)
    if isinstance(sheet, Rejected):
        yield sheet
        return
    places = _places(sheet)
    whole = _Whole(sheet, page, reading)
    alone = Rows(sheet, page, reading)
    for first in range(0, sheet.rows, _ROWS):
        data, odd = whole.read(first, places[first : first + _ROWS])
        if data:
            yield LineBatch(data)
        yield from (alone.line(row, places[row]) for row in odd)
    yield from (Rejected(place, why) for place, why in sheet.broken.items())


def _places(sheet: Sheet) -> Sequence[int]:
    """Of each row; broken ones took places of their own."""
    if not sheet.broken:
        return range(1, sheet.rows + 1)
    every = range(1, sheet.rows + len(sheet.broken) + 1)
    return [place for place in every if place not in sheet.broken][: sheet.rows]


class _Memory(dict[Any, Any]):
    """What was read from the same cells before; `_ODD` where it could not be read."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, cells: Any) -> Any:
        try:
            found = self._read(cells)
        except (BadCell, UnicodeEncodeError):
            found = _ODD
        self[cells] = found
        return found


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of which every cell was read, by what was read; all columns are equally long.

    Attributes:
        rows: Their places in the sheet, from 0.
        services: A `Service` each.
        owners: Attributes by name.
        tagged: Tags and the dimensions they are.
        money: Grains by column.
    """

    rows: Sequence[int]
    cells: Mapping[str, Sequence[Any]]
    money: Mapping[str, Sequence[Any]]
    kinds: Sequence[str]
    owners: Sequence[Any]
    services: Sequence[Any]
    tagged: Sequence[Any]
    starts: Sequence[Any]
    ends: Sequence[Any]

    def cell(self, name: str) -> Sequence[Any]:
        return self.cells.get(name) or Repeated(None, len(self.rows))

    def grains(self, name: str) -> Sequence[Any]:
        return self.money.get(name) or Repeated(None, len(self.rows))


class _Whole:
    """One sheet, some thousand rows at a time."""

    def __init__(self, sheet: Sheet, page: Page, reading: Reading) -> None:
        self._sheet, self._page, self._reading = sheet, page, reading
        self._owners = [name for name in OWNER_COLUMNS if name in sheet.columns]
        self._services = [name for name in SERVICE_COLUMNS if name in sheet.columns]
        self._maps = [name for name in TAG_MAPS if name in sheet.columns]
        self._extras = {ai: extra_columns(sheet, ai=ai) for ai in (True, False)}
        month = month_of_page(page)
        self._owner = _Memory(lambda key: owner_of(dict(zip(self._owners, key, strict=True)).get, month))
        self._service = _Memory(self._sold)
        self._tags = _Memory(self._tagged)
        self._count = _Memory(self._counted)

    def read(self, first: int, places: Sequence[int]) -> tuple[_Found, list[int]]:
        """The table's columns for the rows that begin there, and the rows to be read by themselves."""
        found = self._clean(first, len(places))
        data = self._data(found)
        data["line_no"] = [places[row - first] for row in found.rows]
        fits = [place for place, fit in enumerate(_fit(data)) if fit]
        odd = set(range(first, first + len(places))).difference(found.rows[place] for place in fits)
        if not odd:
            return data, []
        return taken(data, fits) if fits else {}, sorted(odd)

    def _clean(self, first: int, count: int) -> _Rows:
        """The rows that can be read whole."""
        cut = slice(first, first + count)
        cells = {name: column[cut] for name, column in self._sheet.columns.items()}
        own = [column[cut] for column in self._sheet.tags.values()]
        nothing = Repeated(None, count)
        kinds = _texts(cells.get("line_item_line_item_type", nothing))
        starts, ends = (_read(cells.get(f"line_item_usage_{one}_date", nothing), at) for one in ("start", "end"))
        read = {
            "kinds": kinds,
            "owners": _together(self._owner, [cells[name] for name in self._owners], count),
            "services": self._sold_in(cells, count),
            "tagged": _together(self._tags, [*own, *(cells[name] for name in self._maps)], count),
            "starts": starts,
            "ends": ends,
        }
        money = {name: _read(cells[name], _grains) for name in _MONEY if name in cells}
        odd = {
            row
            for row, (kind, start) in enumerate(zip(kinds, starts, strict=True))
            if start is None or not category_of(kind)
        }
        for column in (*read.values(), *money.values()):
            if _ODD in ((column.value,) if isinstance(column, Repeated) else column):
                odd.update(row for row, value in enumerate(column) if value is _ODD)
        if odd:
            good = [row for row in range(count) if row not in odd]
            read, cells, money = taken(read, good), taken(cells, good), taken(money, good)
            return _Rows([first + row for row in good], cells, money, **read)
        return _Rows(range(first, first + count), cells, money, **read)

    def _sold_in(self, cells: Mapping[str, Sequence[Any]], count: int) -> Sequence[Any]:
        """What each row sells; the resource is asked for Bedrock's rows only, for it is another in nearly each row."""
        keys = _together(None, [*(cells[name] for name in self._services), Repeated(None, count)], count)
        found = [self._service[key] for key in keys]
        if _RESOURCE in cells:
            for row, (one, resource) in enumerate(zip(found, cells[_RESOURCE], strict=True)):
                if resource and one is not _ODD and one.values.get("provider"):
                    found[row] = self._service[(*keys[row][:-1], resource)]
        return found

    def _sold(self, key: tuple[Any, ...]) -> Service:
        known = dict(zip((*self._services, _RESOURCE), key, strict=True))
        found = service_of(known.get, self._reading)
        _encoded(text for text in found.values.values() if isinstance(text, str))
        return found

    def _tagged(self, key: tuple[Any, ...]) -> tuple[dict[str, str], dict[str, str]]:
        own, maps = key[: len(self._sheet.tags)], key[len(self._sheet.tags) :]
        found = tags_of(list(zip(self._sheet.tags, own, strict=True)), list(zip(self._maps, maps, strict=True)))
        _encoded((*found, *found.values()))
        return dict(sorted(found.items())), dimensions_of(found, self._reading.tags)

    def _data(self, found: _Rows) -> _Found:
        count = len(found.rows)
        data: _Found = {
            "layer": Repeated("invoice", count), "dataset": Repeated(self._page.stream, count),
            "provider_account": Repeated(self._page.account, count), "host_provider_name": Repeated("AWS", count),
            "charge_period_start": found.starts,
            "charge_period_end": [
                start if end is None or end < start else end
                for start, end in zip(found.starts, found.ends, strict=True)
            ],
            "tags": [tags for tags, _ in found.tagged],
        }  # fmt: skip
        data |= _spread(found.owners, _OWNER) | _spread([one.values for one in found.services], _SERVICE)
        data |= {name: _memo(found.kinds, read) for name, read in _OF_KIND.items()}
        data |= {attribute: _texts(found.cell(name)) for attribute, name in _TEXTS.items()}
        plans, reserved = found.cell("savings_plan_savings_plan_a_r_n"), found.cell("reservation_reservation_a_r_n")
        data["commitment_id"] = _texts([plan or own for plan, own in zip(plans, reserved, strict=True)])
        for name in ATTRIBUTION:
            mapped = name in self._reading.tags
            data[f"d_{name}"] = [own.get(name, "") for _, own in found.tagged] if mapped else Repeated("", count)
        data |= _costs(found)
        notes = self._quantities(data, found)
        data["extra"] = self._extra(found, notes)
        for column in LINE_COLUMNS:
            if column.name in _FIELDS and column.name not in data:
                data[column.name] = Repeated(None if column.nullable else "", count)
        return data

    def _quantities(self, data: _Found, found: _Rows) -> Sequence[str]:
        """Put them into the columns; a note for each row, empty for none."""
        keys = zip(
            found.kinds, found.services, found.cell("line_item_usage_amount"), found.grains("line_item_usage_amount"),
            _texts(found.cell("pricing_unit")), data["charge_description"], strict=True,
        )  # fmt: skip
        counted = [
            _NOT_USED
            if amount is None or not _is_used(kind)
            else (None, amount, unit, amount, unit, "")
            if not service.meter
            else self._count[cell, unit, service.meter, description if service.market else ""]
            for kind, service, cell, amount, unit, description in keys
        ]
        for place, name in enumerate(_QUANTITIES):
            data[name] = [one[place] for one in counted]
        return [one[-1] for one in counted]

    def _counted(self, key: tuple[Any, str, str, str]) -> tuple[Any, ...]:
        cell, unit, meter, description = key
        one = count(number(cell), unit, meter, description=description, market_unit=self._reading.market_unit)
        consumed, priced = (None if part is None else grains_from_decimal(part) for part in (one.consumed, one.priced))
        return one.quantity, consumed, one.consumed_unit, priced, one.priced_unit, one.note

    def _extra(self, found: _Rows, notes: Sequence[str]) -> list[dict[str, str]]:
        names = {ai: [name for name, _ in columns] for ai, columns in self._extras.items()}
        telling = zip(*([column[row] for row in found.rows] for _, column in self._extras[False]), strict=True)
        every = [column for _, column in self._extras[True]]
        made = []
        for row, values, service, kind, note in zip(
            found.rows, telling, found.services, found.kinds, notes, strict=True
        ):
            ai = service.ai
            own = [column[row] for column in every] if ai else values
            extra = {name: str(value) for name, value in zip(names[ai], own, strict=True) if value is not None}
            if note:
                extra["quantity_note"] = note
            if told_in_extra(kind):
                extra["charge_of"] = kind
            made.append(extra)
        return made


_QUANTITIES = ("quantity", "consumed_quantity", "consumed_unit", "pricing_quantity", "pricing_unit")
_NOT_USED = (None, None, "", None, "", "")
_FIELDS = frozenset(LINE_FIELDS) - {"model"}
_OF_KIND: dict[str, Callable[[str], str]] = {
    "charge_category": lambda kind: category_of(kind) or "Usage",
    "charge_frequency": frequency_of,
    "charge_class": lambda kind: "Correction" if kind == "Refund" else "",
    "pricing_category": pricing_of,
}


def _is_used(kind: str) -> bool:
    return kind == "Usage" or kind in COVERED


def _costs(found: _Rows) -> _Found:
    """The four costs and the unit prices; a row without a billed cost is for `_fit` to find."""
    gross, net = found.grains("line_item_unblended_cost"), found.money.get("line_item_net_unblended_cost")
    public = found.grains("pricing_public_on_demand_cost")
    reserved = found.cell("reservation_reservation_a_r_n")
    costs = []
    for row, (kind, service) in enumerate(zip(found.kinds, found.services, strict=True)):
        if kind == "Usage" and net is None:
            listed = None if service.market and not public[row] else public[row]
            costs.append((gross[row], gross[row], listed, gross[row]))
            continue
        one = costs_of(
            kind, lambda name: found.money[name][row] if name in found.money else None,  # noqa: B023 - used at once
            reserved=bool(reserved[row]), market=service.market,
        )  # fmt: skip
        costs.append((one.billed, one.effective, one.listed, one.contracted))
    data: _Found = {name: [one[place] for one in costs] for place, name in enumerate(_COSTS)}
    used = _memo(found.kinds, _is_used)
    data["list_unit_price"] = [
        rate if use and listed else None
        for rate, use, listed in zip(
            found.grains("pricing_public_on_demand_rate"), used, data["list_cost"], strict=True
        )
    ]
    rates = found.grains("line_item_unblended_rate")
    data["contracted_unit_price"] = [rate if use else None for rate, use in zip(rates, used, strict=True)]
    return data


_COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")


def _fit(data: _Found) -> Iterator[bool]:
    """Whether each row has a cost, is counted, and fits the table: what does not is told of line by line."""
    columns = (data[name] for name in (
        "charge_period_start", "charge_period_end", "billed_cost", "quantity", "consumed_quantity", "pricing_quantity",
    ))  # fmt: skip
    for start, end, billed, quantity, consumed, priced in zip(*columns, strict=True):
        yield (
            billed is not None
            and 0 <= start <= end <= _LATEST_US
            and (quantity is None or -_MOST_COUNTED <= quantity <= _MOST_COUNTED)
            and (consumed is None or -_MOST_GRAINS < consumed < _MOST_GRAINS)
            and (priced is None or -_MOST_GRAINS < priced < _MOST_GRAINS)
        )


def _read(column: Sequence[Any], read: Callable[[Any], Any]) -> Sequence[Any]:
    """Each cell read, `_ODD` where it cannot be."""

    def one(cell: Any) -> Any:
        try:
            return read(cell)
        except BadCell:
            return _ODD

    if isinstance(column, Repeated):
        return Repeated(one(column.value), len(column))
    try:
        return list(map(read, column))
    except BadCell:
        return list(map(one, column))


def _grains(cell: Any) -> int | None:
    """As `grains`; what is plainly written is read without a Decimal."""
    if cell is None:
        return None
    text = cell if type(cell) is str else repr(cell) if type(cell) is float else ""
    whole, _, part = text.partition(".")
    if (
        len(part) <= _PLACES
        and len(whole) < _PLAIN
        and text.isascii()
        and whole.removeprefix("-").isdecimal()
        and (not part or part.isdecimal())
    ):
        return int(whole + part.ljust(_PLACES, "0"))
    return grains(cell)


_PLACES, _PLAIN = 12, 20


def _together(memory: _Memory | None, columns: Sequence[Sequence[Any]], count: int) -> Any:
    """What the cells of each row say together; without a memory the cells."""
    if all(isinstance(one, Repeated) for one in columns):
        key = tuple(one[0] for one in columns) if count else ()
        return Repeated(key if memory is None else memory[key], count)
    keys = list(zip(*columns, strict=True))
    return keys if memory is None else list(map(memory.__getitem__, keys))


def _spread(owners: Sequence[Mapping[str, Any]], names: Iterable[str]) -> _Found:
    """One column for each name; one value where all rows say the same."""
    known = list({id(one): one for one in owners}.values())
    data: _Found = {}
    for name in names:
        values = [one.get(name, "") for one in known]
        same = bool(values) and all(value == values[0] for value in values)
        data[name] = Repeated(values[0], len(owners)) if same else [one.get(name, "") for one in owners]
    return data


def _memo(column: Sequence[str], read: Callable[[str], Any]) -> Sequence[Any]:
    if isinstance(column, Repeated):
        return Repeated(read(column.value), len(column))
    known = {value: read(value) for value in set(column)}
    return [known[value] for value in column]


def _texts(column: Sequence[Any]) -> Sequence[str]:
    if isinstance(column, Repeated):
        return Repeated("" if column.value is None else str(column.value), len(column))
    return ["" if cell is None else str(cell) for cell in column]


def _encoded(texts: Iterable[str]) -> None:
    """Nothing.

    Raises:
        UnicodeEncodeError: One of them holds half a character, as JSON can write.
    """
    for text in texts:
        text.encode()
