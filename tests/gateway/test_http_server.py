"""The server that calls arrive at: what is asked is answered in order, whole, once, however its bytes are cut.

Most of it plays a client byte by byte before a small app; what depends on kernel and loop runs on a real socket.
"""

import asyncio
import contextlib
import http.client
import itertools
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.gateway.client import Client
from tallystick.gateway.http_connection import Bounds, Connection
from tallystick.gateway.http_head import Headers, head_of
from tallystick.gateway.http_server import HttpServer
from tallystick.gateway.refuse import Refused
from tests.gateway.harness import running_gateway
from tests.stub.server import Stub

Serve = Callable[[Client], Awaitable[None]]


class App:
    """Answers as it is told; by default with what was asked."""

    def __init__(self, serve: "Serve | None" = None) -> None:
        self._serve = serve or echo
        self.log: list[str] = []

    async def start(self) -> None:
        self.log.append("start")

    async def serve(self, client: Client) -> None:
        self.log.append(client.scope["raw_path"].decode())
        await self._serve(client)

    def hurry(self) -> None:
        pass

    async def stop(self) -> None:
        self.log.append("stop")


async def echo(client: Client) -> None:
    body = await client.read_body(10**9, 5)
    scope = client.scope
    said = json.dumps(
        [scope["method"], scope["raw_path"].decode(), scope["query_string"].decode(), body.decode("latin-1")]
    ).encode()
    await client.answer(200, [(b"content-length", b"%d" % len(said))], said)


