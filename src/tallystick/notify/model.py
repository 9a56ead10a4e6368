"""What an alert is, and what a channel does with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Kind = Literal[
    "budget_threshold",
    "budget_blocked",
    "budget_degraded",
    "breaker_tripped",
    "counter_drift",
    "price_unknown",
    "untracked_spend",
    "notify_test",
]
Severity = Literal["info", "warning", "critical"]
Fact = str | int | None


@dataclass(frozen=True, slots=True)
class Alert:
    """One message about one thing, sent once.

    Attributes:
        subject: What it is about, such as ``budget_blocked:bud_1:customer=acme:1763856000``; of alerts with
            the same subject only the first is kept and sent.
        title: One line: number, driver, consequence.
        lines: Plain sentences below it.
        link: Path of the page that shows more, such as ``/requests?…``; empty for none.
        facts: The same for machines; money is decimal text.
        alert_id: ``alr_…``, given when it is raised; the idempotency key of every delivery.
        created_at: Microseconds since 1970, given when it is raised.
    """

    kind: Kind
    subject: str
    title: str
    lines: tuple[str, ...] = ()
    severity: Severity = "warning"
    link: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    alert_id: str = ""
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One alert on its way through one channel. Instants are microseconds.

    Attributes:
        attempts: Made so far.
        next_at: When the next is due; of no meaning once delivered or given up.
        last_error: Of the last attempt; holds no secret.
    """

    channel: str
    attempts: int = 0
    next_at: int = 0
    delivered_at: int | None = None
    given_up_at: int | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """An alert that a channel is to send now, and how often it was tried."""

    alert: Alert
    attempts: int


class Undelivered(Exception):
    """The channel did not take an alert.

    Attributes:
        reason: For people; holds no secret and nothing that the other side said.
        retry: Trying again later may help.
    """

    def __init__(self, reason: str, *, retry: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry


class Channel(Protocol):
    """A way to people or their programs.

    Attributes:
        name: ``webhook``, ``slack``, ``mail``; unique, kept with every delivery.
    """

    @property
    def name(self) -> str: ...

    def deliver(self, alert: Alert) -> None:
        """Hand the alert over; when this returns, the other side has taken it. Every wait in it is bounded.

        Raises:
            Undelivered: It was not taken, or nobody knows.
        """
