"""Alerts and their deliveries in the row database."""

from collections.abc import Iterable

from tallystick.notify.model import Alert, Delivery, Due
from tallystick.notify.wire import body_of, from_body
from tallystick.storage.config_db import ConfigDb, Value

_ALERT = "SELECT alert_id, subject, kind, body, created_at FROM alert"


def append_alert(db: ConfigDb, alert: Alert, channels: Iterable[str]) -> bool:
    """Keep an alert and owe it to these channels at once; False when its subject was raised before.

    Call it inside a transaction.
    """
    new = db.execute(
        "INSERT INTO alert (alert_id, subject, kind, body, created_at)"
        " VALUES (:alert_id, :subject, :kind, :body, :at) ON CONFLICT (subject) DO NOTHING",
        {
            "alert_id": alert.alert_id,
            "subject": alert.subject,
            "kind": alert.kind,
            "body": body_of(alert),
            "at": alert.created_at,
        },
    )
    if new:
        db.execute_many(
            "INSERT INTO alert_delivery (alert_id, channel, attempts, next_at, delivered_at, given_up_at, last_error)"
            " VALUES (:alert_id, :channel, 0, :at, NULL, NULL, '')",
            [{"alert_id": alert.alert_id, "channel": channel, "at": alert.created_at} for channel in channels],
        )
    return bool(new)


def has_subject(db: ConfigDb, subject: str) -> bool:
    """Whether this was raised before."""
    return bool(db.rows("SELECT 1 FROM alert WHERE subject = :subject", {"subject": subject}))


def count_since(db: ConfigDb, kind: str, since_us: int) -> int:
    """Alerts of a kind raised since an instant."""
    sql = "SELECT count(*) FROM alert WHERE kind = :kind AND created_at >= :since"
    return int(db.rows(sql, {"kind": kind, "since": since_us})[0][0] or 0)


def list_due(db: ConfigDb, channel: str, at_us: int, limit: int) -> list[Due]:
    """What a channel is to send by now, oldest first."""
    rows = db.rows(
        "SELECT a.alert_id, a.subject, a.kind, a.body, a.created_at, d.attempts"
        " FROM alert_delivery d JOIN alert a USING (alert_id)"
        " WHERE d.channel = :channel AND d.delivered_at IS NULL AND d.given_up_at IS NULL AND d.next_at <= :at"
        " ORDER BY a.created_at, a.alert_id LIMIT :limit",
        {"channel": channel, "at": at_us, "limit": limit},
    )
    return [Due(_alert(row[:5]), int(row[5] or 0)) for row in rows]


def write_delivery(db: ConfigDb, alert_id: str, delivery: Delivery) -> None:
    """What became of an attempt; a delivery that is done stays done."""
    db.execute(
        "UPDATE alert_delivery SET attempts = :attempts, next_at = :next_at, delivered_at = :delivered_at,"
        " given_up_at = :given_up_at, last_error = :last_error"
        " WHERE alert_id = :alert_id AND channel = :channel AND delivered_at IS NULL",
        {
            "alert_id": alert_id,
            "channel": delivery.channel,
            "attempts": delivery.attempts,
            "next_at": delivery.next_at,
            "delivered_at": delivery.delivered_at,
            "given_up_at": delivery.given_up_at,
            "last_error": delivery.last_error,
        },
    )


def list_alerts(db: ConfigDb, limit: int) -> list[tuple[Alert, tuple[Delivery, ...]]]:
    """The latest alerts, newest first, each with its deliveries by channel."""
    alerts = [
        _alert(row) for row in db.rows(_ALERT + " ORDER BY created_at DESC, alert_id DESC LIMIT :n", {"n": limit})
    ]
    return [(alert, _deliveries(db, alert.alert_id)) for alert in alerts]


def _deliveries(db: ConfigDb, alert_id: str) -> tuple[Delivery, ...]:
    rows = db.rows(
        "SELECT channel, attempts, next_at, delivered_at, given_up_at, last_error FROM alert_delivery"
        " WHERE alert_id = :alert_id ORDER BY channel",
        {"alert_id": alert_id},
    )
    return tuple(
        Delivery(str(row[0]), int(row[1] or 0), int(row[2] or 0), _instant(row[3]), _instant(row[4]), str(row[5]))
        for row in rows
    )


def _instant(value: Value) -> int | None:
    return None if value is None else int(value)


def _alert(row: tuple[Value, ...]) -> Alert:
    return from_body(str(row[0]), str(row[1]), row[2], str(row[3]), int(row[4] or 0))
