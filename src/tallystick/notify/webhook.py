"""A webhook: the alert as JSON, signed, so that its receiver knows whose it is and how old.

The header ``x-tally-signature: t=<unix seconds>,v1=<hex>`` is HMAC-SHA256 of
``<t>.<body>`` under the shared secret. A receiver computes it anew over the bytes as
they came, compares in constant time, refuses a `t` more than five minutes off, and
keeps ``x-tally-alert-id`` for as long: the same alert may come twice.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tallystick.notify.answered import check_status
from tallystick.notify.model import Alert, Undelivered
from tallystick.notify.wire import to_wire
from tallystick.transport.post import Post, PostFailed, post


@dataclass(frozen=True, slots=True)
class Webhook:
    """See `model.Channel`.

    Attributes:
        secret: Signs; empty sends unsigned.
        base_url: Of the pages, for links.
        clock: The instant in microseconds, for the signature.
    """

    url: str = field(repr=False)
    secret: bytes = field(repr=False)
    base_url: str
    clock: Callable[[], int]
    allow_private: bool = False
    name: str = "webhook"

    def deliver(self, alert: Alert) -> None:
        """Post it. Raises Undelivered."""
        body = json.dumps(to_wire(alert, self.base_url), ensure_ascii=False).encode()
        headers = {
            "content-type": "application/json",
            "user-agent": "tallystick",
            "x-tally-alert-id": alert.alert_id,
        }
        if self.secret:
            headers["x-tally-signature"] = signature(self.secret, self.clock() // 1_000_000, body)
        try:
            status = post(Post(self.url, body, headers, self.allow_private))
        except PostFailed as error:
            raise Undelivered(error.reason, retry=error.retry) from None
        check_status(urlsplit(self.url).hostname or "", status)


def signature(secret: bytes, at_seconds: int, body: bytes) -> str:
    """The header's value."""
    mac = hmac.new(secret, b"%d." % at_seconds + body, hashlib.sha256).hexdigest()
    return f"t={at_seconds},v1={mac}"
