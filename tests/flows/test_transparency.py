"""Nobody can tell the gateway from the provider: the official SDKs, direct and through it, see the same."""

import asyncio
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest

from tests.gateway.harness import RunningGateway, running_gateway
from tests.stub.server import Stub, in_thread

pytestmark = pytest.mark.slow

# All that the gateway changes: it adds two headers, and frames a stream anew.
# The third says that no price list is loaded here, so a ceiling is held to.
ADDED = {"x-tally-event-id", "x-tally-cost", "x-tally-price"}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SAY = [{"role": "user", "content": "hi"}]
LOOK = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "what is this?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        ],
    }
]
SEE = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "what is this?"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        ],
    }
]
CHAT_TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}
GPT, CLAUDE = "gpt-4o-mini", "claude-sonnet-4-5"

OPENAI: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "chat": lambda c: lambda **k: c.chat.completions.with_raw_response.create(model=GPT, messages=SAY, **k),
    "chat-stream": lambda c: (
        lambda **k: c.chat.completions.with_raw_response.create(model=GPT, messages=SAY, stream=True, **k)
    ),
    "chat-stream-usage": lambda c: (
        lambda **k: c.chat.completions.with_raw_response.create(
            model=GPT, messages=SAY, stream=True, stream_options={"include_usage": True}, **k
        )
    ),
    "chat-tools": lambda c: (
        lambda **k: c.chat.completions.with_raw_response.create(model=GPT, messages=SAY, tools=[CHAT_TOOL], **k)
    ),
    "chat-tools-stream": lambda c: (
        lambda **k: c.chat.completions.with_raw_response.create(
            model=GPT, messages=SAY, tools=[CHAT_TOOL], stream=True, **k
        )
    ),
    "chat-image": lambda c: lambda **k: c.chat.completions.with_raw_response.create(model=GPT, messages=LOOK, **k),
    "responses": lambda c: lambda **k: c.responses.with_raw_response.create(model=GPT, input="hi", **k),
    "responses-stream": lambda c: (
        lambda **k: c.responses.with_raw_response.create(model=GPT, input="hi", stream=True, **k)
    ),
    "embeddings": lambda c: (
        lambda **k: c.embeddings.with_raw_response.create(model="text-embedding-3-small", input=["a", "b"], **k)
    ),
    "models": lambda c: c.models.with_raw_response.list,
    "model": lambda c: lambda **k: c.models.with_raw_response.retrieve(GPT, **k),
}
ANTHROPIC: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "messages": lambda c: (
        lambda **k: c.messages.with_raw_response.create(model=CLAUDE, max_tokens=9, messages=SAY, **k)
    ),
    "messages-stream": lambda c: (
        lambda **k: c.messages.with_raw_response.create(model=CLAUDE, max_tokens=9, messages=SAY, stream=True, **k)
    ),
    "messages-tools": lambda c: (
        lambda **k: c.messages.with_raw_response.create(model=CLAUDE, max_tokens=9, messages=SAY, tools=[TOOL], **k)
    ),
    "messages-tools-stream": lambda c: (
        lambda **k: c.messages.with_raw_response.create(
            model=CLAUDE, max_tokens=9, messages=SAY, tools=[TOOL], stream=True, **k
        )
    ),
    "messages-image": lambda c: (
        lambda **k: c.messages.with_raw_response.create(model=CLAUDE, max_tokens=9, messages=SEE, **k)
    ),
    "count-tokens": lambda c: lambda **k: c.messages.with_raw_response.count_tokens(model=CLAUDE, messages=SAY, **k),
    "claude-models": lambda c: c.models.with_raw_response.list,
}
CALLS = {**OPENAI, **ANTHROPIC}
FAULTS = ["", "400", "401", "429", "500", "slow", "cut", "in-stream"]
TRIED_AGAIN = {"429", "500", "cut"}


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with in_thread() as stub:
        yield stub


