"""Say something once: keep an alert, and owe it to every channel."""

from dataclasses import replace

from tallystick.kernel.ids import new_id
from tallystick.kernel.period import HOUR_US
from tallystick.notify import store
from tallystick.notify.model import Alert
from tallystick.notify.text import one_line
from tallystick.operations.context import Context, now_us

# A fault that meets every customer at once would bury the channel: what is beyond is listed and not sent.
MOST_AN_HOUR = 60
_MORE = "There are many of these now: further ones within the hour are listed by `tally alerts list` and not sent."


def raise_alert(context: Context, alert: Alert) -> bool:
    """Keep an alert and owe it to the configured channels, in one transaction; False when its subject was raised before.

    It returns before anything is sent: `deliver_alerts` sends.
    """
    db = context.config_db
    if store.has_subject(db, alert.subject):
        return False
    at = now_us()
    with db.transaction():
        before = store.count_since(db, alert.kind, at - HOUR_US)
        # Names come from callers: a line stays a line, on a terminal and in a header.
        title, lines = one_line(alert.title), tuple(one_line(line) for line in alert.lines)
        kept = replace(alert, title=title, lines=lines, alert_id=new_id("alr", at), created_at=at)
        if before == MOST_AN_HOUR - 1:
            kept = replace(kept, lines=(*kept.lines, _MORE))
        return store.append_alert(db, kept, context.channels if before < MOST_AN_HOUR else ())
