"""When a price begins, as the page of prices writes it: in UTC, and to the hour where the day alone would not say it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tallystick.api.app import build_api
from tallystick.api.services import Services
from tallystick.kernel.period import HOUR_US
from tallystick.operations.context import Context
from tallystick.operations.load_prices import load_book
from tallystick.operations.manage_prices import set_contract
from tallystick.operations.refresh_prices import write_cards
from tallystick.web.pages import build_web
from tests.api.client import ask
from tests.pricing.sample import card

MIDNIGHT = 1_786_924_800_000_000  # 2026-08-17 UTC


@pytest.fixture
def priced(context: Context) -> Context:
    """An instance in New York that knows prices and a contract that begin in mid-day, and a price that does not."""
    made = replace(context, zone="America/New_York")
    write_cards(
        made,
        [
            card("alpha", {"uncached_input": 1}, provider="p", valid_to=MIDNIGHT - 8 * HOUR_US),
            card("alpha", {"uncached_input": 2}, provider="p", valid_from=MIDNIGHT - 8 * HOUR_US),
            card("beta", {"uncached_input": 2}, provider="p", valid_from=MIDNIGHT),
        ],
        "test",
    )
    begins = datetime(2026, 9, 10, 4, tzinfo=UTC)
    terms = {"provider": "p", "model": "alpha", "discount_percent": 10, "from": begins, "to": "2031-01-01"}
    set_contract(made, {"name": "mid-day", **terms})
    return made


def test_a_price_that_begins_in_mid_day_is_shown_with_its_hour_and_one_at_midnight_as_its_day(
    priced: Context, local: list[tuple[str, str]]
) -> None:
    book = load_book(priced.config_db)
    app = build_api(priced, Services(book=lambda: book), build_web(priced, book=lambda: book))
    headers = [*local, ("accept", "text/html")]

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
