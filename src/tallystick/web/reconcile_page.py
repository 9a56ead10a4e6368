"""A month of an account on one page: metered, reported, invoiced, the difference and its classes summing to it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import quote, urlencode

from tallystick.bills.reconciliation import CLASS_TITLES, Reconciliation, VarianceRow
from tallystick.charts.format import count, money, percent, whole_money
from tallystick.charts.waterfall import waterfall
from tallystick.explore.describe import label
from tallystick.kernel.period import local_day
from tallystick.web.view import Figure, Tile, exact

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_CENTS = 2
_AGREED = 10**10  # a cent
_MATERIAL = 200  # one part of so many of what was metered is worth a look
TITLES: dict[str, str] = {
    "metered": "Metered",
    "reported": "Reported by the provider",
    "invoiced": "Invoiced",
    "difference": "Difference",
    **{str(name): title for name, title in CLASS_TITLES.items()},
}


@dataclass(frozen=True, slots=True)
class MonthRow:
    """One account's month in the list."""

    href: str
    month: str
    account: str
    metered: Figure
    reported: Figure
    invoiced: Figure
    difference: Figure
    share: str
    word: str
    tone: str
    grade: str
    why: str


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of the waterfall: its words, its amount with the way to its rows, its bar."""

    name: str
    figure: Figure
    rows: str
    bar: str
    total: bool = False


@dataclass(frozen=True, slots=True)
class VarianceLine:
    """One row behind a figure, with the way to the source's lines and to the metered calls."""

    day: str
    account: str
    what: str
    about: str
    metered_quantity: str
    billed_quantity: str
    amount: Figure
    why: str
    source: str
    calls: str


def month_key(run: Reconciliation) -> str:
    """``2026-10``."""
    return f"{local_day(run.period_start):%Y-%m}"


def month_words(key: str) -> str:
    """``October 2026``."""
    year, month = key.split("-")
    return f"{_MONTHS[int(month) - 1]} {year}"


def month_href(key: str, account: str, currency: str = "USD") -> str:
    """The page of an account's month; of all its accounts where none is named."""
    return f"/reconcile/{key}?{_query(account, currency)}".rstrip("?")


def rows_href(run: Reconciliation, figure: str) -> str:
    """The rows that sum to a figure."""
    of = _query(run.account, run.currency)
    return f"/reconcile/{month_key(run)}/rows?{of}{'&' if of else ''}figure={figure}"


def claim_href(run: Reconciliation, claim: str) -> str:
    """What a claim stands on."""
    return f"/reconcile/{month_key(run)}/claims/{quote(claim, safe='')}?{_query(run.account, run.currency)}"


def _query(account: str, currency: str) -> str:
    asked = {"account": account, "currency": "" if currency == "USD" else currency}
    return urlencode({name: value for name, value in asked.items() if value})


def status_of(run: Reconciliation, at_us: int) -> tuple[str, str]:
    """Word and tone: whether the month agrees, and if not whether that is known."""
    kinds = {one.name for one in run.classes}
    if at_us < run.period_end:
        return "month not over", ""
    if run.invoiced is None:
        return "no invoice yet", "warn"
    if abs(run.difference) < _AGREED:
        return "agrees", ""
    wrong = kinds & {"residual", "price_drift", "missing_calls", "unknown", "unpriced"}
    amount = sum(abs(one.amount) for one in run.classes if one.name in wrong)
    if amount < _AGREED * 100:
        return "explained", ""
    # Two meters of one usage are never quite alike; a list where every month shouts is not read.
    return ("to look into", "bad") if amount * _MATERIAL >= abs(run.metered) else ("within 0.5%", "")


def month_row(run: Reconciliation, at_us: int) -> MonthRow:
    """Write one account's month for the list."""
    word, tone = status_of(run, at_us)
    key = month_key(run)
    return MonthRow(
        month_href(key, run.account, run.currency),
        key,
        run.account,
        _figure(run, "metered", run.metered),
        _figure(run, "reported", run.reported),
        _figure(run, "invoiced", run.invoiced),
        _figure(run, "difference", run.difference, sign=True),
        percent(abs(run.difference), run.metered) if run.metered else "–",
        word,
        tone,
        run.grade,
        run.grade_why,
    )


