"""The chart of a breakdown and the table of its figures."""

from dataclasses import dataclass

from tallystick.charts.bars import Band, StackedBars, stacked_bars
from tallystick.charts.format import money, whole_money
from tallystick.charts.palette import OTHERS, UNKNOWN
from tallystick.explore.describe import label
from tallystick.explore.model import Breakdown, Grain
from tallystick.web import dates
from tallystick.web.view import NAMES, Shown, key_of, name_of

MOST_BANDS = 7


@dataclass(frozen=True, slots=True)
class DataRow:
    """One bar in figures: its time, each band's amount with whether it is nothing, the total, the one before."""

    name: str
    cells: tuple[tuple[str, bool], ...]
    total: str
    before: str


@dataclass(frozen=True, slots=True)
class Figured:
    """A drawn chart.

    Attributes:
        bands: (name, colour class) from the largest down.
        summary: One sentence that says what the drawing shows.
    """

    title: str
    svg: str
    summary: str
    bands: tuple[tuple[str, str], ...]
    rows: tuple[DataRow, ...]
    compared: bool
    open: bool


def bands_of(breakdown: Breakdown, view: Shown) -> list[Band]:
    """The seven largest groups, and the sum of all others so that each bar is the total."""
    query = breakdown.query
    if not query.group_by:
        return [Band("All", "s0", breakdown.total.series)]
    top = breakdown.rows[:MOST_BANDS]
    bands = [
        Band(name_of(row), view.slots.get(key_of(row, query), UNKNOWN), row.series or (0,) * len(breakdown.buckets))
        for row in top
    ]
    left_out = len(breakdown.rows) - len(top) + breakdown.other_groups
    if left_out:
        sums = zip(breakdown.total.series, *(band.values for band in bands), strict=True)
        rest = tuple(total - sum(parts) for total, *parts in sums)
        bands.append(Band(f"{left_out} other{'s' if left_out > 1 else ''}", OTHERS, rest))
    return bands


def figure(breakdown: Breakdown, view: Shown, now_us: int) -> Figured | None:
    """The chart, None when there is nothing to draw: an empty frame says nothing."""
    query, grain = breakdown.query, breakdown.query.grain
    # A measure without figures has no chart: bars of something else under its name would be a lie.
    if grain is None or breakdown.total.now.cost is None or not any(breakdown.total.series):
        return None
    bands = bands_of(breakdown, view)
    labels = [dates.bucket(start, grain, query.zone) for start in breakdown.buckets]
    first_open = open_from(breakdown.buckets, grain, query.zone, now_us)
    summary = _summary(breakdown, bands, [full for _, full in labels], first_open)
    previous = breakdown.previous_series if query.previous else ()
    chart = StackedBars(
        summary=summary,
        labels=tuple(short for short, _ in labels),
        bands=tuple(bands),
        previous=previous,
        open_from=first_open,
        currency=query.currency,
    )
    by = f" by {' and '.join(label(name) for name in query.group_by)}" if query.group_by else ""
    return Figured(
        title=f"{dates.EACH[grain]} {NAMES[query.measure].lower()}{by}",
        svg=stacked_bars(chart),
        summary=summary,
        bands=tuple((band.name, band.style) for band in bands),
        rows=_rows(breakdown, bands, [full for _, full in labels], view),
        compared=bool(previous),
        open=first_open is not None,
    )


def open_from(buckets: tuple[int, ...], grain: Grain, zone: str, now_us: int) -> int | None:
    """Index of the first bucket whose time is not over."""
    for index, start in enumerate(buckets):
        if dates.bucket_end(start, grain, zone) > now_us:
            return index
    return None


def closed(series: tuple[int, ...], first_open: int | None) -> tuple[int, ...]:
    """A series without its unfinished buckets: what trends and run rates may use."""
    return series if first_open is None else series[:first_open]


def _summary(breakdown: Breakdown, bands: list[Band], names: list[str], first_open: int | None) -> str:
    query, total = breakdown.query, breakdown.total
    over = closed(total.series, first_open) or total.series
    peak = max(range(len(over)), key=lambda index: over[index])
    largest = f", most of it {bands[0].name}" if len(bands) > 1 else ""
    return (
        f"{whole_money(total.now.cost, query.currency)} in {dates.number_of_days(query.period, query.zone)}{largest}; "
        f"the highest is {names[peak]} with {whole_money(over[peak], query.currency)}."
    )


def _rows(breakdown: Breakdown, bands: list[Band], names: list[str], view: Shown) -> tuple[DataRow, ...]:
    currency, places = breakdown.query.currency, view.places
    previous = breakdown.previous_series
    return tuple(
        DataRow(
            name=name,
            cells=tuple((money(band.values[index], currency, places), not band.values[index]) for band in bands),
            total=money(breakdown.total.series[index], currency, places),
            before=money(previous[index] if index < len(previous) else None, currency, places),
        )
        for index, name in enumerate(names)
    )
