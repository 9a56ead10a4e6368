"""Rating in SQL equals rating in Python, to the last digit, on every column engine."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.kernel.money import GRAINS_PER_UNIT
from tallystick.kernel.period import DAY_US
from tallystick.ledger.columns import EVENT_COLUMNS
from tallystick.ledger.rows import to_columns
from tallystick.operations.rate_events import prepare_rating
from tallystick.pricing.book import PriceBook
from tallystick.pricing.model import PriceCard, Tier
from tallystick.pricing.rate import priced
from tallystick.storage.engine import Engine
from tallystick.usage.meters import METERS, TOKEN_METERS
from tallystick.usage.model import Measured, UsageEvent, UsageState
from tests.pricing.sample import card, day

METER_NAMES = [meter.name for meter in METERS]
START = day("2026-10-01")
ALL_AT_ONCE = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

unit_prices = st.dictionaries(st.sampled_from(METER_NAMES), st.integers(0, 10**13), max_size=8)
amounts = st.one_of(st.integers(0, 1000), st.integers(0, 10**12))


@st.composite
def cards(draw: st.DrawFn) -> PriceCard:
    thresholds = [0, *draw(st.sampled_from([(), (100,), (100, 5000)]))]
    start = draw(st.integers(0, 3))
    return card(
        draw(st.sampled_from(["m", "n"])),
        tiers=tuple(Tier(above, draw(unit_prices)) for above in thresholds),
        service_tier=draw(st.sampled_from(["", "batch"])),
        region=draw(st.sampled_from(["", "eu"])),
        currency=draw(st.sampled_from(["USD", "EUR"])),
        valid_from=draw(st.sampled_from([0, START + start * DAY_US])),
        valid_to=draw(st.sampled_from([None, START + (start + 2) * DAY_US])),
        hours=draw(st.sampled_from([None, (60, 240), (0, 1440)])),
        days=draw(st.sampled_from([(), (), (0, 2, 6)])),
        known_since=draw(st.integers(0, 100)),
    )


@st.composite
def events(draw: st.DrawFn) -> UsageEvent:
    quantities = draw(st.dictionaries(st.sampled_from(METER_NAMES), amounts, max_size=6))
    states: tuple[UsageState, ...] = ("reported", "estimated", "absent")
    size = draw(st.sampled_from([None, 0, 99, 100, 101, 5000, 5001, 10**9]))
    return UsageEvent(
        event_id="to be set",
        call_id="c",
        occurred_at=START + draw(st.integers(-DAY_US, 6 * DAY_US)),
        provider=draw(st.sampled_from(["p", "P", "other"])),
        request_model=draw(st.sampled_from(["m", "N", ""])),
        response_model=draw(st.sampled_from(["", "m", "unknown"])),
        service_tier=draw(st.sampled_from(["", "default", "batch", "odd"])),
        requested_service_tier=draw(st.sampled_from(["", "batch"])),
        dimensions=draw(st.sampled_from([{}, {"region": "eu"}, {"region": "us"}])),
        measured=Measured(quantities, size, None, draw(st.sampled_from(states))),
    )


def decimal(grains: int | None) -> Decimal | None:
    return None if grains is None else Decimal(grains) / GRAINS_PER_UNIT


def expected(event: UsageEvent) -> tuple[object, ...]:
    """The row SQL must give for an event that Python has priced."""
    unpriced = sum(event.measured.quantities[name] for name in event.unpriced if name in TOKEN_METERS)
    costs = [decimal(event.priced.get(name)) for name in METER_NAMES]
    sums = (decimal(event.list_cost), decimal(event.effective_cost))
    return (event.event_id, event.model, event.price_id, event.currency, *costs, *sums, unpriced)


def in_sql(engine: Engine, book: PriceBook, raw: list[UsageEvent]) -> Mapping[object, tuple[object, ...]]:
    engine.execute("DROP TABLE IF EXISTS to_rate")
    engine.ensure_table("to_rate", EVENT_COLUMNS, order_by=["event_id"], unique=True)
    engine.append("to_rate", EVENT_COLUMNS, to_columns(raw))
    return {row[0]: row for row in engine.rows(prepare_rating(engine, book, "to_rate"))}


@ALL_AT_ONCE
@given(st.lists(cards(), max_size=8), st.lists(events(), min_size=1, max_size=25))
def test_sql_and_python_agree_to_the_last_digit(engine: Engine, held: list[PriceCard], drawn: list[UsageEvent]) -> None:
    book = PriceBook(held)
    raw = [replace(event, event_id=f"e{number:03}") for number, event in enumerate(drawn)]
    rows = in_sql(engine, book, raw)
    assert len(rows) == len(raw)
    for event in raw:
        assert tuple(rows[event.event_id]) == expected(priced(book, event))


def test_parts_of_a_second_round_half_to_even_in_sql_too(engine: Engine) -> None:
    book = PriceBook([card(prices={"seconds": 1})])
    micros = (500_000, 1_500_000, 2_500_000, 2_500_001)
    raw = [
        UsageEvent(
            f"e{at}", "c", START, provider="p", request_model="m", measured=Measured({"seconds": at}, state="reported")
        )
        for at in micros
    ]
    rows = in_sql(engine, book, raw)
    found = [rows[event.event_id][-3] for event in raw]
    assert found == [Decimal(grains) / GRAINS_PER_UNIT for grains in (0, 2, 2, 3)]
