"""Alerts over the API."""

from dataclasses import replace
from typing import Any

import pytest

from tallystick.api.app import build_api
from tallystick.api.services import Services
from tallystick.notify.broken import Broken
from tallystick.notify.model import Alert, Channel, Undelivered
from tallystick.operations.context import Context
from tallystick.operations.deliver_alerts import deliver_alerts
from tallystick.operations.raise_alert import raise_alert
from tests.api.client import ask

Lines = list[tuple[str, str]]


class Taker:
    name = "mail"

    def deliver(self, alert: Alert) -> None:
        return


class Refuser:
    name = "webhook"

    def deliver(self, alert: Alert) -> None:
        raise Undelivered("hooks.test answered 400", retry=False)


def _api(context: Context, services: Services, *channels: Channel) -> Any:
    return build_api(context, replace(services, channels=channels))


def test_an_alert_is_listed_with_what_became_of_it(context: Context, services: Services, local: Lines) -> None:
    channels = (Taker(), Refuser(), Broken("slack", "the environment variable X is empty"))
    owed = replace(context, channels=tuple(one.name for one in channels))
    raise_alert(owed, Alert("counter_drift", "s1", "One", ("Line.",), "critical", "/budgets/b", {"before": 1}))
    raise_alert(context, Alert("price_unknown", "s2", "Two"))
    answer = ask(_api(context, services, *channels), "GET", "/api/v1/alerts", local).json
    assert answer["channels"] == ["mail", "webhook", "slack"]
    assert [one["title"] for one in answer["alerts"]] == ["Two", "One"]
    one = answer["alerts"][1]
    assert {name: one[name] for name in ("kind", "subject", "severity", "lines", "link", "facts")} == {
        "kind": "counter_drift",
        "subject": "s1",
        "severity": "critical",
        "lines": ["Line."],
        "link": "https://tally.test/budgets/b",
        "facts": {"before": 1},
    }
    assert [len(one["deliveries"]) for one in answer["alerts"]] == [0, 3]


def test_each_delivery_says_whether_it_arrived_waits_or_was_given_up(
    context: Context, services: Services, local: Lines
) -> None:
    channels = (Taker(), Refuser(), Broken("slack", "the environment variable X is empty"))
    owed = replace(context, channels=tuple(one.name for one in channels))
    raise_alert(owed, Alert("counter_drift", "s1", "One"))
    deliver_alerts(owed, channels)
    (alert,) = ask(_api(context, services, *channels), "GET", "/api/v1/alerts", local).json["alerts"]
    mail, slack, webhook = alert["deliveries"]
    assert (mail["channel"], mail["attempts"], mail["last_error"]) == ("mail", 1, "")
    assert mail["delivered_at"] is not None
    assert (slack["channel"], slack["last_error"]) == ("slack", "the environment variable X is empty")
    assert slack["next_at"] is not None
    assert (webhook["channel"], webhook["last_error"]) == ("webhook", "hooks.test answered 400")
    assert webhook["given_up_at"] is not None
    assert [one["next_at"] for one in (mail, webhook)] == [None, None]


def test_a_test_reports_each_channel(context: Context, services: Services, local: Lines) -> None:
    reply = ask(_api(context, services, Taker(), Refuser()), "POST", "/api/v1/alerts/test", local)
    assert reply.status == 200
    assert reply.json == {
        "results": [
            {"channel": "mail", "delivered": True, "error": ""},
            {"channel": "webhook", "delivered": False, "error": "hooks.test answered 400"},
        ]
    }


def test_a_test_without_channels_says_what_to_configure(context: Context, services: Services, local: Lines) -> None:
    reply = ask(_api(context, services), "POST", "/api/v1/alerts/test", local)
    assert reply.status == 400
    assert b"no channel is configured" in reply.body


@pytest.mark.parametrize(("query", "status"), [("limit=1", 200), ("limit=0", 400), ("limit=x", 400), ("other=1", 400)])
def test_the_list_takes_a_limit_and_nothing_else(
    context: Context, services: Services, local: Lines, query: str, status: int
) -> None:
    for number in range(3):
        raise_alert(context, Alert("counter_drift", str(number), "One"))
    reply = ask(_api(context, services), "GET", f"/api/v1/alerts?{query}", local)
    assert reply.status == status
    if status == 200:
        assert len(reply.json["alerts"]) == 1
