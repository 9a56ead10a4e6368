"""The provider's side, as calls see it: a small port with two implementations.

Bodies come back as they are on the wire: nothing is decompressed, no redirect is
followed, no proxy of the environment is used, TLS is verified. Addresses are checked
when the connection is made, so a name that resolves to the inside leads nowhere.
"""

from typing import Protocol

from tallystick.kernel.record import record


@record(frozen=True, slots=True)
class UpstreamRequest:
    """What to send where.

    Attributes:
        url: Path and query as they are to be sent, encoded already.
        headers: Names in lower case and values, in order; without ``host``, which the URL gives.
    """

    method: str
    url: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    timeout_seconds: float
    connect_timeout_seconds: float


class UpstreamFailed(Exception):
    """No whole answer came.

    Attributes:
        reached: Whether the provider may have taken the request (and bills it).
        timed_out: It was silent for too long.
    """

    def __init__(self, reason: str, *, reached: bool, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reached = reached
        self.timed_out = timed_out


class UpstreamResponse(Protocol):
    """An answer whose head has arrived; header names in lower case."""

    status: int
    headers: list[tuple[bytes, bytes]]

    async def read(self) -> bytes:
        """The next bytes, empty at a proper end.

        Raises:
            UpstreamFailed: The connection broke or fell silent before the end.
        """

    def close(self) -> None:
        """Let go; a connection whose answer was read to its end is used again."""


class Upstream(Protocol):
    """Sends requests to providers."""

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Send, and wait for the head of the answer.

        Raises:
            UpstreamFailed: Not reached, or no head came.
        """

    async def close(self) -> None:
        """Close all connections."""