@pytest.fixture(scope="module")
def gateway(stub: Stub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with running_gateway(tmp_path_factory.mktemp("transparency"), stub, prices=False) as gateway:
        yield gateway


@pytest.fixture(params=["sync", "async"])
def client_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
def test_an_sdk_sees_the_same_with_and_without_the_gateway(
    stub: Stub, gateway: RunningGateway, call: str, fault: str, client_kind: str
) -> None:
    if fault == "in-stream" and "stream" not in call:
        return
    direct = observe(stub, call, fault, client_kind, stub.url, "sk-direct")
    through = observe(stub, call, fault, client_kind, gateway.url, gateway.key)

    assert through == direct
    if fault in TRIED_AGAIN and not (fault == "cut" and "stream" in call):
        assert direct["requests"] == 2


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize(
    "call", ["chat", "chat-stream", "chat-stream-usage", "responses-stream", "messages", "messages-stream"]
)
def test_compressed_answers_are_the_same_once_read(
    stub: Stub, gateway: RunningGateway, call: str, encoding: str
) -> None:
    headers = {"x-stub-encoding": encoding}
    direct = observe(stub, call, "", "sync", stub.url, "sk-direct", headers)
    through = observe(stub, call, "", "sync", gateway.url, gateway.key, headers)
    for seen in (direct, through):
        # Where usage was asked for in the client's stead, the answer had to be read as it passed.
        seen["headers"] = [one for one in seen["headers"] if one[0] != "content-encoding"]
    assert through == direct
    assert "error" not in direct


def observe(
    stub: Stub, call: str, fault: str, kind: str, base: str, key: str, extra: dict[str, str] | None = None
) -> dict[str, Any]:
    """Everything that the SDK lets its user see, and how often the stub was asked."""
    stub.reset()
    headers = {**({"x-stub-fault": fault} if fault else {}), **(extra or {})}
    through = base != stub.url
    options = {"api_key": key, "max_retries": 1, "timeout": 10}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        warnings.simplefilter("ignore", DeprecationWarning)  # of old model names
        if kind == "sync":
            seen = _observe_sync(call, base, through, options, headers)
        else:
            seen = asyncio.run(_observe_async(call, base, through, options, headers))
    seen["requests"] = len(stub.requests)
    return seen


def _client(call: str, base: str, through: bool, options: dict[str, Any], *, synchronous: bool) -> Any:
    if call in OPENAI:
        kind: Any = openai.OpenAI if synchronous else openai.AsyncOpenAI
        return kind(base_url=f"{base}/openai/v1" if through else f"{base}/v1", **options)
    other: Any = anthropic.Anthropic if synchronous else anthropic.AsyncAnthropic
    return other(base_url=f"{base}/anthropic" if through else base, **options)


def _observe_sync(
    call: str, base: str, through: bool, options: dict[str, Any], headers: dict[str, str]
) -> dict[str, Any]:
    seen: dict[str, Any] = {"events": []}
    with _client(call, base, through, options, synchronous=True) as client:
        try:
            raw = CALLS[call](client)(extra_headers=headers)
            _note_head(seen, raw)
            parsed = raw.parse()
            if "stream" in call:
                seen["events"].extend(_dump(event) for event in parsed)
            else:
                seen["result"] = _dump(parsed)
        except Exception as error:
            seen["error"] = _error(error)
    return seen


async def _observe_async(
    call: str, base: str, through: bool, options: dict[str, Any], headers: dict[str, str]
) -> dict[str, Any]:
    seen: dict[str, Any] = {"events": []}
    async with _client(call, base, through, options, synchronous=False) as client:
        try:
            raw = await CALLS[call](client)(extra_headers=headers)
            _note_head(seen, raw)
            parsed = raw.parse()
            if asyncio.iscoroutine(parsed):
                parsed = await parsed
            if "stream" in call:
                seen["events"].extend([_dump(event) async for event in parsed])
            else:
                seen["result"] = _dump(parsed)
        except Exception as error:
            seen["error"] = _error(error)
    return seen


def _note_head(seen: dict[str, Any], raw: Any) -> None:
    seen["status"] = raw.status_code
    seen["headers"] = _headers(raw.headers)
    seen["retries"] = raw.retries_taken


def _headers(headers: Any) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in headers.items() if name not in ADDED)


def _dump(thing: Any) -> Any:
    shown = thing.model_dump() if hasattr(thing, "model_dump") else repr(thing)
    return (type(thing).__name__, shown, getattr(thing, "_request_id", None))


def _error(error: Exception) -> dict[str, Any]:
    names = ("status_code", "message", "body", "code", "param", "type", "request_id")
    shown = {name: getattr(error, name, None) for name in names}
    response = getattr(error, "response", None)
    cause = type(error.__cause__).__name__ if error.__cause__ else ""
    return {
        **shown,
        "kind": type(error).__name__,
        "text": str(error),
        "cause": cause,
        "headers": _headers(response.headers) if response is not None else None,
    }
