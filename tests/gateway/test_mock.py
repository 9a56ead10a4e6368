"""Answers made up in this process: the official SDKs take them, rows are real, and nothing is sent anywhere."""

import gzip
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import anthropic
import httpx2 as httpx
import openai
import pytest

from tallystick.gateway.mock import KEY, mocked
from tallystick.gateway.mock_answers import answer
from tallystick.gateway.settings import ProviderSettings
from tests.gateway.harness import RunningGateway, running_gateway, settings_for
from tests.stub.server import Stub

# A name that leads nowhere: whoever asked for it would fail.
NOWHERE = "https://provider.invalid"
# Grains a token: gpt-4o-mini $0.15 and $0.60 a million, claude-haiku-4-5 $1 and $5, text-embedding-3-small $0.02.
PRICES = {"gpt-4o-mini": (150_000, 600_000), "claude-haiku-4-5": (1_000_000, 5_000_000)}


@pytest.fixture(scope="module")
def gateway_mocked(stub_thread: Stub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("mocked")
    known = settings_for(folder, NOWHERE).providers | {
        "gemini": ProviderSettings("gemini", NOWHERE, "gcp.gemini"),
        "keyless": ProviderSettings("openai", NOWHERE, "openai"),
    }
    made = mocked(replace(settings_for(folder, NOWHERE), providers=known), 0.01)
    changes = {"providers": made.providers, "client": made.client, "mock_seconds": made.mock_seconds}
    with running_gateway(folder, stub_thread, **changes) as gateway:
        yield gateway


@pytest.fixture
def gateway(gateway_mocked: RunningGateway) -> RunningGateway:
    gateway_mocked.rows()
    gateway_mocked.stub.reset()
    return gateway_mocked


@pytest.fixture
def chat(gateway: RunningGateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/openai/v1", api_key=gateway.key, max_retries=0) as client:
        yield client


def _check(gateway: RunningGateway, model: str, tokens: tuple[int, int]) -> None:
    (row,) = gateway.rows(1)
    assert (row.outcome, row.provider_account, row.model) == ("ok", "mock", model)
    assert (row.measured.input_tokens, row.measured.output_tokens, row.measured.state) == (*tokens, "reported")
    assert row.measured.drift == ()
    assert row.effective_cost == sum(one * price for one, price in zip(tokens, PRICES[model], strict=True))
    assert not gateway.stub.requests


def test_a_chat_is_answered_and_priced(gateway: RunningGateway, chat: openai.OpenAI) -> None:
    made = chat.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "hello " * 100}], n=2
    )
    assert made.usage is not None
    assert len(made.choices) == 2
    assert made.usage.prompt_tokens > 100
    assert "made up" in str(made.choices[1].message.content)
    _check(gateway, "gpt-4o-mini", (made.usage.prompt_tokens, made.usage.completion_tokens))


def test_a_streamed_chat_says_the_same_and_counts_the_same(gateway: RunningGateway, chat: openai.OpenAI) -> None:
    said: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 30}
    pieces = list(chat.chat.completions.create(**said, stream=True, stream_options={"include_usage": True}))
    usage = pieces[-1].usage
    assert usage is not None
    text = "".join(str(one.choices[0].delta.content or "") for one in pieces if one.choices)
    assert text.startswith("This answer is made up")
    assert len(text.split()) <= usage.completion_tokens <= 30
    _check(gateway, "gpt-4o-mini", (usage.prompt_tokens, usage.completion_tokens))


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_is_answered(gateway: RunningGateway, chat: openai.OpenAI, stream: bool) -> None:
    if stream:
        last = list(chat.responses.create(model="gpt-4o-mini", input="hi", stream=True))[-1]
        assert last.type == "response.completed"
        made = last.response
    else:
        made = chat.responses.create(model="gpt-4o-mini", input="hi")
    assert made.usage is not None
    assert "made up" in made.output_text
    _check(gateway, "gpt-4o-mini", (made.usage.input_tokens, made.usage.output_tokens))


