"""The table of a breakdown: groups with their change, share, trend and the way to their calls."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tallystick.charts.format import Change, change, count, shares, tenths_text
from tallystick.charts.palette import OTHERS, UNKNOWN
from tallystick.charts.small import share_bar, sparkline
from tallystick.explore.model import Breakdown, Row, Sums
from tallystick.web.address import Address
from tallystick.web.drill import next_dimension, title
from tallystick.web.explore_figure import closed
from tallystick.web.view import Figure, Shown, exact, key_of, name_of, tokens

SHOWN_ROWS = 50
_KEYS: dict[str, Callable[[Row], int | str]] = {
    "cost": lambda row: row.now.cost or 0,
    "before": lambda row: (row.before.cost or 0) if row.before else 0,
    "change": lambda row: (row.now.cost or 0) - ((row.before.cost or 0) if row.before else 0),
    "tokens": lambda row: tokens(row.now),
    "calls": lambda row: row.now.calls,
    "name": lambda row: " ".join(row.group.values()).casefold(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A sortable head: where a click leads and how it stands."""

    key: str
    title: str
    href: str
    sorted: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """One group, written. `marks` are its caveats, each with what it means."""

    name: str
    style: str
    href: str
    value: Figure
    before: str
    change: Change
    share: str
    bar: str
    spark: str
    tokens: str
    calls: Figure
    marks: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """All groups, the others and the total; shares sum to 100.0."""

    columns: dict[str, Column]
    rows: tuple[TableRow, ...]
    total: TableRow
    compared: bool
    more: str


def table(breakdown: Breakdown, view: Shown, address: Address, first_open: int | None) -> Table:
    """Write a breakdown as a table, sorted as the address says."""
    key, falling = _order(address.get("sort"))
    kept, others = _fold(breakdown, 1000 if address.get("limit") else SHOWN_ROWS)
    kept.sort(key=_KEYS[key], reverse=falling)
    lines = [*kept, *([others] if others else [])]
    parts = shares([max(0, row.now.cost or 0) for row in lines])
    writer = _Writer(breakdown, view, address, first_open)
    rows = [writer.row(row, tenths) for row, tenths in zip(kept, parts, strict=False)]
    if others:
        rows.append(writer.others(others, parts[-1]))
    return Table(
        columns={name: _column(name, text, address, (key, falling)) for name, text in _titles(breakdown)},
        rows=tuple(rows),
        total=writer.total(),
        compared=breakdown.query.previous is not None,
        more=str(address.having(limit="1000")) if others and not address.get("limit") else "",
    )


def _titles(breakdown: Breakdown) -> tuple[tuple[str, str], ...]:
    by = " · ".join(title(name) for name in breakdown.query.group_by) or "Everything"
    heads = (("cost", "Cost"), ("before", "Previous"), ("change", "Change"), ("tokens", "Tokens"), ("calls", "Calls"))
    return (("name", by), *heads)


def _order(word: str) -> tuple[str, bool]:
    key = word.removeprefix("-")
    return (key, word.startswith("-")) if key in _KEYS else ("cost", True)


def _column(name: str, text: str, address: Address, order: tuple[str, bool]) -> Column:
    key, falling = order
    if name == key:
        to = name if falling else f"-{name}"
        return Column(name, text, str(address.having(sort=to)), "descending" if falling else "ascending")
    return Column(name, text, str(address.having(sort=name if name == "name" else f"-{name}")), "")


def _fold(breakdown: Breakdown, most: int) -> tuple[list[Row], Row | None]:
    """The rows to show, and the sum of all the rest. The unknown group is always shown."""
    rows = list(breakdown.rows)
    kept = [row for index, row in enumerate(rows) if index < most or not any(row.group.values())]
    folded = [row for row in rows[most:] if any(row.group.values())]
    if breakdown.others is not None:
        folded.append(breakdown.others)
    if not folded:
        return kept, None
    others = folded[0]
    for row in folded[1:]:
        others = _added(others, row)
    number = len(rows) - len(kept) + breakdown.other_groups
    return kept, replace(others, group={"": f"{number} other{'s' if number > 1 else ''}"})


def _added(one: Row, other: Row) -> Row:
    before = _sum(one.before, other.before) if one.before and other.before else one.before or other.before
    return Row(one.group, _sum(one.now, other.now), before)


def _sum(one: Sums, other: Sums) -> Sums:
    known = [cost for cost in (one.cost, other.cost) if cost is not None]
    return Sums(
        cost=sum(known) if known else None,
        calls=one.calls + other.calls,
        attempts=one.attempts + other.attempts,
        errors=one.errors + other.errors,
        estimated_calls=one.estimated_calls + other.estimated_calls,
        unpriced_calls=one.unpriced_calls + other.unpriced_calls,
        unpriced_tokens=one.unpriced_tokens + other.unpriced_tokens,
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
    )


@dataclass(frozen=True, slots=True)
class _Writer:
    breakdown: Breakdown
    view: Shown
    address: Address
    first_open: int | None

    def row(self, row: Row, tenths: int) -> TableRow:
        query = self.breakdown.query
        narrowed = self.address
        for dimension in query.group_by:
            narrowed = narrowed.filtered(dimension, row.group.get(dimension, ""))
        fixed = {one.dimension for one in query.filters} | set(query.group_by)
        onward = next_dimension(query.group_by[-1], fixed) if query.group_by else ""
        drilled = narrowed.having(by=onward, sort=None) if onward else narrowed.to("/requests")
        style = self.view.slots.get(key_of(row, query), UNKNOWN)
        return self._written(row, name_of(row), style, (str(drilled), str(narrowed.to("/requests")), tenths))

    def others(self, row: Row, tenths: int) -> TableRow:
        return self._written(
            row, row.group.get("", "others"), OTHERS, (str(self.address.having(limit="1000")), "", tenths)
        )

    def total(self) -> TableRow:
        rows = str(self.address.to("/requests"))
        return self._written(
            self.breakdown.total, "Total", "", ("", rows, 1000 if self.breakdown.total.now.cost else 0)
        )

    def _written(self, row: Row, name: str, style: str, where: tuple[str, str, int]) -> TableRow:
        href, calls_href, tenths = where
        query, before = self.breakdown.query, row.before.cost if row.before else None
        if query.previous is not None and row.before is None:
            before = 0
        spark = (
            sparkline(closed(row.series, self.first_open), f"Trend of {name}")
            if style and row.now.cost is not None
            else ""
        )
        return TableRow(
            name=name,
            style=style,
            href=href,
            value=Figure(self.view.money(row.now.cost), exact(row.now.cost), calls_href),
            before=self.view.money(before),
            change=change(row.now.cost, before, query.currency, self.view.places),
            share=tenths_text(tenths) if row.now.cost is not None else "–",
            bar=share_bar(tenths, style) if style else "",
            spark=spark,
            tokens=count(tokens(row.now)),
            calls=Figure(count(row.now.calls), str(row.now.calls), calls_href),
            marks=_marks(row.now),
        )


def _marks(sums: Sums) -> tuple[tuple[str, str], ...]:
    found = []
    if sums.unpriced_calls:
        found.append(
            ("unpriced", f"{count(sums.unpriced_calls)} calls, {count(sums.unpriced_tokens)} tokens have no price")
        )
    if sums.estimated_calls:
        found.append(("estimated", f"the usage of {count(sums.estimated_calls)} calls is an estimate"))
    return tuple(found)
