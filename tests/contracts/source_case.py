"""What a connector brings to its contract suite, and the server that stands in for its provider."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tallystick.kernel.period import Period
from tallystick.ports import SourceKind

Facts = Mapping[str, object]


@dataclass(frozen=True)
class Request:
    """One request as the stand-in sees it; header names are lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What the stand-in answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A connector, and a provider that can be asked for one slice of one stream.

    Attributes:
        name: Of the test's id.
        kind: The connector, as its entry point names it.
        stream, window: The slice that is read.
        answer: The stand-in for the provider: a request and an edition ("first", "revised") → its answer. It gives
            pages of one record each, however many are asked for, so that `window` takes at least two pages (one
            where the provider has no pages), refuses what it does not know (400), and a wrong secret as the provider
            does.
        options: Made from the stand-in's address, such as `http://127.0.0.1:4711`.
        secrets: Option → the secret that the stand-in accepts; "{url}" in it is the stand-in's address.
        first, revised: What must be loaded of each edition, written by hand: attributes of `BillLine`, one mapping a
            line, in any order.
        parameters: Query parameters that the provider knows; any other is refused with status 400 before `answer`
            sees it. None where the stand-in checks by itself.
        throttled: How the provider says "too often, come back in an hour".
        refused: How it says "this key is expired".
        cut_shows: Whether half a page can be told from a whole one.
        check_asks: Whether the source's check asks the provider; where a request costs money it does not.
        limits: Dotted names of the connector's own limits, with smaller values, so that the slice takes several pages.
    """

    name: str
    kind: SourceKind
    stream: str
    window: Period
    answer: Callable[[Request, str], Reply]
    options: Callable[[str], Mapping[str, str]]
    secrets: Mapping[str, str]
    first: Sequence[Facts]
    revised: Sequence[Facts]
    parameters: frozenset[str] | None = None
    throttled: Reply = Reply(429, b"{}", {"retry-after": "3600"})
    refused: Reply = Reply(401, b"{}")
    cut_shows: bool = True
    check_asks: bool = True
    limits: Mapping[str, object] = field(default_factory=dict)


Fault = Callable[[int, Reply], Reply | None]


@dataclass
class StandIn:
    """The running stand-in.

    Attributes:
        edition: Which data it has.
        fault: Number of the request (from 0) and the right reply → the reply; None breaks off in mid-body.
        requests: All that came.
    """

    url: str = ""
    edition: str = "first"
    fault: Fault = lambda number, reply: reply
    requests: list[Request] = field(default_factory=list)


@contextlib.contextmanager
def standing_in(case: Case) -> Iterator[StandIn]:
    """The stand-in of a case on a real socket."""
    kept = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are sent apart

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = tuple(parse_qsl(parts.query, keep_blank_values=True))
            request = Request(self.command, parts.path, query, headers, body)
            number = len(kept.requests)
            kept.requests.append(request)
            strange = [name for name, _ in query if case.parameters is not None and name not in case.parameters]
            right = Reply(400, b"{}") if strange else case.answer(request, kept.edition)
            self._send(kept.fault(number, right), right)

        do_POST = do_PUT = do_HEAD = do_GET  # noqa: N815 - the names are the server's

        def _send(self, reply: Reply | None, right: Reply) -> None:
            sent = right if reply is None else reply
            self.send_response(sent.status)
            for name, value in sent.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(sent.body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            self.wfile.write(sent.body if reply is not None else sent.body[: len(sent.body) // 2])
            self.close_connection = reply is None

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
