"""The cost explorer as one record: what `explore.html` writes."""

from dataclasses import dataclass

from tallystick.charts.format import change, count, count_short, money, percent, whole_money
from tallystick.charts.small import sparkline
from tallystick.explore.conditions import UNKNOWN
from tallystick.explore.describe import (
    compared_text,
    delta,
    group_text,
    history_text,
    label,
    largest_movers,
    title_text,
)
from tallystick.explore.model import Breakdown, Compare, Query, Row, Sums
from tallystick.kernel.money import divide_half_even
from tallystick.web import dates
from tallystick.web.address import Address, describe
from tallystick.web.explore_figure import Figured, closed, figure, open_from
from tallystick.web.explore_table import Table, table
from tallystick.web.quality import QualityLine, quality_line
from tallystick.web.view import NAMES, Figure, Sentence, Shown, Tile, exact, tokens, why_unknown

# What bills say of calls has the calls' amounts and not their number, so nothing is to be divided by it.
_OF_BILLS = frozenset({"reported", "invoiced"})
AGAINST: dict[Compare, str] = {
    "weekdays": "the same weekdays before",
    "calendar": "the same days of the month before",
    "year": "the same weekdays a year ago",
    "none": "",
}


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force and the address without it."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class ExplorePage:
    """Everything on the page."""

    title: str
    sentence: Sentence | None
    tiles: tuple[Tile, ...]
    figure: Figured | None
    table: Table
    chips: tuple[Chip, ...]
    crumbs: tuple[Chip, ...]
    compared: str
    quality: QualityLine | None


def explore_page(
    breakdown: Breakdown, view: Shown, address: Address, *, unowned: tuple[str, Sums] | None, now_us: int
) -> ExplorePage:
    """Write a breakdown as the explorer's page.

    Args:
        breakdown: The answer to the page's query.
        view: How figures are written.
        address: The page's own address; all links derive from it.
        unowned: An owner dimension and the sums of the calls without it.
        now_us: Which bars are unfinished.
    """
    query = breakdown.query
    first_open = open_from(breakdown.buckets, query.grain or "day", query.zone, now_us)
    return ExplorePage(
        title=title_text(breakdown),
        sentence=sentence(breakdown, address),
        tiles=_tiles(breakdown, view, address, unowned, first_open),
        figure=figure(breakdown, view, now_us),
        table=table(breakdown, view, address, first_open),
        chips=chips(query, address),
        crumbs=_crumbs(breakdown, address),
        compared=compared_text(query) or "no comparison",
        quality=quality_line(breakdown),
    )


def chips(query: Query, address: Address) -> tuple[Chip, ...]:
    """Each filter in force with the way to the same without it; a part of the record and other spend are told as well."""
    parts = (("basis", query.basis, "record"), ("scope", query.scope, "ai"))
    told = [
        Chip(f"{name} = {word}", str(address.having(**{name: None}))) for name, word, usual in parts if word != usual
    ]
    return (*told, *(Chip(text, str(address.without(name))) for name, text in describe(query.filters)))


def sentence(breakdown: Breakdown, address: Address) -> Sentence | None:
    """The answer in one or two sentences, None when nothing was called or billed."""
    query, total = breakdown.query, breakdown.total
    # A part of the record that bills alone make up has a cost and no call.
    if not total.now.calls and not total.now.attempts and not total.now.cost:
        return None
    before = total.before.cost if total.before else None
    moved = change(total.now.cost, before, query.currency) if query.previous else None
    mover = next(iter(largest_movers(breakdown.rows, 1)), None) if len(breakdown.rows) > 1 else None
    parts: dict[str, str] = {}
    if mover and moved and moved.direction in {"up", "down"}:
        shift, whole = delta(mover), delta(total)
        parts = {
            "mover": group_text(mover),
            "mover_href": str(_narrowed(mover, breakdown, address)),
            "mover_amount": whole_money(shift, query.currency, sign=True),
            "mover_share": f"{percent(shift, whole)} of the change" if 0 < shift * whole <= whole * whole else "",
        }
    missing = (
        ""
        if total.now.cost is not None
        else (
            f"{count(total.now.calls)} calls in {dates.number_of_days(query.period, query.zone)}, "
            f"{NAMES[query.measure].lower()} unknown: {why_unknown(query)}."
        )
    )
    return Sentence(
        missing=missing,
        amount=Figure(whole_money(total.now.cost, query.currency), exact(total.now.cost), str(address.to("/requests"))),
        during=f"in {dates.number_of_days(query.period, query.zone)}",
        change=moved,
        against=AGAINST[query.compare],
        history=history_text(breakdown),
        **parts,
    )


