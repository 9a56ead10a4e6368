"""Attacks on a gateway that holds every key: the failure paths of authentication first."""

import asyncio
import gzip
import hashlib
import json
import socket
import time
import zlib
from pathlib import Path

import httpx2 as httpx
import pytest

from tallystick.gateway.aiohttp_upstream import AiohttpUpstream
from tallystick.gateway.identify import KeyRing, identify
from tallystick.gateway.refuse import Refused
from tallystick.gateway.upstream import UpstreamFailed, UpstreamRequest
from tallystick.kernel.addresses import is_public
from tallystick.org.model import GatewayKey
from tests.gateway.harness import SECRET, RunningGateway, running_gateway
from tests.stub.server import Stub

ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
CHAT = "/openai/v1/chat/completions"


def exchange(gateway: RunningGateway, raw: bytes, seconds: float = 5) -> bytes:
    """Send bytes as they are, and read until the server closes or falls silent."""
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as wire:
        wire.sendall(raw)
        seen = b""
        try:
            while chunk := wire.recv(65536):
                seen += chunk
                if b"\r\n\r\n" in seen and b"content-length: 0" not in seen and seen.endswith(b"}"):
                    break
        except (TimeoutError, ConnectionResetError):
            pass
        return seen


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
@pytest.mark.parametrize(
    "secret",
    [
        "tally_nobody",
        "tally_' OR '1'='1",
        "tally_'; DROP TABLE gateway_key; --",
        "tally_" + "x" * 5000,
        "tallyapi_token",
        "tallycli_token",
        "tally_\u00e9",
    ],
)
def test_a_secret_that_looks_like_ours_and_is_not_known_is_never_forwarded(
    gateway: RunningGateway, header: str, secret: str
) -> None:
    value = f"Bearer {secret}" if header == "authorization" else secret
    answer = httpx.post(gateway.url + CHAT, json=ASK, headers={header: value.encode()})

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unknown_key"
    assert gateway.stub.requests == []
    assert gateway.rows() == [], "nobody fills the ledger without a key"


@pytest.mark.parametrize("value", ["", "Bearer", "Basic dXNlcjpwYXNz", "tally_nobody", "Bearer" + "\t" + "x" * 9000])
def test_no_usable_credential_is_a_401_that_says_how_to_make_a_key(gateway: RunningGateway, value: str) -> None:
    answer = httpx.post(gateway.url + CHAT, json=ASK, headers={"authorization": value})

    assert answer.status_code == 401
    assert "tally keys create" in answer.json()["error"]["message"]
    assert gateway.stub.requests == []


def test_the_hash_of_a_key_is_no_key() -> None:
    secret = b"tally_secret"
    key = GatewayKey("key_1", "k", hashlib.sha256(secret).hexdigest(), "cret", 1, version=1)
    ring = KeyRing(lambda version: [key] if version < 1 else [])
    ring.refresh()

    assert identify({b"x-api-key": secret}, ring, bring_your_own=True).key == key
    with pytest.raises(Refused):
        identify({b"x-api-key": b"tally_" + key.secret_hash.encode()}, ring, bring_your_own=True)


def test_foreign_keys_can_be_switched_off() -> None:
    ring = KeyRing(lambda _: [])
    with pytest.raises(Refused) as caught:
        identify({b"authorization": b"Bearer sk-mine"}, ring, bring_your_own=False)
    assert caught.value.refusal.code == "foreign_key"


def test_of_two_credentials_ours_decides_and_the_other_goes_nowhere(gateway: RunningGateway) -> None:
    httpx.post(gateway.url + CHAT, json=ASK, headers={"authorization": "Bearer sk-other", "x-api-key": gateway.key})

    seen = dict(gateway.stub.requests[0].headers)
    assert seen["authorization"] == f"Bearer {SECRET}"
    assert "x-api-key" not in seen


