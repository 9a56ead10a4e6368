"""A connected socket to a host, whose address is checked before anything is sent."""

import socket

from tallystick.kernel.addresses import is_address, is_public


class DialFailed(Exception):
    """No connection.

    Attributes:
        reason: For people; names the host and nothing else of an address.
        retry: Trying again later may help.
    """

    def __init__(self, reason: str, *, retry: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry


def dial(host: str, port: int, seconds: float, *, allow_private: bool) -> socket.socket:
    """Connect to the first address of a host that answers; operations on the socket time out after `seconds`.

    Raises:
        DialFailed: The name leads nowhere or inside, or nothing answers.
    """
    failed = "no address"
    for family, address in _addresses(host, port, allow_private=allow_private):
        made = socket.socket(family, socket.SOCK_STREAM)
        made.settimeout(seconds)
        # Head and body go out in two writes: without this the second waits for the other side's word on the first.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            made.connect(address)
        except OSError as error:
            made.close()
            failed = said(error)
        else:
            return made
    raise DialFailed(f"{host} cannot be reached: {failed}", retry=True)


def _addresses(host: str, port: int, *, allow_private: bool) -> list[tuple[socket.AddressFamily, tuple[object, ...]]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DialFailed(f"{host} cannot be found: {said(error)}", retry=True) from None
    if not (allow_private or may_lead_inside(host)):
        inside = [str(one[4][0]) for one in found if not is_public(str(one[4][0]))]
        if inside:
            raise DialFailed(f"{host} resolves to {inside[0]}, which is not a public address", retry=False)
    return [(one[0], one[4]) for one in found]


def may_lead_inside(host: str) -> bool:
    """Whether a host says itself that it is inside, so that nobody is misled: an address, or ``localhost``."""
    return is_address(host) or host == "localhost" or host.endswith(".localhost")


def said(error: Exception) -> str:
    """An error in words that hold nothing of what was sent."""
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return (error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__).lower()
