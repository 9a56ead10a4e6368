"""What is different between two states of the book: of two days, or of what was known at two instants."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tallystick.pricing.book import PriceBook, Segment, minute_of_week

Key = tuple[str, str, str, str]
_Price = tuple[Key, int, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One unit price that is another.

    Attributes:
        kind: `change`: the price became another on a day. `correction`: what was believed of
            one and the same day is another.
        above: Threshold of input tokens.
        before, after: Grains per unit, None where there was or is no price.
    """

    kind: Literal["change", "correction"]
    provider: str
    model: str
    service_tier: str
    region: str
    above: int
    meter: str
    before: int | None
    after: int | None

    @property
    def percent(self) -> float | None:
        """By how much of the former price; None where there was none or it was free."""
        return None if not self.before or self.after is None else (self.after - self.before) / self.before * 100


def changes(book: PriceBook, first_us: int, second_us: int) -> list[Difference]:
    """What the book says changed from one day to another."""
    return _differences("change", unit_prices(book, first_us), unit_prices(book, second_us))


def learned(book: PriceBook, first_us: int, second_us: int) -> list[Difference]:
    """What the book of the second instant says other than that of the first: corrections of what was
    believed of the first instant, and changes between the two.
    """
    old, new = book.as_of(first_us), book.as_of(second_us)
    corrected = _differences("correction", unit_prices(old, first_us), unit_prices(new, first_us))
    return corrected + changes(new, first_us, second_us)


def unit_prices(book: PriceBook, at_us: int) -> dict[_Price, int]:
    """All unit prices that hold at an instant, fallbacks resolved."""
    keys = {(c.provider, c.model, c.service_tier, c.region) for c in book.cards if c.withdrawn_at is None}
    found: dict[_Price, int] = {}
    for key in keys:
        segment = _at(book.segments(*key), at_us)
        for step in segment.steps if segment else ():
            found |= {(key, step.above, meter): price for meter, price in step.prices.items()}
    return found


def _at(segments: Iterable[Segment], at_us: int) -> Segment | None:
    minute = minute_of_week(at_us)
    held = (one for one in segments if one.start_us <= at_us < one.end_us)
    return next((one for one in held if one.from_minute <= minute < one.to_minute), None)


def _differences(
    kind: Literal["change", "correction"], before: dict[_Price, int], after: dict[_Price, int]
) -> list[Difference]:
    return [
        Difference(kind, *one[0], one[1], one[2], before.get(one), after.get(one))
        for one in sorted(before.keys() | after.keys())
        if before.get(one) != after.get(one)
    ]
