"""How the pages of budgets behave: what they say, what their forms do, who sees what."""

import re
from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe

from tallystick.operations.audit import list_audit
from tallystick.operations.context import now_us
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.manage_budgets import read_budget, set_budget
from tallystick.operations.sessions import LinkRequest, create_login_link
from tests.pages.seed import Call, event
from tests.pages.test_look import RULES

pytestmark = pytest.mark.service


def row(page, name):
    return page.locator(".budgets tbody tr", has_text=name).first


def test_budgets_come_by_urgency_and_say_what_is_used_when_it_resets_and_what_happens_then(held, visit):
    page = visit(held).go("/budgets")
    names = page.locator("section[aria-label=Budgets] td.who > a.go").all_inner_texts()
    assert names.index("support-cap") < names.index("search-month")
    text = row(page, "support-cap").inner_text()
    assert "used up" in text
    assert "team is Support" in text
    assert "of $0.10" in text
    assert "refuses calls" in text
    assert "ann@example" in text
    assert re.search(r"resets 1 [A-Z][a-z]{2}\s00:00\sUTC", text)
    assert "only tells" in row(page, "search-month").inner_text()
    assert page.locator("svg.bullet title").first.text_content().endswith("used")


def test_what_is_used_leads_to_the_rows_that_sum_to_it(held, visit):
    page = visit(held).go("/budgets")
    cell = row(page, "support-cap").locator(".use b a")
    used = Decimal(cell.locator("data").get_attribute("value"))
    cell.click()
    page.wait_for_url("**/requests?*team=Support*")
    (total,) = page.eval_on_selector_all(".sentence data", "all => all.map(one => one.value)")
    # Each call is rounded up to a whole nano-dollar in counters.
    assert abs(used - Decimal(total)) < Decimal("0.000001")


def test_the_defaults_stand_apart_and_say_where_they_are_changed(held, visit):
    page = visit(held).go("/budgets")
    card = page.locator("section.card", has=page.get_by_role("heading", name="Defaults"))
    assert "tally.toml" in card.inner_text()
    assert "key_usd_per_day" in card.inner_text()
    assert "each key, a day" not in page.locator("section[aria-label=Budgets]").inner_text()
    page.goto(held.url + "/budgets/default:key-day")
    assert "default" in page.inner_text(".sentence")
    assert page.locator("form[action$='/change']").count() == 0


def test_filters_are_in_the_address_and_can_be_taken_off(held, visit):
    page = visit(held).go("/budgets?team=Support")
    assert page.locator("section[aria-label=Budgets] tbody tr").count() == 1
    page.goto(held.url + "/budgets?action=alert&state=over")
    assert "support-cap" not in page.inner_text("main")
    page.click(".segments >> text=All")
    page.wait_for_url("**/budgets?action=alert")


def test_the_empty_page_teaches_the_first_budget(empty, visit):
    page = visit(empty).go("/budgets")
    assert "No budget is set yet" in page.inner_text("main")
    assert "tally budgets set --name" in page.inner_text("#first-budget")
    page.click("text=Set it here instead")
    assert page.url.endswith("/budgets/new")


@pytest.mark.parametrize("script", [True, False])
def test_a_budget_is_set_by_form_and_counts_what_was_spent_before(quiet, visit, script):
    at = now_us()
    ingest_events(quiet.context, [event(Call(n, at - n, "gpt-5", "Support")) for n in range(1, 11)])
    page = visit(quiet, script=script).go("/budgets/new")
    page.fill("[name=name]", "support-month")
    page.fill("[name=limit]", "1,000")
    page.fill("[name=where_value]", "Support")
    page.select_option("[name=action]", "block")
    page.fill("[name=owner]", "ann")
    page.click("button.main")
    page.wait_for_url("**/budgets/bud_*?done=made")
    assert "holds for the next call" in page.inner_text("[role=status]")
    made = read_budget(quiet.context, "support-month")
    assert (made.limit, made.action, dict(made.where)) == (1000 * 10**9, "block", {"team": ("Support",)})
    assert Decimal(page.locator(".lead .use b data").get_attribute("value")) > 0
    assert list_audit(quiet.context)[0].what == "create budget"
    assert "made with a limit of $1,000" in page.inner_text("main")


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"limit": "many"}, "limit", "is not an amount"),
        ({"limit": "0"}, "limit", "not above 0"),
        ({"action": "degrade"}, "degrade_to", "need each other"),
        ({"thresholds": "lots"}, "thresholds", "not a threshold"),
        ({"name": "taken"}, "name", "already"),
    ],
)
def test_an_error_stands_beside_its_field_and_nothing_is_lost(quiet, visit, typed, field, said):
    set_budget(quiet.context, {"name": "taken", "limit": "7"})
    seen = visit(quiet)
    page = seen.go("/budgets/new")
    given = {"name": "mine", "limit": "5", "where_value": "Support", **typed}
    for name, value in given.items():
        page.select_option(f"[name={name}]", value) if name == "action" else page.fill(f"[name={name}]", value)
    page.click("button.main")
    page.wait_for_selector(f"#wrong-{field}")
    assert said in page.inner_text(f"#wrong-{field}")
    assert page.get_attribute(f"[name={field}]", "aria-invalid") == "true"
    assert page.input_value("[name=where_value]") == "Support"
    assert read_budget(quiet.context, "taken").limit == 7 * 10**9
    assert Axe().run(page, options=RULES).response["violations"] == []


