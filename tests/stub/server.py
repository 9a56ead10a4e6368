"""The stub as asyncio protocols on httptools: fast, and in charge of every byte on the wire."""

import asyncio
import contextlib
import gzip
import json
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import brotli
import httptools
import zstandard

from tests.stub import bedrock
from tests.stub.answers import Answer, Ask, answer, error, stream_error

REASONS = {200: b"OK", 400: b"Bad Request", 401: b"Unauthorized", 403: b"Forbidden", 404: b"Not Found"}


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes

    def wire(self) -> dict[str, Any]:
        return {
            "method": self.method, "path": self.path, "query": self.query, "headers": self.headers,
            "body": self.body.decode("utf-8", "replace"),
        }  # fmt: skip


@dataclass
class Stub:
    """What it saw and what it served, in order."""

    requests: list[Seen] = field(default_factory=list)
    connections: "set[Connection]" = field(default_factory=set)
    served: list[dict[str, Any]] = field(default_factory=list)
    faulted: dict[str, int] = field(default_factory=dict)
    url: str = ""
    needs_reservation: bool = False

    def reset(self) -> None:
        self.requests.clear()
        self.served.clear()
        self.faulted.clear()

    def fault(self, ask: Ask) -> str:
        """The fault of this request, by its headers."""
        wanted = ask.headers.get("x-stub-fault", "")
        limit = ask.headers.get("x-stub-times")
        if wanted and limit is not None:
            name = ask.headers.get("x-stub-id", "")
            self.faulted[name] = self.faulted.get(name, 0) + 1
            return wanted if self.faulted[name] <= int(limit) else ""
        return wanted


