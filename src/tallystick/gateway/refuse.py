"""Refusals: what the gateway itself answers instead of a provider, in that provider's shape.

Statuses follow what official SDKs do with them: 4xx is raised as a typed exception and
not tried again, 408 and 5xx are tried again, so each is used where trying again helps.
"""

from dataclasses import dataclass

from tallystick.gateway.dialects.hooks import hooks_of
from tallystick.gateway.dialects.model import NO_DETAIL, Detail, Dialect

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not forwarded.

    Attributes:
        code: Word for machines; becomes the row's `error_type`.
        message: What, where, why and the next step, for the person who reads the exception.
        final: Trying again cannot succeed; said in `x-should-retry` for SDKs that would try.
        retry_after: Whole seconds after which trying again makes sense; 0 says nothing.
        detail: What goes into the error's body beside the message.
    """

    status: int
    code: str
    message: str
    final: bool = True
    close: bool = False
    retry_after: int = 0
    detail: Detail = NO_DETAIL


class Refused(Exception):
    """Carries a refusal out of the steps that prepare a call."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def refuse(status: int, code: str, message: str, *, final: bool = True) -> Refused:
    """Shorthand to raise."""
    return Refused(Refusal(status, code, message, final))


def status_of(dialect: Dialect, refusal: Refusal) -> int:
    """The status under which the dialect's SDKs do with the refusal what it says."""
    return hooks_of(dialect).refusal_status(refusal.status, final=refusal.final)


def answer(dialect: Dialect, refusal: Refusal, event_id: str) -> tuple[Headers, bytes]:
    """Headers and body of the answer; its status is `status_of`."""
    body = dialect.error(refusal.status, refusal.code, refusal.message, event_id, refusal.detail)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (dialect.request_id, event_id.encode()),
        (b"x-tally-event-id", event_id.encode()),
        *hooks_of(dialect).refusal_headers(refusal.status, final=refusal.final),
    ]
    if refusal.final:
        headers.append((b"x-should-retry", b"false"))
    if refusal.retry_after:
        headers.append((b"retry-after", b"%d" % refusal.retry_after))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if refusal.close:
        headers.append((b"connection", b"close"))
    return headers, body
