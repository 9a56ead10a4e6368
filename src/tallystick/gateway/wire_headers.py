"""Which headers of an answer pass to the client: all but hop-by-hop ones. Requests: `attribution`."""

from collections.abc import Iterable, Sequence

Raw = Sequence[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


def get(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    """The first value of a header, '' when it is not there. Names are lower case."""
    for found, value in headers:
        if found == name:
            return text(value)
    return ""


def text(value: bytes) -> str:
    """A header value as text: UTF-8 where it is, else Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def for_client(headers: Raw, *, drop: frozenset[bytes] = frozenset()) -> list[tuple[bytes, bytes]]:
    """The upstream's headers (names in lower case) less hop-by-hop ones, those to drop, and any of ours."""
    listed = _listed_in_connection(headers)
    return [
        (name, value)
        for name, value in headers
        if name not in HOP_BY_HOP and name not in drop and name not in listed and not name.startswith(b"x-tally-")
    ]


def _listed_in_connection(headers: Raw) -> frozenset[bytes]:
    """Headers that the sender declares to be for this connection only."""
    for name, value in headers:
        if name == b"connection" and value.lower() not in {b"keep-alive", b"close"}:
            return frozenset(one.strip().lower() for one in value.split(b","))
    return frozenset()
