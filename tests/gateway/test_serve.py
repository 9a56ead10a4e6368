"""The process around the calls: full disks, slow heads, stops, missed words, and what SDKs raise."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import anthropic
import httpx2 as httpx
import openai
import pytest

from tallystick.gateway import serve
from tallystick.operations import manage_keys
from tests.gateway.harness import RunningGateway, running_gateway
from tests.storage.test_spool import full_disk
from tests.stub.server import Stub

ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
CHAT = "/openai/v1/chat/completions"


@pytest.fixture
def own(stub_thread: Stub, tmp_path: Path) -> Iterator[RunningGateway]:
    stub_thread.reset()
    with running_gateway(tmp_path, stub_thread, prices=False, segment_bytes=60_000) as gateway:
        yield gateway


def test_a_full_disk_refuses_calls_loses_none_and_is_over_when_there_is_room(
    own: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = {"authorization": f"Bearer {own.key}"}
    assert httpx.post(own.url + CHAT, json=ASK, headers=sent).status_code == 200
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full_disk)
        answers = [httpx.post(own.url + CHAT, json=ASK, headers=sent) for _ in range(60)]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused
    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in refused} == {(503, "spool_full")}
    assert httpx.post(own.url + CHAT, json=ASK, headers=sent).status_code == 200

    served = [row for row in own.rows() if row.attempt == 1]
    assert len(served) == len(own.stub.requests) == 62 - len(refused)
    assert all(row.outcome == "ok" for row in served)


def test_a_head_that_drips_is_given_up(stub_thread: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_HEAD_SECONDS", 0.3)
    with running_gateway(tmp_path, stub_thread, prices=False) as gateway:
        host, port = gateway.url.removeprefix("http://").split(":")
        for sent in (b"", b"GET /explore HTTP/1.1\r\nhost:"):
            with socket.create_connection((host, int(port)), timeout=5) as wire:
                wire.sendall(sent)
                began = time.monotonic()
                assert wire.recv(100) == b""
                assert time.monotonic() - began < 3


def test_a_stopping_gateway_finishes_its_streams(stub_thread: Stub, tmp_path: Path) -> None:
    seen: list[bytes] = []
    with running_gateway(tmp_path, stub_thread, prices=False) as gateway:
        begun = threading.Event()

        def read() -> None:
            headers = {"authorization": f"Bearer {gateway.key}", "x-stub-delay": "0.1"}
            with httpx.stream(
                "POST", gateway.url + CHAT, json={**ASK, "stream": True}, headers=headers, timeout=20
            ) as answer:
                for chunk in answer.iter_raw():
                    seen.append(chunk)
                    begun.set()

        thread = threading.Thread(target=read)
        thread.start()
        assert begun.wait(10)
    thread.join(10)
    assert b"[DONE]" in b"".join(seen)
    (row,) = gateway.rows()
    assert (row.outcome, row.measured.state) == ("ok", "reported")


def test_a_stream_that_outlasts_the_stop_is_one_estimated_row(stub_thread: Stub, tmp_path: Path) -> None:
    seen: list[bytes] = []
    with running_gateway(tmp_path, stub_thread, prices=False, shutdown_seconds=1) as gateway:
        begun = threading.Event()

        def read() -> None:
            headers = {"authorization": f"Bearer {gateway.key}", "x-stub-delay": "0.4", "x-stub-words": "30"}
            sent = httpx.stream("POST", gateway.url + CHAT, json={**ASK, "stream": True}, headers=headers)
            with pytest.raises(httpx.RemoteProtocolError), sent as answer:
                for chunk in answer.iter_raw():
                    seen.append(chunk)
                    begun.set()

        thread = threading.Thread(target=read)
        thread.start()
        assert begun.wait(10)
    thread.join(10)
    (row,) = gateway.rows()
    assert (row.outcome, row.measured.state) == ("interrupted", "estimated")
    assert b"[DONE]" not in b"".join(seen)


def test_no_proxy_of_the_environment_is_used(own: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with httpx.Client(trust_env=False) as client:
        assert client.post(own.url + CHAT, json=ASK, headers={"authorization": f"Bearer {own.key}"}).status_code == 200


def test_a_key_whose_word_was_never_written_is_found_within_two_seconds(
    own: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manage_keys.VersionWord, "write", lambda *_: None)
    sent = {"authorization": f"Bearer {own.make_key(team='late')}"}
    deadline = time.monotonic() + 3
    while httpx.post(own.url + CHAT, json=ASK, headers=sent).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_compressed_streamed_request_reaches_the_provider_readable(own: RunningGateway) -> None:
    import gzip

    body = gzip.compress(json.dumps({**ASK, "stream": True}).encode())
    sent = {"authorization": f"Bearer {own.key}", "content-encoding": "gzip"}
    answer = httpx.post(own.url + CHAT, content=body, headers=sent)

    assert "[DONE]" in answer.text
    seen = own.stub.requests[0]
    assert "content-encoding" not in dict(seen.headers)
    assert json.loads(seen.body)["stream_options"] == {"include_usage": True}


def test_expect_continue_is_answered(own: RunningGateway) -> None:
    host, port = own.url.removeprefix("http://").split(":")
    raw = json.dumps(ASK).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {own.key}\r\ncontent-length: {len(raw)}\r\n"
    with socket.create_connection((host, int(port)), timeout=5) as wire:
        wire.sendall(head.encode() + b"expect: 100-continue\r\n\r\n")
        assert wire.recv(1000).startswith(b"HTTP/1.1 100 Continue")
        wire.sendall(raw)
        assert wire.recv(1000).startswith(b"HTTP/1.1 200")
    assert "expect" not in dict(own.stub.requests[0].headers)


def test_sdks_raise_their_own_exceptions_on_our_refusals_and_do_not_try_again(own: RunningGateway) -> None:
    say = [{"role": "user", "content": "hi"}]
    for key, kind in (("tally_nobody", openai.AuthenticationError), (own.key, openai.NotFoundError)):
        with openai.OpenAI(api_key=key, base_url=own.url + "/openai/v1") as client, pytest.raises(kind) as caught:
            client.chat.completions.create(model="m", messages=say) if "nobody" in key else client.vector_stores.list()  # type: ignore[arg-type]
        assert caught.value.request_id and caught.value.request_id.startswith("evt_")
    with anthropic.Anthropic(api_key="tally_nobody", base_url=own.url + "/anthropic") as claude:
        with pytest.raises(anthropic.AuthenticationError) as denied:
            claude.messages.create(model="claude-opus-4-6", max_tokens=5, messages=say)  # type: ignore[arg-type]
        assert "tally keys create" in str(denied.value)
    assert own.stub.requests == []
    assert len(own.rows()) == 1


def test_a_failure_of_our_own_metering_fails_no_call(own: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    from tallystick.gateway import row as rows
    from tallystick.gateway.dialects.openai import OpenAI

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    sent = {"authorization": f"Bearer {own.key}"}
    monkeypatch.setattr(rows, "rate", broken)
    monkeypatch.setattr(OpenAI, "read_response", broken)
    assert httpx.post(own.url + CHAT, json=ASK, headers=sent).status_code == 200
    (row,) = own.rows()
    assert (row.measured.state, row.effective_cost) == ("absent", None)
    assert row.measured.drift
