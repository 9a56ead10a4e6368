"""All of Northwind's bills from what its ledger holds, and the truth of each month beside them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tallystick.demo.billed import BillRow, Calendar, MonthBilled, Used, month_of
from tallystick.demo.invoices import Payer, aws_taxes, invoices
from tallystick.demo.planted import (
    FINDING_PROJECT,
    NOTEBOOK_WORKSPACE,
    Beside,
    Price,
    contractors,
    notebooks,
    unknown_cost,
)
from tallystick.demo.reports import (
    ANTHROPIC,
    AWS,
    CLOUDS,
    OPENAI,
    REPORTS,
    Daily,
    booked_day,
    cloud_bill,
    daily,
    provider_reports,
)
from tallystick.usage.meters import FACT_METERS

_PROJECTS = {OPENAI: FINDING_PROJECT, ANTHROPIC: NOTEBOOK_WORKSPACE}


@dataclass(frozen=True, slots=True)
class Statements:
    """Every line of every statement, and the truth of each account's months."""

    rows: tuple[BillRow, ...]
    months: tuple[MonthBilled, ...]


def make_statements(used: Sequence[Used], calendar: Calendar, seed: int, price: Price) -> Statements:
    """Equal usage, seed and day give equal statements.

    Args:
        used: Of all days, whichever order.
        calendar: Whole months have invoices; reports reach up to yesterday.
        seed: Of the differences that are drawn.
        price: Grains of tokens, by the book.
    """
    beside = {OPENAI: list(contractors(calendar, price)), ANTHROPIC: list(notebooks(calendar, seed, price))}
    rows: list[BillRow] = []
    months: list[MonthBilled] = []
    for provider, account in sorted({(one.provider, one.account) for one in used}):
        mine = [one for one in used if one.account == account]
        here = beside.get(provider, [])
        made = _of_account((provider, account), daily(mine, calendar.today_us), here, calendar, seed)
        rows += made
        months += _months(account, mine, made, here, calendar)
    return Statements(tuple(rows), tuple(months))


def _of_account(
    who: tuple[str, str], days: Daily, beside: list[Beside], calendar: Calendar, seed: int
) -> list[BillRow]:
    provider, account = who
    if provider in CLOUDS:
        bill = list(cloud_bill(provider, account, days, seed))
        return [*bill, *(aws_taxes(account, bill, calendar.months) if provider == AWS else ())]
    rows = list(provider_reports(provider, account, days, beside)) if provider in REPORTS else []
    payer = Payer(provider, account, _PROJECTS.get(provider, ("", "")), calendar.months)
    return [*rows, *invoices(payer, days, beside)]


def _months(
    account: str, used: Iterable[Used], rows: Iterable[BillRow], beside: Iterable[Beside], calendar: Calendar
) -> list[MonthBilled]:
    """What was metered, reported and invoiced in each whole month, and every part between them."""
    found = {month: MonthBilled(account, month) for month in calendar.months}
    for one in used:
        _count_used(one, found)
    for row in rows:
        if row.month in found:
            _count_row(row, found[row.month])
    for extra in beside:
        month = found.get(month_of(extra.day_us))
        if month is not None:
            _part(month, "unmetered" if extra.model.provider == OPENAI else "ungoverned", extra.cost)
    for month in found.values():
        # What is left is what the invoice rounds; less than a cent.
        _part(month, "rounding", month.invoiced - month.metered - sum(month.parts.values()))
    return [one for one in found.values() if one.invoiced]


def _count_used(used: Used, months: dict[str, MonthBilled]) -> None:
    met, booked = months.get(month_of(used.day_us)), months.get(month_of(booked_day(used)))
    cost = sum(used.costs.values())
    missing = {name: one for name, one in used.quantities.items() if name not in used.costs and name not in FACT_METERS}
    unpriced = sum(unknown_cost(name, one) for name, one in missing.items())
    if met is not None:
        met.metered += cost
    if met is not booked:
        _part(met, "late", -cost)
        _part(booked, "late", cost)
    _part(booked, "unpriced", unpriced)


def _count_row(row: BillRow, month: MonthBilled) -> None:
    billed = row.billed or 0
    if not row.ai:
        month.other_cloud += billed
    elif row.layer == "cost":
        month.reported = (month.reported or 0) + billed
    elif row.layer == "invoice":
        month.invoiced += billed
        if row.category != "Usage":
            _part(month, row.category.lower(), billed)
        elif row.list_cost is not None:
            _part(month, "discount", billed - row.list_cost)


def _part(month: MonthBilled | None, name: str, grains: int) -> None:
    if month is not None and grains:
        month.parts[name] = month.parts.get(name, 0) + grains