def _narrowed(row: Row, breakdown: Breakdown, address: Address) -> Address:
    for dimension in breakdown.query.group_by:
        address = address.filtered(dimension, row.group.get(dimension, ""))
    return address


def _crumbs(breakdown: Breakdown, address: Address) -> tuple[Chip, ...]:
    """The way back: everything, then each filter in the order it was added."""
    names = [(one.dimension, one.values) for one in breakdown.query.filters if one.operator == "is"]
    if not names:
        return ()
    crumbs = [Chip("All", str(address.unfiltered().having(by=names[0][0])))]
    for index, (_, values) in enumerate(names):
        back = address
        for later, _ in names[index + 1 :]:
            back = back.without(later)
        onward = names[index + 1][0] if index + 1 < len(names) else ""
        crumbs.append(Chip(" or ".join(v or UNKNOWN for v in values), str(back.having(by=onward or None))))
    return (*crumbs[:-1], Chip(crumbs[-1].text, ""))


def _tiles(
    breakdown: Breakdown, view: Shown, address: Address, unowned: tuple[str, Sums] | None, first_open: int | None
) -> tuple[Tile, ...]:
    query, now = breakdown.query, breakdown.total.now
    before = breakdown.total.before or Sums()
    rows = str(address.to("/requests"))
    compare = query.previous is not None
    cost = Tile(
        name=NAMES[query.measure],
        figure=Figure(view.money(now.cost), exact(now.cost), rows),
        change=change(now.cost, before.cost, query.currency) if compare else None,
        note=f"vs {whole_money(before.cost, query.currency)}" if compare and before.cost is not None else "",
        spark=sparkline(closed(breakdown.total.series, first_open), "Trend of the total")
        if now.cost is not None
        else "",
    )
    owned = () if unowned is None else (owned_tile(unowned, now, query.currency, address),)
    if query.basis in _OF_BILLS:
        return (cost, *owned)
    calls, all_tokens = (now.calls, before.calls), (tokens(now), tokens(before))
    rates = (
        _rate_tile("Cost per call", breakdown, calls, f"{count(now.calls)} calls"),
        _rate_tile("Cost per million tokens", breakdown, all_tokens, f"{count_short(tokens(now))} tokens", 10**6),
    )
    return (cost, *rates, *owned, priced_tile(now, address))


def _rate_tile(name: str, breakdown: Breakdown, units: tuple[int, int], note: str, per: int = 1) -> Tile:
    query, total = breakdown.query, breakdown.total
    now = rate(total.now.cost, units[0], per)
    before = rate(total.before.cost, units[1], per) if total.before else None
    moved = change(now, before, query.currency) if query.previous is not None else None
    return Tile(name=name, figure=Figure(money(now, query.currency), exact(now)), change=moved, note=note)


def rate(cost: int | None, units: int, per: int = 1) -> int | None:
    """Grains per so many units, None when either is unknown or nothing."""
    return None if cost is None or not units else divide_half_even(cost * per, units)


def owned_tile(unowned: tuple[str, Sums], now: Sums, currency: str, address: Address) -> Tile:
    """The share of cost with a known owner; what has none is one click away."""
    dimension, lost = unowned
    cost, total = lost.cost or 0, now.cost or 0
    left = (
        f"{whole_money(cost, currency)} without a {label(dimension)}" if cost else f"all of it has a {label(dimension)}"
    )
    if now.cost is None:
        return Tile(f"Owned by a {label(dimension)}", Figure("–"), note="no cost to own")
    href = str(address.filtered(dimension, "").having(by=next_after_unknown(dimension))) if cost else ""
    return Tile(f"Owned by a {label(dimension)}", Figure(percent(total - cost, total), "", href), note=left)


def next_after_unknown(dimension: str) -> str:
    """How to look at what has no owner: by the key that made the calls."""
    return "key" if dimension != "key" else "model"


def priced_tile(now: Sums, address: Address) -> Tile:
    """The share of tokens with a price; the rest is counted, never free."""
    total = tokens(now)
    left = f"{count(now.unpriced_calls)} calls unpriced" if now.unpriced_calls else "every billed token has a price"
    href = str(address.having(by="model", sort="cost")) if now.unpriced_calls else ""
    return Tile("Tokens priced", Figure(percent(total - now.unpriced_tokens, total), "", href), note=left)
