"""A row of Azure's cost details (actual or amortized) as a line. Pure.

The two exports repeat each other: what no commitment covers stands in both. Of both together
the actual one gives what is ordinary and what was bought, the amortized one what commitments
covered and what of them was left unused; so each cost, and each quantity, is there once:
billed sums to the actual export, effective to the amortized one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, Literal, cast

from tallystick.bills.model import BillLine, ChargeCategory, Rejected
from tallystick.connectors.azure.columns import CATEGORIES, COLUMNS, FREQUENCIES, IGNORED, PRICING, TEXTS
from tallystick.connectors.azure.judge import PROVIDER, Judged, consumed, judge, quantity
from tallystick.connectors.labels import dimensions
from tallystick.connectors.sheets import Row, raw_of
from tallystick.focus.cells import Bad, read_decimal, read_instant, read_text
from tallystick.focus.tags import read_tags
from tallystick.kernel.money import grains_from_decimal
from tallystick.kernel.period import DAY_US, Period, moment

Side = Literal["actual", "amortized"]
_USED = frozenset(name for names in COLUMNS.values() for name in names)
_MOST = 10**20
_EXACT = Context(prec=60)


@dataclass(frozen=True, slots=True)
class Reading:
    """How the rows of one file are read.

    Attributes:
        side: Which export it is of.
        both: The other one is read too, and gives its part.
        window: The month; rows of another month are refused.
        labels: Dimension → tag.
    """

    side: Side
    both: bool
    window: Period
    account: str
    labels: Mapping[str, str]


class _Refused(ValueError):
    """Why a row cannot be used."""


def read_detail(row: Row, line_no: int, reading: Reading) -> BillLine | Rejected | None:
    """The line; None where the other export of the two gives it."""
    cells: dict[str, Any] = {}
    for name, cell in row.items():
        if cell not in (None, "") or str(name).strip().lower() not in cells:
            cells[str(name).strip().lower()] = cell
    try:
        return _line(cells, row, line_no, reading)
    except _Refused as refused:
        return Rejected(line_no, str(refused), raw_of(row))


def _line(cells: Row, row: Row, line_no: int, reading: Reading) -> BillLine | None:
    committed = _text(cells, "pricing_model").lower() in {"reservation", "savingsplan"}
    charge_type = _text(cells, "charge_type").lower().replace(" ", "")
    bought = charge_type in {"purchase", "refund"}
    if reading.both and (committed and not bought) != (reading.side == "amortized"):
        return None
    start = _instant(cells, "date")
    if start is None:
        raise _Refused("the date is missing (Date, UsageDate): this is no file of cost details")
    billed_from, billed_to = _billing(cells)
    if not reading.window.start_us <= (start if billed_from is None else billed_from) < reading.window.end_us:
        raise _Refused(f"it is of {moment(start):%Y-%m-%d}, and the file is read for {_month(reading.window)}")
    cost = _needed(cells, "cost")
    currency = _text(cells, "currency").upper()
    if not currency:
        raise _Refused("the currency is missing (BillingCurrency, BillingCurrencyCode)")
    texts: dict[str, Any] = {name: _text(cells, name) for name in TEXTS}
    judged = judge(
        _text(cells, "meter"), texts["service_name"], texts["service_subcategory"] or texts["charge_description"],
        texts["resource_id"], _text(cells, "unit"),
    )  # fmt: skip
    amount = _decimal(cells, "quantity")
    billing_account = texts["billing_account_id"] or reading.account
    tags = read_tags(_cell(cells, "tags"))
    return BillLine(
        layer="invoice",
        dataset="actual_export",
        slice_key=f"{billing_account}/{_month(reading.window)}",
        line_no=line_no,
        charge_period_start=start,
        charge_period_end=start + DAY_US,
        billing_period_start=reading.window.start_us if billed_from is None else billed_from,
        billing_period_end=reading.window.end_us if billed_to is None else billed_to,
        currency=currency,
        charge_category=cast("ChargeCategory", CATEGORIES.get(charge_type, "Adjustment" if charge_type else "Usage")),
        charge_class="Correction" if charge_type == "refund" else "",
        charge_frequency=FREQUENCIES.get(_text(cells, "charge_frequency").lower(), _text(cells, "charge_frequency")),
        pricing_category=PRICING.get(_text(cells, "pricing_model").lower(), _text(cells, "pricing_model")),
        service_provider_name=_text(cells, "publisher") or "Microsoft",
        host_provider_name="Microsoft",
        invoice_issuer_name="Microsoft",
        region=_text(cells, "region").lower().replace(" ", ""),
        sku_meter=_text(cells, "meter"),
        provider_account=reading.account,
        tags=tags or {},
        dimensions=_dimensions(cells, tags or {}, reading),
        extra=_extra(row, judged, tags is None, charge_type),
        **texts,
        **_of_meter(judged, amount, _text(cells, "unit"), used=charge_type in {"", "usage"}),
        **_amounts(cells, cost, amount, committed=committed, bought=bought, reading=reading),
    )


def _of_meter(judged: Judged, amount: Decimal | None, spelled: str, *, used: bool) -> dict[str, Any]:
    named = judged.named
    got, unit = consumed(amount, judged.unit)
    return {
        "ai": judged.ai,
        "provider": PROVIDER if judged.ai else "",
        "raw_model": named.model,
        "meter": named.meter,
        "service_tier": named.service_tier,
        "context": named.context,
        "quantity": quantity(amount, judged) if used else None,
        "consumed_quantity": got if used else None,
        "consumed_unit": (unit or spelled) if used else "",
        "pricing_quantity": amount,
        "pricing_unit": spelled,
    }


def _amounts(
    cells: Row, cost: Decimal, amount: Decimal | None, *, committed: bool, bought: bool, reading: Reading
) -> dict[str, Any]:
    """The four costs and the prices; those of another currency than the bill's are left to `extra`."""
    same = _text(cells, "pricing_currency").upper() in {"", _text(cells, "currency").upper()}
    list_price, price = _decimal(cells, "list_price"), _decimal(cells, "unit_price")
    if committed:  # Azure writes 0 where it does not say
        list_price, price = list_price or None, price or None
    listed = _decimal(cells, "list_cost")
    if (listed is None or (committed and not listed)) and same:
        listed = _times(list_price, amount)
    pricing_cost = _decimal(cells, "pricing_cost")
    return {
        "billed_cost": _billed(cost, committed=committed, reading=reading),
        "effective_cost": _effective(cost, committed=committed, bought=bought, reading=reading),
        "list_cost": _grains(listed if not (bought and committed) else None),
        "contracted_cost": _grains(_times(price, amount) if same and not (bought and committed) else None),
        "list_unit_price": _grains(list_price) if same else None,
        "contracted_unit_price": _grains(price) if same else None,
        "pricing_currency": _text(cells, "pricing_currency").upper(),
        "pricing_currency_cost": _grains(pricing_cost) if reading.side == "actual" or not reading.both else None,
    }


