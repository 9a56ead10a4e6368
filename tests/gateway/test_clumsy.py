"""Callers who mean well: a wrong base URL, an HTTP client that asks for HTTP/2, a head without end."""

import json
import socket
import time
from pathlib import Path

import anthropic
import httpx2 as httpx
import openai
import pytest

from tests.gateway.harness import RunningGateway, running_gateway
from tests.gateway.test_attacks import exchange
from tests.stub.server import Stub

ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
CHAT = "/openai/v1/chat/completions"


@pytest.mark.parametrize("base", ["", "/opanai/v1", "/OpenAI/v1"])
def test_a_base_url_without_a_provider_is_told_where_providers_are(gateway: RunningGateway, base: str) -> None:
    client = openai.OpenAI(api_key=gateway.key, base_url=gateway.url + base, max_retries=2)
    with pytest.raises(openai.NotFoundError, match="/openai/v1") as caught:
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])
    assert caught.value.code == "unknown_provider"
    with client, pytest.raises(openai.NotFoundError, match="no provider"):
        client.models.list()
    assert gateway.stub.requests == []


def test_anthropics_sdk_is_told_in_its_own_shape(gateway: RunningGateway) -> None:
    client = anthropic.Anthropic(api_key=gateway.key, base_url=gateway.url, max_retries=0)
    with client, pytest.raises(anthropic.NotFoundError, match="/anthropic"):
        client.messages.create(model="claude-sonnet-4-6", max_tokens=5, messages=[{"role": "user", "content": "hi"}])


@pytest.mark.parametrize("cut", [0, 40, 120])
def test_an_upgrade_to_http2_is_ignored_and_the_body_read(gateway: RunningGateway, cut: int) -> None:
    body = json.dumps(ASK).encode()
    raw = (
        f"POST {CHAT} HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: {len(body)}\r\nHost: x\r\n"
        f"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\nAuthorization: Bearer {gateway.key}\r\n\r\n"
    ).encode() + body
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.sendall(raw[:cut])
        time.sleep(0.05)
        wire.sendall(raw[cut:])
        assert wire.recv(65536).startswith(b"HTTP/1.1 200")
    (seen,) = gateway.stub.requests
    assert seen.body == body
    assert not {"upgrade", "http2-settings"} & {name for name, _ in seen.headers}


def test_a_body_that_speaks_of_an_upgrade_is_untouched(gateway: RunningGateway) -> None:
    body = json.dumps({**ASK, "user": "upgrade: h2c"}, indent=1).replace("\n", "\r\n").encode()
    sent = {"authorization": f"Bearer {gateway.key}"}
    assert httpx.post(gateway.url + CHAT, content=body, headers=sent).status_code == 200
    assert gateway.stub.requests[0].body == body


def test_one_header_without_end_is_refused_before_it_fills_the_memory(stub_thread: Stub, tmp_path: Path) -> None:
    with running_gateway(tmp_path, stub_thread, prices=False) as gateway:
        host, port = gateway.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as wire:
            wire.sendall(b"GET /openai/v1/models HTTP/1.1\r\nx: ")
            sent = 0
            began = time.monotonic()
            with pytest.raises(OSError, match=r"reset|[Bb]roken"):
                while sent < 20_000_000:
                    sent += wire.send(b"a" * 65536)
            assert time.monotonic() - began < 10
        large = json.dumps({**ASK, "user": "x" * 500_000}).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key}\r\ncontent-length: {len(large)}\r\n\r\n"
        assert exchange(gateway, head.encode() + large).startswith(b"HTTP/1.1 200")
