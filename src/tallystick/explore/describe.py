"""What a query compares with and what its answer says, in words for pages, command line and reports."""

from collections.abc import Iterable
from datetime import date, timedelta

from tallystick.charts.format import change, money, percent, whole_money
from tallystick.explore.conditions import UNKNOWN
from tallystick.explore.model import Breakdown, Compare, Query, Row
from tallystick.kernel.period import Period, day_start, local_day, moment

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SHAPES: dict[Compare, str] = {
    "weekdays": "same weekdays",
    "calendar": "same days of the month",
    "year": "52 weeks earlier",
    "none": "",
}
_AGAINST: dict[Compare, str] = {
    "weekdays": "the same weekdays before",
    "calendar": "the same days of the month before",
    "year": "the same weekdays a year ago",
    "none": "",
}
_OPERATORS = {"is": "", "is_not": "not ", "contains": "with ", "starts_with": "starting with "}


def span_text(period: Period, zone: str) -> str:
    """The days of a period, both ends named: ``1–23 Nov``, ``4 Oct – 26 Oct``, ``30 Dec 2025 – 2 Jan 2026``."""
    first, last = local_day(period.start_us, zone), local_day(max(period.end_us - 1, period.start_us), zone)
    if first == last:
        return f"{first.day} {_MONTHS[first.month - 1]} {first.year}"
    if first.year != last.year:
        return " – ".join(f"{day.day} {_MONTHS[day.month - 1]} {day.year}" for day in (first, last))
    if first.month == last.month:
        return f"{first.day}–{last.day} {_MONTHS[first.month - 1]}"
    return " – ".join(f"{day.day} {_MONTHS[day.month - 1]}" for day in (first, last))


def compared_text(query: Query) -> str:
    """``vs 4–26 Oct, same weekdays``; empty without a comparison. A cut day says until when."""
    if query.previous is None:
        return ""
    end = moment(query.previous.end_us, query.zone)
    midnight = end.hour == end.minute == end.second == end.microsecond == 0
    until = "" if midnight else f" until {end:%H:%M}"
    return f"vs {span_text(query.previous, query.zone)}{until}, {_SHAPES[query.compare]}"


def filters_text(query: Query) -> str:
    """``team Support, model starting with gpt``; empty without filters."""
    parts = []
    for one in query.filters:
        values = " or ".join(value or UNKNOWN for value in one.values)
        parts.append(f"{label(one.dimension)} {_OPERATORS[one.operator]}{values}")
    return ", ".join(parts)


def label(dimension: str) -> str:
    """A dimension's name for people: ``cost center``, ``squad``."""
    return dimension.removeprefix("tag.").replace("_", " ")


def group_text(row: Row) -> str:
    """A row's group in one line: ``Support · gpt-5``."""
    return " · ".join(value or UNKNOWN for value in row.group.values())


def title_text(answer: Breakdown) -> str:
    """The heading: ``$16,182, team Support, 1–23 Nov``."""
    query = answer.query
    parts = [_amount(answer.total.now.cost, query.currency), filters_text(query), span_text(query.period, query.zone)]
    return ", ".join(part for part in parts if part)


def sentence_text(answer: Breakdown) -> str:
    """What happened, in a few sentences without a claim about causes.

    ``$46,840 in 23 days, ▲ $4,507 (+10.6%) against the same weekdays before. The largest
    mover is Anthropic: +$4,149, 92% of the change.``
    """
    query, total = answer.query, answer.total
    length = _length(query)
    amount = _amount(total.now.cost, query.currency)
    if total.before is None:
        return f"{amount} in {length}."
    moved = change(total.now.cost or 0, total.before.cost or 0, query.currency)
    if total.now.cost is None or total.before.cost is None:
        return f"{amount} in {length}; nothing known in the period before."
    if moved.direction == "none":
        return f"{amount} in {length}, no change against {_AGAINST[query.compare]}."
    first = f"{amount} in {length}, {moved.arrow} {moved.amount.lstrip('+−')} ({moved.ratio}) against {_AGAINST[query.compare]}."
    return " ".join(filter(None, (first, _mover(answer), history_text(answer))))


