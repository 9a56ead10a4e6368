"""Every page, in both themes and at two widths: no foreign request, no axe violation, no sideways scroll. Pictures are kept."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.pages.conftest import SCREENSHOTS, WIDTHS

pytestmark = pytest.mark.service

PAGES = {
    "overview": "/",
    "explore": "/explore",
    "explore_provider": "/explore?by=provider&range=30d",
    "explore_two": "/explore?by=team,model&range=7d",
    "explore_drilled": "/explore?team=Support&by=model",
    "requests": "/requests",
    "request": "/requests/evt_0000000001",
    "budgets": "/budgets",
    "budgets_over": "/budgets?state=over",
    "budget_new": "/budgets/new",
    "budget_default": "/budgets/default:key-day",
    "budget_cap": "/budgets/support-cap",
    "budget_crowd": "/budgets/each%20customer",
    "gateway": "/gateway",
    "sources": "/sources",
    "find": "/find?q=s",
    "wrong_question": "/explore?by=nonsense",
    "no_such_call": "/requests/evt_none",
}
LOOKS = [
    *(("full", width, theme) for width in WIDTHS for theme in ("light", "dark")),
    *(
        (name, width, theme)
        for name in ("nasty", "empty", "held", "crowd")
        for width, theme in ((1440, "dark"), (390, "light"))
    ),
]
# Lists that look alike in every house, so one house, theme and width; a month with bills is in test_reconcile.py.
BILLS = ("/reconcile", "/reconcile/2026-10", "/ledger")
# Of what is in order axe need not tell the places, which is most of its work; violations come whole.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
# A page that is asked for wrongly answers so, and the browser says that in its console.
MEANT = ("wrong_question", "no_such_call", "request", "budget_cap", "budget_crowd")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "width", "theme"), LOOKS)
def test_every_page_is_clean(name, width, theme, visit, request):
    house = request.getfixturevalue(name)
    seen = visit(house, width=width, theme=theme)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    problems = []
    for page_name, path in PAGES.items():
        seen.complaints.clear()
        page = seen.go(path)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        problems += [f"{path}: {wide}px too wide"] if wide > 0 else []
        problems += [f"{path}: asked {url}" for url in seen.foreign]
        problems += [f"{path}: {line}" for line in seen.complaints if page_name not in MEANT]
        problems += [f"{path}: {_said(one)}" for one in Axe().run(page, options=RULES).response["violations"]]
        page.screenshot(path=SCREENSHOTS / f"{name}_{page_name}_{width}_{theme}.png", full_page=True)
    assert not problems, "\n".join(problems)


def test_bills_and_the_ledger_are_clean_without_a_bill_on_a_narrow_dark_page(full, visit):
    seen = visit(full, width=390, theme="dark")
    for path in BILLS:
        page = seen.go(path)
        assert Axe().run(page, options=RULES).response["violations"] == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    assert page.locator("tbody tr").count() > 0
    assert (seen.complaints, seen.foreign) == ([], [])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_login_and_its_errors_are_clean_for_strangers(theme, full, browser):
    context = browser.new_context(color_scheme=theme, viewport={"width": 390, "height": 844})
    page = context.new_page()
    for path in ("/explore", "/login", "/login?token=wrong"):
        page.goto(full.url + path)
        assert Axe().run(page, options=RULES).response["violations"] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(full.url + "/explore")
    assert page.url.startswith(full.url + "/login")
    page.screenshot(path=SCREENSHOTS / f"login_390_{theme}.png")
    context.close()


def test_open_menus_and_the_palette_are_clean_too(full, visit):
    page = visit(full).go("/explore")
    page.click("details.pop >> nth=0 >> summary")
    page.click("text=Figures of this chart")
    assert Axe().run(page, options=RULES).response["violations"] == []
    page.keyboard.press("Control+k")
    page.wait_for_selector("#palette .found a")
    assert Axe().run(page, options=RULES).response["violations"] == []


def test_nothing_an_attacker_names_runs(nasty, visit):
    seen = visit(nasty)
    alarms = []
    seen.page.on("dialog", lambda dialog: (alarms.append(dialog.message), dialog.dismiss()))
    for path in ("/", "/explore", "/explore?by=feature", "/requests", "/find?q=%3Cimg", "/requests/evt_0000000005"):
        page = seen.go(path)
        assert page.locator("img, script:not([src])").count() == 0
    assert alarms == []
    assert seen.complaints == []


def _said(violation):
    nodes = "; ".join(f"{node['html'][:120]} ({' '.join(map(str, node['target']))})" for node in violation["nodes"][:3])
    return f"{violation['id']}: {violation['help']}: {nodes}"
