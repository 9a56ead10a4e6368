"""Stacked bars over time: at most seven groups and the others, the previous period dashed, today hatched.

The drawing is fluid: x is in percent and y in pixels, so one copy serves every width
and letters keep their size. Colours are classes of the style sheet. The hatch is the
pattern ``hatch`` of `shared_defs`, which a page holds once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from tallystick.charts.format import count_short, money_short
from tallystick.charts.markup import Attributes, element, number, text
from tallystick.charts.scale import nice_ticks

_TOP, _BOTTOM = 12, 26
_ROOM = 1000  # units across the stretched layer that holds the bars
_FILL = 0.72  # of a bar's slot
_ROUND = 3  # of a stack's upper corners
_WIDE_LABELS, _NARROW_LABELS = 9, 4


@dataclass(frozen=True, slots=True)
class Band:
    """One group. Values are grains, or whole things where the chart counts, one for each bar.

    Attributes:
        style: Class of its colour.
    """

    name: str
    style: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """A line to stay under, in grains per bar."""

    value: int
    label: str


@dataclass(frozen=True, slots=True)
class StackedBars:
    """What to draw.

    Attributes:
        summary: One sentence for people who do not see the drawing.
        labels: Short text under each bar (``Nov 4``); some are left out where they would not fit.
        bands: From the bottom up.
        previous: The total of the bar of the same rank in the period compared with; may be shorter or empty.
        open_from: Index of the first bar whose time is not over, None when all are.
        counts: What is drawn is no money: axis and bars are plain numbers.
        title: What a screen reader calls it.
    """

    summary: str
    labels: tuple[str, ...]
    bands: tuple[Band, ...]
    previous: tuple[int, ...] = ()
    open_from: int | None = None
    limit: Limit | None = None
    currency: str = "USD"
    height: int = 290
    counts: bool = False
    title: str = "Cost over time"


def shared_defs() -> str:
    """Patterns used by every drawing of a page. Kept out of sight by size, never by display:none."""
    stripe = element("path", {"d": "M-1,1l2,-2M0,6l6,-6M5,7l2,-2", "class": "stripe", "stroke-width": 1.6})
    hatch = element("pattern", {"id": "hatch", "width": 6, "height": 6, "patternUnits": "userSpaceOnUse"}, stripe)
    return element("svg", {"width": 0, "height": 0, "class": "defs", "aria-hidden": "true"}, element("defs", {}, hatch))


def stacked_bars(chart: StackedBars, *, element_id: str = "chart") -> str:
    """The drawing as an SVG element. An empty chart is a mistake of the caller's: say so in words instead."""
    ticks = nice_ticks(_largest(chart))
    frame = _Frame(count=len(chart.labels), top=ticks[-1], height=chart.height)
    title, described = f"{element_id}-title", f"{element_id}-desc"
    return element(
        "svg",
        {
            "id": element_id, "class": "plot", "role": "img", "tabindex": 0, "height": chart.height, "width": "100%",
            "aria-labelledby": title, "aria-describedby": described, "data-count": frame.count, "data-top": _TOP,
            "data-bottom": chart.height - _BOTTOM,
        },
        element("title", {"id": title}, escape(chart.title)),
        element("desc", {"id": described}, escape(chart.summary)),
        *_grid(ticks, frame, count_short if chart.counts else lambda tick: money_short(tick, chart.currency)),
        _bars(chart, frame),
        *_open_bars(chart, frame),
        _previous(chart, frame),
        *_limit(chart, frame),
        *_labels(chart.labels),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Frame:
    count: int
    top: int
    height: int

    def y(self, value: int) -> float:
        room = self.height - _TOP - _BOTTOM
        return _TOP + room - room * max(0, value) / self.top

    @property
    def step(self) -> float:
        return _ROOM / max(1, self.count)


def _largest(chart: StackedBars) -> int:
    stacks = [sum(max(0, one) for one in column) for column in zip(*(band.values for band in chart.bands), strict=True)]
    return max([*stacks, *chart.previous, chart.limit.value if chart.limit else 0], default=0)


def _grid(ticks: tuple[int, ...], frame: _Frame, written: Callable[[int], str]) -> list[str]:
    drawn = []
    for tick in ticks:
        y = frame.y(tick)
        drawn.append(element("line", {"class": "grid", "x1": 0, "x2": "100%", "y1": y, "y2": y}))
        drawn.append(text({"class": "ytick", "x": -8, "y": y + 4, "text-anchor": "end"}, written(tick)))
    return drawn


def _stacks(chart: StackedBars) -> list[tuple[Band, list[tuple[int, int]]]]:
    below = [0] * len(chart.labels)
    layers = []
    for band in chart.bands:
        spans = []
        for index, value in enumerate(band.values):
            spans.append((below[index], below[index] + max(0, value)))
            below[index] += max(0, value)
        layers.append((band, spans))
    return layers


def _bars(chart: StackedBars, frame: _Frame) -> str:
    """One path for each group: the page stays small with many bars."""
    closed = frame.count if chart.open_from is None else chart.open_from
    stacks, paths = _stacks(chart), []
    tops = [max(spans[index][1] for _, spans in stacks) for index in range(closed)]
    for band, spans in stacks:
        filled = [(index, span) for index, span in enumerate(spans[:closed]) if span[1] > span[0]]
        steps = "".join(_box(index, span, frame, rounded=span[1] == tops[index]) for index, span in filled)
        if steps:
            paths.append(element("path", {"class": f"fill {band.style}", "d": steps}))
    box: Attributes = {"viewBox": f"0 0 {_ROOM} {frame.height}", "preserveAspectRatio": "none", "height": frame.height}
    return element("svg", {**box, "width": "100%"}, *(paths or [""]))


def _box(index: int, span: tuple[int, int], frame: _Frame, *, rounded: bool) -> str:
    left, width = (index + (1 - _FILL) / 2) * frame.step, _FILL * frame.step
    bottom, top = frame.y(span[0]), frame.y(span[1])
    if rounded and bottom - top > _ROUND:
        across = min(_ROUND, width / 3)
        return (
            f"M{number(left)} {number(bottom)}V{number(top + _ROUND)}q0-{_ROUND} {number(across)}-{_ROUND}"
            f"h{number(width - 2 * across)}q{number(across)} 0 {number(across)} {_ROUND}V{number(bottom)}z"
        )
    # A hair of air between groups; a sliver too thin for it is drawn whole.
    air = 1 if bottom - top > 2.5 and not rounded else 0
    return f"M{number(left)} {number(bottom)}h{number(width)}V{number(top + air)}h{number(-width)}z"


def _open_bars(chart: StackedBars, frame: _Frame) -> list[str]:
    drawn = []
    for index in range(chart.open_from if chart.open_from is not None else frame.count, frame.count):
        left, width = (index + (1 - _FILL) / 2) * 100 / frame.count, _FILL * 100 / frame.count
        box: Attributes = {"x": f"{left:.3f}%", "width": f"{width:.3f}%"}
        for band, spans in _stacks(chart):
            bottom, top = frame.y(spans[index][0]), frame.y(spans[index][1])
            if bottom > top:
                place: Attributes = {**box, "y": top, "height": bottom - top}
                drawn.append(element("rect", {"class": f"fill open {band.style}", **place}))
                drawn.append(element("rect", {"fill": "url(#hatch)", **place}))
    return drawn


def _previous(chart: StackedBars, frame: _Frame) -> str:
    if not chart.previous:
        return ""
    points = [
        f"{number((index + 0.5) * frame.step)},{number(frame.y(value))}"
        for index, value in enumerate(chart.previous[: frame.count])
    ]
    box: Attributes = {"viewBox": f"0 0 {_ROOM} {frame.height}", "preserveAspectRatio": "none", "height": frame.height}
    line: Attributes = {"class": "previous", "points": " ".join(points), "vector-effect": "non-scaling-stroke"}
    return element("svg", {**box, "width": "100%"}, element("polyline", line))


def _limit(chart: StackedBars, frame: _Frame) -> list[str]:
    if chart.limit is None:
        return []
    y = frame.y(chart.limit.value)
    return [
        element("line", {"class": "limit", "x1": 0, "x2": "100%", "y1": y, "y2": y}),
        text({"class": "limit-label", "x": "100%", "y": y - 6, "text-anchor": "end"}, chart.limit.label),
    ]


def _labels(labels: tuple[str, ...]) -> list[str]:
    """A few labels for narrow screens, more for wide ones: the style sheet hides ``wide`` below a width."""
    few, many = _every(len(labels), _NARROW_LABELS), _every(len(labels), _WIDE_LABELS)
    many = next((step for step in range(many, few + 1) if few % step == 0), few)  # the few are among the many
    drawn = []
    for index in range(0, len(labels), many):
        style = "xtick" if index % few == 0 else "xtick wide"
        place: Attributes = {
            "class": style,
            "x": f"{number((index + 0.5) * 100 / len(labels))}%",
            "y": "100%",
            "dy": -7,
        }
        drawn.append(text({**place, "text-anchor": "middle"}, labels[index]))
    return drawn


def _every(count: int, wanted: int) -> int:
    return max(1, -(-count // wanted))
