"""Steps from one amount to another, one bar a row: each begins where the one before ended, the last is the sum."""

from collections.abc import Sequence
from dataclasses import dataclass

from tallystick.charts.markup import Attributes, described, element

_WIDE, _HIGH = 1000, 20
_SLIVER = 4.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where a bar begins and ends, in the unit of its amounts."""

    start: int
    end: int


def stretches(amounts: Sequence[int]) -> tuple[Stretch, ...]:
    """The bars of steps, and the bar of their sum from 0.

    >>> stretches([5, -2])
    (Stretch(start=0, end=5), Stretch(start=5, end=3), Stretch(start=0, end=3))
    """
    found, at = [], 0
    for amount in amounts:
        found.append(Stretch(at, at + amount))
        at += amount
    return (*found, Stretch(0, at))


def waterfall(amounts: Sequence[int], titles: Sequence[str]) -> tuple[str, ...]:
    """A drawing for each step and one for the sum, on one scale that holds zero.

    Args:
        amounts: Of the steps, in order.
        titles: What a screen reader says of each, the sum's last; one more than amounts.
    """
    bars = stretches(amounts)
    edges = [0, *(one.start for one in bars), *(one.end for one in bars)]
    low, span = min(edges), max(1, max(edges) - min(edges))
    last = len(bars) - 1
    return tuple(
        _bar(one, (low, span), title, total=number == last)
        for number, (one, title) in enumerate(zip(bars, titles, strict=True))
    )


def _bar(one: Stretch, scale: tuple[int, int], title: str, *, total: bool) -> str:
    low, span = scale
    left, right = (_WIDE * (at - low) / span for at in sorted((one.start, one.end)))
    width = max(right - left, _SLIVER)
    left = min(left, _WIDE - width)
    style = "accent" if total else "rise" if one.end > one.start else "fall"
    zero = min(_WIDE * -low / span, _WIDE - 1.0)
    box: Attributes = {
        "class": "step", "viewBox": f"0 0 {_WIDE} {_HIGH}", "preserveAspectRatio": "none", "width": "100%",
        "height": _HIGH, "role": "img",
    }  # fmt: skip
    line: Attributes = {
        "class": "zero",
        "x1": zero,
        "x2": zero,
        "y1": 0,
        "y2": _HIGH,
        "vector-effect": "non-scaling-stroke",
    }
    return element(
        "svg",
        box,
        described(title),
        element("rect", {"class": f"fill {style}", "x": left, "y": 3, "width": width, "height": _HIGH - 6}),
        element("line", line),
    )
