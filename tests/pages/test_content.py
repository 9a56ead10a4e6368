"""The card of what was said: clean at both widths, folded until asked, whatever was said."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tallystick.ledger.store import append_content
from tallystick.operations.context import now_us
from tallystick.operations.ingest_events import ingest_events
from tallystick.usage.content import CallContent
from tests.pages.seed import HOSTILE, Call, event
from tests.pages.test_look import RULES

pytestmark = pytest.mark.service


@pytest.mark.parametrize("width", [1440, 390])
def test_what_was_said_is_folded_and_then_readable(quiet, visit, width):
    call = event(Call(1, now_us() - 60_000_000, "gpt-5", "Support"))
    ingest_events(quiet.context, [call])
    said = CallContent(call.event_id, call.occurred_at, "u", "Support", "\n".join(HOSTILE), "y" * 5000, ("response",))
    append_content(quiet.context.ledger, [said])
    seen = visit(quiet, width=width)
    page = seen.go(f"/requests/{call.event_id}")
    assert not page.get_by_text("DROP TABLE").is_visible()
    for summary in page.locator("summary", has_text="Request").all() + page.locator("summary", has_text="Answer").all():
        summary.click()
    assert page.get_by_text("DROP TABLE").is_visible()
    assert page.get_by_text("Cut: it was longer than what is kept.").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert Axe().run(page, options=RULES).response["violations"] == []
    assert seen.complaints == []
