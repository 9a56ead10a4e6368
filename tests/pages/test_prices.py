"""The page of prices in the browser: a model found, its history, what is doubtful, and what a change would cost whom."""

import json
from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe

from tallystick.operations.context import now_us
from tallystick.operations.find_prices import find_prices
from tallystick.operations.import_price_list import import_price_list
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.load_prices import load_book
from tallystick.operations.manage_prices import set_contract
from tallystick.operations.post_charges import post_charges
from tallystick.operations.refresh_prices import write_cards
from tallystick.pricing.model import Tier
from tallystick.pricing.rate import priced
from tallystick.usage.model import UsageEvent
from tests.pages.seed import DAY
from tests.pages.test_look import RULES
from tests.pricing.sample import card, used

pytestmark = pytest.mark.service

# Grains a token: 2 and 10 dollars for a million, and 4 for one of beta.
PRICES = {"alpha": {"uncached_input": 2_000_000, "plain_output": 10_000_000}, "beta": {"uncached_input": 4_000_000}}
# Of alpha 2 + 1 dollars for Support, of beta 2 dollars for Search; gamma has no price.
CALLS = (
    ("alpha", "Support", "triage", {"uncached_input": 1_000_000, "plain_output": 100_000}),
    ("beta", "Search", "ranking", {"uncached_input": 500_000}),
    ("gamma", "Search", "ranking", {"uncached_input": 70_000}),
)


def fill(house, folder, *, tiered=False):
    """Prices, three calls of yesterday, a contract, and a second list that has another price of alpha."""
    context = house.context
    tiers = {"beta": (Tier(0, PRICES["beta"]), Tier(200_000, {"uncached_input": 8_000_000}))} if tiered else {}
    cards = [
        card(model, prices, provider="openai", **({"tiers": tiers[model]} if model in tiers else {}))
        for model, prices in PRICES.items()
    ]
    write_cards(context, cards, "test")
    book, at = load_book(context.config_db), now_us() - DAY
    events = [
        UsageEvent(f"e{n}", f"c{n}", at + n, provider="openai", request_model=model, measured=used(**quantities),
                   dimensions={"team": team, "feature": feature})
        for n, (model, team, feature, quantities) in enumerate(CALLS)
    ]  # fmt: skip
    ingest_events(context, [priced(book, one) for one in events])
    post_charges(context)
    other = folder / "model_prices.json"
    other.write_text(json.dumps({"alpha": {"litellm_provider": "openai", "input_cost_per_token": 2.5e-06}}))
    import_price_list(context, other, source="litellm")
    find_prices(context)
    set_contract(context, {"name": "long ago", "provider": "openai", "model": "beta", "discount_percent": 10, "from": "2001-01-01", "to": "2001-02-01"})  # fmt: skip


def cells(table):
    """Each row's name, and its exact before, after and change."""
    rows = table.locator("tbody tr")
    return {
        rows.nth(place).locator("td").first.inner_text(): tuple(
            one.get_attribute("value") and Decimal(one.get_attribute("value"))
            for one in rows.nth(place).locator("data").all()
        )
        for place in range(rows.count())
    }


def clean(seen, path=""):
    page = seen.page
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, (path, wide)
    assert Axe().run(page, options=RULES).response["violations"] == [], path
    assert (seen.complaints, seen.foreign) == ([], []), path


def test_a_change_is_asked_in_a_form_and_answered_with_whom_it_costs_what_and_what_no_price_covers(
    quiet, visit, tmp_path
):
    fill(quiet, tmp_path)
    seen = visit(quiet)
    page = seen.go("/prices")
    doubt = page.get_by_role("region", name="Findings").inner_text()
    assert "price sources disagree" in doubt
    assert "alpha" in doubt
    assert "2001-02-01" in page.get_by_role("region", name="Contracts").inner_text()
    page.fill("input[name=of]", "alpha")
    page.fill("input[name=value]", "20")
    page.get_by_role("button", name="Show").click()
    lead = page.locator("#exposed .sentence").inner_text()
    assert "$5.00 would be $5.60, +$0.60 (+12.0%), in 3 calls" in lead
    assert "Most exposed: team Support (+$0.60), feature triage (+$0.60)." in lead
    assert "70,000 tokens of gamma have no price" in page.inner_text("#exposed")
    dollars = tuple(map(Decimal, ("3", "3.6", "0.6")))
    assert cells(page.get_by_role("region", name="By team")) == {"Support": dollars, "Search": (2, 2, 0)}
    by_model = cells(page.get_by_role("region", name="By model"))
    assert by_model == {"alpha": dollars, "beta": (2, 2, 0), "gamma": ("", "", "")}
    assert (page.input_value("input[name=of]"), page.input_value("input[name=value]")) == ("alpha", "20")
    clean(seen, "exposure")

    page.fill("input[name=value]", "much")
    page.get_by_role("button", name="Show").click()
    assert "much" in page.get_by_role("alert").inner_text()
    assert page.locator("#exposed").count() == 0


