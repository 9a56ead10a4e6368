"""The book laid out as two relations, so that one SQL statement can rate a table of events.

`rate_name` has a row for each combination of names and conditions that the events hold;
`rate_price` has, for each, a row per stretch of time, part of the day and size of input,
none overlapping. Matching names stays in Python: there are few.
"""

from collections.abc import Iterable, Mapping, Sequence

from tallystick.kernel.table import Column
from tallystick.pricing.book import PriceBook, Segment
from tallystick.pricing.rate import best_name
from tallystick.usage.meters import METERS

NAMES = "rate_name"
PRICES = "rate_price"
EVENT_NAME = ("provider", "response_model", "request_model", "service_tier", "requested_service_tier", "region")
EventName = tuple[str, str, str, str, str, str]
ABOVE_ALL = 2**62

NAME_COLUMNS: tuple[Column, ...] = (
    Column("name_id", "int"),
    *(Column(name, "text") for name in EVENT_NAME),
    Column("model", "text"),
)
# Money is a price of one unit; where a quantity counts parts of the unit, grains beside it.
PRICE_COLUMNS: tuple[Column, ...] = (
    Column("name_id", "int"),
    Column("start_us", "int"),
    Column("end_us", "int"),
    Column("from_minute", "int"),
    Column("to_minute", "int"),
    Column("above", "int"),
    Column("up_to", "int"),
    Column("price_id", "text"),
    Column("currency", "text"),
    *(Column(f"p_{meter.name}", "money", nullable=True) for meter in METERS),
    *(Column(f"g_{meter.name}", "int", nullable=True) for meter in METERS if meter.scale != 1),
)


def lay_prices(
    names: Iterable[EventName], book: PriceBook
) -> tuple[Mapping[str, Sequence[object]], Mapping[str, Sequence[object]]]:
    """The columns of both relations."""
    name_rows: list[tuple[object, ...]] = []
    price_rows: list[tuple[object, ...]] = []
    for name_id, name in enumerate(names):
        provider, response_model, request_model, service_tier, requested_tier, region = name
        raw = best_name(book, provider, response_model, request_model)
        found = book.resolve(provider, raw, service_tier or requested_tier, region)
        name_rows.append((name_id, *name, found.model))
        for segment in found.segments:
            price_rows += [(name_id, *row) for row in _rows(segment)]
    return _columns(NAME_COLUMNS, name_rows), _columns(PRICE_COLUMNS, price_rows)


def _rows(segment: Segment) -> Iterable[tuple[object, ...]]:
    """One row for each size of input of a segment."""
    up_to = ABOVE_ALL
    last = len(segment.steps) - 1
    for index, step in enumerate(segment.steps):
        above = -1 if index == last else step.above
        yield (
            segment.start_us,
            segment.end_us,
            segment.from_minute,
            segment.to_minute,
            above,
            up_to,
            segment.card.price_id,
            segment.card.currency,
            *(step.prices.get(meter.name) for meter in METERS),
            *(step.prices.get(meter.name) for meter in METERS if meter.scale != 1),
        )
        up_to = above


def _columns(columns: Sequence[Column], rows: list[tuple[object, ...]]) -> Mapping[str, Sequence[object]]:
    return {column.name: [row[index] for row in rows] for index, column in enumerate(columns)}
