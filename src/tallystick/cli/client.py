"""The command line's way to the API: over HTTP when a server runs on the data directory, else in process.

Both ways run the same route handlers, so that a figure on the terminal is the figure on the page.
"""

import asyncio
import http.client
import json
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from queue import Queue
from typing import Any, Protocol
from urllib.parse import unquote, urlencode, urlsplit

from tallystick.kernel.errors import (
    ConfigError,
    Conflict,
    DataError,
    Denied,
    NotFound,
    QueryError,
    TallyError,
    Unavailable,
    UsageError,
)

Params = Mapping[str, str | Sequence[str]]
_BY_CODE: dict[str, type[TallyError]] = {
    kind.code: kind
    for kind in (UsageError, ConfigError, QueryError, NotFound, Conflict, Denied, DataError, Unavailable)
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and the chunks of a body."""

    status: int
    chunks: Iterator[bytes]


class Transport(Protocol):
    """One way to send a request to the API."""

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one request; the chunks are read while the answer is still being written."""


class ApiClient:
    """Calls of the API with the data directory's own token."""

    def __init__(self, transport: Transport, token: str, base_url: str) -> None:
        self._transport = transport
        self._token = token
        self.base_url = base_url

    def call(self, method: str, path: str, params: Params | None = None, json: object = None) -> Any:
        """The JSON answer of a route.

        Raises:
            TallyError: As the API said it, of the same kind.
        """
        answer = self._send(method, path, params, json)
        return _decode(answer.status, b"".join(answer.chunks))

    def stream(self, method: str, path: str, params: Params | None = None, json: object = None) -> Iterator[Any]:
        """The objects of a newline-delimited JSON answer, as they arrive; one with `error` in it is raised."""
        answer = self._send(method, path, params, json)
        if answer.status >= 400:
            _decode(answer.status, b"".join(answer.chunks))
        rest = b""
        for chunk in answer.chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (_checked(line) for line in lines if line.strip())
        if rest.strip():
            yield _checked(rest)

    def _send(self, method: str, path: str, params: Params | None, body: object) -> Answer:
        query = urlencode(dict(params or {}), doseq=True)
        headers = {"authorization": f"Bearer {self._token}", "accept": "application/json", "host": "localhost"}
        content = b""
        if body is not None:
            content = json.dumps(body).encode()
            headers["content-type"] = "application/json"
        return self._transport.send(method, f"{path}?{query}" if query else path, headers, content)


def _checked(line: bytes) -> Any:
    value = json.loads(line)
    if isinstance(value, dict) and isinstance(value.get("error"), dict):
        raise _error(value["error"])
    return value


def _decode(status: int, body: bytes) -> Any:
    try:
        value = json.loads(body) if body else None
    except ValueError:
        if status == 503:
            raise Unavailable("the server is starting or restarting", next_steps=["try again in a moment"]) from None
        raise Unavailable(
            f"the server answered {status} with something that is not JSON", next_steps=["tally doctor"]
        ) from None
    if status >= 400:
        error = value.get("error") if isinstance(value, dict) else None
        raise _error(error if isinstance(error, dict) else {"code": "E015", "what": f"the server answered {status}"})
    return value


def _error(fields: Mapping[str, Any]) -> TallyError:
    kind = _BY_CODE.get(str(fields.get("code")), TallyError)
    return kind(
        str(fields.get("what", "unknown")),
        where=str(fields.get("where") or ""),
        next_steps=fields.get("next_steps") or (),
    )


class HttpTransport:
    """A running server, over HTTP on this machine."""

    def __init__(self, base_url: str, timeout_seconds: float = 600) -> None:
        self._parts = urlsplit(base_url)
        self._timeout = timeout_seconds

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        connection = self._connection()
        try:
            connection.request(method, target, body or None, {**headers, "host": self._parts.netloc})
            response = connection.getresponse()
        except OSError as error:
            connection.close()
            raise Unavailable(
                f"the server does not answer: {error}", where=self._parts.geturl(), next_steps=["tally doctor"]
            ) from None
        return Answer(response.status, iter(lambda: response.read1(65536), b""))

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "127.0.0.1", self._parts.port
        if self._parts.scheme != "https":
            return http.client.HTTPConnection(host, port, timeout=self._timeout)
        # The address is this machine's, told by the lock that the server holds; its certificate names the
        # public host, or is signed by nobody, so there is nothing it could be checked against.
        unchecked = ssl.create_default_context()
        unchecked.check_hostname = False
        unchecked.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=unchecked)


Scope = MutableMapping[str, Any]
AsgiApp = Callable[[Scope, Callable[[], Awaitable[Scope]], Callable[[Scope], Awaitable[None]]], Awaitable[None]]


class AsgiTransport:
    """The same application in this process, when no server runs on the data directory."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        pipe: Queue[int | bytes | BaseException | None] = Queue()
        path, _, query = target.partition("?")
        scope: Scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 0), "server": ("localhost", 80), "state": {},
        }  # fmt: skip
        threading.Thread(target=lambda: asyncio.run(_run(self._app, scope, body, pipe)), daemon=True).start()
        first = pipe.get()
        if isinstance(first, BaseException):
            raise first
        assert isinstance(first, int)
        return Answer(first, _drain(pipe))


async def _run(app: AsgiApp, scope: Scope, body: bytes, pipe: Queue[int | bytes | BaseException | None]) -> None:
    messages = _messages(body)

    async def receive() -> Scope:
        return await anext(messages)

    async def send(message: Scope) -> None:
        if message["type"] == "http.response.start":
            pipe.put(int(message["status"]))
        elif message.get("body"):
            pipe.put(bytes(message["body"]))

    try:
        await app(scope, receive, send)
        pipe.put(None)
    except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
        pipe.put(error)


async def _messages(body: bytes) -> AsyncIterator[Scope]:
    yield {"type": "http.request", "body": body, "more_body": False}
    await asyncio.Event().wait()


def _drain(pipe: Queue[int | bytes | BaseException | None]) -> Iterator[bytes]:
    while (item := pipe.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        if isinstance(item, bytes):
            yield item