def test_a_model_is_found_with_its_prices_and_history_also_on_a_narrow_dark_page_without_script(quiet, visit, tmp_path):
    fill(quiet, tmp_path)
    seen = visit(quiet, width=390, theme="dark")
    page = seen.go("/prices")
    page.locator("main").get_by_role("searchbox").fill("alph")
    page.get_by_role("button", name="Find").click()
    found = page.get_by_role("region", name="Prices found")
    assert found.locator("tbody tr").count() == 1
    assert [one.strip() for one in found.locator("td.num").all_inner_texts()] == ["2", "", "", "10"]
    clean(seen, "found")
    found.get_by_role("link", name="alpha").click()
    assert page.get_by_role("region", name="History").locator("tbody tr").count() == 1
    assert "in force" in page.get_by_role("region", name="History").inner_text()
    clean(seen, "history")
    page.goto(page.url.split("/prices")[0] + "/prices?of=alpha&change=percent&value=-50&days=7")
    assert "would be $3.50, −$1.50 (−30.0%)" in page.locator("#exposed .sentence").inner_text()
    clean(seen, "narrow exposure")
    assert visit(quiet, script=False).go("/prices?q=nothing+of+this").locator("text=No price matches").count() == 1


CHANGES = """
[[change]]
model = "alpha"
percent = 20

[[change]]
provider = "openai"
model = "beta"
input = "6"
"""


def test_the_models_in_use_stand_first_and_those_without_a_price_say_how_to_give_one(quiet, visit, tmp_path):
    fill(quiet, tmp_path, tiered=True)
    seen = visit(quiet)
    page = seen.go("/prices")
    rows = page.get_by_role("region", name="Models in use").locator("tbody tr")
    said = [[one.strip() for one in rows.nth(place).locator("td").all_inner_texts()] for place in range(rows.count())]
    assert [one[0] for one in said] == ["gamma", "beta", "alpha"]
    assert (
        "70,000 tokens count only as far as a bill tells of them: tally prices set openai gamma --input" in said[0][3]
    )
    # The list gives no price for reading and writing a cache.
    assert said[2][2:8] == ["$3.00", "2", "", "", "10", ""]
    assert said[1][2:8] == ["$4.00", "4", "", "", "", "above 200,000 tokens"]
    rows.nth(2).get_by_role("link", name="$3.00").click()
    assert page.locator("table tbody tr").count() == 1
    page.go_back()
    page.get_by_role("region", name="Models in use").get_by_role("link", name="beta").click()
    assert page.get_by_role("region", name="History").locator("tbody tr").count() == 2
    assert page.get_by_role("region", name="Models in use").count() == 0


@pytest.mark.parametrize("script", [True, False])
def test_a_file_of_changes_is_played_and_one_that_cannot_be_read_says_where_and_keeps_the_text(
    quiet, visit, tmp_path, script
):
    fill(quiet, tmp_path)
    seen = visit(quiet, script=script)
    page = seen.go("/prices")
    if script:
        (tmp_path / "changes.toml").write_text(CHANGES)
        page.get_by_label("From a file").set_input_files(tmp_path / "changes.toml")
        page.wait_for_function("document.querySelector('#changes').value.includes('beta')")
    else:
        assert not page.get_by_label("From a file").is_visible()
        page.fill("#changes", CHANGES)
    page.get_by_role("button", name="Play the changes").click()
    # Alpha 3 dollars and a fifth more; half a million tokens of beta at 6 instead of 4 dollars.
    by_team = cells(page.get_by_role("region", name="By team"))
    assert by_team == {"Support": tuple(map(Decimal, ("3", "3.6", "0.6"))), "Search": (2, 3, 1)}
    assert "$5.00 would be $6.60" in page.locator("#exposed .sentence").inner_text()
    assert "percent = 20" in page.input_value("#changes")
    if script:
        clean(seen, "a file of changes")
    page.fill("#changes", '[[change]]\nmodel = "alpha"\nby = 3')
    page.get_by_role("button", name="Play the changes").click()
    assert "the file, change 1" in page.get_by_role("alert").inner_text()
    assert "by = 3" in page.input_value("#changes")
