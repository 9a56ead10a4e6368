"""How the pages behave: sums that add up, addresses that hold, drilling, keyboard, no script, the first call."""

import re
from decimal import Decimal

import pytest

from tallystick.operations.context import now_us
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.post_charges import post_charges
from tests.pages.seed import Call, event

pytestmark = pytest.mark.service


def values(page, selector):
    return [
        Decimal(value) for value in page.eval_on_selector_all(selector, "all => all.map(one => one.value)") if value
    ]


def grains(amount):
    return int(amount.scaleb(12))


def test_groups_and_others_add_up_to_the_total_and_the_total_to_the_calls(full, visit):
    page = visit(full).go("/explore?range=30d&by=team")
    rows = values(page, ".main tbody td:nth-child(2) data")
    (total,) = values(page, ".main tfoot td:nth-child(2) data")
    assert sum(rows) == total
    shares = page.eval_on_selector_all(".main tbody .sharecell", "all => all.map(one => one.textContent.trim())")
    assert sum(Decimal(share.rstrip("%")) for share in shares) == Decimal("100.0")

    days = int(page.evaluate("document.querySelectorAll('.data tbody tr').length"))
    assert days == 30
    first_day = max(one.occurred_at for one in full.events) // 86_400_000_000 - 29
    spent = sum(one.effective_cost or 0 for one in full.events if one.occurred_at // 86_400_000_000 >= first_day)
    assert grains(total) == spent


def test_the_same_figure_is_the_same_on_every_page(full, visit):
    page = visit(full).go("/explore?range=30d")
    (explorer,) = values(page, ".main tfoot td:nth-child(2) data")
    page.goto(full.url + "/?range=30d")
    assert values(page, ".tile:first-child data") == [explorer]
    page.goto(full.url + "/requests?range=30d")
    assert values(page, ".sentence data") == [explorer]
    api = page.request.get(full.url + "/api/v1/explore?range=30d").json()
    assert Decimal(api["total"]) == explorer


def test_a_number_leads_to_the_rows_that_sum_to_it(full, visit):
    page = visit(full).go("/explore?range=30d&by=model")
    amount = values(page, ".main tbody tr:nth-child(1) td:nth-child(2) data")
    page.click(".main tbody tr:nth-child(1) td:nth-child(2) a")
    page.wait_for_url("**/requests?*model=*")
    page.wait_for_selector(".dense table")
    assert values(page, ".sentence data") == amount


def test_every_page_with_figures_says_measure_currency_zone_and_freshness(full, visit):
    seen = visit(full)
    for path in ("/", "/explore", "/requests", "/requests/evt_0000000001", "/sources"):
        facts = seen.go(path).inner_text(".facts")
        for word in ("Effective cost", "metered", "USD", "UTC", "last call"):
            assert word in facts, (path, word)


def test_unpriced_and_unowned_usage_is_counted_and_leads_somewhere(full, visit):
    page = visit(full).go("/explore?range=30d")
    assert "unpriced" in page.inner_text(".tile:nth-child(5)")
    assert "without a team" in page.inner_text(".tile:nth-child(4)")
    row = page.locator(".main tbody tr", has_text="(unknown)")
    assert row.count() == 1
    row.locator("td:first-child a").click()
    page.wait_for_url("**team=(unknown)*")
    assert "team = (unknown)" in page.inner_text(".chips")


def test_a_call_without_a_price_is_unknown_and_not_free(full, visit):
    unpriced = next(one for one in full.events if one.model == "saga-1-preview" and one.outcome == "ok")
    page = visit(full).go(f"/requests/{unpriced.event_id}")
    assert "unknown" in page.inner_text(".sentence")
    assert page.locator(".lines tbody").inner_text().count("no price") == 2


def test_a_measure_without_figures_says_so_and_draws_nothing(full, visit):
    page = visit(full).go("/explore?range=30d&measure=billed")
    assert "billed cost unknown: no invoice or cost report covers any of them" in page.inner_text(".sentence")
    assert page.locator("svg.plot, svg.spark").count() == 0
    assert values(page, ".tile:first-child data, .main tbody td:nth-child(2) data") == []


def test_a_call_is_shown_line_by_line_to_the_last_digit(full, visit):
    # The first call: gpt-5, 1,010 in at $1.25 and 101 out at $10 per million.
    page = visit(full).go("/requests/evt_0000000001")
    text = page.inner_text(".lines").replace("\t", " ")
    assert re.search(r"1,010 tokens\s+\$1\.25 per million tokens\s+\$0\.0012625", text)
    assert re.search(r"101 tokens\s+\$10\.00 per million tokens\s+\$0\.00101", text)
    assert values(page, ".lines tbody data") == [Decimal("0.0012625"), Decimal("0.00101")]
    assert values(page, ".lines tfoot data") == [Decimal("0.0022725")]
    assert "Claimed by the caller, refused by the key" in page.content()


def test_today_is_hatched_and_left_out_of_trends(full, visit):
    page = visit(full).go("/explore?range=7d")
    assert page.locator("svg.plot rect[fill='url(#hatch)']").count() >= 1
    assert "not over yet" in page.inner_text(".legend")
    points = page.get_attribute(".tile:first-child polyline", "points")
    assert len(points.split()) == 6


def test_the_comparison_is_by_weekdays_says_so_and_others_are_one_click_away(full, visit):
    page = visit(full).go("/explore")
    assert "same weekdays" in page.inner_text(".bar")
    page.click(".bar details >> nth=0 >> summary")
    page.click("text=No comparison")
    page.wait_for_url("**cmp=none*")
    page.wait_for_selector("text=no comparison")
    assert page.locator("svg.plot polyline.previous").count() == 0


def test_drilling_adds_the_filter_and_back_takes_it_away(full, visit):
    page = visit(full).go("/explore?range=30d&by=team")
    before = page.inner_text(".main tbody")
    page.click(".main tbody >> text=Support")
    page.wait_for_url("**team=Support*by=feature*")
    page.wait_for_selector(".chips >> text=team = Support")
    assert page.inner_text(".main thead th:first-child") == "Feature"
    drilled = page.inner_text(".main tbody")
    page.reload()
    assert page.inner_text(".main tbody") == drilled
    page.go_back()
    page.wait_for_selector(".main tbody >> text=Platform")
    assert page.inner_text(".main tbody") == before
    page.go_forward()
    page.wait_for_selector(".chips >> text=team = Support")
    page.click(".crumbs >> text=All")
    page.wait_for_selector(".main tbody >> text=Platform")
    assert page.locator(".chips").count() == 0


def test_a_select_narrows_the_page_and_leaves_no_empty_field_in_the_address(full, visit):
    page = visit(full).go("/explore?range=30d")
    page.select_option(".bar select[name=provider]", "anthropic")
    page.wait_for_selector(".chips >> text=provider = anthropic")
    assert page.url == f"{full.url}/explore?range=30d&provider=anthropic"
    page.select_option(".bar select[name=provider]", "")
    page.wait_for_selector(".chips", state="detached")
    assert "provider" not in page.url
    page.goto(f"{full.url}/explore?provider=&team=&range=7d")
    assert page.url == f"{full.url}/explore?range=7d"


def test_the_filter_form_knows_conditions(full, visit):
    page = visit(full).go("/explore")
    page.click("text=+ Filter")
    page.select_option("select[name=f_dim]", "feature")
    page.select_option("select[name=f_op]", "contains")
    page.fill("input[name=f_value]", "draft")
    page.click("text=Add filter")
    page.wait_for_selector(".chips >> text=feature ~= draft")
    assert page.url.endswith("?feature~=draft")


def test_columns_sort_by_the_address(full, visit):
    page = visit(full).go("/explore?range=30d&sort=name")
    found = page.eval_on_selector_all(".main tbody .name a", "all => all.map(one => one.textContent)")
    assert found == sorted(found, key=lambda name: "" if name == "(unknown)" else name.casefold())
    assert page.get_attribute(".main th:first-child", "aria-sort") == "ascending"
    page.click(".main thead >> text=Tokens")
    page.wait_for_url("**sort=-tokens*")


def test_headings_state_the_question_in_words(full, visit):
    page = visit(full).go("/explore?range=30d&team=Support")
    pattern = r"^\$[\d.,]+, team Support, \d+.* · Northwind$"
    assert re.match(pattern, page.title()), page.title()
    assert "team Support" in page.inner_text("h1")


def test_filters_travel_with_the_way_to_the_calls(full, visit):
    page = visit(full).go("/explore?range=30d&team=Support")
    page.click(".tile:first-child a")
    page.wait_for_url("**/requests?range=30d&team=Support")
    page.wait_for_selector(".chips >> text=team = Support")


def test_filters_stay_when_moving_between_pages(full, visit):
    page = visit(full).go("/explore?range=30d")
    page.click(".main tbody >> text=Support")
    page.wait_for_selector(".chips >> text=team = Support")
    page.click(".rail >> text=Overview")
    page.wait_for_selector(".tiles")
    assert "team = Support" in page.inner_text(".chips")
    page.click(".rail >> text=Requests")
    page.wait_for_url("**/requests?*team=Support*")
    page.click(".chip a")
    page.wait_for_selector(".chips", state="detached")
    page.keyboard.type("go")
    page.wait_for_url(re.compile(r"/\?range=30d"))
    assert "team" not in page.url


def test_pages_of_calls_follow_each_other_without_gap_or_twin(full, visit):
    page = visit(full).go("/requests?range=7d")
    seen = []
    while True:
        seen += page.eval_on_selector_all(".dense tbody a", "all => all.map(one => one.pathname)")
        if not page.locator("a[rel=next]").count():
            break
        with page.expect_response(re.compile("after=")):
            page.click("a[rel=next]")
        page.wait_for_function("first => document.querySelector('.dense tbody a')?.pathname !== first", arg=seen[-50])
    first_day = max(one.occurred_at for one in full.events) // 86_400_000_000 - 6
    expected = [one for one in full.events if one.occurred_at // 86_400_000_000 >= first_day]
    assert len(seen) == len(set(seen)) == len(expected)


def test_charts_are_read_by_hover_and_by_arrow_keys(full, visit):
    page = visit(full).go("/explore?range=7d")
    box = page.locator("svg.plot").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 50)
    assert "Total" in page.inner_text(".tip.on")
    page.mouse.move(0, 0)
    page.focus("svg.plot")
    page.keyboard.press("End")
    last = page.inner_text("#says")
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#says") != last
    assert "Total $" in page.inner_text("#says")
    page.keyboard.press("Escape")
    assert page.locator(".tip.on").count() == 0


def test_a_chart_has_its_figures_and_a_sentence_in_the_page(full, visit):
    page = visit(full).go("/explore?range=7d")
    assert re.search(
        r"^\$[\d.]+ in 7 days, most of it .+; the highest is .+ with \$", page.text_content("svg.plot desc")
    )
    page.click("text=Figures of this chart")
    assert page.locator(".data tbody tr").count() == 7


def test_shortcuts_and_the_palette(full, visit):
    page = visit(full).go("/")
    page.keyboard.type("ge")
    page.wait_for_url("**/explore")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.press("Control+k")
    page.keyboard.type("supp")
    page.wait_for_selector("#palette .found >> text=Support")
    page.keyboard.press("Enter")
    page.wait_for_url("**/explore?team=Support*")
    page.goto(full.url + "/find?q=evt_0000000001")
    page.click(".found a >> nth=0")
    page.wait_for_url("**/requests/evt_0000000001")


def test_the_theme_follows_the_system_and_the_override_is_there_at_first_paint(full, visit):
    page = visit(full, theme="dark").go("/")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme button")
    page.goto(full.url + "/explore")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    source = page.request.get(full.url + "/explore").text()
    assert 'data-theme="light"' in source


def test_everything_works_without_script(full, visit):
    page = visit(full, script=False).go("/explore?range=30d")
    assert page.locator("svg.plot path").count() >= 7
    page.click(".main tbody >> text=Support")
    assert "team=Support" in page.url
    page.goto(full.url + "/explore?range=30d")
    page.select_option(".bar select[name=by]", "model")
    page.click(".bar form:has(select[name=by]) button")
    assert page.url == f"{full.url}/explore?range=30d&by=model"
    page.fill(".rail input[name=q]", "supp")
    page.press(".rail input[name=q]", "Enter")
    page.click(".found >> text=Support")
    assert "team=Support" in page.url
    page.click("#theme button")
    assert page.get_attribute("html", "data-theme") == "dark"
    assert "team=Support" in page.url


def test_nothing_moves_after_the_first_paint(full, visit):
    page = visit(full).go("/explore")
    shift = page.evaluate(
        """() => new Promise(done => {
            let sum = 0;
            new PerformanceObserver(list => list.getEntries().forEach(one => { sum += one.value; }))
                .observe({type: "layout-shift", buffered: true});
            setTimeout(() => done(sum), 400);
        })"""
    )
    assert shift < 0.02


@pytest.mark.parametrize("path", ["/", "/explore", "/explore?range=90d", "/requests"])
def test_a_page_weighs_little_even_unpacked(path, full, visit):
    page = visit(full).go(path)
    addresses = page.eval_on_selector_all("link[href], script[src]", "all => all.map(one => one.href || one.src)")
    assert len(addresses) == 4
    sizes = [len(page.request.get(address).body()) for address in [page.url, *addresses]]
    assert sum(sizes) <= 150_000


def test_on_a_phone_fingers_find_what_they_need(full, visit):
    page = visit(full, width=390).go("/explore?team=Support")
    assert [page.locator(f".main thead th >> text={head}").first.is_visible() for head in ("Cost", "Change")] == [
        True,
        True,
    ]
    small = page.eval_on_selector_all(
        ".top .button, .segments a, .bar summary, .bar select, .chip a, .main tbody .name a",
        "all => all.filter(one => one.offsetParent && one.getBoundingClientRect().height < 39.5).map(one => one.outerHTML)",
    )
    assert small == []
    page.click(".menu")
    page.click(".rail >> text=Requests")
    page.wait_for_url("**/requests?team=Support")


def test_an_empty_instance_names_what_will_be_here_and_what_to_type(empty, visit):
    seen = visit(empty)
    for path in ("/", "/explore", "/requests", "/sources"):
        text = seen.go(path).inner_text("main")
        assert "Here will be" in text, path
        assert "tally demo" in text
        assert "export OPENAI_BASE_URL=http://127.0.0.1:8420/openai/v1" in text
        assert seen.page.locator("svg.plot").count() == 0


def test_the_waiting_page_turns_live_at_the_first_call(quiet, visit):
    seen = visit(quiet)
    page = seen.go("/")
    assert "Listening… 0 requests" in page.inner_text("main")
    ingest_events(quiet.context, [event(Call(1, now_us() - 1000, "gpt-5", "Support", "chat"))])
    post_charges(quiet.context)
    page.wait_for_selector(".tiles", timeout=8000)
    assert values(page, ".tile:first-child data") == [Decimal("0.0022725")]


def test_filters_that_match_nothing_say_so_and_offer_a_way_out(full, visit):
    page = visit(full).go("/explore?team=Nobody")
    assert "No calls match" in page.inner_text("main")
    page.click("text=Clear all filters")
    page.wait_for_selector(".tiles")


def test_answers_carry_a_policy_without_inline_anything(full, visit):
    page = visit(full).go("/")
    for path in ("/", "/explore", "/requests", "/sources", "/find", "/login", "/explore?by=nonsense"):
        answer = page.request.get(full.url + path, headers={"accept": "text/html"})
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "referrer-policy" in answer.headers
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", answer.text())


def test_the_theme_switch_leads_nowhere_else(full, visit):
    page = visit(full).go("/")
    for onward in ("//evil.example", "/\\evil.example", "https://evil.example", "/\tx"):
        answer = page.request.get(full.url + "/theme", params={"next": onward}, max_redirects=0)
        assert answer.headers["location"] == "/"


def test_the_csv_has_the_groups_the_filters_and_no_formulas(full, visit):
    page = visit(full).go("/explore?range=30d&by=model&team=Support")
    (total,) = values(page, ".main tfoot td:nth-child(2) data")
    lines = page.request.get(full.url + "/explore.csv?range=30d&by=model&team=Support").text().splitlines()
    head = lines[0].split(",")
    assert head[:3] == ["model", "cost", "previous_cost"]
    rows = [dict(zip(head, line.split(","), strict=True)) for line in lines[1:]]
    assert sum(Decimal(row["cost"]) for row in rows if row["cost"]) == total
    assert {row["filters"] for row in rows} == {"team Support"}


def test_a_colour_stays_with_its_name(full, visit):
    seen = visit(full)

    def colours(path):
        seen.go(path)
        rows = seen.page.eval_on_selector_all(
            ".main tbody tr",
            "all => all.map(one => [one.querySelector('.name a')?.textContent, one.querySelector('.swatch rect').getAttribute('class')])",
        )
        return {name: style for name, style in rows if name}

    month, week = colours("/explore?range=30d"), colours("/explore?range=7d&provider=anthropic")
    assert week
    assert all(month[name] == style for name, style in week.items())
