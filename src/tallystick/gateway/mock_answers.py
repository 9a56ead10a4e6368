"""Made-up answers in the providers' own shapes, with figures that follow from the request. Pure.

Input is a token per four bytes of what was said; output is a length that the request's
own bytes choose, so that the same question costs the same, and never above its cap.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_WORDS = (
    " This",
    " answer",
    " is",
    " made",
    " up",
    " by",
    " tally",
    " up",
    " --mock",
    ";",
    " nothing",
    " was",
    " sent",
    ".",
)
_CREATED = 1_790_000_000
_FEWEST, _SPREAD, _MOST = 24, 160, 4096
_GEMINI = re.compile(r"/models/([^/:]+):(generateContent|streamGenerateContent|countTokens)$")
_SAID = ("messages", "input", "prompt", "contents", "system", "systemInstruction", "instructions", "tools")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered.

    Attributes:
        body: The whole of it, for who asked for no stream.
        events: The stream's pieces, empty where there is none; the first comes after the latency.
        content_type: Of the stream or the body.
    """

    status: int
    body: bytes
    events: tuple[bytes, ...] = ()
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it is answered."""

    model: str
    body: Mapping[str, Any]
    identity: str
    input_tokens: int
    output_tokens: int
    stream: bool
    text: str = field(default="")
    pieces: tuple[str, ...] = ()


def answer(path: str, query: str, body: bytes) -> Answer:
    """The answer to a request below any provider's address; 404 for a path that no format here has."""
    try:
        parsed = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        return _plain({"error": {"message": "the body is no JSON object", "type": "invalid_request_error"}}, 400)
    gemini = _GEMINI.search(path)
    if gemini is not None:
        return _gemini(_asked(parsed, body, model=gemini[1], stream=gemini[2][0] == "s"), gemini[2], query)
    for ending, made in _FORMATS.items():
        if path.endswith(ending):
            return made(_asked(parsed, body, model=str(parsed.get("model", "")), stream=parsed.get("stream") is True))
    if "/models" in path:
        return _plain({"object": "list", "data": [], "has_more": False})
    return _plain({"error": {"message": f"tally up --mock does not know {path[:200]}", "type": "not_found_error"}}, 404)


