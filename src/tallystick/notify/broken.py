"""A channel that is configured and cannot work: it says so for every alert, so that nobody takes silence for calm."""

from dataclasses import dataclass

from tallystick.notify.model import Alert, Undelivered


@dataclass(frozen=True, slots=True)
class Broken:
    """See `model.Channel`. Alerts wait for the channel to be put right and the server to be started again."""

    name: str
    reason: str

    def deliver(self, alert: Alert) -> None:
        """Raises Undelivered, always."""
        raise Undelivered(self.reason, retry=True)
