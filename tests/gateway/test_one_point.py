"""Whatever can spend money passes one point: every route of every dialect, under every identity, is tried without room."""

import ast
import base64
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import tallystick.gateway.call
from tallystick.budgets.model import Budget
from tallystick.counters.open import CounterSettings
from tallystick.gateway.dialects import DIALECTS
from tallystick.gateway.settings import BudgetSettings, ProviderKeySecret, ProviderSettings
from tests.gateway.harness import SECRET, RunningGateway, running_gateway
from tests.stub.server import Stub

SOURCE = Path(tallystick.gateway.call.__file__).parent / "dialects"
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
MESSAGES = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
VERTEX_MESSAGES = {"anthropic_version": "vertex-2023-10-16", "messages": MESSAGES["messages"], "max_tokens": 5}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
EMBED = {"model": "text-embedding-3-small", "input": "hi"}
IMAGE = {"model": "gpt-image-1", "prompt": "a stick"}
SPEECH = {"model": "tts-1", "input": "hi", "voice": "alloy"}
_GOOGLE = "/v1/projects/p/locations/europe-west1/publishers"

# By dialect: path below the provider's name and body of every route that is billed.
BILLED: dict[str, tuple[tuple[str, Any], ...]] = {
    "openai": (
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", CHAT | {"stream": True}),
        ("/chat/completions", CHAT),
        ("/v1/completions", {"model": "gpt-3.5-turbo-instruct", "prompt": "hi", "max_tokens": 5}),
        ("/v1/responses", {"model": "gpt-4o-mini", "input": "hi", "max_output_tokens": 16}),
        ("/v1/responses", {"model": "gpt-4o-mini", "input": "hi", "background": True}),
        ("/v1/responses/compact", {"model": "gpt-4o-mini", "input": "hi"}),
        ("/v1/embeddings", EMBED),
        ("/v1/images/generations", IMAGE),
        ("/v1/images/edits", IMAGE),
        ("/v1/images/variations", IMAGE),
        ("/v1/audio/speech", SPEECH),
        ("/v1/audio/transcriptions", SPEECH),
        ("/v1/audio/translations", SPEECH),
    ),
    "anthropic": (("/v1/messages", MESSAGES), ("/v1/messages", MESSAGES | {"stream": True})),
    "azure": (
        ("/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21", CHAT),
        ("/openai/v1/chat/completions", CHAT),
        ("/openai/v1/responses", {"model": "gpt-4o-mini", "input": "hi"}),
    ),
    "mistral": (("/v1/chat/completions", CHAT), ("/v1/fim/completions", {"model": "codestral", "prompt": "hi"})),
    "gemini": (
        ("/v1beta/models/gemini-2.5-flash:generateContent", CONTENTS),
        ("/v1/models/gemini-2.5-flash:streamGenerateContent?alt=sse", CONTENTS),
        ("/v1beta/models/gemini-embedding-001:embedContent", {"content": CONTENTS["contents"][0]}),
        (
            "/v1beta/models/gemini-embedding-001:batchEmbedContents",
            {"requests": [{"content": CONTENTS["contents"][0]}]},
        ),
    ),
    "vertex": (
        (f"{_GOOGLE}/google/models/gemini-2.5-flash:generateContent", CONTENTS),
        (f"{_GOOGLE}/google/models/gemini-2.5-flash:streamGenerateContent", CONTENTS),
        (f"{_GOOGLE}/anthropic/models/claude-sonnet-4-5:rawPredict", VERTEX_MESSAGES),
        (f"{_GOOGLE}/anthropic/models/claude-sonnet-4-5:streamRawPredict", VERTEX_MESSAGES | {"stream": True}),
    ),
    "cohere": (
        ("/v2/chat", {"model": "command-r-08-2024", "messages": CHAT["messages"]}),
        ("/v2/embed", {"model": "embed-v4.0", "texts": ["hi"], "input_type": "search_query"}),
        ("/v2/rerank", {"model": "rerank-v3.5", "query": "hi", "documents": ["a"]}),
    ),
    "bedrock": (
        ("/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse", CONVERSE),
        ("/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse-stream", CONVERSE),
        ("/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke", VERTEX_MESSAGES),
        ("/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke-with-response-stream", VERTEX_MESSAGES),
    ),
}
ROUTES = [(dialect, path, body) for dialect, routes in BILLED.items() for path, body in routes]
SIGNED = "AWS4-HMAC-SHA256 Credential={key}/20261123/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=00"
# How a key of ours, or a provider's own, may come in.
IDENTITIES = {
    "authorization": {"authorization": "Bearer {key}"},
    "x-api-key": {"x-api-key": "{key}"},
    "api-key": {"api-key": "{key}"},
    "x-goog-api-key": {"x-goog-api-key": "{key}"},
    "two headers": {"authorization": "Bearer sk-another", "x-api-key": "{key}"},
    "signature": {"authorization": SIGNED},
}


