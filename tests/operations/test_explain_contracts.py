"""What contracts make of a model's prices, beside the list's; figures by hand, a million tokens at a time."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tallystick.kernel.period import HOUR_US
from tallystick.operations.context import Context
from tallystick.operations.explain_price import Agreed, agreed_to_wire, explain_contracts, explain_price
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.load_prices import load_book
from tallystick.operations.manage_prices import set_contract
from tallystick.operations.refresh_prices import write_cards
from tallystick.operations.start_ledger import start_ledger
from tallystick.pricing.rate import priced
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine
from tallystick.usage.model import UsageEvent
from tests.pricing.sample import card, day, used

NOW = day("2026-11-20")
LIST = {"uncached_input": 2_000_000, "plain_output": 10_000_000}


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = Context(ledger=DuckDbEngine(None), config_db=ConfigDb(tmp_path / "config.db"), data_dir=tmp_path)
    start_ledger(made)
    (tmp_path / "version").touch()
    batch = card(
        prices={"uncached_input": 1_000_000, "plain_output": 5_000_000}, service_tier="batch", source="the list"
    )
    write_cards(made, [card(prices=LIST, source="the list"), batch, card("other", source="the list")], "1")
    yield made
    made.config_db.close()
    made.ledger.close()


def agreed(context: Context, model: str = "m", at: int = NOW) -> Agreed:
    return explain_contracts(context, explain_price(context, model=model, provider="p", at_us=at))


def test_a_discount_stands_beside_the_list_price_with_both_origins(context: Context) -> None:
    set_contract(context, {"name": "ea", "provider": "p", "model": "m", "service_tier": "", "discount_percent": "12.5",
                           "from": "2026-04-01", "to": "2027-04-01"})  # fmt: skip
    found = agreed(context)
    assert [(one.contract.name, one.state) for one in found.standings] == [("ea", "holds")]
    # 12.5 % off 2 and 10 is 1.75 and 8.75; batches are not covered.
    assert [(one.service_tier, one.meter, one.listed, one.paid) for one in found.paid] == [
        ("", "uncached_input", 2_000_000, 1_750_000),
        ("", "plain_output", 10_000_000, 8_750_000),
    ]
    assert {(one.listed_source, one.source) for one in found.paid} == {("the list", "contract ea")}
    assert agreed(context, "other") == Agreed((), ())
    assert [one.state for one in agreed(context, at=day("2026-03-31")).standings] == ["not yet"]
    assert [one.state for one in agreed(context, at=day("2027-04-01")).standings] == ["over"]
    assert agreed(context, at=day("2027-04-01")).paid == ()


def test_of_two_contracts_the_one_that_started_last_holds(context: Context) -> None:
    set_contract(context, {"name": "old", "provider": "p", "discount_percent": "30", "from": "2026-01-01"})
    set_contract(context, {"name": "new", "provider": "p", "model": "m", "service_tier": "", "from": "2026-06-01",
                           "price": [{"model": "m", "input": "1.50"}]})  # fmt: skip
    found = agreed(context)
    # The new one covers the ordinary tier only, so the old one still holds for batches.
    assert [(one.contract.name, one.state) for one in found.standings] == [("new", "holds"), ("old", "holds")]
    by = {(one.service_tier, one.meter): (one.paid, one.source) for one in found.paid}
    assert by["", "uncached_input"] == (1_500_000, "contract new")
    assert by["batch", "uncached_input"] == (700_000, "contract old")
    set_contract(context, {"name": "newest", "provider": "p", "discount_percent": "1", "from": "2026-09-01"})
    assert [(one.contract.name, one.state) for one in agreed(context).standings] == [
        ("newest", "holds"),
        ("new", "stands back"),
        ("old", "stands back"),
    ]


def test_the_step_that_the_months_volume_reached_is_told(context: Context) -> None:
    set_contract(context, {"name": "steps", "provider": "p", "discount_percent": "5", "volume": {"of": "spend", "how": "whole",
                           "step": [{"above": "100", "discount_percent": "10"}, {"above": "1000", "discount_percent": "20"}]}})  # fmt: skip
    book = load_book(context.config_db)
    # Twenty calls of ten dollars each in November, and one in October that is another month's.
    calls = [
        UsageEvent(f"e{n}", f"c{n}", at, provider="p", request_model="m", measured=used(plain_output=10**6))
        for n, at in enumerate([day("2026-10-31"), *(day("2026-11-02") + hour * HOUR_US for hour in range(20))])
    ]
    ingest_events(context, [priced(book, one) for one in calls])
    explanation = explain_price(context, model="m", provider="p", at_us=NOW)
    ((one,),) = (explain_contracts(context, explanation).standings,)
    assert (one.volume, one.factor) == (200 * 10**12, 900_000)
    (wire,) = agreed_to_wire(explanation, explain_contracts(context, explanation))["contracts"]  # type: ignore[misc]
    assert (wire["discount_percent"], wire["volume"]["reached"], wire["volume"]["discount_percent"]) == (
        "5",
        "200",
        "10",
    )
    assert [step["reached"] for step in wire["volume"]["steps"]] == [True, False]
    assert wire["recorded_at"][:4] == str(datetime.now(UTC).year)
