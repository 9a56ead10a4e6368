"""Why a call went as it went: the page says every figure that the API says, and a sentence a stranger understands."""

from decimal import Decimal

import pytest

from tallystick.kernel.period import rfc3339
from tests.pages.governed import BLOCKED, DEGRADED, PLAIN, RETRIED, UNTOLD

pytestmark = pytest.mark.service

NAMELESS = {"at_text", "amount_text", "text", "counter"}
INSTANTS = {"at", "reset", "window_start", "window_end", "tripped_until"}
NANO = {"limit", "posted", "reserved", "asked"}


def numbers(value, name="", unit=""):
    """Every number of a decision as the page is to carry it."""
    if isinstance(value, dict):
        unit = value.get("unit", unit)
        for key, one in value.items():
            if key not in NAMELESS:
                yield from numbers(one, key, unit)
    elif isinstance(value, list):
        for one in value:
            yield from numbers(one, name, unit)
    elif isinstance(value, int) and not isinstance(value, bool):
        if name in INSTANTS:
            yield rfc3339(value)
        elif name in NANO and unit == "usd":
            yield Decimal(value).scaleb(-9)
        else:
            yield Decimal(value).scaleb(-12) if name == "amount" else Decimal(value)


def shown(page):
    found = set()
    for text in page.eval_on_selector_all("#decision data", "all => all.map(one => one.value)"):
        try:
            found.add(Decimal(text))
        except ArithmeticError:
            found.add(text)
    return found


@pytest.mark.parametrize("event_id", [BLOCKED, DEGRADED, PLAIN])
def test_the_page_carries_every_figure_of_the_decision(held, visit, event_id):
    page = visit(held).go(f"/requests/{event_id}")
    told = page.request.get(f"{held.url}/api/v1/requests/{event_id}/decision").json()
    wanted = set(numbers(told["decision"]))
    for name in ("bound_cost", "effective_cost", "input_tokens", "output_tokens", "status"):
        wanted |= {Decimal(str(told[name]))} if told[name] not in (None, 0) else set()
    assert len(wanted) > 20
    assert wanted - shown(page) == set()
    text = page.inner_text("#decision")
    for word in ("Support", "reply-draft", "stated by the caller in a header", "locked in the key", "cheap first",
                 "in shadow: it would have had an effect", "claude-opus-5 was asked for, gpt-5-nano was sent",
                 "set by the gateway", "shared, ok", "bytes of the request"):  # fmt: skip
        assert word in text, word


def test_a_refused_call_says_so_in_a_sentence_first(held, visit):
    page = visit(held).go(f"/requests/{BLOCKED}")
    assert page.inner_text(".lead-words") == 'Budget "support-cap" has $0.006 left of $0.10.'
    assert "This call cost nothing: no provider was asked." in page.inner_text(".sentence >> nth=0")
    assert "no room" in page.inner_text("#decision")


def test_all_attempts_of_a_call_stand_together_with_their_reasons(held, visit):
    page = visit(held).go(f"/requests/{RETRIED}")
    text = page.inner_text("#decision")
    assert "Attempts of this call" in text
    assert "retry: 503" in text
    page.click(f"#decision a[href='/requests/{PLAIN}']")
    page.wait_for_url(f"**/{PLAIN}")
    assert "had room" in page.inner_text(".lead-words")


def test_a_row_without_a_decision_says_why(held, visit):
    page = visit(held).go(f"/requests/{UNTOLD}")
    assert "No decision is stored: it was imported" in page.inner_text("#decision")


def test_requests_are_filtered_by_verdict_and_bear_it_as_a_mark(held, visit):
    page = visit(held).go("/requests?range=7d")
    page.select_option("select[name=verdict]", "blocked")
    page.wait_for_url("**verdict=blocked*")
    page.wait_for_selector(".chips >> text=verdict = blocked")
    assert page.locator(".dense tbody tr").count() == 1
    assert page.inner_text(".dense tbody .mark") == "blocked"
    page.goto(held.url + "/requests?range=7d&verdict=blocked|degraded")
    assert page.locator(".dense tbody tr").count() == 2
    assert page.locator("select[name=verdict] option:checked").inner_text() == "several"
