"""Bodies and events as the providers document them. Pure: a request's JSON in, an answer out."""

import base64
import json
import struct
from dataclasses import dataclass, field, replace
from typing import Any

from tests.stub import bedrock, cohere, google, openai_more

CREATED = 1_790_000_000
WORDS = ("Tally", " sticks", " split", " in", " two", ";", " the", " lender", " kept", " the", " stock", ".")


@dataclass
class Answer:
    """What is served: a whole body, or events; and the usage that it truly reports."""

    body: Any = None
    events: list[bytes] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    identity: str = ""
    model: str = ""
    headers: list[bytes] = field(default_factory=list)
    content_type: str = "text/event-stream; charset=utf-8"
    streams: bool = False


@dataclass
class Ask:
    """One request as the stub reads it."""

    path: str
    method: str
    headers: dict[str, str]
    body: dict[str, Any]
    number: int
    query: str = ""

    @property
    def words(self) -> list[str]:
        count = int(self.headers.get("x-stub-words", "8"))
        return [WORDS[index % len(WORDS)] for index in range(count)]

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def prompt_tokens(self) -> int:
        said = {name: self.body.get(name) for name in ("messages", "input", "system", "tools")}
        said |= {"contents": self.body["contents"]} if "contents" in self.body else {}
        return 7 + len(json.dumps(said, sort_keys=True)) // 4

    def usage(self, plain: dict[str, Any]) -> dict[str, Any]:
        return plain | json.loads(self.headers.get("x-stub-usage", "{}"))


def sse(data: Any, event: str = "") -> bytes:
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return (f"event: {event}\n" if event else "").encode() + f"data: {text}\n\n".encode()


def answer(ask: Ask) -> Answer | None:
    if bedrock.speaks(ask.path):
        return of_bedrock(ask) if ask.method == "POST" else None
    if google.speaks(ask.path) or (ask.method == "GET" and "x-goog-api-key" in ask.headers):
        return of_google(ask)
    if ask.path in cohere.PATHS:
        return of_cohere(ask)
    if "/publishers/anthropic/models/" in ask.path:
        return messages(ask)
    if (below := openai_more.azure_path(ask.path)) is not None:
        return of_azure(ask, below)
    bare = ask.path.removeprefix("/v1")
    anthropic = "anthropic-version" in ask.headers
    if ask.method == "GET" and bare.startswith("/models"):
        return models(bare, anthropic=anthropic)
    made = {
        "/chat/completions": chat,
        "/responses": responses,
        "/embeddings": embeddings,
        "/messages": messages,
        "/messages/count_tokens": count_tokens,
    }.get(bare)
    return made(ask) if made and ask.method == "POST" else of_media(ask, bare)


def of_media(ask: Ask, bare: str) -> Answer | None:
    if bare == "/audio/speech":
        return Answer(events=list(openai_more.SOUND), model=ask.model, content_type="audio/mpeg", streams=True)
    body = openai_more.body_of(bare, ask.method)
    if body is None:
        return None
    events = [sse(event, event["type"]) for event in openai_more.picture_events(bare)] if "/images/" in bare else []
    return Answer(body, events, body.get("usage") or {}, "", ask.model)


def of_azure(ask: Ask, below: str) -> Answer | None:
    """A deployment answers with the model behind it; its streams begin with a chunk about filters."""
    made = answer(replace(ask, path=f"/v1{below}", body={**ask.body, "model": openai_more.DEPLOYED}))
    if made is not None and made.events and below == "/chat/completions":
        made.events.insert(0, sse(openai_more.FILTERS))
    return made


