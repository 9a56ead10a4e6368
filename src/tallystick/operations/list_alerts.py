"""What was said lately, and whether it arrived."""

from tallystick.notify import store
from tallystick.notify.model import Alert, Delivery
from tallystick.operations.context import Context


def list_alerts(context: Context, *, limit: int = 100) -> list[tuple[Alert, tuple[Delivery, ...]]]:
    """The latest alerts, newest first, each with its deliveries."""
    return store.list_alerts(context.config_db, limit)
