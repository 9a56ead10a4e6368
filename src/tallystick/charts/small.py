"""Small drawings that sit in a table cell or a tile."""

from collections.abc import Sequence

from tallystick.charts.markup import Attributes, described, element, number

_WIDTH, _HEIGHT, _EDGE = 96, 24, 3
_MOST_POINTS = 31


def sparkline(values: Sequence[int], summary: str) -> str:
    """A line from zero, ending in a dot; leave out the unfinished bucket before calling.

    The base of the scale is always 0, so that a flat line is flat and a rise is to scale.
    """
    values = _thinned(values)
    if len(values) < 2:
        return ""
    top = max(*values, 1)
    room = _HEIGHT - 2 * _EDGE
    across = (_WIDTH - 2 * _EDGE) / (len(values) - 1)
    points = [(_EDGE + index * across, _EDGE + room - room * max(0, value) / top) for index, value in enumerate(values)]
    line = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    base = _HEIGHT - _EDGE
    area = f"{number(_EDGE)},{base} {line} {number(points[-1][0])},{base}"
    return element(
        "svg",
        {"class": "spark", "role": "img", "width": _WIDTH, "height": _HEIGHT, "viewBox": f"0 0 {_WIDTH} {_HEIGHT}"},
        described(summary),
        element("polygon", {"class": "area", "points": area}),
        element("polyline", {"class": "line", "points": line}),
        element("circle", {"class": "dot", "cx": points[-1][0], "cy": points[-1][1], "r": 2.2}),
    )


def _thinned(values: Sequence[int]) -> Sequence[int]:
    """Sums of neighbours where there are more values than a small drawing can show; an odd start is left out."""
    size = -(-len(values) // _MOST_POINTS)
    if size < 2:
        return values
    return [sum(values[start : start + size]) for start in range(len(values) % size, len(values), size)]


def share_bar(tenths: int, style: str, *, width: int = 84) -> str:
    """A bar filled to a share in tenths of a percent. Decoration: the figure stands beside it."""
    filled = max(2.0, width * min(1000, tenths) / 1000) if tenths > 0 else 0.0
    frame: Attributes = {"class": "share", "width": width, "height": 6, "aria-hidden": "true"}
    track = element("rect", {"class": "track", "width": width, "height": 6, "rx": 3})
    return element(
        "svg", frame, track, element("rect", {"class": f"fill {style}", "width": filled, "height": 6, "rx": 3})
    )


def bullet(
    value: int, limit: int, summary: str, *, projected: int = 0, reserved: int = 0, pace: int | None = None
) -> str:
    """A value against its limit: the solid part is there, the striped part is held, the pale part is expected.

    The thick mark is the limit, the thin one where an even pace would be. The scale ends at the largest of
    them, so nothing is ever cut off.
    """
    held = value + max(0, reserved)
    end = max(held, limit, projected, pace or 0, 1)
    parts = [element("rect", {"class": "track", "width": "100%", "height": 6, "rx": 3})]
    if projected > held:
        parts.append(element("rect", {"class": "expected", "width": _of(projected, end), "height": 6, "rx": 3}))
    if held > value:
        parts.append(element("rect", {"class": "held", "width": _of(held, end), "height": 6, "rx": 3}))
    style = "fill over" if value > limit else "fill accent"
    parts.append(element("rect", {"class": style, "width": _of(value, end), "height": 6, "rx": 3}))
    if pace is not None:
        parts.append(element("rect", {"class": "pace", "x": _of(pace, end), "width": 1, "height": 12, "y": -3}))
    parts.append(element("rect", {"class": "mark", "x": _of(limit, end), "width": 2, "height": 10, "y": -2}))
    return element("svg", {"class": "bullet", "role": "img", "width": "100%", "height": 6}, described(summary), *parts)


def _of(value: int, end: int) -> str:
    return f"{number(100 * max(0, value) / end)}%"