@pytest.mark.parametrize(
    "path",
    [
        "/openai/v1/../../admin",
        "/openai/v1/%2e%2e/admin",
        "/openai/v1/..%2fadmin",
        "/openai/v1/chat%2fcompletions",
        "/openai//evil.example/v1/chat/completions",
        "/openai/v1//chat/completions",
        "/openai/v1/models/%00",
        "/openai/v1/models/a%0d%0ax-evil:%201",
        "/openai/v1/models/..\\..\\x",
        "/openai/v1/models/%5c",
        "/openai/@evil.example/v1/models",
        "/openai/v1/models/" + "x" * 4000,
    ],
)
def test_no_path_leaves_its_provider(gateway: RunningGateway, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key}\r\n\r\n"
    answer = exchange(gateway, head.encode("latin-1"))

    assert answer.split(b" ", 2)[1] in {b"400", b"404", b"414"}
    assert gateway.stub.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "169.254.169.254"},
        {"x-forwarded-host": "evil.example"},
        {"x-base-url": "http://evil.example"},
        {"x-portkey-custom-host": "http://evil.example"},
        {"helicone-target-url": "http://evil.example"},
    ],
)
def test_no_header_and_no_body_chooses_a_host(gateway: RunningGateway, headers: dict[str, str]) -> None:
    body = {**ASK, "api_base": "http://evil.example", "base_url": "http://evil.example"}
    answer = httpx.post(gateway.url + CHAT, json=body, headers={"authorization": f"Bearer {gateway.key}", **headers})

    assert answer.status_code == 200
    assert len(gateway.stub.requests) == 1
    assert dict(gateway.stub.requests[0].headers)["host"] == gateway.stub.url.removeprefix("http://")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::", "ff02::1",
    ],
)  # fmt: skip
def test_an_address_of_the_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("allowed", [False, True])
def test_a_name_that_resolves_to_the_inside_is_connected_to_only_when_the_configuration_says_so(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    real = socket.getaddrinfo

    def inside(host: str, *rest: object, **more: object) -> object:
        return real("127.0.0.1" if host == "rebound.example" else host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", inside)
    url = f"http://rebound.example:{stub.url.rpartition(':')[2]}/v1/models"

    async def send() -> int:
        upstream = AiohttpUpstream(["rebound.example"] if allowed else [], 4)
        try:
            response = await upstream.send(UpstreamRequest("GET", url, [], b"", 5, 5))
            response.close()
            return response.status
        finally:
            await upstream.close()

    if allowed:
        assert asyncio.run(send()) == 200
        return
    with pytest.raises(UpstreamFailed) as caught:
        asyncio.run(send())
    assert not caught.value.reached
    assert "127.0.0.1" in caught.value.reason
    assert stub.requests == []


def test_a_redirect_is_passed_on_and_not_followed(gateway: RunningGateway) -> None:
    sent = {"authorization": f"Bearer {gateway.key}", "x-stub-fault": "307"}
    answer = httpx.post(gateway.url + CHAT, json=ASK, headers=sent)

    assert (answer.status_code, answer.headers["location"]) == (307, "/v1/elsewhere")
    assert len(gateway.stub.requests) == 1


def test_a_body_too_large_is_413_and_its_sender_can_read_it(stub_thread: Stub, tmp_path: Path) -> None:
    with running_gateway(tmp_path, stub_thread, prices=False, max_body_bytes=10_000) as gateway:
        sent = {"authorization": f"Bearer {gateway.key}"}
        for size in (10_001, 25_000, 500_000):
            answer = httpx.post(gateway.url + CHAT, content=b"x" * size, headers=sent)
            assert answer.status_code == 413
        rows = gateway.rows()
        assert [(row.attempt, row.status) for row in rows] == [(0, 413)] * 3


def test_a_chunked_body_without_end_is_given_up(stub_thread: Stub, tmp_path: Path) -> None:
    with running_gateway(tmp_path, stub_thread, prices=False, max_body_bytes=10_000) as gateway:
        head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key}\r\ntransfer-encoding: chunked\r\n\r\n"
        chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
        assert exchange(gateway, head.encode() + chunk * 20).startswith(b"HTTP/1.1 413")


def test_a_slow_body_is_408(stub_thread: Stub, tmp_path: Path) -> None:
    with running_gateway(tmp_path, stub_thread, prices=False, read_timeout_seconds=0.3) as gateway:
        head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key}\r\ncontent-length: 100\r\n\r\n"
        assert exchange(gateway, head.encode() + b'{"model"').startswith(b"HTTP/1.1 408")


