"""Which headers of an answer pass to the client: all but hop-by-hop ones. Requests: `attribution`."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

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
    drop |= _listed_in_connection(headers)
    passed = [header for header in headers if _passes(header[0])]
    return [header for header in passed if header[0] not in drop] if drop else passed


@lru_cache(maxsize=512)
def _passes(name: bytes) -> bool:
    return name not in HOP_BY_HOP and not name.startswith(b"x-tally-")


def _listed_in_connection(headers: Raw) -> frozenset[bytes]:
    """Headers that the sender declares to be for this connection only."""
    for name, value in headers:
        if name == b"connection" and value.lower() not in {b"keep-alive", b"close"}:
            return frozenset(one.strip().lower() for one in value.split(b","))
    return frozenset()
