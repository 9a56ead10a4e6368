"""What is no provider path is the app's: streamed both ways, its forwarding headers set anew."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import uvicorn

from tests.gateway.harness import RunningGateway, running_gateway
from tests.stub.server import Stub


class App:
    """An app that tells what it saw."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.bodies: list[bytes] = []
        self.left = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if scope["path"] == "/slow":
            await self._slow(receive, send)
            return
        more = scope["method"] == "POST"
        body = b""
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.bodies.append(body)
        size = int(scope["query_string"] or b"3")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-app", scope["raw_path"])]})
        for _ in range(size // 65536):
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        await send({"type": "http.response.body", "body": b"x" * (size % 65536), "more_body": False})

    async def _slow(self, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = App()
    with serving(app, tmp_path / "app.sock"):
        yield app


@contextlib.contextmanager
def serving(app: App, path: Path) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, uds=str(path), log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def relaying(stub_thread: Stub, tmp_path: Path) -> Iterator[RunningGateway]:
    with running_gateway(tmp_path, stub_thread, prices=False, app_socket=tmp_path / "app.sock") as gateway:
        yield gateway


def test_pages_are_the_apps_with_path_and_query_untouched(app: App, relaying: RunningGateway) -> None:
    answer = httpx.get(relaying.url + "/explore/a%2Fb?200000")

    assert answer.headers["x-app"] == "/explore/a%2Fb"
    assert answer.content == b"x" * 200_000


def test_bodies_stream_to_the_app(app: App, relaying: RunningGateway) -> None:
    httpx.post(relaying.url + "/api/v1/import", content=b"y" * 300_000)
    httpx.post(relaying.url + "/api/v1/import", content=iter([b"a" * 1000, b"b" * 1000]))

    assert app.bodies == [b"y" * 300_000, b"a" * 1000 + b"b" * 1000]


def test_who_is_calling_is_said_by_the_gateway_alone(app: App, relaying: RunningGateway) -> None:
    lies = {
        "x-forwarded-for": "8.8.8.8",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "evil",
        "forwarded": "for=1.1.1.1",
    }
    httpx.get(relaying.url + "/", headers=lies)

    assert app.headers["x-forwarded-for"] == "127.0.0.1"
    assert app.headers["x-forwarded-proto"] == "http"
    assert app.headers["x-forwarded-host"] == app.headers["host"] == relaying.url.removeprefix("http://")
    assert "forwarded" not in app.headers


def test_behind_a_proxy_its_last_word_counts(app: App, stub_thread: Stub, tmp_path: Path) -> None:
    with running_gateway(tmp_path, stub_thread, prices=False, behind_proxy=True) as gateway:
        httpx.get(gateway.url + "/", headers={"x-forwarded-for": "6.6.6.6, 9.9.9.9", "x-forwarded-proto": "https"})
    assert app.headers["x-forwarded-for"] == "9.9.9.9"
    assert app.headers["x-forwarded-proto"] == "https"


def test_while_the_app_is_away_pages_are_503_and_calls_go_on(relaying: RunningGateway) -> None:
    answer = httpx.get(relaying.url + "/explore")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert httpx.get(relaying.url + "/healthz").status_code == 503
    assert httpx.get(relaying.url + "/healthz?role=gateway").status_code == 200

    body = {"model": "gpt-4o-mini", "messages": []}
    sent = {"authorization": f"Bearer {relaying.key}"}
    assert httpx.post(relaying.url + "/openai/v1/chat/completions", json=body, headers=sent).status_code == 200


def test_the_app_is_found_again_when_it_is_back(relaying: RunningGateway, tmp_path: Path) -> None:
    for _ in range(2):
        with serving(App(), tmp_path / "app.sock"):
            assert httpx.get(relaying.url + "/").status_code == 200
        assert httpx.get(relaying.url + "/").status_code == 503


def test_a_client_that_leaves_ends_the_apps_work(app: App, relaying: RunningGateway) -> None:
    host, port = relaying.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as wire:
        wire.sendall(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        while b"begun" not in wire.recv(4096):
            pass
    assert app.left.wait(5)


def test_a_bulk_download_does_not_hold_up_calls(app: App, relaying: RunningGateway) -> None:
    async def measure() -> float:
        async with httpx.AsyncClient(timeout=30) as client:
            sent = {"authorization": f"Bearer {relaying.key}"}
            body = {"model": "gpt-4o-mini", "messages": []}
            bulk = asyncio.ensure_future(client.get(relaying.url + "/export?20000000"))
            worst = 0.0
            for _ in range(20):
                began = time.monotonic()
                await client.post(relaying.url + "/openai/v1/chat/completions", json=body, headers=sent)
                worst = max(worst, time.monotonic() - began)
            assert len((await bulk).content) == 20_000_000
            return worst

    assert asyncio.run(measure()) < 2