@dataclass
class Answer:
    status: int
    body: bytes


@contextmanager
def guarded(folder: Path, stub: Stub, *budgets: Budget) -> Iterator[RunningGateway]:
    secret = base64.b64encode(SECRET.encode()).decode()
    providers = {
        name: ProviderSettings(
            name, stub.url, name, keys=(ProviderKeySecret(secret),), allow_paths=("/v1/unmeterable",)
        )
        for name in DIALECTS
    }
    held = BudgetSettings(CounterSettings("process", folder / "counters"), budgets)
    with running_gateway(folder, stub, providers=providers, budgets=held, stamp_reservations=True) as gateway:
        stub.reset()
        stub.needs_reservation = True
        try:
            yield gateway
        finally:
            stub.needs_reservation = False


def send(gateway: RunningGateway, path: str, body: Any, headers: dict[str, str]) -> Answer:
    line = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=20)
    try:
        line.request("POST", path, json.dumps(body), {"content-type": "application/json", **headers})
        answer = line.getresponse()
        return Answer(answer.status, answer.read())
    finally:
        line.close()


def as_identity(identity: str, key: str) -> dict[str, str]:
    return {name: value.replace("{key}", key) for name, value in IDENTITIES[identity].items()}


NOTHING_LEFT = Budget("bud_1", "nothing left", 0, window="day", unknown_price="block")


def test_the_table_names_every_billed_route_that_the_dialects_have() -> None:
    """Each construction of a metered route in the source is met by a path of the table."""
    written = sum(
        isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "Route"
        and bool(node.args)
        and getattr(node.args[0], "value", "") == "metered"
        for file in SOURCE.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
    )
    assert BILLED.keys() == DIALECTS.keys()
    met = set()
    for dialect, path, _ in ROUTES:
        route = DIALECTS[dialect].route("POST", path)
        assert route is not None, path
        assert route.kind == "metered", path
        met.add((dialect, path.partition("?")[0].rpartition(":")[2] if dialect in {"gemini", "vertex"} else path))
    # Distinct paths are at least as many as the constructions; a new one without a path here fails.
    assert len({(d, p) for d, p in met}) >= written


@pytest.mark.slow
def test_without_room_no_route_reaches_its_provider_under_any_identity(tmp_path: Path, stub_thread: Stub) -> None:
    with guarded(tmp_path, stub_thread, NOTHING_LEFT) as gateway:
        for dialect, path, body in ROUTES:
            for identity in IDENTITIES:
                for key in (gateway.key, "sk-the-callers-own"):
                    answer = send(gateway, f"/{dialect}{path}", body, as_identity(identity, key))
                    assert 400 <= answer.status < 500, (dialect, path, identity, answer)
                    if key == gateway.key:
                        assert b"nothing left" in answer.body, (dialect, path, identity, answer)
            assert send(gateway, f"/{dialect}{path}", body, {}).status == 401
        for path, body in BILLED["openai"]:
            asked = body | {"model": f"openai/{body['model']}"}
            answer = send(
                gateway,
                path if path.startswith("/v1") else f"/v1{path}",
                asked,
                as_identity("authorization", gateway.key),
            )
            assert b"nothing left" in answer.body, (path, answer)
        assert stub_thread.requests == []


@pytest.mark.slow
def test_what_reaches_a_provider_carries_its_reservation(tmp_path: Path, stub_thread: Stub) -> None:
    roomy = Budget("bud_1", "plenty", 10**15, window="day")
    with guarded(tmp_path, stub_thread, roomy) as gateway:
        for dialect, path, body in ROUTES:
            send(gateway, f"/{dialect}{path}", body, as_identity("authorization", gateway.key))
        send(gateway, "/openai/v1/unmeterable", {}, as_identity("authorization", gateway.key))
        seen = {(one.path, "x-tally-reservation" in dict(one.headers)) for one in stub_thread.requests}
        assert len(seen) >= 25
        assert all(stamped for _, stamped in seen), sorted(seen)


def test_a_way_past_the_budgets_is_caught_by_the_stub(
    tmp_path: Path, stub_thread: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wave_through(*_: Any) -> None:
        """The planted bypass: a call that asks nobody."""

    monkeypatch.setattr(tallystick.gateway.call, "enforce", wave_through)
    with guarded(tmp_path, stub_thread, Budget("bud_1", "plenty", 10**15, window="day")) as gateway:
        answer = send(gateway, "/openai/v1/chat/completions", CHAT, as_identity("authorization", gateway.key))
        assert answer.status == 418
