"""One receiver each for every test."""

from collections.abc import Iterator

import pytest

from tallystick.notify.model import Alert
from tests.notify.receivers import MailSink, Receiver, http_receiver, mail_sink


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as kept:
        yield kept


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as kept:
        yield kept


@pytest.fixture
def alert() -> Alert:
    return Alert(
        kind="budget_blocked",
        subject="budget_blocked:bud_1:9f2c:1",
        title="Team=support is refused: the budget “Support” has no room",
        lines=("$50.00 limit, $49.98 used.", "First such call: 2026-11-23T09:40:00Z."),
        severity="warning",
        link="/requests/evt_1",
        facts={"budget_id": "bud_1", "team": None, "calls": 3},
        alert_id="alr_019f2a4c1b7e5d0c9a8b7c6d5e4f3a2b",
        created_at=1_795_426_800_000_000,
    )