class Connection(asyncio.Protocol):
    def __init__(self, stub: Stub) -> None:
        self.stub = stub
        self.parser = httptools.HttpRequestParser(self)
        self.url = b""
        self.headers: list[tuple[str, str]] = []
        self.body: list[bytes] = []
        self.transport: Any = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.queue: asyncio.Queue[Seen] = asyncio.Queue()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.stub.connections.add(self)
        task = asyncio.ensure_future(self.serve())
        self.tasks.add(task)

    def connection_lost(self, exc: Exception | None) -> None:
        self.stub.connections.discard(self)
        for task in self.tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def on_message_begin(self) -> None:
        self.url, self.headers, self.body = b"", [], []

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        path, _, query = self.url.decode("latin-1").partition("?")
        seen = Seen(self.parser.get_method().decode(), path, query, self.headers, b"".join(self.body))
        self.queue.put_nowait(seen)

    async def serve(self) -> None:
        while True:
            seen = await self.queue.get()
            if seen.path.startswith("/__stub/"):
                self.control(seen)
            else:
                self.stub.requests.append(seen)
                await self.respond(seen)

    def control(self, seen: Seen) -> None:
        data: Any = {"ok": True}
        if seen.path == "/__stub/requests":
            data = [one.wire() for one in self.stub.requests]
        elif seen.path == "/__stub/served":
            data = self.stub.served
        elif seen.path == "/__stub/reset":
            self.stub.reset()
        self.whole(200, json.dumps(data).encode())

    async def respond(self, seen: Seen) -> None:
        ask = Ask(seen.path, seen.method, dict(seen.headers), _json(seen), len(self.stub.requests), seen.query)
        fault, delay = self.stub.fault(ask), float(ask.headers.get("x-stub-delay", "0"))
        if fault == "slow":
            await asyncio.sleep(delay or 0.3)
        if fault == "close":
            self.transport.close()
            return
        if fault.isdigit():
            self.fail(ask, int(fault))
            return
        if self.stub.needs_reservation and ask.method == "POST" and "x-tally-reservation" not in ask.headers:
            self.fail(ask, 418)
            return
        made = answer(ask)
        if made is None:
            self.fail(ask, 404)
        elif (ask.body.get("stream") or made.streams) and made.events:
            await self.stream(ask, made, fault, delay)
        else:
            self.plain(ask, made, fault)

    def fail(self, ask: Ask, status: int) -> None:
        extra = [b"retry-after-ms: 1"] if status in {429, 500} else []
        extra += [b"location: /v1/elsewhere"] if 300 <= status < 400 else []
        if bedrock.speaks(ask.path):
            extra.append(b"x-amzn-errortype: " + bedrock.KINDS.get(status, "InternalServerException").encode())
        self.whole(status, error(ask, status, ask.number), ask, extra)

    def plain(self, ask: Ask, made: Answer, fault: str) -> None:
        body = json.dumps(made.body).encode()
        if fault == "cut":
            self.head(ask, 200, [b"content-type: application/json", b"content-length: %d" % len(body)])
            self.transport.write(body[: len(body) // 2])
            self.transport.close()
            return
        self.note(ask, made, complete=True)
        self.whole(200, body, ask, made.headers)

    async def stream(self, ask: Ask, made: Answer, fault: str, delay: float) -> None:
        coding = ask.headers.get("x-stub-encoding", "")
        packer = _packer(coding)
        lines = [
            b"content-type: " + made.content_type.encode(),
            b"cache-control: no-cache",
            b"transfer-encoding: chunked",
            *made.headers,
        ]
        self.head(ask, 200, lines + ([b"content-encoding: " + coding.encode()] if coding else []))
        events = made.events
        if fault in {"cut", "in-stream"}:
            events = events[:5]
        for index, event in enumerate(events):
            if delay:
                await asyncio.sleep(delay)
            if index == len(events) - 1 and fault not in {"cut", "in-stream"}:
                self.note(ask, made, complete=True)
            self.chunk(packer(event, False))
        if fault == "in-stream":
            self.chunk(packer(stream_error(ask), False))
        if fault == "cut":
            self.transport.close()
            return
        self.chunk(packer(b"", True))
        self.transport.write(b"0\r\n\r\n")

    def note(self, ask: Ask, made: Answer, *, complete: bool) -> None:
        row = {"id": made.identity, "model": made.model, "usage": made.usage, "path": ask.path, "complete": complete}
        self.stub.served.append(row | {"tag": ask.headers.get("x-stub-id", ""), "stream": bool(ask.body.get("stream"))})

    def head(self, ask: Ask | None, status: int, lines: list[bytes]) -> None:
        first = b"HTTP/1.1 %d %s" % (status, REASONS.get(status, b"Status"))
        if ask is not None:
            identity = b"req_stub%06d" % ask.number
            lines = [*lines, b"x-request-id: " + identity, b"request-id: " + identity, b"server: stub"]
            if bedrock.speaks(ask.path):
                lines.append(b"x-amzn-requestid: " + identity)
            lines += [
                b"x-ratelimit-remaining-requests: 4999",
                b"Anthropic-Organization-Id: org-stub",
                b"set-cookie: __cf=1",
            ]
        self.transport.write(b"\r\n".join([first, *lines, b"", b""]))

    def whole(self, status: int, body: bytes, ask: Ask | None = None, extra: list[bytes] | None = None) -> None:
        lines = [b"content-type: application/json", *(extra or [])]
        coding = ask.headers.get("x-stub-encoding", "") if ask else ""
        if coding:
            packer = _packer(coding)
            body = packer(body, False) + packer(b"", True)
            lines.append(b"content-encoding: " + coding.encode())
        self.head(ask, status, [*lines, b"content-length: %d" % len(body)])
        self.transport.write(body)

    def chunk(self, data: bytes) -> None:
        if data:
            self.transport.write(b"%x\r\n%b\r\n" % (len(data), data))


def _json(seen: Seen) -> dict[str, Any]:
    body = seen.body
    coding = dict(seen.headers).get("content-encoding")
    with contextlib.suppress(ValueError, OSError):
        body = gzip.decompress(body) if coding == "gzip" else body
        found = json.loads(body)
        return found if isinstance(found, dict) else {}
    return {}


def _packer(coding: str) -> Any:
    """A function of bytes and whether this is the end, to compressed bytes flushed at once."""
    if coding in {"gzip", "deflate"}:
        packer = zlib.compressobj(6, zlib.DEFLATED, 31 if coding == "gzip" else 15)
        return lambda data, end: packer.compress(data) + packer.flush(zlib.Z_FINISH if end else zlib.Z_SYNC_FLUSH)
    if coding == "br":
        br = brotli.Compressor()
        return lambda data, end: br.process(data) + (br.finish() if end else br.flush())
    if coding == "zstd":
        zs = zstandard.ZstdCompressor().compressobj()
        return lambda data, end: zs.compress(data) + zs.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH if end else 1)
    return lambda data, end: data


async def start(stub: Stub, host: str = "127.0.0.1", port: int = 0) -> asyncio.Server:
    """Listen; the stub's `url` is set."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(stub), host, port, backlog=2048)
    stub.url = f"http://{host}:{server.sockets[0].getsockname()[1]}"
    return server


@contextlib.contextmanager
def in_thread() -> Iterator[Stub]:
    """A stub on a loop of its own, for tests whose SDK is synchronous."""
    stub, loop = Stub(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(start(stub), loop).result(10)
    try:
        yield stub
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server, stub), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _stop(server: asyncio.Server, stub: Stub) -> None:
    """Leave no socket open, also where a client keeps its connection for another time."""
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for one in tuple(stub.connections):
        one.transport.abort()
    while stub.connections:
        await asyncio.sleep(0)
