"""Look at rows on their way into the ledger for what people should hear of."""

from collections.abc import Sequence

from tallystick.notify.model import Alert
from tallystick.notify.of_rows import alerts_of, is_telling
from tallystick.operations.context import Context
from tallystick.operations.raise_alert import raise_alert
from tallystick.usage.model import UsageEvent


def watch_events(context: Context, events: Sequence[UsageEvent]) -> int:
    """Raise the alerts of a batch of rows, each subject once; the number that was new.

    Rows may come again: what was raised is known by its subject. Most rows say nothing,
    and cost a comparison each.
    """
    found: dict[str, Alert] = {}
    for event in events:
        if is_telling(event):
            for alert in alerts_of(event):
                found.setdefault(alert.subject, alert)
    return sum(raise_alert(context, alert) for alert in found.values())
