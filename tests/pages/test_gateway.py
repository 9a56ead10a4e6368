"""The gateway's page: breakers released by hand, calls that show up as they land, streams that end."""

import json
import threading
import time
from dataclasses import replace
from http.client import HTTPConnection

import pytest
from playwright.sync_api import expect

from tallystick.budgets.ask import holds
from tallystick.budgets.model import Ask, Bound
from tallystick.operations.context import now_us
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.manage_budgets import set_budget
from tallystick.operations.sessions import LinkRequest, create_login_link
from tests.pages.conftest import served
from tests.pages.seed import Call, event

pytestmark = pytest.mark.service


def tripped(house):
    """A breaker that is open, and the call that it refused, as a gateway leaves them."""
    budget, _ = set_budget(house.context, {
        "name": "few calls", "limit": 2, "unit": "requests", "window": "minute", "rolling": True,
        "group_by": ["team"], "trip_seconds": 600,
    })  # fmt: skip
    counters, at = house.context.counters, now_us()
    bound = Bound(1, 1, 1, 1, capped=True)
    for number in range(3):
        ask = Ask(f"evt_{number}", "gateway", holds((budget,), {"team": "Support"}, at, bound), 1, 1, at, at + 10**9)
        granted = counters._wait(counters._counters.reserve(ask))
    assert not granted.granted
    told = {"breaking": budget.budget_id, "budgets": [{"id": budget.budget_id, "group": {"team": "Support"}}]}
    refused = replace(
        event(Call(77, at, "gpt-5", "Support", outcome="refused")), verdict="tripped", decision=json.dumps(told)
    )
    ingest_events(house.context, [refused])
    return budget


def test_an_open_breaker_is_shown_first_and_released_by_a_button(quiet, visit):
    tripped(quiet)
    page = visit(quiet).go("/budgets")
    assert "few calls" in page.inner_text(".alarm")
    assert "team Support" in page.inner_text(".alarm")
    page.click(".alarm button")
    page.wait_for_url("**done=released")
    assert "calls pass again" in page.inner_text("[role=status]")
    assert page.locator(".alarm").count() == 0


def test_a_call_shows_up_within_two_seconds_of_landing_and_leads_to_its_request(quiet, visit):
    seen = visit(quiet)
    page = seen.go("/gateway")
    expect(page.locator("#live-state")).to_have_text("live")
    began = time.monotonic()
    ingest_events(quiet.context, [event(Call(5, now_us(), "gpt-5", "<b>Support</b>"))])
    page.wait_for_selector("#live tbody tr", timeout=2000)
    assert time.monotonic() - began < 2
    assert page.locator("#live b").count() == 0
    page.click("#live tbody tr a")
    page.wait_for_url("**/requests/evt_0000000005")
    assert seen.complaints == []
    assert seen.foreign == []


def test_nothing_outside_the_log_moves_when_calls_come_in(quiet, visit):
    page = visit(quiet).go("/gateway")
    expect(page.locator("#live-state")).to_have_text("live")
    # What moves inside the log is meant to; sources tell what else did.
    page.evaluate(
        "() => { window.moved = []; new PerformanceObserver(list => list.getEntries().forEach(one => "
        "one.sources.forEach(source => { if (!source.node?.parentElement?.closest('.log')) "
        "window.moved.push(source.node?.nodeName) }))).observe({ type: 'layout-shift' }) }"
    )
    below = page.locator("#live-title").evaluate("one => one.closest('section').getBoundingClientRect().height")
    for number in range(1, 80):
        ingest_events(quiet.context, [event(Call(number, now_us(), "gpt-5", "Support"))])
    # The pages' policy lets nobody evaluate text, so what is waited for is a row and not a function.
    expect(page.locator("#live tbody tr").nth(49)).to_be_attached()
    assert page.locator("#live-title").evaluate("one => one.closest('section').getBoundingClientRect().height") == below
    assert page.evaluate("window.moved") == []
    assert page.locator("#live tbody tr").count() <= 60


def test_the_log_can_be_paused_and_goes_on_without_a_gap(quiet, visit):
    page = visit(quiet).go("/gateway")
    expect(page.locator("#live-state")).to_have_text("live")
    page.click("#live-pause")
    ingest_events(quiet.context, [event(Call(8, now_us(), "gpt-5", "Support"))])
    time.sleep(1.2)
    assert page.locator("#live tbody tr").count() == 0
    page.click("#live-pause")
    page.wait_for_selector("#live tbody tr", timeout=3000)


