"""Re-rating: adjustments make the ledger what the corrected book says, once. On every column engine."""

from decimal import Decimal

import pytest

from tallystick.explore.model import Query
from tallystick.kernel.period import HOUR_US
from tallystick.ledger.post import EVENT_SUMS
from tallystick.operations.context import Context, now_us
from tallystick.operations.explore import explore
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.load_prices import load_book
from tallystick.operations.post_charges import post_charges
from tallystick.operations.reconcile import month_of, reconcile_all
from tallystick.operations.refresh_prices import write_cards
from tallystick.operations.rerate import rerate
from tallystick.operations.start_ledger import start_ledger
from tallystick.org.model import Principal
from tallystick.pricing import store
from tallystick.pricing.contract import parse_contract
from tallystick.pricing.model import PriceCard
from tallystick.pricing.rate import priced
from tallystick.usage.model import UsageEvent
from tests.bills.october import DAY, OCTOBER, write_october
from tests.pricing.sample import card, day, used

ANYONE = Principal("test", "admin")
START, END = day("2026-11-01"), day("2026-11-04")
COUNTED = (
    "calls",
    "attempts",
    "errors",
    "unpriced_calls",
    "unpriced_tokens",
    "input_tokens",
    "list_cost",
    "effective_cost",
)


ON_ONE = pytest.mark.parametrize("engine", ["duckdb"], indirect=True)


def book_of(context: Context, *cards: PriceCard) -> None:
    (context.data_dir / "version").touch()
    write_cards(context, cards, str(now_us()))


@pytest.fixture
def spent(context: Context) -> Context:
    """Sixty hours of 100 input and 10 output tokens each; every third of a model that no list knows."""
    start_ledger(context)
    book_of(context, card("m"))
    book = load_book(context.config_db)
    events = [
        UsageEvent(f"e{n:02}", f"c{n:02}", START + n * HOUR_US, provider="p", request_model="m" if n % 3 else "new",
                   dimensions={"team": "red" if n % 2 else "blue", "customer": "k"}, tags={"squad": "s"},
                   measured=used(uncached_input=100, plain_output=10))
        for n in range(60)
    ]  # fmt: skip
    ingest_events(context, [priced(book, one) for one in events])
    return context


def sums(context: Context, *, posted: bool) -> dict[str, int | None]:
    """Costs in grains, counts as they are."""
    columns = [f"sum({name})" if posted else EVENT_SUMS[name] for name in COUNTED]
    ((*row,),) = context.ledger.rows(f"SELECT {', '.join(columns)} FROM {'charge' if posted else 'usage_event'}")
    return {
        name: int(value * 10**12) if isinstance(value, Decimal) and "cost" in name else int(str(value))
        for name, value in zip(COUNTED, row, strict=True)
    }


def test_a_corrected_price_is_shown_first_and_then_posted_once(spent: Context) -> None:
    # 40 calls of m cost 100 x 2 + 10 x 10 = 300 each; corrected to 3 and 10 they cost 400. 20 of new: 100 x 1 + 0.
    held = sums(spent, posted=False)
    assert (held["effective_cost"], held["unpriced_calls"]) == (40 * 300, 20)
    book_of(
        spent,
        card("m", prices={"uncached_input": 3, "plain_output": 10}),
        card("new", prices={"uncached_input": 1, "plain_output": 0}),
    )
    shown = rerate(spent, start_us=START, end_us=END)
    assert (shown.total["USD"].before, shown.total["USD"].after) == (40 * 300, 40 * 400 + 20 * 100)
    assert (shown.total["USD"].calls, shown.total["USD"].newly_priced) == (60, 20)
    assert sums(spent, posted=False)["effective_cost"] == 40 * 300

    done = rerate(spent, start_us=START, end_us=END, post=True)
    assert {key[1]: one.after for key, one in done.groups.items() if key[0] == "model"} == {"m": 16000, "new": 2000}
    expected = {
        "calls": 60, "attempts": 60, "errors": 0, "unpriced_calls": 0, "unpriced_tokens": 0, "input_tokens": 6000,
        "list_cost": 18000, "effective_cost": 18000,
    }  # fmt: skip
    assert sums(spent, posted=False) == expected
    post_charges(spent)
    assert sums(spent, posted=True) == expected

    again = rerate(spent, start_us=START, end_us=END, post=True)
    assert not again.total
    assert sums(spent, posted=False) == expected