def test_a_limit_is_changed_overridden_and_the_budget_deleted_by_form(quiet, visit):
    made, _ = set_budget(quiet.context, {"name": "a b/c", "limit": "5"})
    page = visit(quiet).go(f"/budgets/{made.budget_id}")
    page.fill("form[action$=change] [name=limit]", "6.50")
    page.click("form[action$=change] button")
    page.wait_for_url("**done=changed")
    assert read_budget(quiet.context, "a b/c").limit == 6_500_000_000
    assert "limit from $5 to $6.50" in page.inner_text("main")

    page.fill("form[action$=override] [name=limit]", "20")
    page.fill("form[action$=override] [name=lasts]", "soon")
    page.fill("form[action$=override] [name=reason]", "launch day")
    page.click("form[action$=override] button")
    page.wait_for_selector("#wrong-lasts")
    page.fill("form[action$=override] [name=lasts]", "3d")
    page.click("form[action$=override] button")
    page.wait_for_url("**done=override")
    assert "$20 until" in page.inner_text("main")
    assert "launch day" in page.inner_text("main")
    assert [one.limit for one in read_budget(quiet.context, "a b/c").overrides] == [20 * 10**9]

    page.click("summary >> text=Delete it")
    page.fill("[name=confirm]", "another")
    page.click("form[action$=delete] button")
    page.wait_for_selector("#wrong-confirm")
    page.click("summary >> text=Delete it")
    page.fill("[name=confirm]", "a b/c")
    page.click("form[action$=delete] button")
    page.wait_for_url("**/budgets?done=deleted")
    assert [one.what for one in list_audit(quiet.context, limit=3)] == [
        "delete budget",
        "override budget",
        "change budget",
    ]


def test_a_form_without_the_sessions_word_changes_nothing(quiet, visit):
    made, _ = set_budget(quiet.context, {"name": "mine", "limit": "5"})
    page = visit(quiet).go(f"/budgets/{made.budget_id}")
    answer = page.request.post(
        f"{quiet.url}/budgets/{made.budget_id}/change", form={"limit": "9", "csrf": "wrong"},
        headers={"origin": quiet.url},
    )  # fmt: skip
    assert answer.status == 403
    assert read_budget(quiet.context, "mine").limit == 5 * 10**9


def test_teams_see_their_own_budgets_and_viewers_no_forms(held, browser):
    path, _ = create_login_link(held.context, LinkRequest("viewer", ("Search",)))
    context = browser.new_context()
    page = context.new_page()
    page.goto(held.url + path)
    page.goto(held.url + "/budgets")
    assert "search-month" in page.inner_text("main")
    assert "support-cap" not in page.content()
    assert page.get_by_text("Set a budget").count() == 0
    assert page.goto(held.url + "/budgets/support-cap").status == 404
    assert page.goto(held.url + "/budgets/new").status == 403
    page.goto(held.url + "/budgets/search-month")
    assert page.locator("form[method=post]:not([action='/logout'])").count() == 0
    context.close()


def test_a_budgets_page_tells_its_terms_whom_it_stopped_and_its_past(held, visit):
    page = visit(held).go("/budgets/support-cap")
    text = page.inner_text("main")
    assert (
        "Calls whose team is Support may cost up to $0.10 a month (UTC); a call that does not fit any more is refused."
        in text
    )
    assert page.locator(".list a[href='/requests/evt_blocked']").count() == 1
    assert page.locator(".list a[href='/requests/evt_plain']").count() == 0
    assert page.locator(".data tbody tr").count() == 12
    page.goto(held.url + "/budgets/each%20feature")
    page.click(".budgets tbody tr:nth-child(2) >> text=past windows")
    page.wait_for_url("**feature=*")
    assert page.locator("figure.chart h2").inner_text().startswith("Each window against the limit: feature ")


def test_five_hundred_groups_stay_bounded_and_lead_on(crowd, visit):
    page = visit(crowd).go("/budgets")
    assert page.locator("section[aria-label=Budgets] tbody tr").count() <= 40
    assert "495 more groups" in page.inner_text("main")
    page.goto(crowd.url + "/budgets/each%20customer")
    assert page.locator(".budgets tbody tr").count() == 20
    page.click("text=Show up to 1,000")
    page.wait_for_url("**?all=1")
    assert page.locator(".budgets tbody tr").count() == 500