def _billed(cost: Decimal, *, committed: bool, reading: Reading) -> int | None:
    if reading.side == "actual" or not committed:
        return _grains(cost)
    # Covered by what was bought: nothing is billed for it, and the purchase stands in the other export.
    return 0 if reading.both else None


def _effective(cost: Decimal, *, committed: bool, bought: bool, reading: Reading) -> int | None:
    if reading.side == "amortized" or not committed:
        return _grains(cost)
    # Spread over what it covers by the other export; without that nobody knows.
    return 0 if reading.both and bought else None


def _dimensions(cells: Row, tags: Mapping[str, str], reading: Reading) -> dict[str, str]:
    found = dimensions(tags, reading.labels)
    center = _text(cells, "cost_center")
    if center:
        found.setdefault("cost_center", center)
    return found


def _extra(row: Row, judged: Judged, tags_unread: bool, charge_type: str) -> dict[str, str]:
    """Columns that no attribute holds, by their own names, and what Azure's words said more than ours."""
    kept = set(_USED)
    if charge_type not in {"usage", "purchase", ""}:
        kept.discard("chargetype")
    if tags_unread:
        kept.discard("tags")
    found = {
        str(name): text
        for name, cell in row.items()
        if (low := str(name).strip().lower()) not in kept and low not in IGNORED and (text := read_text(cell))
    }
    return found | ({"deployment": judged.named.reach} if judged.named.reach else {})


def _billing(cells: Row) -> tuple[int | None, int | None]:
    """The billing period; Azure writes its last day, which is in."""
    last = _instant(cells, "billing_to")
    return _instant(cells, "billing_from"), None if last is None else last + DAY_US


def _month(window: Period) -> str:
    return f"{moment(window.start_us):%Y-%m}"


def _cell(cells: Row, name: str) -> object:
    return next((cells[one] for one in COLUMNS[name] if cells.get(one) not in (None, "")), None)


def _text(cells: Row, name: str) -> str:
    return next((text for one in COLUMNS[name] if (text := read_text(cells.get(one)))), "")


def _decimal(cells: Row, name: str) -> Decimal | None:
    found = read_decimal(_cell(cells, name))
    if isinstance(found, Bad):
        raise _Refused(f"{COLUMNS[name][0]}: {found.reason}")
    return found


def _needed(cells: Row, name: str) -> Decimal:
    found = _decimal(cells, name)
    if found is None:
        raise _Refused(f"no cost: none of {', '.join(COLUMNS[name])} has a value; a column may have been renamed")
    return found


def _instant(cells: Row, name: str) -> int | None:
    found = read_instant(_cell(cells, name))
    if isinstance(found, Bad):
        raise _Refused(f"{COLUMNS[name][0]}: {found.reason}")
    return found


def _times(price: Decimal | None, amount: Decimal | None) -> Decimal | None:
    found = None if price is None or amount is None else _EXACT.multiply(price, amount)
    return found if found is None or abs(found) < _MOST else None


def _grains(amount: Decimal | None) -> int | None:
    return None if amount is None else grains_from_decimal(amount)