def test_embeddings_are_answered(gateway: RunningGateway, chat: openai.OpenAI) -> None:
    made = chat.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    assert [one.embedding for one in made.data] == [[0.5, -0.25, 0.125, 1.0]] * 2
    (row,) = gateway.rows(1)
    assert row.effective_cost == made.usage.prompt_tokens * 20_000


@pytest.mark.parametrize("stream", [False, True])
def test_a_message_is_answered(gateway: RunningGateway, stream: bool) -> None:
    said: Any = {"model": "claude-haiku-4-5", "max_tokens": 25, "messages": [{"role": "user", "content": "hi"}]}
    with anthropic.Anthropic(base_url=f"{gateway.url}/anthropic", api_key=gateway.key, max_retries=0) as client:
        if stream:
            with client.messages.stream(**said) as events:
                made = events.get_final_message()
        else:
            made = client.messages.create(**said)
    assert made.content[0].text.startswith("This answer")  # type: ignore[union-attr]
    assert made.usage.output_tokens == 25
    _check(gateway, "claude-haiku-4-5", (made.usage.input_tokens, 25))


@pytest.mark.parametrize("path", ["generateContent", "streamGenerateContent?alt=sse", "streamGenerateContent"])
def test_gemini_is_answered(gateway: RunningGateway, path: str) -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 30}}
    made = httpx.post(
        f"{gateway.url}/gemini/v1beta/models/gemini-2.5-flash:{path}", json=body,
        headers={"x-goog-api-key": gateway.key}, timeout=20,
    )  # fmt: skip
    assert made.status_code == 200
    (row,) = gateway.rows(1)
    assert (row.outcome, row.model, row.provider_account) == ("ok", "gemini-2.5-flash", "mock")
    assert 24 <= (row.measured.output_tokens or 0) <= 30
    assert row.measured.state == "reported"
    assert row.effective_cost


def test_no_provider_key_is_needed_and_a_compressed_body_is_read(gateway: RunningGateway) -> None:
    body = gzip.compress(json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}).encode())
    made = httpx.post(
        f"{gateway.url}/keyless/v1/chat/completions", content=body, timeout=20,
        headers={"authorization": f"Bearer {gateway.key}", "content-encoding": "gzip"},
    )  # fmt: skip
    assert made.status_code == 200
    assert made.json()["usage"]["prompt_tokens"] < 20
    gateway.rows(1)


def test_no_socket_is_opened(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    sent = {"model": "gpt-4o-mini", "messages": []}
    made = httpx.post(
        f"{gateway.url}/openai/v1/chat/completions", json=sent, headers={"authorization": f"Bearer {gateway.key}"}
    )
    assert made.status_code == 200
    assert "provider.invalid" not in asked
    gateway.rows(1)


def test_no_key_of_a_provider_is_kept_in_the_settings() -> None:
    from pathlib import Path

    made = mocked(settings_for(Path("x"), NOWHERE), 1.0)
    assert {key.secret for one in made.providers.values() for key in one.keys} == {KEY}
    assert {one.account for one in made.providers.values()} == {"mock"}


def test_the_same_question_costs_the_same_and_a_cap_holds() -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 3}).encode()
    first, second = (answer("/v1/chat/completions", "", body) for _ in range(2))
    assert first == second
    assert json.loads(first.body)["usage"]["completion_tokens"] == 3
    assert json.loads(first.body)["choices"][0]["message"]["content"] == "This answer is"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/nothing", b"{}", 404),
        ("/v1/chat/completions", b"[]", 400),
        ("/v1/messages", b"{", 400),
        ("/v1/models", b"", 200),
    ],
)
def test_what_it_does_not_know_it_says(path: str, body: bytes, status: int) -> None:
    made = answer(path, "", body)
    assert made.status == status
    assert isinstance(json.loads(made.body), dict)
