"""Alerts: what was said and whether it arrived, and a test of every channel."""

from typing import Any

from fastapi import APIRouter

from tallystick.api.params import check_params, whole
from tallystick.api.routes import Asked
from tallystick.kernel.errors import UsageError
from tallystick.kernel.period import rfc3339
from tallystick.notify.model import Alert, Delivery
from tallystick.notify.wire import to_wire
from tallystick.operations.list_alerts import list_alerts
from tallystick.operations.try_channels import try_channels

router = APIRouter(prefix="/api/v1", tags=["alerts"])


@router.get("/alerts")
def get_alerts(asked: Asked) -> dict[str, Any]:
    """The latest alerts, newest first, each with what became of it in every channel, and the channels there are."""
    check_params(asked.request, ["limit"])
    found = list_alerts(asked.context, limit=whole(asked.request, "limit", 100, most=1000))
    return {
        "channels": [channel.name for channel in asked.services.channels],
        "alerts": [_alert(alert, deliveries, asked.services.base_url) for alert, deliveries in found],
    }


@router.post("/alerts/test")
def post_test(asked: Asked) -> dict[str, Any]:
    """Send a test through every channel now; an answer of 200 says that each was tried, not that each took it."""
    check_params(asked.request, [])
    channels = asked.services.channels
    if not channels:
        raise UsageError(
            "no channel is configured, so nobody would hear of anything",
            where="[notify]",
            next_steps=["set webhook_url, slack_url_env or smtp_host in tally.toml, then start the server again"],
        )
    done = try_channels(asked.context, channels, asked.principal.name)
    return {
        "results": [
            {"channel": one.channel, "delivered": one.delivered_at is not None, "error": one.last_error} for one in done
        ]
    }


def _alert(alert: Alert, deliveries: tuple[Delivery, ...], base_url: str) -> dict[str, Any]:
    return to_wire(alert, base_url) | {"deliveries": [_delivery(one) for one in deliveries]}


def _delivery(delivery: Delivery) -> dict[str, Any]:
    open_ = delivery.delivered_at is None and delivery.given_up_at is None
    return {
        "channel": delivery.channel,
        "attempts": delivery.attempts,
        "delivered_at": _instant(delivery.delivered_at),
        "given_up_at": _instant(delivery.given_up_at),
        "next_at": _instant(delivery.next_at) if open_ else None,
        "last_error": delivery.last_error,
    }


def _instant(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)
