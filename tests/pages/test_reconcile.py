"""A month's bill held against what was metered, in the browser: figures, classes, and the rows behind each."""

from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe

from tallystick.operations.reconcile import reconcile_all
from tests.bills.october import write_october
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
