"""One HTTP request that sends a body and learns the status; the answer's body is of no interest."""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from tallystick.transport.dial import DialFailed, dial, said

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
    parts = _parts(request.url)
    host = parts.hostname or ""
    try:
        connection = _connect(request, parts)
    except DialFailed as error:
        raise PostFailed(error.reason, retry=error.retry) from None
    with _deadline(connection.sock, request.seconds) as over:
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, request.body, dict(request.headers))
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


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise PostFailed("the address is none that begins with https:// or http:// and names a host", retry=False)
    return parts


def _connect(request: Post, parts: SplitResult) -> http.client.HTTPConnection:
    """A connection whose socket is there already, so that its address was ours to check."""
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    connection = http.client.HTTPConnection(parts.netloc.rpartition("@")[2], timeout=request.seconds)
    plain = dial(host, port, request.seconds, allow_private=request.allow_private)
    connection.sock = wrap(plain, host) if secure else plain
    return connection


def wrap(plain: socket.socket, host: str) -> ssl.SSLSocket:
    """The socket under verified TLS.

    Raises:
        DialFailed: The other side is not who it should be, or speaks no TLS.
    """
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        plain.close()
        raise DialFailed(f"{host} shows a certificate that does not hold: {error.verify_message}", retry=True) from None
    except OSError as error:
        plain.close()
        raise DialFailed(f"{host} does not speak TLS: {said(error)}", retry=True) from None


@contextmanager
def _deadline(sock: socket.socket, seconds: float) -> Iterator[threading.Event]:
    """Shut the connection when its time is over, however lively the other side drips."""
    over = threading.Event()

    def end() -> None:
        over.set()
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()
