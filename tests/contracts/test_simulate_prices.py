"""A scenario replayed over usage, against SQL of its own written from the file, on every column engine."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from tallystick.kernel.errors import ConfigError
from tallystick.kernel.period import DAY_US, HOUR_US
from tallystick.operations.context import Context
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.post_charges import post_charges
from tallystick.operations.refresh_prices import write_cards
from tallystick.operations.simulate_prices import Effect, simulate_prices, totals
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing import store
from tallystick.pricing.contract import parse_contract
from tallystick.pricing.model import Tier
from tallystick.pricing.scenario import parse_scenario
from tallystick.usage.model import UsageEvent
from tests.pricing.sample import card, day, used

START, END = day("2026-10-20"), day("2026-11-10")
CHANGE = day("2026-11-03")


ON_ONE = pytest.mark.parametrize("engine", ["duckdb"], indirect=True)


@pytest.fixture
def spent(context: Context) -> Context:
    """Three weeks of two models: prices 2 and 10 grains a token; `long` costs 4 above 1,000 tokens of input."""
    start_ledger(context)
    (context.data_dir / "version").touch()
    tiers = (Tier(0, {"uncached_input": 2, "plain_output": 10}), Tier(1000, {"uncached_input": 4, "plain_output": 10}))
    write_cards(
        context,
        [card("plain"), card("long", tiers=tiers), card("plain", service_tier="flex", prices={"uncached_input": 1})],
        "test",
    )
    events = [
        UsageEvent(
            f"e{number:04}",
            f"c{number:04}",
            START + number * HOUR_US,
            provider="p",
            request_model=model,
            model=model,
            dimensions={"team": ("red", "blue", "")[number % 3], "customer": f"k{number % 5}", "feature": "chat"},
            measured=used(uncached_input=700 + number, plain_output=50 + number % 7),
        )
        for number in range(480)
        for model in (("plain", "long", "unknown")[number % 7 % 3],)
    ]
    ingest_events(context, events)
    return context


def by_value(effects: Sequence[Effect]) -> dict[str, tuple[int | None, int | None]]:
    return {one.value: (one.before, one.after) for one in totals(effects)}


def run(context: Context, *changes: dict[str, Any], start: int = START, end: int = END) -> dict[str, Sequence[Effect]]:
    found = simulate_prices(context, parse_scenario({"change": list(changes)}, "test"), start_us=start, end_us=end)
    return dict(found.effects)


def _int(value: object) -> int | None:
    return None if value is None else int(Decimal(str(value)))


def test_a_scenario_costs_what_sql_written_from_its_words_says(spent: Context) -> None:
    # Prices of tens, so that a fifth more is whole grains.
    tens = [card("plain", prices={"uncached_input": 20, "plain_output": 100})]
    write_cards(spent, [*tens, card("long", prices={"uncached_input": 20, "plain_output": 100})], "tens")
    found = run(
        spent,
        {"provider": "p", "model": "pl*", "from": "2026-11-03", "percent": "20"},
        {"model": "long", "tokenizer_percent": 10},
    )
    micros = spent.ledger.dialect.micros("occurred_at")
    whole = "intDiv({}, 10)" if spent.ledger.dialect.name == "clickhouse" else "(({}) // 10)"
    more_in, more_out = whole.format("q_uncached_input * 11 + 5"), whole.format("q_plain_output * 11 + 5")
    for group in ("team", "feature", "customer", "model"):
        rows = spent.ledger.rows(f"""
            SELECT {group},
                sum(CASE WHEN model <> 'unknown' THEN 20 * q_uncached_input + 100 * q_plain_output END),
                sum(CASE WHEN model = 'plain' AND {micros} >= {CHANGE} THEN 24 * q_uncached_input + 120 * q_plain_output
                         WHEN model = 'plain' THEN 20 * q_uncached_input + 100 * q_plain_output
                         WHEN model = 'long' THEN 20 * {more_in} + 100 * {more_out} END)
            FROM usage_event GROUP BY {group}
        """)
        assert by_value(found[group]) == {str(row[0]): (_int(row[1]), _int(row[2])) for row in rows}
    months = {one.month for one in found["model"]}
    assert months == {"2026-10", "2026-11"}
    assert all(one.before == one.after for one in found["model"] if one.value == "plain" and one.month == "2026-10")


def test_the_calls_of_all_groups_are_the_calls_of_the_period(spent: Context) -> None:
    found = run(spent, {"model": "*", "percent": 0})
    for effects in found.values():
        assert sum(one.calls for one in effects) == 480
        assert all(one.before == one.after for one in effects)
    unknown = [one for one in found["model"] if one.value == "unknown"]
    assert all(one.before is None and one.unpriced_before > 0 for one in unknown)


@ON_ONE
def test_a_request_priced_as_one_costs_its_count(spent: Context) -> None:
    found = {one.value: one for one in totals(run(spent, {"model": "plain", "per_request": "0.04"})["model"])}
    assert found["plain"].after == found["plain"].calls * 40_000_000_000
    assert found["long"].after == found["long"].before


def test_a_longer_text_may_pass_the_threshold_of_long_contexts(spent: Context) -> None:
    first, last = START + 300 * HOUR_US, START + 301 * HOUR_US
    only = UsageEvent(
        "edge", "edge", first + 1, provider="p", request_model="long", model="long", measured=used(uncached_input=1000)
    )
    ingest_events(spent, [only])
    found = {one.value: one for one in totals(run(spent, {"model": "long", "tokenizer_percent": "0.1"},
                                                   start=first + 1, end=last)["model"])}  # fmt: skip
    assert found["long"].before == 1000 * 2
    assert found["long"].after == 1001 * 4


@ON_ONE
def test_usage_moved_to_another_tier_pays_that_tiers_prices_and_what_it_does_not_price_is_counted(
    spent: Context,
) -> None:
    found = {one.value: one for one in totals(run(spent, {"model": "plain", "to_service_tier": "flex"})["model"])}
    assert found["plain"].unpriced_before == 0
    assert found["plain"].unpriced_after > 0
    assert 0 < (found["plain"].after or 0) < (found["plain"].before or 0)


@ON_ONE
def test_a_change_of_the_future_is_shown_as_if_it_had_held(spent: Context) -> None:
    found = {
        one.value: one for one in totals(run(spent, {"model": "plain", "from": "2027-01-01", "percent": 50})["model"])
    }
    assert (found["plain"].after or 0) * 2 == (found["plain"].before or 0) * 3


@ON_ONE
def test_a_contract_makes_of_the_changed_list_price_what_it_makes_of_the_list_price(spent: Context) -> None:
    contract = parse_contract({"name": "half", "provider": "p", "model": "plain", "discount_percent": 50}, "test")
    store.write_contract(spent.config_db, contract, spent.config_db.next_version())
    rows = spent.ledger.rows("SELECT sum(q_uncached_input + 5 * q_plain_output) FROM usage_event WHERE model = 'plain'")
    (listed,) = (int(str(row[0])) for row in rows)
    found = {one.value: one for one in totals(run(spent, {"model": "plain", "percent": 100})["model"])}
    # Lists of 2 and 10 grains, halved: 1 and 5; of 4 and 20: 2 and 10.
    assert (found["plain"].before, found["plain"].after) == (listed, 2 * listed)


def test_a_call_that_two_captures_brought_is_replayed_once(spent: Context) -> None:
    at = START + 480 * HOUR_US
    both = [
        UsageEvent(f"e-{source}", f"c-{source}", at + skew, source=source, provider="p", request_model="plain",
                   model="plain", response_id="resp_0123456789abcdef", measured=used(uncached_input=100))
        for source, skew in (("gateway", 0), ("import:proxy", 5))
    ]  # fmt: skip
    ingest_events(spent, both)
    post_charges(spent)
    (one,) = totals(run(spent, {"model": "plain", "percent": 50}, start=at, end=at + DAY_US)["model"])
    assert (one.before, one.after, one.calls) == (200, 300, 1)


@ON_ONE
def test_changes_that_meet_no_usage_or_lie_ahead_are_named(spent: Context) -> None:
    changes = [
        {"model": "plain", "from": "2027-01-01", "percent": 50},
        {"model": "plian", "percent": 50},
        {"model": "long", "tokenizer_percent": 10},
        {"provider": "q", "model": "plain", "input": "5"},
    ]
    told: list[tuple[int, int]] = []
    found = simulate_prices(
        spent, parse_scenario({"change": changes}, "test"), start_us=START, end_us=END,
        on_progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert (found.idle, found.as_if) == ((2, 4), (1,))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@ON_ONE
def test_a_new_price_and_a_new_threshold_are_entries_as_overrides_write_them(spent: Context) -> None:
    first = START + 480 * HOUR_US
    ingest_events(
        spent,
        [
            UsageEvent(f"n{size}", f"n{size}", first, provider="p", request_model="plain", model="plain",
                       measured=used(uncached_input=size))
            for size in (1999, 2000, 2001)
        ],
    )  # fmt: skip
    change = {"provider": "p", "model": "plain", "input": "0.000007", "per": 1, "above_input_tokens": 2000}
    found = totals(run(spent, change, start=first, end=first + DAY_US)["model"])
    # 7 dollars a million tokens are 7,000,000 grains each: only the call above 2,000 tokens pays them.
    assert found[0].after == 1999 * 2 + 2000 * 2 + 2001 * 7_000_000


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({}, "one at least"),
        ({"change": [{"percent": 5}]}, "names a"),
        ({"change": [{"model": "m"}]}, "says one thing"),
        ({"change": [{"model": "m", "percent": 5, "input": 2}]}, "says one thing"),
        ({"change": [{"model": "m", "percent": "lots"}]}, "percentage"),
        ({"change": [{"model": "m", "percent": 5, "inptu": 2}]}, "says one thing"),
        ({"change": [{"provider": "p", "model": "m*", "input": 2}]}, "for one model"),
        ({"changes": []}, "unknown entry"),
    ],
)
def test_a_scenario_that_says_nothing_clear_is_refused(raw: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_scenario(raw, "a.toml")
