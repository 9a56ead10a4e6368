"""One HTTP request that sends a body and learns the status; the answer's body is of no interest."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field

from tallystick.transport.dial import DialFailed, said
from tallystick.transport.reach import connect, deadline, parts_of, target_of

_MOST_READ = 64 * 1024


@dataclass(frozen=True, slots=True)
class Post:
    """What to send where.

    Attributes:
        url: ``http`` or ``https``; never repeated in errors or logs, for it may be a secret.
        allow_private: The host may resolve to an address that is not public.
        seconds: For connecting to each address, for each step of TLS, and for request and answer together.
    """

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    allow_private: bool = False
    seconds: float = 10.0


class PostFailed(Exception):
    """No answer came.

    Attributes:
        reason: For people, without path, header or body.
        retry: Trying again later may help.
    """

    def __init__(self, reason: str, *, retry: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry


def post(request: Post) -> int:
    """Send it; the answer's status.

    Raises:
        PostFailed: It could not be sent, or nothing came back in time.
    """
    try:
        parts = parts_of(request.url)
        connection = connect(parts, request.seconds, allow_private=request.allow_private)
    except DialFailed as error:
        raise PostFailed(error.reason, retry=error.retry) from None
    host = parts.hostname or ""
    with deadline(connection.sock, request.seconds) as over:
        try:
            connection.request("POST", target_of(parts), request.body, dict(request.headers))
            response = connection.getresponse()
            response.read(_MOST_READ)
            if over.is_set():
                # The parser takes the end of the connection for the end of the head.
                raise TimeoutError
            return response.status
        except (OSError, http.client.HTTPException, ValueError) as error:
            words = "it did not answer in time" if over.is_set() else said(error)
            raise PostFailed(f"{host} gave no answer: {words}", retry=True) from None
        finally:
            connection.close()