def history_text(answer: Breakdown) -> str:
    """A warning where the period compared with began before the ledger did: its figures are not whole."""
    previous, first = answer.query.previous, answer.freshness.first_event_at
    if previous is None or first is None or previous.start_us >= first:
        return ""
    day = local_day(first, answer.query.zone)
    if previous.start_us >= day_start(day, answer.query.zone):
        return ""
    return f"The ledger begins on {day.day} {_MONTHS[day.month - 1]} {day.year}, so the period before is not whole."


def _mover(answer: Breakdown) -> str:
    found = largest_movers(answer.rows, 1)
    total = delta(answer.total)
    if len(answer.rows) < 2 or not found or not total:
        return ""
    amount = delta(found[0])
    share = f", {percent(amount, total)} of the change" if 0 < amount * total <= total * total else ""
    moved = whole_money(amount, answer.query.currency, sign=True)
    return f"The largest mover is {group_text(found[0])}: {moved}{share}."


def conversion_texts(answer: Breakdown) -> tuple[str, ...]:
    """How amounts came into the answer's currency, and what did not; empty where nothing was to be converted.

    ``USD in EUR, each day at its rate: 22 rates of 2026-10-30 to 2026-11-20 (ECB).``
    ``$12.00 of 1–5 Nov has no rate to EUR and is in no figure above.``
    """
    found, target = answer.conversion, answer.query.currency
    texts = []
    if found is not None and found.rates:
        names = [code for code in found.currencies if code != target]
        dates = sorted({str(one.leg.rate.on) for one in found.rates})
        span = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
        sources = sorted({one.leg.rate.source for one in found.rates} - {""})
        count = f"{len(found.rates)} rate{'' if len(found.rates) == 1 else 's'}"
        said = f" ({', '.join(sources)})" if sources else ""
        texts.append(f"{' and '.join(names) or 'Amounts'} in {target}, each day at its rate: {count} of {span}{said}.")
    return (*texts, *(_unconverted_text(one, target) for one in answer.unconverted))


def first_unconverted(apart: Breakdown) -> date:
    """The first day of the periods in which amounts without a rate lie."""
    query, total = apart.query, apart.total
    starts = [query.period.start_us] if total.now.cost else []
    if query.previous is not None and total.before is not None and total.before.cost:
        starts.append(query.previous.start_us)
    return local_day(min(starts, default=query.period.start_us), query.zone)


def _unconverted_text(apart: Breakdown, target: str) -> str:
    query, total = apart.query, apart.total
    amounts = []
    if total.now.cost:
        amounts.append(f"{money(total.now.cost, query.currency)} of {span_text(query.period, query.zone)}")
    if total.before is not None and total.before.cost and query.previous is not None:
        amounts.append(f"{money(total.before.cost, query.currency)} of {span_text(query.previous, query.zone)}")
    verbs = ("have no rate", "are") if len(amounts) > 1 else ("has no rate", "is")
    named = " and ".join(amounts) or query.currency
    return f"{named} {verbs[0]} to {target} and {verbs[1]} in no figure in {target}."


def delta(row: Row) -> int:
    """How much a row's cost moved, in grains; what is unknown counts as nothing here."""
    return (row.now.cost or 0) - ((row.before.cost or 0) if row.before else 0)


def largest_movers(rows: Iterable[Row], count: int) -> tuple[Row, ...]:
    """The rows that moved most in money, rise or fall; those that did not move are left out."""
    moved = [row for row in rows if row.before is not None and delta(row)]
    return tuple(sorted(moved, key=lambda row: (-abs(delta(row)), tuple(row.group.values())))[:count])


def _amount(cost: int | None, currency: str) -> str:
    return "cost unknown" if cost is None else whole_money(cost, currency)


def _length(query: Query) -> str:
    first, end = local_day(query.period.start_us, query.zone), local_day(query.period.end_us, query.zone)
    days = max((end - first) // timedelta(days=1), 1)
    return "1 day" if days == 1 else f"{days} days"
