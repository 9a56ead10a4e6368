"""A month's bill held against what was metered, in the browser: figures, classes, and the rows behind each."""

from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe

from tallystick.operations.reconcile import reconcile_all
from tests.bills.october import DAY, OCTOBER, line, write_october
from tests.bills.written import write_load
from tests.pages.test_look import RULES

pytestmark = pytest.mark.service


def exact(place):
    return Decimal(place.locator("data").first.get_attribute("value"))


def test_a_month_adds_up_on_its_page_and_every_figure_opens_into_rows_that_sum_to_it(quiet, visit):
    write_october(quiet.context)
    reconcile_all(quiet.context)
    seen = visit(quiet)
    page = seen.go("/reconcile/2026-10")
    shown = {}
    for name in ("Metered", "Reported", "Invoiced", "Difference"):
        tile = page.locator(".tile", has_text=name).first
        box = tile.bounding_box()
        assert box["y"] + box["height"] <= 900, name
        shown[name] = exact(tile)
    assert shown == {"Metered": 5, "Reported": Decimal("5.5"), "Invoiced": Decimal("5.615"), "Difference": Decimal("0.615")}  # fmt: skip
    steps = page.locator(".fallrows tbody tr")
    amounts = [exact(steps.nth(place)) for place in range(steps.count())]
    assert sum(amounts[:-1]) == amounts[-1] == shown["Difference"]

    figures = page.locator(".tile a[href*='figure='], .fallrows a[href*='figure=']")
    links = {one.get_attribute("href"): exact(one.locator("xpath=..")) for one in figures.all()}
    assert len(links) == 4 + 6
    for href, amount in links.items():
        rows = seen.go(href).locator("td.amount")
        assert sum(exact(rows.nth(place)) for place in range(rows.count())) == amount, href
        assert exact(page.locator("#sum")) == amount, href

    claim = page.locator("tbody a.go").first.get_attribute("href")
    for path in ("/reconcile", "/reconcile/2026-10", href, claim, "/ledger?range=2026-10"):
        seen.go(path)
        assert Axe().run(page, options=RULES).response["violations"] == [], path
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, path
    assert "12 rows" in page.inner_text(".sentence")
    assert exact(page.locator(".sentence b", has=page.locator("data")).nth(1)) == Decimal("6.115")
    assert (seen.complaints, seen.foreign) == ([], [])


