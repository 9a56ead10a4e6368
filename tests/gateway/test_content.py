"""What is said in calls: nowhere unless switched on; then redacted before it is written, and never in the way."""

import errno
import gzip
import json
import logging
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.gateway.fold import fold
from tallystick.gateway.redact import MARK, Redactor
from tallystick.gateway.settings import ContentSettings
from tallystick.usage.content import CallContent
from tests.gateway.harness import SECRET, RunningGateway, running_gateway
from tests.stub.server import Stub

CARD = re.compile(r"\b\d{4} \d{4} \d{4} \d{4}\b")
RULES = ContentSettings((CARD, re.compile(r"Müller"), re.compile(r"sticks split")), 4000)
_decode = msgspec.msgpack.Decoder(CallContent).decode
PLANTED = "zanzibar-plant"


def ask(text: str, **more: object) -> dict[str, object]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], **more}


def post(
    gateway: RunningGateway, body: object, path: str = "/openai/v1/chat/completions", **headers: str
) -> httpx.Response:
    sent = {
        "authorization": f"Bearer {gateway.key}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    if isinstance(body, bytes):
        return httpx.post(gateway.url + path, content=body, headers=sent, timeout=20)
    return httpx.post(gateway.url + path, json=body, headers=sent, timeout=20)


@pytest.fixture(scope="module")
def keeping_thread(stub_thread: Stub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with running_gateway(tmp_path_factory.mktemp("keeping"), stub_thread, content=RULES) as gateway:
        yield gateway


@pytest.fixture
def keeping(keeping_thread: RunningGateway) -> RunningGateway:
    keeping_thread.stub.reset()
    return keeping_thread


def contents(gateway: RunningGateway) -> list[CallContent]:
    return [_decode(one.payload) for one in gateway.records() if one.kind == "content"]


def content_of(gateway: RunningGateway, event_id: str) -> CallContent:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for one in contents(gateway):
            if one.event_id == event_id:
                return one
        time.sleep(0.02)
    raise AssertionError("no content")


def test_off_nothing_of_it_is_on_the_disk(gateway: RunningGateway) -> None:
    for stream in (False, True):
        post(gateway, ask(PLANTED, stream=stream), x_cost_user="ursula")
    post(gateway, ask(PLANTED), x_stub_fault="500")
    gateway.rows(wait_for=3)
    assert contents(gateway) == []
    for path in gateway.settings.data_dir.rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            assert PLANTED.encode() not in raw and b"Tally sticks" not in raw, path


def test_on_it_is_written_after_its_row_with_whose_it_was(keeping: RunningGateway) -> None:
    answer = post(keeping, ask(f"{PLANTED} pays with 4111 1111 1111 1111, says M\u00fcller"), x_cost_user="ursula")
    event_id = answer.headers["x-tally-event-id"]
    content = content_of(keeping, event_id)
    assert [one.kind for one in keeping.records() if one.event_id == event_id] == ["intent", "completion", "content"]
    assert (content.user, content.team, content.truncated) == ("ursula", "search", ())
    said = json.loads(content.request)
    assert said["messages"][0]["content"] == f"{PLANTED} pays with {MARK}, says {MARK}"
    assert json.loads(content.response)["choices"][0]["message"]["content"].startswith(f"Tally {MARK} in two")


@pytest.mark.parametrize("encoding", ["", "gzip", "br"])
@pytest.mark.parametrize("path", ["/openai/v1/chat/completions", "/anthropic/v1/messages", "/openai/v1/responses"])
def test_a_stream_is_put_together_so_that_no_pattern_misses_what_is_cut_in_two(
    keeping: RunningGateway, path: str, encoding: str
) -> None:
    body = {**ask("hi", stream=True, max_tokens=9), "model": "gpt-4o-mini" if "openai" in path else "claude-sonnet-4-5"}
    if path.endswith("responses"):
        body = {"model": "gpt-4o-mini", "input": "hi", "stream": True}
    more = {"x_stub_encoding": encoding, "accept_encoding": encoding} if encoding else {}
    answer = post(keeping, body, path, **more)
    content = content_of(keeping, answer.headers["x-tally-event-id"])
    assert any(value == f"Tally {MARK} in two; the lender" for value in json.loads(content.response).values())
    assert "sticks split" not in content.response
    assert "sticks" in answer.text


def test_keys_are_never_kept_wherever_a_client_puts_them(keeping: RunningGateway) -> None:
    answer = post(keeping, ask(f"my keys: {keeping.key}, {SECRET} and sk-proj-{'a' * 30}", user=keeping.key))
    content = content_of(keeping, answer.headers["x-tally-event-id"])
    assert json.loads(content.request)["messages"][0]["content"] == f"my keys: {MARK}, {MARK} and {MARK}"
    for path in keeping.settings.spool_root.rglob("*.seg"):
        raw = path.read_bytes()
        assert keeping.key.encode() not in raw.split(b"Tally ")[-1] and SECRET.encode() not in raw


def test_media_stand_as_their_size(keeping: RunningGateway) -> None:
    url = "data:image/png;base64," + "QUJD" * 100
    parts = [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "input_audio", "input_audio": {"data": "QUJD" * 5, "format": "wav"}},
        {"type": "text", "text": "look"},
    ]
    answer = post(keeping, {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": parts}]})
    content = content_of(keeping, answer.headers["x-tally-event-id"])
    image, audio, said = json.loads(content.request)["messages"][0]["content"]
    assert image["image_url"]["url"] == "[300 bytes of image/png]"
    assert audio["input_audio"] == {"data": "[15 bytes of audio/wav]", "format": "wav"}
    assert said["text"] == "look"


def test_what_is_long_is_cut_and_says_so(keeping: RunningGateway) -> None:
    answer = post(keeping, ask("\u00e4" * 5000 + " 4111 1111 1111 1111"))
    content = content_of(keeping, answer.headers["x-tally-event-id"])
    assert content.truncated == ("request",)
    assert 3990 < len(content.request.encode()) <= 4000


def test_a_compressed_request_is_kept_as_its_text(keeping: RunningGateway) -> None:
    packed = gzip.compress(json.dumps(ask("packed words")).encode())
    answer = post(keeping, packed, content_encoding="gzip", content_type="application/json")
    assert "packed words" in content_of(keeping, answer.headers["x-tally-event-id"]).request


@pytest.mark.parametrize("fault", ["500", "cut"])
def test_what_came_of_a_failed_call_is_kept_too(keeping: RunningGateway, fault: str) -> None:
    before = {one.event_id for one in contents(keeping)}
    if fault == "cut":
        with pytest.raises(httpx.RemoteProtocolError):
            post(keeping, ask("fails", stream=True), x_stub_fault=fault)
    else:
        post(keeping, ask("fails"), x_stub_fault=fault)
    deadline = time.monotonic() + 10
    while not (fresh := [one for one in contents(keeping) if one.event_id not in before]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert "fails" in fresh[0].request
    assert fresh[0].response


def test_what_is_not_metered_is_not_kept(keeping: RunningGateway) -> None:
    before = len(contents(keeping))
    httpx.get(keeping.url + "/openai/v1/models", headers={"authorization": f"Bearer {keeping.key}"})
    post(keeping, b"{}", "/openai/v1/files")
    post(keeping, b"not json")
    time.sleep(0.2)
    assert len(contents(keeping)) == before


def test_a_disk_too_full_for_words_fails_no_call(
    stub_thread: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(descriptor: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    rules = ContentSettings((), 2**20)
    with running_gateway(tmp_path, stub_thread, content=rules, segment_bytes=128 * 1024) as small:
        post(small, ask("opens the first segment"))
        monkeypatch.setattr(os, "posix_fallocate", full)
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert post(small, ask(f"{PLANTED} " * 20_000)).status_code == 200
        assert len(small.rows(wait_for=4)) == 4
        assert len(contents(small)) == 1
    assert caplog.text.count("could not be kept: Unavailable") == 1
    assert PLANTED not in caplog.text


def test_nothing_is_held_of_a_call_when_it_is_off(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tallystick.gateway.meter.Said", None)  # would fail if it were called
    assert post(gateway, ask("hi")).status_code == 200


# The rules by themselves.


@given(st.lists(st.sampled_from(["4111 1111 1111 1111", "x", " ", "é", "4111"]), max_size=30), st.integers(1, 40))
def test_whatever_stands_around_it_a_secret_is_gone(words: list[str], size: int) -> None:
    redactor = Redactor((CARD,), size)
    found, cut = redactor.cut(redactor.text("|".join(words)))
    assert not CARD.search(found)
    assert len(found.encode()) <= size
    assert cut or found.count("x") == words.count("x")


def test_overlapping_patterns_are_one_blot() -> None:
    redactor = Redactor((re.compile("abc"), re.compile("cde"), re.compile("x*")), 100)
    assert redactor.text("-abcde-abc") == f"-{MARK}-{MARK}"


def test_a_secret_across_the_end_of_what_is_read_is_not_left_in_half() -> None:
    redactor = Redactor((CARD,), 1000)
    text = "." * (6096 - 8) + "4111 1111 1111 1111"
    assert "4111" not in redactor.text(text)
    found, cut = redactor.cut(json.dumps(redactor.value([text[3000:], text[:3000], "4111 1111 1111 1111", text])))
    assert "4111" not in found
    assert cut


@given(st.text(max_size=40), st.lists(st.integers(1, 5), min_size=1, max_size=10))
def test_a_folded_stream_says_what_its_pieces_said(text: str, cuts: list[int]) -> None:
    pieces, rest = [], text
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    events: list[object] = [
        {"id": "c1", "choices": [{"index": 0, "delta": {"content": one}}]} for one in [*pieces, rest]
    ]
    stream = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in events) + b"data: [DONE]\n\n"
    assert fold(stream) == {"id": "c1", "choices.0.index": 0, "choices.0.delta.content": text}


def test_choices_and_tools_of_a_stream_are_told_apart() -> None:
    done = [{"type": "x.delta", "output_index": 0, "delta": one} for one in ("to", "gether")]
    done.append({"type": "x.done", "output_index": 0, "text": "together", "delta_of": 3})
    assert fold(b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in done)) == {
        "0.type": "x.done", "0.output_index": 0, "0.delta_of": 3, "x.delta.0.delta": "together",
    }  # fmt: skip

    def event(choice: int, tool: int, piece: str) -> bytes:
        call = {"index": tool, "id": f"t{tool}", "function": {"arguments": piece}}
        return (
            b"data: " + json.dumps({"choices": [{"index": choice, "delta": {"tool_calls": [call]}}]}).encode() + b"\n\n"
        )

    found = fold(event(0, 0, '{"a"') + event(1, 0, "B") + event(0, 1, "C") + event(0, 0, ":1}") + b": ping\n\n")
    assert found is not None
    place = "choices.{}.delta.tool_calls.{}.function.arguments"
    assert found[place.format(0, 0)] == '{"a":1}'
    assert (found[place.format(1, 0)], found[place.format(0, 1)]) == ("B", "C")
    assert fold(b"plain words\n\n") is None
