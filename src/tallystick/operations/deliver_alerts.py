"""Send what is owed. At least once: the mark is set after a channel took the alert."""

import logging
from collections.abc import Sequence

from tallystick.notify import store
from tallystick.notify.backoff import next_attempt
from tallystick.notify.model import Channel, Delivery, Due, Undelivered
from tallystick.operations.context import Context, now_us

_LOG = logging.getLogger("tallystick.notify")
_LIMIT = 100


def deliver_alerts(context: Context, channels: Sequence[Channel], at: int | None = None) -> int:
    """Try everything that is due by `at` (now, where it is not given); the number delivered.

    After a failure that may pass, the channel rests until its next round: a server that is
    away is not asked for every alert. Nothing is locked while a channel is waited for.
    """
    return sum(_deliver(context, channel, at) for channel in channels)


def _deliver(context: Context, channel: Channel, at: int | None) -> int:
    delivered = 0
    for due in store.list_due(context.config_db, channel.name, _instant(at), _LIMIT):
        done = _attempt(channel, due, at)
        with context.config_db.transaction():
            store.write_delivery(context.config_db, due.alert.alert_id, done)
        delivered += done.delivered_at is not None
        if done.delivered_at is None and done.given_up_at is None:
            break
    return delivered


def _attempt(channel: Channel, due: Due, at: int | None) -> Delivery:
    try:
        channel.deliver(due.alert)
    except Undelivered as error:
        return _failed(channel, due, _instant(at), error)
    except Exception as error:  # noqa: BLE001 - one alert that a channel chokes on must not stop the others
        # Without its text, which may hold what was to be sent, or where.
        return _failed(channel, due, _instant(at), Undelivered(f"an unexpected {type(error).__name__}", retry=True))
    done_at = _instant(at)
    return Delivery(channel.name, due.attempts + 1, done_at, delivered_at=done_at)


def _instant(at: int | None) -> int:
    return now_us() if at is None else at


def _failed(channel: Channel, due: Due, at: int, error: Undelivered) -> Delivery:
    attempts = due.attempts + 1
    again = next_attempt(attempts, due.alert.created_at, at) if error.retry else None
    _LOG.warning(
        "%s did not take alert %s (attempt %d): %s%s",
        channel.name, due.alert.alert_id, attempts, error.reason, "; given up" if again is None else "",
    )  # fmt: skip
    if again is None:
        return Delivery(channel.name, attempts, at, given_up_at=at, last_error=error.reason)
    return Delivery(channel.name, attempts, again, last_error=error.reason)