def state_of(runs: Sequence[Reconciliation], at_us: int) -> tuple[str, str]:
    """Word and tone of a month: of its one account, else how many of them want a look."""
    states = [status_of(one, at_us) for one in runs]
    wrong = sum(tone == "bad" for _, tone in states)
    if len(states) == 1 or len(set(states)) == 1:
        return states[0]
    if wrong:
        return f"{wrong} of {len(states)} to look into", "bad"
    waiting = sum(tone == "warn" for _, tone in states)
    return (f"{waiting} of {len(states)} without an invoice", "warn") if waiting else ("explained", "")


def tiles(run: Reconciliation, parts: Sequence[Reconciliation] = ()) -> tuple[Tile, ...]:
    """What was metered, reported, invoiced, and the difference of the strongest word to the first.

    Args:
        run: An account's month, or several accounts' as one.
        parts: The accounts, where there are several.
    """
    word = "invoiced" if run.invoiced is not None else "reported" if run.reported is not None else "billed"
    if any(one.invoiced is None for one in parts):
        word = "billed"
    twice = -sum(one.amount for one in run.classes if one.name == "duplicate")
    by = f"{money(twice, run.currency, _CENTS)} of it twice, by two gateways" if twice else "by our gateway"
    reports = "by the provider's cost report" if run.reported is not None else "no cost report is loaded"
    invoices = "by invoice or billing export" if run.invoiced is not None else "no invoice is loaded"
    if parts:
        reports = _of_parts([one.reported for one in parts], reports)
        invoices = _of_parts([one.invoiced for one in parts], invoices)
    return (
        Tile("Metered", _figure(run, "metered", run.metered), f"{by}, at our price book"),
        Tile("Reported", _figure(run, "reported", run.reported), reports),
        Tile("Invoiced", _figure(run, "invoiced", run.invoiced), invoices),
        Tile("Difference", _figure(run, "difference", run.difference, sign=True), f"{word} less metered"),
        Tile(f"Grade {run.grade}", Figure(f"{run.coverage / 10_000:.1f}%"), f"covered by bills; {run.grade_why}"),
    )


def _of_parts(amounts: Sequence[int | None], words: str) -> str:
    """How many accounts a sum is of, where it is not of all."""
    known = sum(one is not None for one in amounts)
    return f"{words}, of {known} of {len(amounts)} accounts" if 0 < known < len(amounts) else words


def steps(run: Reconciliation) -> tuple[StepRow, ...]:
    """The classes as a waterfall, the difference last."""
    amounts = [one.amount for one in run.classes]
    said = [f"{CLASS_TITLES[one.name]}: {money(one.amount, run.currency, _CENTS, sign=True)}" for one in run.classes]
    bars = waterfall(amounts, [*said, f"Difference: {money(run.difference, run.currency, _CENTS, sign=True)}"])
    found = [
        StepRow(
            CLASS_TITLES[one.name],
            _figure(run, one.name, one.amount, sign=True),
            f"{count(one.claims)} claim{'s' if one.claims != 1 else ''}",
            bar,
        )
        for one, bar in zip(run.classes, bars, strict=False)
    ]
    total = _figure(run, "difference", run.difference, sign=True)
    return (*found, StepRow("Difference", total, "", bars[-1], total=True))


def sentence(run: Reconciliation) -> str:
    """The page's answer in words."""
    month = month_words(month_key(run))
    word = "invoiced" if run.invoiced is not None else "reported"
    if run.billed_until is None:
        return f"No bill speaks of {run.account} in {month} yet; {money(run.metered, run.currency, 2)} was metered."
    lead = f"{run.account} was {word} {money(run.billed, run.currency, 2)} for {month}"
    if not run.account:
        lead = f"The bills of {month} come to {money(run.billed, run.currency, 2)}"
    if not run.classes:
        return f"{lead}, exactly what was metered."
    largest = max(run.classes, key=lambda one: abs(one.amount))
    more = f"{whole_money(run.difference, run.currency, sign=True)} against what was metered"
    share = f"{money(largest.amount, run.currency, 2, sign=True)} of it is: {CLASS_TITLES[largest.name].lower()}"
    return f"{lead}, {more}. {share}."


