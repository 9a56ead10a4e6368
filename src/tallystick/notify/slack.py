"""A Slack incoming webhook. Its address is its secret."""

import json
from dataclasses import dataclass, field
from typing import Any

from tallystick.notify.answered import check_status
from tallystick.notify.model import Alert, Undelivered
from tallystick.notify.text import one_line
from tallystick.notify.wire import whole_link
from tallystick.transport.post import Post, PostFailed, post

# Slack refuses longer ones, and the whole message with them.
_LONGEST_TITLE, _LONGEST_SECTION = 150, 3000
_SIGNS = {"info": "ℹ️", "warning": "⚠️", "critical": "🛑"}


@dataclass(frozen=True, slots=True)
class Slack:
    """See `model.Channel`.

    Attributes:
        base_url: Of the pages, for links.
    """

    url: str = field(repr=False)
    base_url: str
    allow_private: bool = False
    name: str = "slack"

    def deliver(self, alert: Alert) -> None:
        """Post it. Raises Undelivered."""
        body = json.dumps(message(alert, self.base_url), ensure_ascii=False).encode()
        headers = {"content-type": "application/json; charset=utf-8", "user-agent": "tallystick"}
        try:
            status = post(Post(self.url, body, headers, self.allow_private))
        except PostFailed as error:
            raise Undelivered(error.reason, retry=error.retry) from None
        check_status("Slack", status)


def message(alert: Alert, base_url: str) -> dict[str, Any]:
    """Blocks for people, and the text that stands in notifications and for readers aloud."""
    title = one_line(alert.title)
    heading = f"{_SIGNS[alert.severity]} {title}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(heading, _LONGEST_TITLE), "emoji": True}}
    ]
    if alert.lines:
        text = _cut(_escaped("\n".join(alert.lines)), _LONGEST_SECTION)
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": text}})
    link = whole_link(alert, base_url)
    if link:
        button = {"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": link}
        blocks.append({"type": "actions", "elements": [button]})
    return {"text": _cut(_escaped("\n".join([title, *alert.lines])), _LONGEST_SECTION), "blocks": blocks}


def _escaped(text: str) -> str:
    """Names come from callers: none may mention a channel or hide a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