@ON_ONE
def test_a_price_corrected_back_and_forth_ends_where_it_began(spent: Context) -> None:
    before = sums(spent, posted=False)
    for unit in (5, 2):
        book_of(spent, card("m", prices={"uncached_input": unit, "plain_output": 10}))
        rerate(spent, start_us=START, end_us=END, post=True)
    assert sums(spent, posted=False) == before
    lines = spent.ledger.rows("SELECT sum(c_uncached_input), sum(c_plain_output) FROM usage_event")
    assert [int(Decimal(str(one)) * 10**12) for one in lines[0]] == [40 * 200, 40 * 100]


def test_a_call_has_its_whole_price_when_its_last_part_is_free(spent: Context) -> None:
    before = sums(spent, posted=False)
    book_of(spent, card("m"), card("new", prices={"uncached_input": 1}))
    rerate(spent, start_us=START, end_us=END, post=True)
    partly = sums(spent, posted=False)
    assert (partly["unpriced_calls"], partly["unpriced_tokens"]) == (20, 20 * 10)
    assert partly["effective_cost"] == (before["effective_cost"] or 0) + 20 * 100
    book_of(spent, card("new", prices={"uncached_input": 1, "plain_output": 0}))
    rerate(spent, start_us=START, end_us=END, post=True)
    expected = {**partly, "unpriced_calls": 0, "unpriced_tokens": 0}
    assert sums(spent, posted=False) == expected
    post_charges(spent)
    assert sums(spent, posted=True) == expected
    assert not rerate(spent, start_us=START, end_us=END, post=True).total


@ON_ONE
def test_only_the_period_is_adjusted(spent: Context) -> None:
    book_of(spent, card("m", prices={"uncached_input": 3, "plain_output": 10}))
    done = rerate(spent, start_us=START + HOUR_US, end_us=START + 4 * HOUR_US, post=True)
    assert done.total["USD"].calls == 2  # hours 1 and 2; 3 is of the unknown model
    assert sums(spent, posted=False)["effective_cost"] == 40 * 300 + 2 * 100


def test_a_months_volume_reaches_its_step_when_the_month_is_rerated(spent: Context) -> None:
    # The month's list cost is 40 x 300 = 12,000 grains: above 10,000 all of it is 25 % off; below, 10 %.
    terms = {
        "name": "ours", "provider": "p", "discount_percent": 10,
        "volume": {"how": "whole", "step": [{"above": "0.00000001", "discount_percent": 25}]},
    }  # fmt: skip
    contract = parse_contract(terms, "test")
    store.write_contract(spent.config_db, contract, spent.config_db.next_version())
    done = rerate(spent, start_us=START, end_us=END, post=True)
    assert (done.total["USD"].before, done.total["USD"].after) == (12_000, 40 * (100 * 2 + 10 * 8))
    found = sums(spent, posted=False)
    assert (found["list_cost"], found["effective_cost"]) == (12_000, 40 * 280)
    assert not rerate(spent, start_us=START, end_us=END, post=True).total


@ON_ONE
def test_a_bill_is_spread_anew_over_what_was_rerated_so_that_no_dollar_counts_twice(context: Context) -> None:
    start_ledger(context)
    write_october(context)
    reconcile_all(context)
    query = Query(month_of(OCTOBER))
    # 5.505 are invoiced for two days with 0.11 of tax and credit; 0.50 of the third is on no bill.
    assert explore(context, query, ANYONE).total.now.cost == 6_115 * 10**9
    doubled = card("alpha", provider="openai", prices={"plain_output": 2 * 10**9})
    book_of(context, doubled)
    done = rerate(context, start_us=OCTOBER, end_us=OCTOBER + 3 * DAY, post=True)
    assert (done.total["USD"].before, done.total["USD"].after) == (5 * 10**12, 10 * 10**12)
    # Bills say what they said; only what is on none is twice what it was.
    assert explore(context, query, ANYONE).total.now.cost == 6_615 * 10**9


@ON_ONE
def test_every_run_is_named(spent: Context) -> None:
    done = rerate(spent, start_us=START, end_us=END, post=True)
    rows = spent.config_db.rows("SELECT run_id, done_at IS NOT NULL FROM rerate_run")
    assert rows == [(done.run_id, 1)]