def closed_month(runs: Sequence[Reconciliation], at_us: int) -> tuple[str, str] | None:
    """The last month that is over and invoiced, in words with the way to it; None where there is none.

    ``October: invoiced $13,407.37, $212.00 more than metered``, in one currency: that of its largest account.
    """
    over = [one for one in runs if one.period_end <= at_us and one.invoiced is not None]
    if not over:
        return None
    last = max(one.period_start for one in over)
    of_month = [one for one in over if one.period_start == last]
    currency = max(of_month, key=lambda one: (abs(one.billed), one.currency)).currency
    mine = [one for one in of_month if one.currency == currency]
    apart, key = sum(one.difference for one in mine), month_key(mine[0])
    size = money(abs(apart), currency, _CENTS)
    than = f"{size} {'more' if apart > 0 else 'less'} than metered" if abs(apart) >= _AGREED else "as metered"
    return (
        f"{_MONTHS[int(key[5:]) - 1]}: invoiced {money(sum(one.billed for one in mine), currency, _CENTS)}, {than}",
        f"/reconcile/{key}",
    )


def _figure(run: Reconciliation, name: str, grains: int | None, *, sign: bool = False) -> Figure:
    if grains is None:
        return Figure("–")
    return Figure(money(grains, run.currency, _CENTS, sign=sign), exact(grains), rows_href(run, name))


def variance_line(run: Reconciliation, row: VarianceRow, column: str) -> VarianceLine:
    """Write one row behind a figure; `column` is the one that is summed."""
    grains: int | None = getattr(row, column)
    return VarianceLine(
        day=days_words(row.charge_period_start, row.charge_period_end),
        account=run.account,
        what=row.model or row.service_name or row.charge_category,
        about=", ".join(
            filter(None, (label(row.meter) if row.meter else "", row.service_tier, row.region, _category(row)))
        ),
        metered_quantity=count(row.metered_quantity),
        billed_quantity=count(row.billed_quantity),
        amount=Figure(money(grains, run.currency, sign=column == "amount"), exact(grains)),
        why=row.why,
        source=claim_href(run, row.claim),
        calls=calls_href(row),
    )


def _category(row: VarianceRow) -> str:
    return "" if row.charge_category in {"", "Usage"} else row.charge_category.lower()


def calls_href(row: VarianceRow, page: str = "/requests") -> str:
    """The metered calls that a row may be about; empty for what no call answers to."""
    if row.charge_category not in {"", "Usage"} or row.model == "":
        return ""
    first, last = local_day(row.charge_period_start), local_day(row.charge_period_end)
    asked = {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "provider_account": row.provider_account,
        "model": row.model,
    }
    return f"{page}?{urlencode(asked)}"


def days_words(start_us: int, end_us: int) -> str:
    """``2026-10-03``; a month as ``2026-10``."""
    first, last = local_day(start_us), local_day(max(end_us - 1, start_us))
    if first.day == 1 and (last + timedelta(days=1)).day == 1 and (first.year, first.month) == (last.year, last.month):
        return f"{first:%Y-%m}"
    return first.isoformat() if first == last else f"{first} to {last}"


def neighbours(key: str) -> tuple[str, str]:
    """The month before and the one after."""
    first = date.fromisoformat(f"{key}-01")
    return f"{first - timedelta(days=1):%Y-%m}", f"{first + timedelta(days=32):%Y-%m}"


def accounts_of(runs: Iterable[Reconciliation], key: str) -> Sequence[Reconciliation]:
    """The accounts of a month, the largest first."""
    mine = [one for one in runs if month_key(one) == key]
    return sorted(mine, key=lambda one: (-max(one.billed, one.metered), one.account))
