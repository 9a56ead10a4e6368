"""An alert as JSON: the webhook's body and the row database's."""

import json
from typing import Any

from tallystick.kernel.period import rfc3339
from tallystick.notify.model import Alert


def to_wire(alert: Alert, base_url: str) -> dict[str, Any]:
    """What a webhook receives; `link` is a whole address."""
    return {
        "id": alert.alert_id,
        "kind": alert.kind,
        "subject": alert.subject,
        "severity": alert.severity,
        "title": alert.title,
        "lines": list(alert.lines),
        "link": whole_link(alert, base_url),
        "facts": dict(alert.facts),
        "created_at": rfc3339(alert.created_at),
    }


def whole_link(alert: Alert, base_url: str) -> str:
    """The address of the alert's page, empty when it has none."""
    return base_url + alert.link if alert.link else ""


def body_of(alert: Alert) -> str:
    """What the row database keeps beside the columns of its own."""
    return json.dumps(
        {
            "title": alert.title,
            "lines": list(alert.lines),
            "severity": alert.severity,
            "link": alert.link,
            "facts": dict(alert.facts),
        },
        ensure_ascii=False,
    )


def from_body(alert_id: str, subject: str, kind: Any, body: str, created_at: int) -> Alert:
    """The alert that was kept."""
    kept = json.loads(body)
    return Alert(
        kind=kind,
        subject=subject,
        title=kept["title"],
        lines=tuple(kept["lines"]),
        severity=kept["severity"],
        link=kept["link"],
        facts=kept["facts"],
        alert_id=alert_id,
        created_at=created_at,
    )