def _asked(parsed: Json, body: bytes, *, model: str, stream: bool) -> Asked:
    digest = hashlib.sha256(body).digest()
    said = len(json.dumps({name: parsed[name] for name in _SAID if name in parsed}, ensure_ascii=False).encode())
    wanted = _FEWEST + digest[0] * _SPREAD // 255
    tokens = max(min(wanted, _cap(parsed), _MOST), 1)
    pieces = (_WORDS[0].lstrip(), *(_WORDS[index % len(_WORDS)] for index in range(1, tokens)))
    return Asked(model, parsed, digest.hex()[:24], max(said // 4, 1), tokens, stream, "".join(pieces), pieces)


def _cap(parsed: Json) -> int:
    config = parsed.get("generationConfig")
    caps = [parsed.get(name) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens")]
    caps.append(config.get("maxOutputTokens") if isinstance(config, dict) else None)
    return min((cap for cap in caps if isinstance(cap, int) and cap > 0), default=_MOST)


def _plain(value: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode())


def _made(asked: Asked, whole: Json, events: list[bytes]) -> Answer:
    if not asked.stream:
        return _plain(whole)
    return Answer(200, b"", tuple(events), "text/event-stream")


def _sse(data: object, event: str = "") -> bytes:
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return (f"event: {event}\n" if event else "").encode() + f"data: {text}\n\n".encode()


def _chat(asked: Asked) -> Answer:
    choices = _choices(asked)
    out = asked.output_tokens * choices
    usage = {
        "prompt_tokens": asked.input_tokens,
        "completion_tokens": out,
        "total_tokens": asked.input_tokens + out,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
    head = {"id": f"chatcmpl-mock{asked.identity}", "created": _CREATED, "model": asked.model}
    message = {"role": "assistant", "content": asked.text, "refusal": None}
    whole = head | {
        "object": "chat.completion",
        "choices": [
            {"index": index, "message": message, "logprobs": None, "finish_reason": "stop"} for index in range(choices)
        ],
        "usage": usage,
    }
    chunk = head | {"object": "chat.completion.chunk"}

    def piece(index: int, delta: Json, finish: str | None = None) -> bytes:
        one = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _sse(chunk | {"choices": [one]})

    events = [piece(index, {"role": "assistant", "content": ""}) for index in range(choices)]
    events += [piece(index, {"content": word}) for word in asked.pieces for index in range(choices)]
    events += [piece(index, {}, "stop") for index in range(choices)]
    options = asked.body.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage"):
        events.append(_sse(chunk | {"choices": [], "usage": usage}))
    return _made(asked, whole, [*events, _sse("[DONE]")])


def _choices(asked: Asked) -> int:
    number = asked.body.get("n")
    return min(number, 16) if isinstance(number, int) and number > 0 else 1


def _completion(asked: Asked) -> Answer:
    total = asked.input_tokens + asked.output_tokens
    usage = {"prompt_tokens": asked.input_tokens, "completion_tokens": asked.output_tokens, "total_tokens": total}
    head = {"id": f"cmpl-mock{asked.identity}", "object": "text_completion", "created": _CREATED, "model": asked.model}

    def shown(text: str, finish: str | None) -> Json:
        return head | {"choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": finish}]}

    events = [_sse(shown(word, None)) for word in asked.pieces] + [_sse(shown("", "stop"))]
    options = asked.body.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage"):
        events.append(_sse(head | {"choices": [], "usage": usage}))
    return _made(asked, shown(asked.text, "stop") | {"usage": usage}, [*events, _sse("[DONE]")])


def _responses(asked: Asked) -> Answer:
    usage = {
        "input_tokens": asked.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": asked.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": asked.input_tokens + asked.output_tokens,
    }
    part: Json = {"type": "output_text", "text": asked.text, "annotations": []}
    item: Json = {"id": f"msg_{asked.identity}", "type": "message", "role": "assistant", "status": "completed"}
    item |= {"content": [part]}
    whole: Json = {
        "id": f"resp_mock{asked.identity}", "object": "response", "created_at": _CREATED, "status": "completed",
        "model": asked.model, "error": None, "incomplete_details": None, "instructions": None, "metadata": {},
        "output": [item], "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [],
        "top_p": 1.0, "usage": usage,
    }  # fmt: skip
    begun = whole | {"status": "in_progress", "output": [], "usage": None}
    where = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    steps: list[tuple[str, Json]] = [
        ("response.created", {"response": begun}),
        ("response.output_item.added", {"output_index": 0, "item": item | {"status": "in_progress", "content": []}}),
        ("response.content_part.added", where | {"part": part | {"text": ""}}),
        *(("response.output_text.delta", where | {"delta": word, "logprobs": []}) for word in asked.pieces),
        ("response.output_text.done", where | {"text": asked.text, "logprobs": []}),
        ("response.content_part.done", where | {"part": part}),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": whole}),
    ]
    events = [_sse({"type": kind, "sequence_number": at} | data, kind) for at, (kind, data) in enumerate(steps)]
    return _made(asked, whole, events)


def _embeddings(asked: Asked) -> Answer:
    inputs = asked.body.get("input")
    count = len(inputs) if isinstance(inputs, list) and inputs and not isinstance(inputs[0], int) else 1
    # Base64 of the four floats 0.5, -0.25, 0.125 and 1.0, for SDKs that ask for it unasked.
    vector: Any = (
        "AAAAPwAAgL4AAAA+AACAPw==" if asked.body.get("encoding_format") == "base64" else [0.5, -0.25, 0.125, 1.0]
    )
    data = [{"object": "embedding", "index": index, "embedding": vector} for index in range(count)]
    usage = {"prompt_tokens": asked.input_tokens, "total_tokens": asked.input_tokens}
    return _plain({"object": "list", "data": data, "model": asked.model, "usage": usage})


def _messages(asked: Asked) -> Answer:
    usage = {
        "input_tokens": asked.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": asked.output_tokens,
        "service_tier": "standard",
    }
    whole: Json = {
        "id": f"msg_mock{asked.identity}", "type": "message", "role": "assistant", "model": asked.model,
        "content": [{"type": "text", "text": asked.text}], "stop_reason": "end_turn", "stop_sequence": None,
        "usage": usage,
    }  # fmt: skip
    start = whole | {"content": [], "stop_reason": None, "usage": usage | {"output_tokens": 1}}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    steps: list[Json] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
            for word in asked.pieces
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": asked.output_tokens}},
        {"type": "message_stop"},
    ]
    return _made(asked, whole, [_sse(step, step["type"]) for step in steps])


def _gemini(asked: Asked, verb: str, query: str) -> Answer:
    if verb == "countTokens":
        return _plain({"totalTokens": asked.input_tokens})

    def shown(text: str, tokens: int, finish: Json) -> Json:
        usage = {
            "promptTokenCount": asked.input_tokens,
            "candidatesTokenCount": tokens,
            "totalTokenCount": asked.input_tokens + tokens,
        }
        one = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0} | finish
        return {"candidates": [one], "usageMetadata": usage, "modelVersion": asked.model, "responseId": asked.identity}

    stop: Json = {"finishReason": "STOP"}
    if not asked.stream:
        return _plain(shown(asked.text, asked.output_tokens, stop))
    last = len(asked.pieces)
    values = [shown(word, at, stop if at == last else {}) for at, word in enumerate(asked.pieces, start=1)]
    if "alt=sse" in query:
        return Answer(200, b"", tuple(_sse(value) for value in values), "text/event-stream")
    array = [(b"[" if at == 0 else b",\r\n") + json.dumps(value).encode() for at, value in enumerate(values)]
    return Answer(200, b"", (*array, b"]"))


def _count_tokens(asked: Asked) -> Answer:
    return _plain({"input_tokens": asked.input_tokens})


_FORMATS: Mapping[str, Callable[[Asked], Answer]] = {
    "/chat/completions": _chat,
    "/completions": _completion,
    "/responses": _responses,
    "/embeddings": _embeddings,
    "/messages": _messages,
    "/messages/count_tokens": _count_tokens,
    "/responses/input_tokens": _count_tokens,
}