def models(bare: str, *, anthropic: bool) -> Answer:
    if anthropic:
        rows: list[dict[str, Any]] = [
            {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"}
            for name in ("claude-sonnet-4-5", "claude-haiku-4-5")
        ]
        whole: dict[str, Any] = {"data": rows, "has_more": False, "first_id": rows[0]["id"], "last_id": rows[-1]["id"]}
    else:
        rows = [
            {"id": name, "object": "model", "created": CREATED, "owned_by": "stub"}
            for name in ("gpt-4o", "gpt-4o-mini")
        ]
        whole = {"object": "list", "data": rows}
    name = bare.removeprefix("/models").strip("/")
    return Answer(whole if not name else next((row for row in rows if row["id"] == name), rows[0]))


def chat(ask: Ask) -> Answer:
    identity, words = f"chatcmpl-stub{ask.number:06d}", ask.words
    out = len(words) + (12 if ask.body.get("tools") else 0)
    usage = ask.usage(
        {
            "prompt_tokens": ask.prompt_tokens,
            "completion_tokens": out,
            "total_tokens": ask.prompt_tokens + out,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }
    )
    calls = []
    if ask.body.get("tools"):
        name = ask.body["tools"][0]["function"]["name"]
        calls = [{"id": "call_1", "type": "function", "function": {"name": name, "arguments": '{"city":"Oslo"}'}}]
    finish = "tool_calls" if calls else "stop"
    head = {
        "id": identity,
        "created": CREATED,
        "model": ask.model,
        "service_tier": "default",
        "system_fingerprint": "fp_stub",
    }
    message = {"role": "assistant", "content": None if calls else "".join(words), "refusal": None}
    if calls:
        message["tool_calls"] = calls
    body = {
        **head,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": usage,
    }
    asked = bool((ask.body.get("stream_options") or {}).get("include_usage"))
    extra = {"usage": None} if asked else {}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
    if calls:
        deltas += [{"tool_calls": [{"index": 0, **calls[0]}]}]
    else:
        deltas += [{"content": word} for word in words]
    events = [_chunk(head, delta, None, extra) for delta in deltas] + [_chunk(head, {}, finish, extra)]
    if asked:
        events.append(sse({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage}))
    events.append(sse("[DONE]"))
    return Answer(body, events, usage, identity, ask.model)


def _chunk(head: dict[str, Any], delta: dict[str, Any], finish: str | None, extra: dict[str, Any]) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return sse({**head, "object": "chat.completion.chunk", "choices": [choice], **extra})


def embeddings(ask: Ask) -> Answer:
    inputs = ask.body.get("input")
    count = len(inputs) if isinstance(inputs, list) else 1
    numbers = [0.5, -0.25, 0.125, 1.0]
    shown: Any = numbers
    if ask.body.get("encoding_format") == "base64":
        shown = base64.b64encode(struct.pack("<4f", *numbers)).decode()
    usage = ask.usage({"prompt_tokens": ask.prompt_tokens, "total_tokens": ask.prompt_tokens})
    data = [{"object": "embedding", "index": index, "embedding": shown} for index in range(count)]
    return Answer({"object": "list", "data": data, "model": ask.model, "usage": usage}, [], usage, "", ask.model)


def responses(ask: Ask) -> Answer:
    identity, text = f"resp_stub{ask.number:06d}", "".join(ask.words)
    usage = ask.usage(
        {
            "input_tokens": ask.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": len(ask.words),
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": ask.prompt_tokens + len(ask.words),
        }
    )
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    whole = {
        "id": identity, "object": "response", "created_at": CREATED, "status": "completed", "model": ask.model,
        "error": None, "incomplete_details": None, "instructions": None, "metadata": {}, "output": [item],
        "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "service_tier": "default", "usage": usage,
    }  # fmt: skip
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
        ("response.output_item.added", {"output_index": 0, "item": {**item, "status": "in_progress", "content": []}}),
        ("response.content_part.added", {**where, "part": {**part, "text": ""}}),
        *(("response.output_text.delta", {**where, "delta": word, "logprobs": []}) for word in ask.words),
        ("response.output_text.done", {**where, "text": text, "logprobs": []}),
        ("response.content_part.done", {**where, "part": part}),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": whole}),
    ]
    events = [sse({"type": name, "sequence_number": index, **data}, name) for index, (name, data) in enumerate(steps)]
    return Answer(whole, events, usage, identity, ask.model)


def messages(ask: Ask) -> Answer:
    identity, words = f"msg_stub{ask.number:06d}", ask.words
    out = len(words)
    usage = ask.usage(
        {
            "input_tokens": ask.prompt_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": out,
            "service_tier": "standard",
        }
    )
    block: dict[str, Any] = {"type": "text", "text": "".join(words)}
    deltas: list[dict[str, Any]] = [{"type": "text_delta", "text": word} for word in words]
    first: dict[str, Any] = {"type": "text", "text": ""}
    reason = "end_turn"
    if ask.body.get("tools"):
        name = ask.body["tools"][0]["name"]
        block = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {"city": "Oslo"}}
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ('{"city":', '"Oslo"}')]
        first, reason = {**block, "input": {}}, "tool_use"
    whole = {
        "id": identity, "type": "message", "role": "assistant", "model": ask.model, "content": [block],
        "stop_reason": reason, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    start = {**whole, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    steps: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": first},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": {"output_tokens": usage["output_tokens"]},
        },
        {"type": "message_stop"},
    ]
    return Answer(whole, [sse(step, step["type"]) for step in steps], usage, identity, ask.model)


