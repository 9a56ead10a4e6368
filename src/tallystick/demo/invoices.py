"""Northwind's invoices: the month by project, model and meter, taxes and credits; in whole cents."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tallystick.demo.billed import BillRow, month_of, month_span
from tallystick.demo.planted import (
    AWS_TAX_PERCENT,
    CENT,
    CREDIT_CENTS,
    CREDIT_TEXT,
    MISTRAL_TAX_PERCENT,
    Beside,
)
from tallystick.demo.reports import (
    ANTHROPIC,
    AWS,
    CLOUDS,
    INVOICES,
    MISTRAL,
    OURS,
    SERVICES,
    Daily,
    at_month_end,
    invoice_id,
    line_item,
)
from tallystick.kernel.money import divide_half_even


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose invoices.

    Attributes:
        beside: Id and name of the project of what was not metered.
        months: The whole ones, oldest first.
    """

    provider: str
    account: str
    beside: tuple[str, str]
    months: Sequence[str]


def invoices(payer: Payer, days: Daily, beside: Sequence[Beside]) -> Iterator[BillRow]:
    """The invoice of each whole month, its largest line rounded so that the sum is whole cents."""
    provider, account = payer.provider, payer.account
    sums: defaultdict[tuple[str, str, str, bool], list[int]] = defaultdict(lambda: [0, 0])
    for (day, model, meter), (quantity, cost) in days.items():
        _add(sums[month_of(day), model, meter, False], quantity, cost)
    for one in beside:
        _add(sums[month_of(one.day_us), one.model.name, one.meter, True], one.quantity, one.cost)
    ours = OURS.get(provider, ("", ""))
    for month in payer.months:
        start, end = month_span(month)
        lines = [
            BillRow(
                INVOICES, "invoice", "invoice", month, start, end, provider, account, model, meter, quantity, cost,
                description=line_item(model, meter), service=SERVICES[provider], project=(payer.beside if apart else ours)[0],
                project_name=(payer.beside if apart else ours)[1], invoice=invoice_id(provider, month),
            )
            for (of, model, meter, apart), (quantity, cost) in sorted(sums.items())
            if of == month
        ]  # fmt: skip
        if lines:
            yield from rounded(lines)
            yield from _extras(payer, month, lines)


def _add(to: list[int], quantity: int, cost: int) -> None:
    to[0] += quantity
    to[1] += cost


def rounded(lines: Sequence[BillRow]) -> list[BillRow]:
    """The same lines with a sum of whole cents."""
    total = sum(one.billed or 0 for one in lines)
    apart = divide_half_even(total, CENT) * CENT - total
    largest = max(range(len(lines)), key=lambda at: lines[at].billed or 0)
    changed = replace(lines[largest], billed=(lines[largest].billed or 0) + apart)
    return [*lines[:largest], changed, *lines[largest + 1 :]]


def _extras(payer: Payer, month: str, lines: Sequence[BillRow]) -> Iterator[BillRow]:
    """Anthropic's credit in the last whole month, Mistral's tax in each."""
    (start, end), provider = at_month_end(month), payer.provider
    extra = BillRow(
        INVOICES, "invoice", "invoice", month, start, end, provider, payer.account, service=SERVICES[provider],
        invoice=invoice_id(provider, month),
    )  # fmt: skip
    if provider == ANTHROPIC and month == payer.months[-1]:
        yield replace(extra, billed=-CREDIT_CENTS * CENT, category="Credit", description=CREDIT_TEXT)
    if provider == MISTRAL:
        net = divide_half_even(sum(one.billed or 0 for one in lines), CENT)
        tax = divide_half_even(net * MISTRAL_TAX_PERCENT, 100) * CENT
        yield replace(extra, billed=tax, category="Tax", description=f"VAT {MISTRAL_TAX_PERCENT}%")


def aws_taxes(account: str, bill: Sequence[BillRow], months: Sequence[str]) -> Iterator[BillRow]:
    """Tax on each part of Amazon's bill, at the end of each whole month."""
    source, dataset = CLOUDS[AWS]
    for month in months:
        start, end = at_month_end(month)
        for ai in (True, False):
            net = sum(one.billed or 0 for one in bill if one.month == month and one.ai == ai)
            if net:
                yield BillRow(
                    source, dataset, "invoice", month, start, end, AWS if ai else "", account,
                    billed=divide_half_even(net * AWS_TAX_PERCENT, 100 * CENT) * CENT, category="Tax",
                    description="Sales tax", service=SERVICES[AWS] if ai else "Sales tax", project=account,
                    invoice=invoice_id(AWS, month), ai=ai,
                )  # fmt: skip
