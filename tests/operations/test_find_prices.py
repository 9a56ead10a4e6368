"""What a look over the price book finds."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tallystick.kernel.errors import DataError, NotFound
from tallystick.kernel.period import HOUR_US
from tallystick.operations.context import Context, now_us
from tallystick.operations.find_prices import find_prices, list_findings
from tallystick.operations.import_price_list import forget_price_list, import_price_list, list_price_lists
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.load_prices import load_book
from tallystick.operations.manage_prices import set_contract, set_price, unset_price
from tallystick.operations.refresh_prices import refresh_prices
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing.book import PriceBook
from tallystick.pricing.check import Finding, Revealed, against_bill, out_of_bounds
from tallystick.pricing.rate import priced
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tallystick.usage.model import UsageEvent
from tests.pricing.sample import card, day, used


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = Context(ledger=DuckDbEngine(None), config_db=ConfigDb(tmp_path / "config.db"), data_dir=tmp_path)
    start_ledger(made)
    refresh_prices(made)
    yield made
    made.config_db.close()
    made.ledger.close()


def of(found: list[Finding], kind: str) -> dict[str, Finding]:
    return {one.subject: one for one in found if one.kind == kind}


def test_a_price_set_apart_from_the_lists_is_found_with_its_dollars_until_it_is_taken_back(context: Context) -> None:
    at = now_us()
    call = UsageEvent(
        "e", "c", at - HOUR_US, provider="openai", request_model="gpt-4o", measured=used(uncached_input=10**6)
    )
    ingest_events(context, [priced(load_book(context.config_db), call)])
    assert find_prices(context) == []
    set_price(context, {"provider": "openai", "model": "gpt-4o", "input": "2.00"})
    set_price(context, {"provider": "openai", "model": "gtp-4o", "input": "2.00"})
    found = find_prices(context)
    (apart,) = of(found, "price_sources_disagree").values()
    assert (apart.evidence["list"], apart.evidence["own"], apart.amount) == ("2.5", "2", -500_000_000_000)
    assert list(of(found, "price_of_unknown_model")) == ["openai gtp-4o"]
    assert {one.finding.subject for one in list_findings(context)} == {one.subject for one in found}
    unset_price(context, "openai", "gpt-4o")
    find_prices(context)
    assert [one.finding.kind for one in list_findings(context)] == ["price_of_unknown_model"]


def test_a_list_that_has_brought_nothing_for_long_is_stale(context: Context) -> None:
    assert of(find_prices(context, stale_days=1), "price_stale") == {}
    context.config_db.execute("UPDATE price_card SET known_since = known_since - 86400000000 * 61")
    assert list(of(find_prices(context), "price_stale")) == ["genai-prices"]


def test_a_price_for_a_million_given_for_a_token_is_out_of_bounds() -> None:
    found = out_of_bounds(
        [card(prices={"uncached_input": 2_500_000_000_000}), card("fine", prices={"plain_output": 10**6})]
    )
    assert [one.subject for one in found] == ["p m standard uncached_input 0"]


BILLED = Revealed(
    "acme",
    "p",
    "m",
    "uncached_input",
    "",
    "",
    "1000000 Tokens",
    2_020_000_000_000,
    day("2026-11-01"),
    day("2026-11-03"),
    3000,
)


@pytest.mark.parametrize(
    ("billed", "amount"),
    [
        (2_020_000_000_000, None),  # one per cent is tolerated
        (2_030_000_000_000, 3000 * 30_000),
        (1_900_000_000_000, -3000 * 100_000),
    ],
)
def test_a_bill_that_charges_another_price_is_found_beyond_one_per_cent(billed: int, amount: int | None) -> None:
    book = PriceBook([card(prices={"uncached_input": 2_000_000})])
    found = against_bill(book, replace(BILLED, unit_price=billed))
    assert (found and found.amount) == amount
    assert found is None or found.evidence["days"] == "3"


def test_a_bill_in_a_unit_nobody_knows_is_not_compared() -> None:
    book = PriceBook([card(prices={"uncached_input": 2_000_000})])
    assert against_bill(book, replace(BILLED, unit="Widgets", unit_price=1)) is None
    assert against_bill(book, replace(BILLED, unit="1M", unit_price=10**12)) is not None


def test_a_tokenizer_that_changed_is_found_with_what_it_cost(context: Context) -> None:
    now = now_us() // HOUR_US * HOUR_US
    events = [
        UsageEvent(
            f"e{feature}{hour}", f"c{feature}{hour}", now - hour * HOUR_US + 1, provider="openai", request_model="gpt-4o",
            dimensions={"feature": f"f{feature}"}, request_bytes=40_000 + feature,
            measured=used(uncached_input=(11_000 if hour <= 20 else 10_000) + (hour * 7919 + feature * 104_729) % 97),
        )
        for feature in range(5)
        for hour in range(1, 24 * 14)
    ]  # fmt: skip
    book = load_book(context.config_db)
    ingest_events(context, [priced(book, one) for one in events])
    (drift,) = of(find_prices(context), "tokenizer_drift").values()
    assert drift.subject == "openai gpt-4o"
    assert 1.08 < float(drift.evidence["ratio"]) < 1.12
    # 5 features, 20 hours, 1,000 tokens too many at 2.50 a million: 0.25 dollars, and the noise of prompts.
    assert drift.amount is not None
    assert 0.2e12 < drift.amount < 0.3e12


# gpt-4o is 2.50 in, 1.25 cached and 10 out a million, in batches half of that.
OTHER = {
    "gpt-4o": {
        "litellm_provider": "openai", "input_cost_per_token": 2.5e-06, "cache_read_input_token_cost": 1.26e-06,
        "output_cost_per_token": 1.02e-05, "output_cost_per_token_batches": 4.0e-06, "output_cost_per_token_flex": 1e-06,
    },
    "gpt-unheard-of": {"litellm_provider": "openai", "input_cost_per_token": 1e-06},
}  # fmt: skip


def file_of(context: Context, name: str, text: str) -> Path:
    path = context.data_dir / name
    path.write_text(text)
    return path


def test_another_list_that_differs_by_more_than_one_per_cent_is_found_with_both_figures(context: Context) -> None:
    at = now_us()
    call = UsageEvent(
        "e", "c", at - HOUR_US, provider="openai", request_model="gpt-4o", measured=used(uncached_input=10**6, plain_output=10**6)
    )  # fmt: skip
    ingest_events(context, [priced(load_book(context.config_db), call)])
    kept = import_price_list(context, file_of(context, "prices.json", json.dumps(OTHER)), source="acme")
    assert (kept.comparison.compared, len(kept.comparison.apart), kept.comparison.missing) == (4, 2, 2)
    batch, output = (one for _, one in sorted(of(find_prices(context), "price_sources_disagree").items()))
    assert (output.subject, batch.subject) == (
        "list acme openai gpt-4o standard plain_output", "list acme openai gpt-4o batch plain_output",
    )  # fmt: skip
    assert (output.evidence["book"], output.evidence["other"], output.evidence["tokens"]) == ("10", "10.2", "1000000")
    # A million tokens at 20 cents more; no batch was bought.
    assert (output.amount, batch.amount) == (200_000_000_000, None)
    assert output.evidence["other_source"] == "acme (prices.json)"
    assert output.evidence["book_source"].startswith("genai-prices ")
    assert output.what.endswith("if acme is right: tally prices set openai gpt-4o --price plain_output=10.2")
    assert batch.evidence["advice"] == "tally prices set openai gpt-4o --price plain_output=4 --tier batch"


def test_a_second_opinion_prices_no_call_and_the_same_file_twice_changes_nothing(context: Context) -> None:
    cards = load_book(context.config_db).cards
    first = import_price_list(context, file_of(context, "a.json", json.dumps(OTHER)))
    again = import_price_list(context, file_of(context, "b.json", json.dumps(OTHER)))
    assert (first.changed, again.changed) == (True, False)
    assert again.price_list == first.price_list
    assert load_book(context.config_db).cards == cards
    with pytest.raises(DataError):
        import_price_list(context, file_of(context, "cut.json", json.dumps(OTHER)[:-40]), source="litellm")
    assert list_price_lists(context) == [first.price_list]
    find_prices(context)
    assert len(list_findings(context)) == 2
    newer = import_price_list(context, file_of(context, "c.json", json.dumps({"gpt-4o": OTHER["gpt-4o"]})))
    assert (newer.changed, [one.list_id for one in list_price_lists(context)]) == (True, [newer.price_list.list_id])
    forget_price_list(context, "litellm")
    find_prices(context)
    assert list_findings(context) == []
    with pytest.raises(NotFound):
        forget_price_list(context, "litellm")


def test_taking_the_other_lists_price_moves_the_finding_to_the_price_set(context: Context) -> None:
    import_price_list(context, file_of(context, "a.json", json.dumps(OTHER)))
    set_price(context, {"provider": "openai", "model": "gpt-4o", "plain_output": "10.2"})
    found = of(find_prices(context), "price_sources_disagree")
    assert sorted(found) == ["list litellm openai gpt-4o batch plain_output", "own openai gpt-4o standard plain_output"]


def test_a_contract_that_asks_more_than_the_list_is_found_and_one_that_asks_less_is_not(context: Context) -> None:
    set_contract(context, {"name": "old", "provider": "openai", "model": "gpt-4o",
                           "price": [{"model": "gpt-4o", "input": "3.00", "output": "9.00"}]})  # fmt: skip
    set_contract(context, {"name": "typo", "provider": "openai", "model": "gtp-*", "discount_percent": "5"})
    set_contract(context, {"name": "ea", "provider": "anthropic", "discount_percent": "5"})
    found = find_prices(context)
    (dear,) = of(found, "price_sources_disagree").values()
    assert dear.subject == "contract old openai gpt-4o standard uncached_input"
    assert (dear.evidence["contract"], dear.evidence["list"]) == ("3", "2.5")
    assert list(of(found, "price_of_unknown_model")) == ["contract typo"]