def bomb(size: int = 200_000_000) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([packer.compress(b" " * 10_000_000) for _ in range(size // 10_000_000)]) + packer.flush()


def test_a_zip_bomb_is_refused_without_growing(gateway: RunningGateway) -> None:
    sent = {"authorization": f"Bearer {gateway.key}", "content-encoding": "gzip"}
    began = time.monotonic()
    answer = httpx.post(gateway.url + CHAT, content=bomb(), headers=sent, timeout=30)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_body")
    assert time.monotonic() - began < 10
    assert gateway.stub.requests == []


def test_a_compressed_request_passes_as_it_is_and_is_metered(gateway: RunningGateway) -> None:
    body = gzip.compress(json.dumps(ASK).encode())
    answer = httpx.post(
        gateway.url + CHAT, content=body, headers={"authorization": f"Bearer {gateway.key}", "content-encoding": "gzip"}
    )
    (row,) = gateway.rows()
    assert answer.status_code == 200
    assert gateway.stub.requests[0].body == body
    assert row.request_model == "gpt-4o-mini"


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate", "rot13", "gzip, gzip, gzip"])
def test_a_body_that_is_not_what_its_encoding_says_is_400(gateway: RunningGateway, encoding: str) -> None:
    sent = {"authorization": f"Bearer {gateway.key}", "content-encoding": encoding}
    assert httpx.post(gateway.url + CHAT, content=b"plain text", headers=sent).status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"null", b"[" * 100_000, b'{"model":"a","model":{}}'])
def test_a_body_that_is_no_request_is_400_in_the_providers_shape(gateway: RunningGateway, body: bytes) -> None:
    answer = httpx.post(gateway.url + CHAT, content=body, headers={"authorization": f"Bearer {gateway.key}"})

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /openai/v1/models HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /openai/v1/models HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        b"GET /openai/v1/models HTTP/1.1\r\nhost: x\r\nx-evil: a\x00b\r\n\r\n",
        b"GET /openai/v1/models HTTP/1.1\r\nhost : x\r\n\r\n",
        b"NONSENSE\r\n\r\n",
    ],
)
def test_requests_that_two_parsers_could_read_in_two_ways_are_refused(gateway: RunningGateway, raw: bytes) -> None:
    answer = exchange(gateway, raw, seconds=2)

    assert answer.split(b" ", 2)[1:2] in ([b"400"], [])
    assert gateway.stub.requests == []


def test_a_head_without_end_is_refused(gateway: RunningGateway) -> None:
    answer = exchange(gateway, b"GET / HTTP/1.1\r\n" + b"x-a: " + b"y" * 200_000 + b"\r\n" * 2, seconds=2)
    assert b"431" in answer[:20] or answer == b""
    many = b"".join(b"x-%d: y\r\n" % number for number in range(2000))
    answer = exchange(gateway, b"GET / HTTP/1.1\r\n" + many + b"\r\n", seconds=2)
    assert b"431" in answer[:20] or answer == b""


def test_what_is_ours_never_reaches_the_provider_and_what_is_theirs_never_reaches_the_client(
    gateway: RunningGateway,
) -> None:
    sent = {
        "authorization": f"Bearer {gateway.key}",
        "x-cost-team": "stolen",
        "x-tally-stream-cost": "true",
        "x-forwarded-for": "10.0.0.1",
        "cookie": "tally_session=secret",
        "connection": "keep-alive, x-private",
        "x-private": "1",
        "x-kept": "yes",
    }
    answer = httpx.post(gateway.url + CHAT, json=ASK, headers=sent)
    seen = dict(gateway.stub.requests[0].headers)

    assert seen["x-kept"] == "yes"
    assert not {"x-cost-team", "x-tally-stream-cost", "x-forwarded-for", "cookie", "x-private"} & set(seen)
    assert gateway.key not in str(seen)
    assert SECRET not in answer.text + str(answer.headers)
    (row,) = gateway.rows()
    assert row.dimensions["team"] == "search"
    assert row.tags["claimed_team"] == "stolen"


def test_the_planted_secret_is_in_no_row_file_or_answer(gateway: RunningGateway) -> None:
    for fault in ("", "401", "500", "close"):
        answer = httpx.post(
            gateway.url + CHAT, json=ASK, headers={"authorization": f"Bearer {gateway.key}", "x-stub-fault": fault}
        )
        assert SECRET not in answer.text + str(answer.headers)
        assert gateway.key not in answer.text + str(answer.headers)
    for path in gateway.settings.data_dir.rglob("*"):
        if path.is_file() and not path.name.endswith(("-shm", "-wal")):
            data = path.read_bytes()
            assert SECRET.encode() not in data, path
            assert gateway.key.encode() not in data, path
            assert b"Say hi" not in data
