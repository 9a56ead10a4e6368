"""A stream whose provider is silent gets signs of life, between events and nowhere else."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import openai
import pytest

from tallystick.gateway.settings import ProviderKeySecret, ProviderSettings
from tests.gateway.harness import SECRET, RunningGateway, running_gateway
from tests.stub.server import Stub

EVENT = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'  # fmt: skip
END = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'  # fmt: skip
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"
SIGN = ": keep-alive\n\n"
ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "stream": True}


@contextlib.contextmanager
def slow_provider(pieces: list[bytes], pause: float, head: bytes = HEAD) -> Iterator[str]:
    """Answers any request with these pieces, a pause before each."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    connection.sendall(head + b"\r\n")
                    for piece in pieces:
                        threading.Event().wait(pause)
                        connection.sendall(piece)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        # Closing alone wakes nobody: the thread would wait on, and the port with it.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@contextlib.contextmanager
def gateway_before(url: str, stub: Stub, folder: Path, seconds: float) -> Iterator[RunningGateway]:
    one = ProviderSettings("openai", url, "openai", keys=(ProviderKeySecret(SECRET),), timeout_seconds=5)
    with running_gateway(folder, stub, prices=False, providers={"openai": one}, heartbeat_seconds=seconds) as gateway:
        yield gateway


def read(gateway: RunningGateway, **options: object) -> str:
    sent = {"authorization": f"Bearer {gateway.key}"}
    asked = {**ASK, "stream_options": {"include_usage": True}, **options}
    return httpx.post(f"{gateway.url}/openai/v1/chat/completions", json=asked, headers=sent, timeout=20).text


def test_signs_come_between_events_and_the_rest_is_untouched(stub_thread: Stub, tmp_path: Path) -> None:
    # The second event comes in two halves: between them there may be no sign.
    pieces = [EVENT, EVENT[:40], EVENT[40:], END]
    with slow_provider(pieces, 0.25) as url, gateway_before(url, stub_thread, tmp_path, 0.1) as gateway:
        text = read(gateway)
        assert text.replace(SIGN, "") == (EVENT + EVENT + END).decode()
        before, first, rest = text.split(EVENT.decode())
        assert before.count(SIGN) >= 1
        assert set(before) == set(first) == set(SIGN)
        assert rest.startswith(SIGN)
        assert text.endswith(END.decode())
        assert gateway.rows(1)[0].outcome == "ok"


def test_an_sdk_reads_through_them(stub_thread: Stub, tmp_path: Path) -> None:
    with slow_provider([EVENT, EVENT, END], 0.25) as url, gateway_before(url, stub_thread, tmp_path, 0.1) as gateway:
        with openai.OpenAI(base_url=f"{gateway.url}/openai/v1", api_key=gateway.key) as client:
            chunks = list(client.chat.completions.create(**ASK))  # type: ignore[call-overload]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "aa"


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"content-length: %d\r\n" % len(EVENT + END),
        HEAD + b"content-encoding: snappy\r\n",
    ],
    ids=["its length was told", "it is in a coding that nobody knows"],
)
def test_none_come_where_they_would_break_the_answer(stub_thread: Stub, tmp_path: Path, head: bytes) -> None:
    with slow_provider([EVENT, END], 0.25, head) as url, gateway_before(url, stub_thread, tmp_path, 0.1) as gateway:
        assert read(gateway) == (EVENT + END).decode()


@pytest.mark.parametrize("seconds", [5.0, 0.0])
def test_none_come_while_the_stream_flows_or_when_they_are_switched_off(
    stub_thread: Stub, tmp_path: Path, seconds: float
) -> None:
    with slow_provider([EVENT, END], 0.2) as url, gateway_before(url, stub_thread, tmp_path, seconds) as gateway:
        assert SIGN not in read(gateway)


def test_a_stream_in_silence_is_drained_when_the_gateway_stops(stub_thread: Stub, tmp_path: Path) -> None:
    with slow_provider([EVENT, EVENT, END], 0.4) as url:
        found: list[str] = []
        with gateway_before(url, stub_thread, tmp_path, 0.1) as gateway:
            thread = threading.Thread(target=lambda: found.append(read(gateway)))
            thread.start()
            threading.Event().wait(0.3)
        thread.join(10)
        assert found[0].replace(SIGN, "") == (EVENT + EVENT + END).decode()
        assert gateway.rows(1)[0].outcome == "ok"
