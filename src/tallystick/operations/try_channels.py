"""Send a test through every channel, now, and say what became of it."""

from collections.abc import Sequence

from tallystick.kernel.ids import new_id
from tallystick.notify.model import Alert, Channel, Delivery, Undelivered
from tallystick.operations.audit import record
from tallystick.operations.context import Context, now_us


def try_channels(context: Context, channels: Sequence[Channel], who: str) -> list[Delivery]:
    """One attempt through each channel, in order; nothing is kept but a line in the audit log."""
    at = now_us()
    alert = Alert(
        "notify_test",
        f"notify_test:{at}",
        "Tallystick can reach you here",
        ("This is a test that somebody asked for. Nothing has happened and nothing is to be done.",),
        severity="info",
        facts={"asked_by": who},
        alert_id=new_id("alr", at),
        created_at=at,
    )
    with context.config_db.transaction():
        record(context, who, "test alerts", ", ".join(channel.name for channel in channels))
    return [_try(channel, alert) for channel in channels]


def _try(channel: Channel, alert: Alert) -> Delivery:
    try:
        channel.deliver(alert)
    except Undelivered as error:
        return Delivery(channel.name, 1, last_error=error.reason)
    except Exception as error:  # noqa: BLE001 - the other channels are to be tried as well
        return Delivery(channel.name, 1, last_error=f"an unexpected {type(error).__name__}")
    return Delivery(channel.name, 1, delivered_at=now_us())
