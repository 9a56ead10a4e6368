"""Slack's incoming webhook."""

import json
from dataclasses import replace

import pytest

from tallystick.notify.model import Alert, Undelivered
from tallystick.notify.slack import Slack, message
from tests.notify.receivers import Receiver


def test_a_message_has_blocks_and_a_text_for_those_who_see_none(receiver: Receiver, alert: Alert) -> None:
    Slack(f"{receiver.url}/services/T0/B0/planted", "https://tally.test").deliver(alert)
    (got,) = receiver.requests
    title = "Team=support is refused: the budget “Support” has no room"
    lines = "$50.00 limit, $49.98 used.\nFirst such call: 2026-11-23T09:40:00Z."
    assert json.loads(got.body) == {
        "text": f"{title}\n{lines}",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": f"⚠️ {title}", "emoji": True}},
            {"type": "section", "text": {"type": "mrkdwn", "text": lines}},
            {
                "type": "actions",
                "elements": [
                    {
                        "type": "button",
                        "text": {"type": "plain_text", "text": "Open"},
                        "url": "https://tally.test/requests/evt_1",
                    }
                ],
            },
        ],
    }


def test_a_name_from_a_caller_mentions_nobody_and_hides_no_link(alert: Alert) -> None:
    hostile = replace(alert, title="<!channel> & <https://evil.test|open>", lines=("<@U1>",))
    made = message(hostile, "")
    assert made["text"] == "&lt;!channel&gt; &amp; &lt;https://evil.test|open&gt;\n&lt;@U1&gt;"
    assert made["blocks"][1]["text"]["text"] == "&lt;@U1&gt;"
    assert made["blocks"][0]["text"]["type"] == "plain_text"


def test_what_is_longer_than_slack_takes_is_cut(alert: Alert) -> None:
    made = message(replace(alert, title="t" * 500, lines=("l" * 9000,)), "")
    assert len(made["blocks"][0]["text"]["text"]) == 150
    assert len(made["blocks"][1]["text"]["text"]) == 3000
    assert len(made["text"]) <= 3000


def test_the_address_is_a_secret_and_stands_in_no_error(receiver: Receiver, alert: Alert) -> None:
    receiver.statuses = [403]
    slack = Slack(f"{receiver.url}/services/T0/B0/planted", "")
    with pytest.raises(Undelivered) as caught:
        slack.deliver(alert)
    assert caught.value.retry
    assert str(caught.value) == "Slack answered 403"
    assert "planted" not in repr(slack)