def test_a_month_of_several_accounts_is_one_page_that_adds_up_and_leads_to_each(quiet, visit):
    """Beside the month by hand: 1 dollar of tax to `second`, and in euros 2 to `third` and 3 to `fourth`."""
    write_october(quiet.context)
    whole = {"layer": "invoice", "dataset": "invoice", "charge_category": "Tax", "charge_period_end": OCTOBER + 2 * DAY}
    for account, cents, currency in (("second", 100, "USD"), ("third", 200, "EUR"), ("fourth", 300, "EUR")):
        write_load(quiet.context, account, [line(0, cents, **whole, provider_account=account, currency=currency)])
    reconcile_all(quiet.context)
    seen = visit(quiet)
    page = seen.go("/reconcile/2026-10")
    assert page.locator(".segments a").all_inner_texts() == [
        "All in USD",
        "All in EUR",
        "main",
        "fourth",
        "third",
        "second",
    ]
    assert page.locator(".segments [aria-current]").inner_text() == "All in USD"
    shown = {
        name: exact(page.locator(".tile", has_text=name).first)
        for name in ("Metered", "Reported", "Invoiced", "Difference")
    }
    dollars = {"Metered": "5", "Reported": "5.5", "Invoiced": "6.615", "Difference": "1.615"}
    assert shown == {name: Decimal(amount) for name, amount in dollars.items()}
    assert "of 1 of 2 accounts" in page.locator(".tile", has_text="Reported").first.inner_text()
    steps = page.locator(".fallrows tbody tr")
    amounts = [exact(steps.nth(place)) for place in range(steps.count())]
    assert sum(amounts[:-1]) == amounts[-1] == Decimal("1.615")
    table = page.get_by_role("region", name="Accounts of October 2026").locator("tbody tr")
    assert table.locator("td:first-child").all_inner_texts() == ["main", "second"]
    for name in ("Metered", "Reported", "Invoiced", "Difference"):
        column = ["Metered", "Reported", "Invoiced", "Difference"].index(name) + 1
        cells = [table.nth(place).locator("td").nth(column).locator("data").get_attribute("value") for place in (0, 1)]
        assert sum(Decimal(one) for one in cells if one) == shown[name]

    figures = page.locator(".tile a[href*='figure='], .fallrows a[href*='figure=']")
    links = {one.get_attribute("href"): exact(one.locator("xpath=..")) for one in figures.all()}
    for href, amount in links.items():
        rows = seen.go(href).locator("td.amount")
        assert sum(exact(rows.nth(place)) for place in range(rows.count())) == amount == exact(page.locator("#sum")), (
            href
        )
    tax = next(href for href in links if href.endswith("figure=tax"))
    seen.go(tax)
    assert page.locator("tbody td:nth-child(2)").all_inner_texts() == ["second", "main"]
    page.locator("tbody a.go").first.click()
    assert "second" in page.locator(".crumbs").inner_text()

    for path in ("/reconcile/2026-10", tax):
        seen.go(path)
        assert Axe().run(page, options=RULES).response["violations"] == [], path
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, path
    seen.go("/reconcile/2026-10").get_by_role("link", name="All in EUR").click()
    assert exact(page.locator(".tile", has_text="Invoiced").first) == 5
    answer = page.request.get(quiet.url + page.get_by_role("link", name="JSON").get_attribute("href")).json()
    assert sorted(one["account"] for one in answer["reconciliations"]) == ["fourth", "third"]
    text = page.request.get(quiet.url + page.get_by_role("link", name="CSV").get_attribute("href")).text()
    assert sorted(row.split(",")[4] for row in text.splitlines()[1:]) == ["fourth", "third"]
    page.get_by_role("link", name="third").first.click()
    assert exact(page.locator(".tile", has_text="Invoiced").first) == 2
    assert (seen.complaints, seen.foreign) == ([], [])


def test_pages_say_what_their_money_rests_on_and_each_basis_leads_to_its_figure(quiet, visit):
    write_october(quiet.context)
    reconcile_all(quiet.context)
    seen = visit(quiet)
    page = seen.go("/explore?range=2026-10&cmp=none")
    whole, line = exact(page.locator(".tile").first), page.locator(".quality")
    parts = {one.get_attribute("href"): exact(one) for one in line.locator("a").all()}
    amounts = [Decimal(one.get_attribute("value")) for one in line.locator("data").all()]
    assert sum(amounts) == whole == Decimal("6.115")
    assert "grade B" in line.inner_text()
    assert "$0.50 metered and on no bill" in line.inner_text()
    page.click("footer summary")
    assert [one.inner_text() for one in page.locator("footer li b").all()] == ["invoice", "report"]
    assert "until 2 Oct 2026" in page.inner_text("footer")
    for href, amount in parts.items():
        assert exact(seen.go(href).locator(".tile").first) == amount == Decimal("5.615"), href
        assert page.locator(".chip", has_text="basis = invoiced").count() == 1
        assert page.locator(".tile", has_text="per million tokens").count() == 0
    assert "only what is invoiced" in page.inner_text("footer")
    page.goto(quiet.url + "/sources")
    rows = page.get_by_role("region", name="Bills that are loaded").locator("tbody tr")
    assert [row.split()[:3] for row in rows.all_inner_texts()] == [["invoice", "main", "4"], ["report", "main", "3"]]
    assert "No bill is in" not in page.inner_text("main")
    assert Axe().run(page, options=RULES).response["violations"] == []
    assert (seen.complaints, seen.foreign) == ([], [])
