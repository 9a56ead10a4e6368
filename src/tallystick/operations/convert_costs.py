"""Answer the one question in one currency: each day's amount at that day's rate.

What no rate says stays in its own currency, in an answer of its own beside.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tallystick.bills.grade import grade, millionths
from tallystick.explore.assemble import Groups, Series, assemble
from tallystick.explore.converted import Cell, Part, Rates, Values, cell_of, convert_cells, convert_parts
from tallystick.explore.model import Breakdown, Freshness, Quality, Query, Row
from tallystick.explore.statement import Scope
from tallystick.explore.store import list_basis_costs, list_costs, list_currencies, sum_groups
from tallystick.kernel.errors import QueryError
from tallystick.kernel.period import Period, day_start
from tallystick.operations.context import Context
from tallystick.operations.manage_currency import load_rates
from tallystick.pricing.currency import RateTable, first_day

MOST_GROUPS = 50_000
MOST_CELLS = 1_000_000
_NO_RATES = RateTable({})


@dataclass(frozen=True, slots=True)
class _Sides:
    """One currency's rows: on days with a rate and on days without, each None where there are no such days."""

    rated: Scope | None
    unrated: Scope | None


def convert_costs(context: Context, scope: Scope, freshness: Freshness) -> Breakdown:
    """The breakdown of a query that names a currency to convert to.

    Raises:
        QueryError: There are too many groups and days to convert one by one.
    """
    query = scope.query
    currencies = list_currencies(context.ledger, scope)
    rates = Rates(load_rates(context, {*currencies, query.convert, query.via} - {""}), query.convert, query.via)
    parts, scopes, unconverted = [], [], []
    partial: set[Values] = set()
    for currency in currencies:
        sides = _sides(scope, currency, rates)
        if sides.rated is not None:
            parts.append(_read_part(context, sides.rated))
            scopes.append(sides.rated)
        if sides.unrated is not None:
            part = _read_part(context, sides.unrated)
            if any(cell.grains for cell in (*part.now, *part.before)):
                unconverted.append(_apart(sides.unrated, part, query, freshness))
                partial |= {cell.values for cell in (*part.now, *part.before) if cell.grains}
            else:  # nothing is nothing in any currency
                parts.append(replace(part, now=(), before=()))
    groups, series = convert_parts(query, parts, rates)
    answer = assemble(query, groups, series, freshness)
    # What the grade rests on may look up rates of days without metered cost; they are used rates too.
    quality = _quality(context, scopes, answer, rates)
    used = [part.currency for part in parts if any(cell.grains for cell in (*part.now, *part.before))]
    return replace(
        _uncompared(answer, partial, known=bool(used)),
        quality=quality,
        conversion=rates.conversion(used),
        unconverted=tuple(unconverted),
    )


def _uncompared(answer: Breakdown, partial: set[Values], *, known: bool) -> Breakdown:
    """Nothing is compared of which a part in either period has no rate; without any rate the total is unknown."""
    if not partial:
        return answer
    total = _without_before(answer.total)
    if not known:
        total = replace(total, now=replace(total.now, cost=None))
    names = answer.query.group_by
    rows = [_without_before(row) if tuple(row.group[name] for name in names) in partial else row for row in answer.rows]
    others = None if answer.others is None else _without_before(answer.others)
    return replace(answer, rows=tuple(rows), total=total, others=others, previous_series=())


def _without_before(row: Row) -> Row:
    return replace(row, before=None if row.before is None else replace(row.before, cost=None))


def _sides(scope: Scope, currency: str, rates: Rates) -> _Sides:
    """Rates have no end, so the days without one are those before the first."""
    first = first_day(rates.table, currency, rates.target, rates.via)
    query = replace(scope.query, currency=currency, convert="", via="", limit=MOST_GROUPS)
    if first is None:
        return _Sides(None, replace(scope, query=query))
    if currency == rates.target:
        return _Sides(replace(scope, query=query), None)
    at = day_start(first, query.zone)
    rated = replace(query, period=_since(query.period, at), previous=query.previous and _since(query.previous, at))
    unrated = replace(query, period=_until(query.period, at), previous=query.previous and _until(query.previous, at))
    return _Sides(*(replace(scope, query=one) if _is_any(one) else None for one in (rated, unrated)))


def _since(period: Period, at_us: int) -> Period:
    return Period(min(max(period.start_us, at_us), period.end_us), period.end_us)


def _until(period: Period, at_us: int) -> Period:
    return Period(period.start_us, max(min(period.end_us, at_us), period.start_us))


def _is_any(query: Query) -> bool:
    return any(one.end_us > one.start_us for one in (query.period, query.previous) if one is not None)


def _read_part(context: Context, scope: Scope) -> Part:
    query = scope.query
    groups = sum_groups(context.ledger, scope)
    before = replace(query, period=query.previous) if query.previous else None
    part = Part(
        query.currency,
        groups.rows,
        tuple(_cells(context, scope, query)),
        tuple(_cells(context, scope, before)) if before else (),
    )
    if groups.count > len(groups.rows) or max(len(part.now), len(part.before)) > MOST_CELLS:
        raise QueryError(
            "there are too many groups to convert day by day", where="convert",
            next_steps=["choose a shorter range, fewer dimensions or a filter", "or leave convert out"],
        )  # fmt: skip
    return part


def _cells(context: Context, scope: Scope, query: Query) -> Iterator[Cell]:
    if query.period.end_us > query.period.start_us:
        for row in list_costs(context.ledger, replace(scope, query=query), MOST_CELLS):
            yield cell_of(query, row)


def _apart(scope: Scope, part: Part, query: Query, freshness: Freshness) -> Breakdown:
    """What has no rate, as an answer in its own currency."""
    asked = replace(scope.query, limit=query.limit, grain=None, range_word="")
    whole = convert_parts(replace(asked, grain=None), [part], Rates(_NO_RATES, part.currency))[0]
    return assemble(asked, Groups(whole.rows, whole.count, whole.total), Series(), freshness)


def _quality(context: Context, scopes: list[Scope], answer: Breakdown, rates: Rates) -> Quality:
    """What the answer's money rests on, in its currency."""
    shares: Counter[str] = Counter({"metered": 0, "reported": 0, "invoiced": 0})
    effective = 0
    for scope in scopes:
        plain = replace(scope.query, measure="effective", group_by=(), grain=None)
        asked = replace(scope, query=plain)
        if plain.basis != "metered":
            found = [
                cell_of(plain, (at, (basis,), whole)) for at, basis, whole in list_basis_costs(context.ledger, asked)
            ]
            shares.update(_summed(plain.currency, found, rates))
        if answer.query.measure != "effective":
            effective += sum(_summed(plain.currency, list(_cells(context, asked, plain)), rates).values())
    billed = shares["reported"] + shares["invoiced"]
    whole = (answer.total.now.cost or 0) if answer.query.measure == "effective" else effective
    shares["metered"] = whole - billed
    letter, why = grade(shares, answer.total.now.unpriced_tokens)
    return Quality(dict(shares), millionths(billed, sum(shares.values())), letter, why)


def _summed(currency: str, cells: list[Cell], rates: Rates) -> Counter[str]:
    sums: Counter[str] = Counter()
    for cell, grains in convert_cells(currency, cells, rates):
        sums["".join(cell.values)] += grains
    return sums
