"""One request whose answer is read: whole, bounded, decompressed, over a kept connection."""

import gzip
import threading
import time
import zlib
from collections.abc import Iterator

import pytest

from tallystick.transport.ask import AskFailed, Request, ask, forget_connections
from tests.transport.asked import answering, http

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    forget_connections()


def test_an_answer_comes_with_status_lower_case_headers_and_body() -> None:
    with answering(http(b"{}", 201, "X-Request-ID: 7", "Set-Cookie: a", "set-cookie: b")) as server:
        answer = ask(Request("POST", f"{server.url}/v1/a%20b?c=d&e", {"X-Key": "k"}, b"body"))
    assert (answer.status, answer.body, answer.headers["x-request-id"]) == (201, b"{}", "7")
    assert answer.headers["set-cookie"] == "a, b"
    head = server.requests[0].lower()
    assert head.startswith(b"post /v1/a%20b?c=d&e http/1.1\r\n")
    assert b"x-key: k" in head and b"content-length: 4" in head and b"accept-encoding: gzip" in head
    assert head.endswith(b"\r\n\r\nbody")


@pytest.mark.parametrize("status", [204, 301, 401, 404, 429, 500])
def test_any_status_is_an_answer_and_no_redirect_is_followed(status: int) -> None:
    with answering(http(b"", status, "location: /elsewhere")) as server:
        assert ask(Request("GET", server.url)).status == status
        assert len(server.requests) == 1


def test_a_connection_is_kept_for_the_next_question() -> None:
    with answering(http(b"1"), http(b"2"), http(b"3")) as server:
        assert [ask(Request("GET", f"{server.url}/{n}")).body for n in range(3)] == [b"1", b"2", b"3"]
        assert server.connections == 1


def test_each_thread_keeps_a_connection_of_its_own() -> None:
    with answering(http(b"x")) as server:
        ask(Request("GET", server.url))
        other = threading.Thread(target=lambda: (ask(Request("GET", server.url)), forget_connections()))
        other.start()
        other.join()
        assert server.connections == 2


def test_a_kept_connection_that_was_closed_meanwhile_is_made_anew() -> None:
    with answering(http(b"1"), http(b"2"), close=lambda n: n == 0) as server:
        assert ask(Request("GET", server.url)).body == b"1"
        assert ask(Request("GET", server.url)).body == b"2"
        assert (server.connections, len(server.requests)) == (2, 2)


def test_a_kept_connection_that_dies_under_the_question_is_asked_again_once() -> None:
    with answering(http(b"1"), b"", http(b"2"), close=lambda n: n == 1) as server:
        ask(Request("GET", server.url))
        assert ask(Request("GET", server.url)).body == b"2"


def test_a_fresh_connection_that_dies_is_a_failure_that_may_be_tried_again() -> None:
    with answering(b"", close=lambda _: True) as server, pytest.raises(AskFailed, match="gave no answer") as caught:
        ask(Request("GET", f"{server.url}/planted?planted", {"authorization": "planted"}))
    assert caught.value.retry
    assert "planted" not in str(caught.value)


# The bytes name the tests, and all processes have to give them the same names: so no time of packing.
@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzip.compress(b"one line\n" * 99, mtime=0), "gzip"),
        (gzip.compress(b"one line\n" * 90, mtime=0) + gzip.compress(b"one line\n" * 9, mtime=0), "GZIP"),
        (zlib.compress(b"one line\n" * 99), "deflate"),
        (b"one line\n" * 99, "identity"),
    ],
)
def test_what_was_compressed_on_the_way_comes_as_it_was(body: bytes, coding: str) -> None:
    with answering(http(body, 200, f"content-encoding: {coding}")) as server:
        assert ask(Request("GET", server.url)).body == b"one line\n" * 99


def test_a_body_in_chunks_is_put_together() -> None:
    with answering(CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", http(b"next")) as server:
        assert ask(Request("GET", server.url)).body == b"abcde"
        assert ask(Request("GET", server.url)).body == b"next"
        assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        CHUNKED + b"a\r\nabc",
        http(gzip.compress(b"x" * 9999, mtime=0)[:-12], 200, "content-encoding: gzip"),
        http(b"no gzip", 200, "content-encoding: gzip"),
        b"no HTTP at all\r\n\r\n",
    ],
    ids=["length", "chunk", "gzip", "other", "words"],
)
def test_half_an_answer_is_none(answer: bytes) -> None:
    with answering(answer, close=lambda _: True) as server, pytest.raises(AskFailed) as caught:
        ask(Request("GET", server.url))
    assert caught.value.retry


@pytest.mark.parametrize(
    "answer",
    [
        http(b"x" * 1001),
        CHUNKED + b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n",
        http(gzip.compress(b"\0" * 50_000_000), 200, "content-encoding: gzip"),
    ],
    ids=["length", "chunk", "bomb"],
)
def test_an_answer_larger_than_the_bound_is_none(answer: bytes) -> None:
    most = 1000 if len(answer) < 10_000 else 60_000
    with answering(answer) as server, pytest.raises(AskFailed, match="more than") as caught:
        ask(Request("GET", server.url, most_bytes=most))
    assert not caught.value.retry


def test_a_peer_that_says_nothing_is_left_at_the_deadline() -> None:
    began = time.monotonic()
    with answering(b"HTTP/1.1 200 OK\r\nx: ") as server, pytest.raises(AskFailed, match="in time") as caught:
        ask(Request("GET", server.url, seconds=0.2))
    assert caught.value.retry
    assert time.monotonic() - began < 2


def test_an_answer_without_a_length_is_not_taken_for_whole_when_time_ended_it() -> None:
    with answering(b"HTTP/1.0 200 OK\r\n\r\nhalf") as server, pytest.raises(AskFailed, match="in time"):
        ask(Request("GET", server.url, seconds=0.2))


@pytest.mark.parametrize("header", ["plan\nted", "planted☃"])
def test_a_header_that_cannot_be_written_is_refused_without_repeating_it(header: str) -> None:
    with answering(http()) as server, pytest.raises(AskFailed, match="stray character") as caught:
        ask(Request("GET", server.url, {"x-key": header}))
    assert not caught.value.retry
    assert "plan" not in str(caught.value)
    assert not server.requests


def test_an_address_with_a_space_is_refused_without_repeating_it() -> None:
    with answering(http()) as server, pytest.raises(AskFailed, match="stray character") as caught:
        ask(Request("GET", f"{server.url}/planted words"))
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "ftp://a.test/", "http://", "http://[x"])
def test_what_is_no_address_is_not_tried_again(url: str) -> None:
    with pytest.raises(AskFailed, match="address is none") as caught:
        ask(Request("GET", url))
    assert not caught.value.retry


def test_nothing_of_a_request_shows_in_its_own_words() -> None:
    assert "planted" not in repr(Request("GET", "https://a.test/planted", {"x": "planted"}, b"planted"))