def of_bedrock(ask: Ask) -> Answer | None:
    model, operation = bedrock.split(ask.path)
    plain = {"inputTokens": ask.prompt_tokens, "outputTokens": len(ask.words)}
    usage = ask.usage({**plain, "totalTokens": sum(plain.values())})
    more: dict[str, Any] = {"usage": usage, "identity": f"req_stub{ask.number:06d}", "model": model}
    if operation in ("converse", "converse-stream"):
        tier = (ask.body.get("serviceTier") or {}).get("type", "default")
        body, events = bedrock.converse(ask.words, usage, tier)
    elif operation == "count-tokens":
        return Answer({"inputTokens": ask.prompt_tokens})
    elif "anthropic_version" in ask.body:
        said = messages(ask)
        body = {**said.body, "usage": {**said.body["usage"], "output_tokens": usage["outputTokens"]}}
        steps = [json.loads(one.partition(b"data: ")[2]) for one in said.events]
        steps[-1]["amazon-bedrock-invocationMetrics"] = bedrock.metrics(usage)
        events = [bedrock.chunk(step) for step in steps]
    else:
        text = "".join(ask.words)
        body = {"outputs": [{"text": text, "stop_reason": "stop"}]}
        steps = [{"outputs": [{"text": word, "stop_reason": None}]} for word in ask.words]
        steps[-1]["outputs"][0]["stop_reason"] = "stop"
        steps[-1]["amazon-bedrock-invocationMetrics"] = bedrock.metrics(usage)
        events = [bedrock.chunk(step) for step in steps]
    headers = bedrock.counts(usage) if operation.startswith("invoke") else []
    more |= {"streams": operation.endswith("stream"), "content_type": bedrock.FRAMES}
    if more["streams"] and headers:
        headers = [*headers[-1:], b"x-amzn-bedrock-content-type: application/json"]
    return Answer(body, events, headers=headers, **more)


def of_google(ask: Ask) -> Answer | None:
    model, method = google.split(ask.path)
    if ask.method == "GET":
        return Answer(google.models())
    if method == "countTokens":
        return Answer({"totalTokens": ask.prompt_tokens})
    if method in ("embedContent", "batchEmbedContents"):
        requests = ask.body.get("requests", [1])
        return Answer(google.embedded(method, 4 * len(requests), len(requests)))
    used = ask.usage(google.usage(ask.prompt_tokens, len(ask.words), vertex="/projects/" in ask.path))
    identity = f"gem-stub{ask.number:06d}"
    body, chunks = google.generated(ask.words, used, model, identity)
    sse = "alt=sse" in ask.query
    return Answer(
        body,
        google.events(chunks, sse=sse),
        used,
        identity,
        model,
        content_type="text/event-stream" if sse else google.ARRAY,
        streams=method == "streamGenerateContent",
    )


def of_cohere(ask: Ask) -> Answer | None:
    identity = f"coh-stub{ask.number:06d}"
    if ask.path == "/v2/embed":
        return Answer(cohere.embedded(ask.body["texts"], 3 * len(ask.body["texts"]), identity))
    if ask.path == "/v2/rerank":
        return Answer(cohere.ranked(ask.body["documents"], identity))
    used = ask.usage(cohere.usage(ask.prompt_tokens, len(ask.words)))
    body, steps = cohere.chat(ask.words, used, identity)
    return Answer(body, [sse(step, step["type"]) for step in steps], used, identity, ask.model)


def count_tokens(ask: Ask) -> Answer:
    return Answer({"input_tokens": ask.prompt_tokens})


def error(ask: Ask, status: int, number: int) -> bytes:
    """An error in the shape of whoever is asked."""
    kinds = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error"}
    kinds |= {429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"}
    text = f"the stub was told to answer {status}"
    if bedrock.speaks(ask.path):
        return json.dumps({"message": text}).encode()
    if google.speaks(ask.path):
        return google.error(status, text)
    if ask.path in cohere.PATHS:
        return json.dumps({"id": f"err{number}", "message": text}).encode()
    if "anthropic-version" in ask.headers:
        inner = {"type": kinds.get(status, "api_error"), "message": text}
        return json.dumps({"type": "error", "error": inner, "request_id": f"req_stub{number:06d}"}).encode()
    inner = {"message": text, "type": kinds.get(status, "server_error"), "param": None, "code": f"stub_{status}"}
    return json.dumps({"error": inner}).encode()


def stream_error(ask: Ask) -> bytes:
    if bedrock.speaks(ask.path):
        return bedrock.exception("modelStreamErrorException", "the model broke off")
    if google.speaks(ask.path):
        broken = google.error(503, "the model is overloaded")
        return b"data: " + broken + b"\r\n\r\n" if "alt=sse" in ask.query else b",\r\n" + broken + b"\n]"
    if "anthropic-version" in ask.headers:
        return sse({"type": "error", "error": {"type": "overloaded_error", "message": "overloaded"}}, "error")
    return sse({"error": {"message": "the server had an error", "type": "server_error", "param": None, "code": None}})