class Wire(asyncio.Transport):
    """A transport that remembers: what was written, whether it is read, whether it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.reading = True
        self.closed = ""

    def write(self, data: Any) -> None:
        assert not self.closed, "written after the end"
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return bool(self.closed)

    def close(self) -> None:
        self.closed = self.closed or "closed"

    def abort(self) -> None:
        self.closed = "aborted"

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    @property
    def said(self) -> bytes:
        return b"".join(self.written)


async def rounds(count: int = 8) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def _line(serve: "Serve | None" = None, **bounds: Any) -> Any:
    """A connection, its wire, and the server, which nobody runs."""
    server = HttpServer(App(serve), Bounds(**bounds), tls=None, shutdown_seconds=1)
    server._loop = asyncio.get_running_loop()
    connection, wire = Connection(server), Wire()
    connection.connection_made(wire)
    try:
        yield connection, wire, server
    finally:
        if connection in server._connections:
            connection.connection_lost(None)
        await rounds()
        assert not server._connections
        for task in server._running:
            task.cancel()
        await asyncio.gather(*server._running, return_exceptions=True)


def told(raw: bytes, pieces: "list[int] | None" = None, serve: "Serve | None" = None, **bounds: Any) -> Wire:
    """What a connection says to bytes that come in pieces cut at these places."""

    async def run() -> Wire:
        async with _line(serve, **bounds) as (connection, wire, _):
            places = [0, *sorted(place % (len(raw) + 1) for place in pieces or []), len(raw)]
            for begin, end in itertools.pairwise(places):
                if begin < end:
                    while not wire.reading:
                        await asyncio.sleep(0)
                    connection.data_received(raw[begin:end])
                    if end % 3 == 0:
                        await rounds(2)
            await rounds(200)
            return wire

    return asyncio.run(run())


def answers(said: bytes) -> list[tuple[int, bytes]]:
    """Statuses and bodies of answers one behind the other, read by hand."""
    found = []
    while said:
        head, mark, said = said.partition(b"\r\n\r\n")
        assert mark, head
        lines = head.split(b"\r\n")
        fields = dict(line.split(b": ", 1) for line in lines[1:])
        status = int(lines[0].split(b" ")[1])
        if fields.get(b"transfer-encoding") == b"chunked":
            body = b""
            while True:
                size, _, said = said.partition(b"\r\n")
                piece, said = said[: int(size, 16)], said[int(size, 16) + 2 :]
                if not piece:
                    break
                body += piece
        else:
            size = int(fields.get(b"content-length", b"0"))
            body, said = said[:size], said[size:]
        found.append((status, body))
    return found


BODIES = st.binary(max_size=40) | st.binary(min_size=300, max_size=400)
REQUESTS = st.lists(
    st.tuples(st.sampled_from(["GET", "POST"]), st.booleans(), BODIES, st.integers(1, 50), st.booleans()),
    min_size=1,
    max_size=6,
)


def rendered(number: int, method: str, chunked: bool, body: bytes, step: int, upgrades: bool) -> bytes:
    head = f"{method} /p/{number}?q={number} HTTP/1.1\r\nHost: x\r\n"
    if upgrades:
        head += "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"
    if method == "GET":
        return head.encode() + b"\r\n"
    if not chunked:
        return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body
    parts = [body[at : at + step] for at in range(0, len(body), step)]
    framed = b"".join(b"%x;a=b\r\n%b\r\n" % (len(part), part) for part in parts)
    return head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\nx-trailer: dropped\r\n\r\n"


@settings(max_examples=120, deadline=None)
@given(REQUESTS, st.lists(st.integers(0, 4000), max_size=12))
def test_pipelined_requests_are_answered_whole_and_in_order_however_they_are_cut(
    requests: list[tuple[str, bool, bytes, int, bool]], pieces: list[int]
) -> None:
    raw = b"".join(rendered(number, *one) for number, one in enumerate(requests))
    wire = told(raw, pieces)
    expected = [
        [method, f"/p/{number}", f"q={number}", body.decode("latin-1") if method == "POST" else ""]
        for number, (method, _, body, _, _) in enumerate(requests)
    ]
    assert [(200, one) for one in expected] == [(status, json.loads(body)) for status, body in answers(wire.said)]
    assert not wire.closed
    assert wire.reading


@settings(max_examples=60, deadline=None)
@given(REQUESTS, st.sampled_from([b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\na : b\r\n\r\n", b"\x16\x03\x01\x02\x00"]))
def test_what_is_no_request_is_refused_after_what_was_asked_before_it(
    requests: list[tuple[str, bool, bytes, int, bool]], broken: bytes
) -> None:
    raw = b"".join(rendered(number, *one) for number, one in enumerate(requests))
    wire = told(raw + broken + rendered(9, "GET", False, b"", 1, False))
    assert [status for status, _ in answers(wire.said)] == [200] * len(requests) + [400]
    assert wire.closed


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=4))
@settings(max_examples=150, deadline=None)
def test_no_bytes_whatever_break_the_server(raw: bytes, pieces: list[int]) -> None:
    wire = told(raw, pieces)
    assert wire.said == b"" or wire.said.startswith(b"HTTP/1.1 ")


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 5\r\ntransfer-encoding: chunked",
        b"transfer-encoding: chunked\r\ncontent-length: 5",
        b"content-length: 5\r\ncontent-length: 6",
        b"content-length: +5",
        b"content-length: 5, 5",
        b"content-length: 0x5",
        b"content-length : 5",
        b"transfer-encoding: identity, chunked, identity",
        b"transfer-encoding: xchunked",
        b" transfer-encoding: chunked",
        b"x: a\nb",
        b"x: a\x00b",
    ],
)
def test_a_request_that_two_parsers_could_read_in_two_ways_is_400_and_the_last(head: bytes) -> None:
    wire = told(b"POST /a HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n\r\n0\r\n\r\n" + SMUGGLED)
    assert [status for status, _ in answers(wire.said)] == [400]
    assert wire.closed


@pytest.mark.parametrize("size", [b"5;" + b"x" * 70_000, b"-1", b"0x5", b"fffffffffffffffff"])
def test_chunks_that_are_none_are_400(size: bytes) -> None:
    wire = told(
        b"POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + size + b"\r\nhello\r\n" + SMUGGLED
    )
    assert answers(wire.said)[0][0] == 400
    assert b"smuggled" not in wire.said


def test_trailers_reach_nobody_and_have_a_bound() -> None:
    seen: list[Headers] = []

    async def look(client: Client) -> None:
        seen.append(client.scope["headers"])
        await echo(client)

    raw = b"POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\nauthorization: Bearer tally_x\r\n\r\n"
    assert [status for status, _ in answers(told(raw, serve=look).said)] == [200]
    assert dict(seen[0]) == {b"host": b"x", b"transfer-encoding": b"chunked"}
    endless = raw[:-4] + b"\r\na: " + b"b" * 140_000
    assert told(endless, [*range(0, 140_000, 5_000)]).closed


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 66_000, 431),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 66_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 257 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 256 + b"\r\n", 200),
        (b"GET /" + b"y" * 66_000, 431),
        (b"GET /" + b"y" * 60_000 + b" HTTP/1.1\r\n\r\n", 200),
        (b"\r\n" * 40_000, 400),
    ],
)
def test_a_head_is_bounded_in_bytes_and_fields(raw: bytes, status: int) -> None:
    for pieces in ([], list(range(0, len(raw), 9_000))):
        assert [found for found, _ in answers(told(raw, pieces).said)] == [status]


def test_requests_ahead_of_their_turn_stop_the_reading() -> None:
    gate = asyncio.Event()

    async def wait(client: Client) -> None:
        await gate.wait()
        await echo(client)

    async def run() -> None:
        async with _line(wait) as (connection, wire, server):
            connection.data_received(b"GET /1 HTTP/1.1\r\nhost: x\r\n\r\n")
            await rounds()
            assert wire.reading
            connection.data_received(b"GET /2 HTTP/1.1\r\nhost: x\r\n\r\n" * 3)
            await rounds()
            assert not wire.reading
            assert len(server._running) == 1, "one at a time"
            gate.set()
            await rounds(40)
            assert wire.reading
            assert len(answers(wire.said)) == 4

    asyncio.run(run())


def test_a_body_that_nobody_takes_stops_the_reading_and_one_that_is_taken_does_not() -> None:
    gate = asyncio.Event()

    async def wait(client: Client) -> None:
        await gate.wait()
        await echo(client)

    async def run() -> None:
        async with _line(wait) as (connection, wire, _):
            connection.data_received(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n")
            sent = 0
            while wire.reading:
                connection.data_received(b"x" * 50_000)
                sent += 50_000
                assert sent < 600_000, "nothing is held without bound"
            gate.set()
            await rounds()
            while sent < 2_000_000:
                assert wire.reading
                connection.data_received(b"x" * 50_000)
                sent += 50_000
                await rounds(3)
            await rounds()
            ((status, body),) = answers(wire.said)
            assert (status, len(json.loads(body)[3])) == (200, 2_000_000)

    asyncio.run(run())


@pytest.mark.parametrize("field", [b"", b"connection: close\r\n"])
def test_a_large_request_that_came_at_once_leaves_us_listening_for_the_end_of_its_client(field: bytes) -> None:
    left: list[str] = []

    async def wait(client: Client) -> None:
        await client.read_body(10**6, 5)
        client.when_gone(lambda: left.append("gone"))
        await asyncio.sleep(5)

    async def run() -> None:
        async with _line(wait) as (connection, wire, _):
            body = b"x" * 300_000
            head = b"POST / HTTP/1.1\r\nhost: x\r\n" + field + b"content-length: 300000\r\n\r\n"
            connection.data_received(head + body)
            await rounds()
            assert wire.reading
            connection.connection_lost(None)
            assert left == ["gone"]

    asyncio.run(run())


def test_a_body_too_large_is_refused_without_being_held() -> None:
    async def limited(client: Client) -> None:
        try:
            await client.read_body(1000, 5)
        except Refused as refused:
            await client.answer(refused.refusal.status, [(b"content-length", b"0"), (b"connection", b"close")], b"")

    for raw in (
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n\r\n" + b"x" * 1001,
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + (b"400\r\n" + b"x" * 1024 + b"\r\n") * 4,
    ):
        wire = told(raw, serve=limited)
        assert [status for status, _ in answers(wire.said)] == [413]
        assert wire.closed


def test_the_rest_of_a_body_that_was_answered_early_is_dropped_and_the_next_request_served() -> None:
    async def early(client: Client) -> None:
        await client.answer(200, [(b"content-length", b"0")], b"")

    raw = b"POST /1 HTTP/1.1\r\nhost: x\r\ncontent-length: 200\r\n\r\n" + SMUGGLED + b"x" * (200 - len(SMUGGLED))
    wire = told(raw + b"GET /2 HTTP/1.1\r\nhost: x\r\n\r\n", [60, 90, 180], serve=early)
    assert [status for status, _ in answers(wire.said)] == [200, 200]


def test_who_waits_for_a_word_gets_it_when_the_body_is_wanted_and_else_the_end() -> None:
    async def unwanted(client: Client) -> None:
        await client.answer(401, [(b"content-length", b"0")], b"")

    head = b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-Continue\r\ncontent-length: 5\r\n\r\n"
    waits = told(head)
    assert waits.said == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert told(head + b"hello").said.startswith(b"HTTP/1.1 200"), "the body is here already"
    refused = told(head, serve=unwanted)
    assert refused.said.startswith(b"HTTP/1.1 401")
    assert b"connection: close" in refused.said
    assert refused.closed, "what follows could be the body or the next request"


@pytest.mark.parametrize(
    ("version", "field", "keeps"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"connection: close\r\n", False),
        (b"1.0", b"", False),
        (b"1.0", b"connection: keep-alive\r\n", False),
    ],
)
def test_the_last_request_is_the_last(version: bytes, field: bytes, keeps: bool) -> None:
    raw = b"GET /1 HTTP/%b\r\nhost: x\r\n%b\r\n" % (version, field)
    wire = told(raw + SMUGGLED)
    assert len(answers(wire.said)) == 1 + keeps
    assert bool(wire.closed) is not keeps
    assert (b"connection: close" in wire.said) is not keeps


def test_without_a_length_an_answer_comes_in_chunks_and_to_old_clients_until_the_end() -> None:
    async def parts(client: Client) -> None:
        await client.start(200, [(b"content-type", b"text/plain")])
        await client.write(b"hello ", more=True)
        await client.write(b"", more=True)
        await client.write(b"you", more=False)

    new = told(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", serve=parts)
    assert new.said.endswith(b"\r\n\r\n6\r\nhello \r\n3\r\nyou\r\n0\r\n\r\n")
    assert answers(new.said) == [(200, b"hello you")]
    old = told(b"GET / HTTP/1.0\r\nhost: x\r\n\r\n", serve=parts)
    assert b"transfer-encoding" not in old.said
    assert old.said.endswith(b"connection: close\r\n\r\nhello you")
    assert old.closed == "closed"


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
def test_where_no_body_belongs_none_is_sent(method: bytes, status: int) -> None:
    async def both(client: Client) -> None:
        await client.answer(status, [(b"content-length", b"5"), (b"etag", b"x")], b"hello")

    raw = method + b" / HTTP/1.1\r\nhost: x\r\n\r\n"
    wire = told(raw * 2, serve=both)
    assert wire.said.count(b"HTTP/1.1 %d" % status) == 2
    assert wire.said.endswith(b"\r\n\r\n")
    assert b"hello" not in wire.said
    assert b"transfer-encoding" not in wire.said


@pytest.mark.parametrize("body", [b"four", b"sixsix"])
def test_an_answer_that_is_not_as_long_as_it_says_ends_the_connection(body: bytes) -> None:
    async def wrong(client: Client) -> None:
        await client.start(200, [(b"content-length", b"5")])
        await client.write(body, more=False)

    wire = told(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 2, serve=wrong)
    assert wire.said.endswith(b"\r\n\r\n"), "nothing that could be taken for the next answer"
    assert wire.said.count(b"HTTP/1.1") == 1
    assert wire.closed


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"a\0b"])
def test_no_line_end_gets_into_a_head(value: bytes) -> None:
    with pytest.raises(ValueError, match="line end"):
        head_of(200, [(b"x", value)], keeps=True, modern=True, method="GET")

    async def evil(client: Client) -> None:
        await client.answer(200, [(b"x", value)], b"")

    assert answers(told(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", serve=evil).said)[0][0] == 500


def test_an_app_that_fails_answers_500_once_and_after_its_head_not_at_all() -> None:
    async def fails(client: Client) -> None:
        if client.scope["raw_path"] == b"/late":
            await client.start(200, [])
        if client.scope["raw_path"] != b"/silent":
            raise RuntimeError("planted")

    for path, starts in ((b"/soon", b"HTTP/1.1 500"), (b"/silent", b"HTTP/1.1 500"), (b"/late", b"HTTP/1.1 200")):
        wire = told(b"GET " + path + b" HTTP/1.1\r\nhost: x\r\n\r\n", serve=fails)
        assert wire.said.startswith(starts)
        assert wire.closed
        assert not wire.said.endswith(b"0\r\n\r\n")


def test_a_cut_is_seen_as_a_cut() -> None:
    async def cut(client: Client) -> None:
        await client.start(200, [])
        await client.write(b"hello", more=True)
        client.abort()
        await client.write(b"never", more=False)

    wire = told(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 2, serve=cut)
    assert wire.said.endswith(b"\r\n\r\n5\r\nhello\r\n")
    assert wire.closed == "closed", "what was written still leaves"


def test_a_client_that_leaves_is_told_of_once_and_whoever_reads_its_body_stops() -> None:
    left: list[str] = []

    async def watch(client: Client) -> None:
        client.when_gone(lambda: left.append("gone"))
        try:
            await client.read_body(100, 5)
        except ConnectionResetError:
            left.append("reset")
        client.when_gone(lambda: left.append("late"))
        await client.answer(200, [], b"")

    async def run() -> None:
        async with _line(watch) as (connection, wire, _):
            connection.data_received(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhe")
            await rounds()
            connection.connection_lost(ConnectionResetError())
            await rounds()
            assert left == ["gone", "reset", "late"]
            assert wire.said == b""

    asyncio.run(run())


def test_a_client_that_takes_nothing_is_waited_for_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tallystick.gateway.client._STALLED_SECONDS", 0.05)
    reached: list[str] = []

    async def pour(client: Client) -> None:
        await client.start(200, [])
        for number in range(3):
            await client.write(b"x", more=True)
            reached.append(str(number))
        await client.write(b"", more=False)

    async def run(*, takes: bool) -> Wire:
        reached.clear()
        async with _line(pour) as (connection, wire, _):
            connection.pause_writing()
            connection.data_received(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            await rounds()
            assert reached == []
            if takes:
                connection.resume_writing()
                await rounds()
            else:
                await asyncio.sleep(0.1)
                await rounds()
                assert wire.closed == "aborted"
            return wire

    assert asyncio.run(run(takes=True)).said.endswith(b"0\r\n\r\n")
    assert asyncio.run(run(takes=False)).said == b""


def test_silence_ends_a_connection_by_where_it_falls() -> None:
    async def run() -> None:
        # Before a head, in the midst of one, and between requests; never while an answer is due.
        for raw, idle, head, ends in (
            (b"", 9.0, 0.05, True),
            (b"GET / HT", 9.0, 0.05, True),
            (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", 0.05, 9.0, True),
            (b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HT", 9.0, 0.05, True),
            (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", 9.0, 0.05, False),
            (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n", 0.05, 0.05, False),
        ):
            async with _line(idle_seconds=idle, head_seconds=head) as (connection, wire, _):
                if raw:
                    connection.data_received(raw)
                await asyncio.sleep(0.15)
                assert bool(wire.closed) is ends, raw

    asyncio.run(run())


def test_a_head_does_not_gain_time_by_dripping() -> None:
    async def run() -> None:
        async with _line(head_seconds=0.1) as (connection, wire, _):
            for byte in b"GET /a HTTP/1.1\r\nhost: xxxxxxxxxxxxxxxxxxx":
                connection.data_received(bytes([byte]))
                await asyncio.sleep(0.01)
                if wire.closed:
                    return
            raise AssertionError("it went on")

    asyncio.run(run())


def test_a_connection_that_takes_nothing_does_not_outlast_its_close() -> None:
    async def run() -> None:
        async with _line(close_seconds=0.05) as (connection, wire, _):
            connection.data_received(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            await rounds()
            assert wire.closed == "closed"
            await asyncio.sleep(0.1)
            assert wire.closed == "aborted"

    asyncio.run(run())


@pytest.mark.parametrize("target", [b"http://x/a?b=c", b"/a?b=c"])
def test_a_target_is_read_in_both_forms(target: bytes) -> None:
    ((_, body),) = answers(told(b"GET " + target + b" HTTP/1.1\r\nhost: x\r\n\r\n").said)
    assert json.loads(body)[1:3] == ["/a", "b=c"]


@pytest.mark.parametrize("head", [b"CONNECT a:443", b"GET /\xc3\xa9", b"GET http://", b"PRI *"])
def test_other_targets_are_refused(head: bytes) -> None:
    assert answers(told(head + b" HTTP/1.1\r\nhost: x\r\n\r\n").said)[0][0] == 400


def test_a_wish_for_websockets_is_not_granted_and_its_request_answered() -> None:
    raw = b"GET /ws HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: a\r\n\r\n"
    assert [status for status, _ in answers(told(raw + b"GET /2 HTTP/1.1\r\nhost: x\r\n\r\n").said)] == [200, 200]


@contextlib.contextmanager
def _running(app: App, tls: ssl.SSLContext | None = None, seconds: float = 5) -> Iterator[tuple[HttpServer, int]]:
    server = HttpServer(app, Bounds(), tls=tls, shutdown_seconds=seconds)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline
        time.sleep(0.01)
    try:
        yield server, listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


def test_a_stop_closes_what_is_idle_finishes_what_was_begun_and_takes_nothing_new() -> None:
    begun, go_on = threading.Event(), threading.Event()

    async def slow(client: Client) -> None:
        if client.scope["raw_path"] == b"/slow":
            begun.set()
            while not go_on.is_set():
                await asyncio.sleep(0.01)
        await echo(client)

    app = App(slow)
    with _running(app) as (server, port):
        idle, busy = (http.client.HTTPConnection("127.0.0.1", port, timeout=5) for _ in range(2))
        idle.request("GET", "/quick")
        assert idle.getresponse().read()
        busy.request("GET", "/slow")
        assert begun.wait(5)
        server.should_exit = True
        assert idle.sock is not None
        assert idle.sock.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        go_on.set()
        with busy.getresponse() as answer:
            assert (answer.status, answer.headers["connection"]) == (200, "close")
        idle.close()
        busy.close()
    assert app.log == ["start", "/quick", "/slow", "stop"]


def test_what_outlasts_the_stop_is_cancelled_before_the_app_stops() -> None:
    begun = threading.Event()
    app = App()

    async def stuck(client: Client) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            app.log.append("cancelled")

    app._serve = stuck
    with _running(app, seconds=0.1) as (_, port):
        wire = socket.create_connection(("127.0.0.1", port), timeout=5)
        wire.sendall(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n")
        assert begun.wait(5)
    with wire:
        assert wire.recv(100).startswith(b"HTTP/1.1 500")
    assert app.log == ["start", "/a", "cancelled", "stop"]


def test_a_second_signal_waits_for_nobody() -> None:
    begun = threading.Event()

    async def stuck(client: Client) -> None:
        begun.set()
        await asyncio.sleep(60)

    with _running(App(stuck), seconds=60) as (server, port), socket.create_connection(("127.0.0.1", port)) as wire:
        wire.sendall(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n")
        assert begun.wait(5)
        assert server._loop is not None
        began = time.monotonic()
        for _ in range(2):
            server._loop.call_soon_threadsafe(server._signalled)
            time.sleep(0.05)
        assert wire.recv(100).startswith(b"HTTP/1.1 500")
        assert time.monotonic() - began < 10


def test_a_large_answer_reaches_a_slow_reader_whole() -> None:
    async def large(client: Client) -> None:
        await client.start(200, [])
        for number in range(200):
            await client.write(bytes([number]) * 50_000, more=True)
        await client.write(b"", more=False)

    with _running(App(large)) as (_, port), socket.create_connection(("127.0.0.1", port), timeout=5) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        time.sleep(0.2)
        said = b"".join(iter(lambda: wire.recv(65536), b""))
    ((status, body),) = answers(said)
    assert status == 200
    assert body == b"".join(bytes([number]) * 50_000 for number in range(200))


def test_an_old_client_sees_a_cut_as_a_broken_connection() -> None:
    async def cut(client: Client) -> None:
        await client.start(200, [])
        await client.write(b"hello", more=True)
        await asyncio.sleep(0.05)
        client.abort()

    with _running(App(cut)) as (_, port), socket.create_connection(("127.0.0.1", port), timeout=5) as wire:
        wire.sendall(b"GET / HTTP/1.0\r\nhost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            while wire.recv(1000):
                pass


@pytest.mark.service
def test_calls_are_served_over_tls(stub_thread: Stub, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    trust = ssl.create_default_context(cafile=str(cert))
    trust.set_alpn_protocols(["h2", "http/1.1"])
    stub_thread.reset()
    with running_gateway(tmp_path, stub_thread, prices=False, tls_cert=str(cert), tls_key=str(key)) as gateway:
        port = int(gateway.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
            plain.sendall(b"GET /healthz?role=gateway HTTP/1.1\r\nhost: x\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert not plain.recv(100).startswith(b"HTTP")
        raw = socket.create_connection(("127.0.0.1", port), timeout=5)
        with trust.wrap_socket(raw, server_hostname="localhost") as wire:
            assert wire.selected_alpn_protocol() == "http/1.1"
            body = json.dumps({"model": "gpt-4o-mini", "messages": []})
            for _ in range(2):
                head = (
                    f"POST /openai/v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key}\r\n"
                )
                wire.sendall(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())
                assert wire.recv(65536).startswith(b"HTTP/1.1 200")
        assert len(gateway.rows()) == 2
