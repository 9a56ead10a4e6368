"""One HTTP request whose answer is read whole: checked address, bounded size and time, kept connection."""

import http.client
import select
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult

from tallystick.transport.dial import DialFailed, said
from tallystick.transport.patience import Patience, asked_seconds, pause_of
from tallystick.transport.reach import connect, deadline, parts_of, target_of

__all__ = ["Answer", "AskFailed", "Patience", "Request", "ask", "ask_patiently", "forget_connections"]

MIB = 1024 * 1024
_READ = 256 * 1024
_MOST_KEPT = 8
# With these a kept connection ends when the other side had closed it before we asked.
_STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ConnectionAbortedError)


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask whom.

    Attributes:
        url: ``http`` or ``https``; never repeated in errors or logs, for it may hold a secret.
        seconds: For connecting to each address, each step of TLS, and request and answer together.
        allow_private: The host may resolve to an address that is not public.
        most_bytes: An answer larger than this, as sent or decompressed, is none.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    seconds: float = 60.0
    allow_private: bool = False
    most_bytes: int = 256 * MIB


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status.

    Attributes:
        headers: Names in lower case; those given more than once are joined with commas.
        body: Decompressed where the answer says that it is compressed.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class AskFailed(Exception):
    """No answer came, or none that can be used.

    Attributes:
        reason: For people: names the host; without path, query, header or body.
        retry: Trying again later may help.
        status: Of the last answer where patience ended with answers; 0 without one.
        retry_seconds: What the other side asked to wait, where it did.
    """

    def __init__(self, reason: str, *, retry: bool, status: int = 0, retry_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry
        self.status = status
        self.retry_seconds = retry_seconds


class _Kept(threading.local):
    """Connections of this thread that may be used again, by scheme, host, port and permission."""

    def __init__(self) -> None:
        self.connections: dict[tuple[str, str, bool], http.client.HTTPConnection] = {}


_kept = _Kept()


def ask(request: Request) -> Answer:
    """Send it once and read the answer; no redirect is followed, any status is an answer.

    A kept connection that the other side had closed meanwhile is made anew and asked again:
    whoever asks reads, and changes nothing there.

    Raises:
        AskFailed: It could not be sent, nothing whole came back in time, or it was too large.
    """
    try:
        parts = parts_of(request.url)
        connection = _kept.connections.pop(_key(request, parts), None)
        if connection is not None and _still_open(connection):
            try:
                return _ask(connection, request, parts)
            except _STALE:
                pass
        return _ask(connect(parts, request.seconds, allow_private=request.allow_private), request, parts)
    except DialFailed as error:
        raise AskFailed(error.reason, retry=error.retry) from None
    except _STALE as error:
        raise AskFailed(f"{parts.hostname} gave no answer: {said(error)}", retry=True) from None


def forget_connections() -> None:
    """Close what this thread keeps."""
    for connection in _kept.connections.values():
        connection.close()
    _kept.connections.clear()


def _key(request: Request, parts: SplitResult) -> tuple[str, str, bool]:
    return parts.scheme, parts.netloc, request.allow_private


def _still_open(connection: http.client.HTTPConnection) -> bool:
    """Whether nothing came on an idle connection: an end, or a word out of turn, makes it useless."""
    sock = connection.sock
    if sock is None:
        return False
    try:
        idle = not select.select([sock], [], [], 0)[0]
    except (OSError, ValueError):
        idle = False
    if not idle:
        connection.close()
    return idle


def _ask(connection: http.client.HTTPConnection, request: Request, parts: SplitResult) -> Answer:
    host, sock, whole = parts.hostname or "", connection.sock, False
    assert sock is not None
    sock.settimeout(request.seconds)
    with deadline(sock, request.seconds) as over:
        try:
            _send(connection, request, parts)
            response = connection.getresponse()
            answer = _read(response, request, host)
            whole = not over.is_set()
            if not whole:
                # The parser takes the end of the connection for the end of an answer without a length.
                raise TimeoutError
            return answer
        except _STALE:
            if over.is_set():
                raise AskFailed(f"{host} gave no answer: it did not answer in time", retry=True) from None
            raise
        except (OSError, http.client.HTTPException, zlib.error) as error:
            words = "it did not answer in time" if over.is_set() else said(error)
            raise AskFailed(f"{host} gave no answer: {words}", retry=True) from None
        finally:
            _keep(connection, request, parts, whole=whole)


def _send(connection: http.client.HTTPConnection, request: Request, parts: SplitResult) -> None:
    headers = {"accept-encoding": "gzip"} | {name.lower(): value for name, value in request.headers.items()}
    body = request.body if request.body or request.method not in {"GET", "HEAD"} else None
    try:
        connection.request(request.method, target_of(parts), body, headers)
    except (ValueError, http.client.InvalidURL):
        # What the library says of it repeats the value.
        words = f"what is asked of {parts.hostname} cannot be written: its address or a header holds a stray character"
        raise AskFailed(words, retry=False) from None


def _keep(connection: http.client.HTTPConnection, request: Request, parts: SplitResult, *, whole: bool) -> None:
    """Keep a connection whose answer was read whole, if the other side keeps it too."""
    kept = _kept.connections
    if not whole or connection.sock is None:
        connection.close()
        return
    while len(kept) >= _MOST_KEPT:
        kept.pop(next(iter(kept))).close()
    kept[_key(request, parts)] = connection


def _read(response: http.client.HTTPResponse, request: Request, host: str) -> Answer:
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        known = headers.get(name.lower())
        headers[name.lower()] = value if known is None else f"{known}, {value}"
    raw = _read_raw(response, request.most_bytes, host)
    coding = headers.get("content-encoding", "").strip().lower()
    if coding in {"gzip", "x-gzip", "deflate"} and raw:
        raw = _inflate(raw, request.most_bytes, host)
    elif coding not in {"", "identity"} and raw:
        raise AskFailed(f"{host} compresses with what nobody asked for", retry=False)
    return Answer(response.status, headers, raw)


def _read_raw(response: http.client.HTTPResponse, most: int, host: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    while piece := response.read(_READ):
        size += len(piece)
        if size > most:
            raise _too_large(host, most)
        parts.append(piece)
    if response.length:  # what was announced and did not come
        raise AskFailed(f"{host} broke off in the middle of its answer", retry=True)
    return b"".join(parts)


def _inflate(raw: bytes, most: int, host: str) -> bytes:
    """All members of a gzip or zlib stream, never more than the bound at once."""
    parts: list[bytes] = []
    room = most
    while raw:
        one = zlib.decompressobj(wbits=47)
        piece = one.decompress(raw, room + 1)
        if len(piece) > room:
            raise _too_large(host, most)
        if not one.eof:
            raise AskFailed(f"{host} broke off in the middle of its answer", retry=True)
        parts.append(piece)
        room -= len(piece)
        raw = one.unused_data
    return b"".join(parts)


def _too_large(host: str, most: int) -> AskFailed:
    return AskFailed(f"{host} answers with more than {most:,} bytes", retry=False)


def ask_patiently(request: Request, patience: Patience | None = None) -> Answer:
    """Ask until there is an answer that is not to be tried again: 408, 429 and 5xx are, and no answer.

    Raises:
        AskFailed: Patience ended, or trying again cannot help.
    """
    patience = patience or Patience()
    for failures in range(1, patience.tries + 1):
        failed = _try(request, patience)
        if isinstance(failed, Answer):
            return failed
        asked = failed.retry_seconds
        if not failed.retry or failures == patience.tries or (asked or 0) > patience.most_seconds:
            raise failed
        patience.sleep(pause_of(patience, failures, asked))
    raise ValueError("patience needs at least one try")


def _try(request: Request, patience: Patience) -> Answer | AskFailed:
    try:
        answer = ask(request)
    except AskFailed as failed:
        return failed
    if answer.status not in {408, 429} and (answer.status < 500 or answer.status in {501, 505}):
        return answer
    asked = asked_seconds(answer.headers, patience.retry_headers, patience.now())
    host = parts_of(request.url).hostname
    words = f"{host} throttles (status 429)" if answer.status == 429 else f"{host} answers with status {answer.status}"
    return AskFailed(words, retry=True, status=answer.status, retry_seconds=asked)