def test_without_script_the_page_is_a_list_of_the_latest_calls(held, visit):
    page = visit(held, script=False).go("/gateway")
    assert page.locator("#live tbody tr").count() == 30
    assert page.locator("#live tbody a[href='/requests/evt_blocked']").count() == 1


def stream(house, cookie):
    host = house.url.removeprefix("http://")
    connection = HTTPConnection(host, timeout=20)
    connection.request("GET", "/gateway/live", headers={"cookie": cookie})
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.getheader("content-type").startswith("text/event-stream")
    return connection, answer


def cookie_of(house, browser, request):
    context = browser.new_context()
    page = context.new_page()
    page.goto(house.url + create_login_link(house.context, request)[0])
    (cookie,) = [one for one in context.cookies() if "theme" not in one["name"]]
    context.close()
    return f"{cookie['name']}={cookie['value']}"


def test_a_team_is_told_of_its_own_calls_alone(quiet, browser):
    cookie = cookie_of(quiet, browser, LinkRequest("viewer", ("Search",)))
    connection, answer = stream(quiet, cookie)
    assert answer.readline() == b"retry: 2000\n"
    at = now_us()
    time.sleep(0.7)
    ingest_events(quiet.context, [event(Call(1, at, "gpt-5", "Support")), event(Call(2, at, "gpt-5", "Search"))])
    lines = []
    while not lines or not lines[-1].startswith(b"data:"):
        lines.append(answer.readline())
    connection.close()
    assert b"evt_0000000002" in lines[-1]
    assert b"evt_0000000001" not in lines[-1]


def test_the_stream_ends_at_once_when_the_server_stops(tmp_path, browser):
    with served(tmp_path, lambda now: []) as house:
        connection, answer = stream(house, cookie_of(house, browser, LinkRequest()))
        answer.readline()
        ended = threading.Event()
        threading.Thread(target=lambda: (answer.read(), ended.set()), daemon=True).start()
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert ended.wait(1)
    connection.close()


def test_a_browser_that_leaves_frees_its_place(quiet, browser, monkeypatch):
    monkeypatch.setattr("tallystick.web.live.MOST_VIEWERS", 1)
    cookie = cookie_of(quiet, browser, LinkRequest())
    connection, answer = stream(quiet, cookie)
    answer.readline()
    other = HTTPConnection(quiet.url.removeprefix("http://"), timeout=5)
    other.request("GET", "/gateway/live", headers={"cookie": cookie})
    assert other.getresponse().status == 503
    connection.sock.close()
    connection.close()
    answer.close()
    for _ in range(40):
        other.close()
        other.request("GET", "/gateway/live", headers={"cookie": cookie})
        status = other.getresponse().status
        if status == 200:
            break
        time.sleep(0.25)
    other.close()
    assert status == 200


def test_viewers_limited_to_a_team_see_neither_keys_nor_the_whole_instance(held, browser):
    context = browser.new_context()
    page = context.new_page()
    page.goto(held.url + create_login_link(held.context, LinkRequest("viewer", ("Search",)))[0])
    page.goto(held.url + "/gateway")
    headings = page.locator("h2").all_inner_texts()
    assert "Calls as they come in" in headings
    assert not {"Keys", "Providers", "Workers", "Counters of budgets"} & set(headings)
    context.close()


def test_a_whole_gateway_says_how_its_providers_counters_and_keys_are(held, visit):
    folder = held.context.data_dir / "health"
    folder.mkdir(exist_ok=True)
    one = {"state": "open", "calls": 12, "failures": 7, "p50_us": 800_000, "p95_us": 2_500_000,
           "last_error": "answered 503", "last_error_us": now_us() - 5_000_000}  # fmt: skip
    (folder / "w1.json").write_text(json.dumps({"at_us": now_us(), "upstreams": {"openai": one}}))
    text = visit(held).go("/gateway").inner_text("main")
    for word in ("openai", "not asked: it failed too often", "0.80 s", "2.50 s", "answered 503", "key_production"):
        assert word in text, word
    assert "Built from the ledger\nyes" in text.replace("\t", "\n")
