"""What was said, on each engine: once each, found by its event, gone when its time or its person is."""

from dataclasses import replace
from pathlib import Path

import pytest

from tallystick.kernel.errors import NotFound
from tallystick.ledger.store import append_content
from tallystick.operations.audit import list_audit
from tallystick.operations.context import Context, Retention
from tallystick.operations.erase_user import Erased, erase_user
from tallystick.operations.ingest_events import ingest_events
from tallystick.operations.post_charges import post_charges
from tallystick.operations.read_content import read_content, require_content
from tallystick.operations.retain import kept_since, retain
from tallystick.operations.start_ledger import start_ledger
from tallystick.org.model import Principal
from tallystick.storage.config_db import ConfigDb
from tallystick.usage.content import CallContent
from tests.ledger.sample import START, an_event

DAY = 86_400_000_000
ADMIN = Principal("ada", "admin")
TEXT = 'What is "1\u00a0+ 1"?\n\x00 \U0001f680 \\u0041'


@pytest.fixture
def ledger(context: Context, tmp_path: Path) -> Context:
    start_ledger(context)
    return replace(context, config_db=ConfigDb(tmp_path / "config.db"), secret=b"k")


def said(number: int, **changes: object) -> CallContent:
    event = an_event(number)
    content = CallContent(
        event.event_id, event.occurred_at, "ursula", "Support", TEXT, f"answer {number}", ("request",)
    )
    return replace(content, **changes)


def count(ledger: Context) -> object:
    return ledger.ledger.rows(f"SELECT count(*) FROM {ledger.ledger.dialect.final('content')}")[0][0]


def test_what_was_said_comes_back_as_it_was_and_counts_once(ledger: Context) -> None:
    ingest_events(ledger, [an_event(1), an_event(2)])
    assert append_content(ledger.ledger, [said(1), said(2), said(1, response="again")]) == 2
    assert append_content(ledger.ledger, [said(2)]) == 0
    assert append_content(ledger.ledger, []) == 0
    assert read_content(ledger, "evt_000001", ADMIN) == said(1)
    assert count(ledger) == 2


def test_reading_is_for_admins_and_auditors_and_is_remembered(ledger: Context) -> None:
    ingest_events(ledger, [an_event(1), an_event(2)])
    append_content(ledger.ledger, [said(1)])
    for role in ("viewer", "analyst", "owner"):
        assert read_content(ledger, "evt_000001", Principal("v", role)) is None
    assert require_content(ledger, "evt_000001", Principal("otto", "auditor")) == said(1)
    with pytest.raises(NotFound, match="nothing of what was said in evt_000002 is stored"):
        require_content(ledger, "evt_000002", ADMIN)
    with pytest.raises(NotFound, match="there is no request"):
        require_content(ledger, "evt_000003", ADMIN)
    assert [(one.who, one.what, one.detail) for one in list_audit(ledger)] == [("otto", "read content", "evt_000001")]


def test_content_is_kept_for_its_own_days_whatever_happens_to_events(ledger: Context) -> None:
    ledger = replace(ledger, retention=Retention(content_days=3))
    now = START + 10 * DAY
    append_content(ledger.ledger, [said(1, occurred_at=now - 3 * DAY - 1), said(2, occurred_at=now - 3 * DAY)])
    assert retain(ledger, now) == 0
    assert ledger.ledger.rows("SELECT event_id FROM content") == [("evt_000002",)]
    retain(ledger, now + DAY)
    assert count(ledger) == 0


def test_erasing_a_person_deletes_what_they_said_and_nobody_elses(ledger: Context) -> None:
    ingest_events(ledger, [an_event(n, dimensions={"user": "ursula" if n < 3 else "otto"}) for n in (1, 2, 3)])
    append_content(ledger.ledger, [said(1), said(3, user="otto")])
    assert erase_user(ledger, "ursula", ADMIN, dry_run=True) == Erased(2, 1)
    assert count(ledger) == 2
    assert erase_user(ledger, "ursula", ADMIN) == Erased(2, 1)
    assert erase_user(ledger, "ursula", ADMIN) == Erased(0, 0)
    assert ledger.ledger.rows("SELECT event_id FROM content") == [("evt_000003",)]
    assert "ursula" not in str(list_audit(ledger))


def test_what_retention_has_deleted_is_remembered_when_it_is_switched_off(ledger: Context) -> None:
    ingest_events(ledger, [an_event(1)])
    post_charges(ledger)
    limited = replace(ledger, retention=Retention(events_days=5))
    now = START + 10 * DAY
    horizon = (now - 5 * DAY) // DAY * DAY
    assert kept_since(ledger, now) == 0
    assert kept_since(limited, now) == horizon
    assert retain(limited, now) == 1
    assert kept_since(ledger, now) == horizon
    assert kept_since(limited, now + 2 * DAY) == horizon + 2 * DAY
