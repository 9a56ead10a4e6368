"""A connection to the host of an address: checked, over verified TLS, with an end to its time."""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import SplitResult, urlsplit

from tallystick.transport.dial import DialFailed, dial, said


def parts_of(url: str) -> SplitResult:
    """An address in its parts.

    Raises:
        DialFailed: It is none of HTTP; it is not repeated, for it may be a secret.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        words = "the address is none that begins with https:// or http:// and names a host"
        raise DialFailed(words, retry=False)
    return parts


def target_of(parts: SplitResult) -> str:
    """What the request line asks for."""
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def connect(parts: SplitResult, seconds: float, *, allow_private: bool) -> http.client.HTTPConnection:
    """A connection whose socket is there already, so that its address was ours to check.

    Raises:
        DialFailed: The host cannot be reached, may not be, or is not who it says.
    """
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    connection = http.client.HTTPConnection(parts.netloc.rpartition("@")[2], timeout=seconds)
    plain = dial(host, port, seconds, allow_private=allow_private)
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
def deadline(sock: socket.socket, seconds: float) -> Iterator[threading.Event]:
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
