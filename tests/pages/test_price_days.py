"""When a price begins, as the page of prices writes it: in UTC, and to the hour where the day alone would not say it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tallystick.api.app import build_api
from tallystick.api.services import Services
from tallystick.operations.instance import prepare_instance
from tallystick.operations.load_prices import load_book
from tallystick.operations.manage_prices import set_contract
from tallystick.operations.refresh_prices import write_cards
from tallystick.web.pages import build_web
from tests.api.client import ask
from tests.pages.conftest import new_context
from tests.pricing.sample import card

MIDNIGHT = 1_786_924_800_000_000  # 2026-08-17 UTC


@pytest.fixture
def context(tmp_path):
    made = replace(new_context(tmp_path, ""), zone="America/New_York")
    write_cards(
        made,
        [
            card("alpha", {"uncached_input": 1}, provider="p", valid_to=MIDNIGHT - 8 * 3_600_000_000),
            card("alpha", {"uncached_input": 2}, provider="p", valid_from=MIDNIGHT - 8 * 3_600_000_000),
            card("beta", {"uncached_input": 2}, provider="p", valid_from=MIDNIGHT),
        ],
        "test",
    )
    terms = {"provider": "p", "model": "alpha", "discount_percent": 10}
    set_contract(made, {"name": "mid-day", "from": datetime(2026, 9, 10, 4, tzinfo=UTC), "to": "2031-01-01", **terms})
    yield made
    made.ledger.close()
    made.config_db.close()


def test_a_price_that_begins_in_mid_day_is_shown_with_its_hour_and_one_at_midnight_as_its_day(context):
    book = load_book(context.config_db)
    app = build_api(context, Services(book=lambda: book), build_web(context, book=lambda: book))
    token = prepare_instance(context.data_dir).cli_token
    headers = [("authorization", f"Bearer {token}"), ("accept", "text/html")]

    found, history = (
        ask(app, "GET", f"/prices?{query}", headers).body.decode() for query in ("q=a", "model=alpha&provider=p")
    )

    assert "<td>2026-08-16 16:00 UTC</td>" in found
    assert "<td>2026-08-17</td>" in found
    assert "<td>2026-08-16 16:00 UTC</td>" in history
    assert "<td>always</td>" in history
    # In the table of contracts, and with the contracts about the model.
    assert history.count("2026-09-10 04:00 UTC") == 2
    assert "until 2031-01-01<" in history
