"""The heads of answers, rendered once: status line, fields, and how the body is framed."""

from collections.abc import Sequence
from enum import Enum
from http import HTTPStatus
from typing import NamedTuple

Headers = Sequence[tuple[bytes, bytes]]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


class Framing(Enum):
    """How the end of a body is told: there is none, by its length, by chunks, by the connection's end."""

    NO_BODY = 0
    LENGTH = 1
    CHUNKED = 2
    UNFRAMED = 3


NO_BODY, LENGTH, CHUNKED, UNFRAMED = Framing

_LINES = {one.value: b"HTTP/1.1 %d %b\r\n" % (one.value, one.phrase.encode()) for one in HTTPStatus}
_LENGTH_FIELD = b"\r\ncontent-length: "
_CONNECTION_FIELD = b"\r\nconnection: "
_BODILESS = frozenset({204, 304})


class Head(NamedTuple):
    """A head ready to be sent.

    Attributes:
        keeps: Another request may follow.
        length: Of the body, where it is framed so.
    """

    data: bytes
    framing: Framing
    length: int
    keeps: bool


def head_of(status: int, headers: Headers, *, keeps: bool, modern: bool, method: str) -> Head:
    """Render a head.

    Args:
        headers: Names in lower case, none of them ``transfer-encoding``: framing is ours to choose.
        keeps: The connection may go on, unless the headers say ``connection: close``.
        modern: The client speaks HTTP/1.1.
        method: Of the request; HEAD is answered without a body.

    Raises:
        ValueError: A header holds a line end or a zero byte, or no length is what is said to be one.
    """
    line = _LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    data = b"".join((line, *[b"%b: %b\r\n" % header for header in headers]))
    # As many line ends as we wrote.
    lines = len(headers) + 1
    if data.count(b"\n") != lines or data.count(b"\r") != lines or b"\0" in data:
        raise ValueError("a header of an answer holds a line end or a zero byte")
    if _CONNECTION_FIELD in data and _says_close(headers):
        keeps, closes = False, True
    else:
        closes = False
    at = data.find(_LENGTH_FIELD)
    length = 0
    framing = LENGTH
    if at >= 0:
        at += len(_LENGTH_FIELD)
        length = int(data[at : data.index(b"\r", at)])
    if method == "HEAD" or status in _BODILESS:
        framing = NO_BODY
    elif at < 0:
        framing = CHUNKED if modern else UNFRAMED
        keeps = keeps and modern
    return Head(data + _END[framing is CHUNKED, keeps or closes], framing, length, keeps)


# What ends a head, by whether chunks follow and whether nothing is to be said of the connection.
_END = {
    (False, True): b"\r\n",
    (True, True): b"transfer-encoding: chunked\r\n\r\n",
    (False, False): b"connection: close\r\n\r\n",
    (True, False): b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n",
}


def chunk(body: bytes) -> bytes:
    """One chunk; of no bytes it would be the last, so there have to be some."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def _says_close(headers: Headers) -> bool:
    return any(
        name == b"connection" and b"close" in {word.strip() for word in value.lower().split(b",")}
        for name, value in headers
    )
