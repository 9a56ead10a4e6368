"""Gemini's and Vertex AI's bodies, events and arrays. Pure: sizes in, JSON out."""

import json
import re
from typing import Any

ARRAY = "application/json; charset=UTF-8"
_PATH = re.compile(r"/v1(?:beta\d*)?/(?:.*/)?(?:models)/(?P<model>[^/:]+):(?P<method>\w+)")
_STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
_STATUSES |= {429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}


def split(path: str) -> tuple[str, str]:
    """Model and method of a path, both empty when it is none of Google's."""
    found = _PATH.fullmatch(path)
    return (found["model"], found["method"]) if found else ("", "")


def speaks(path: str) -> bool:
    """Whether the path is one of Google's, Anthropic's models there aside."""
    return bool(split(path)[0]) and "RawPredict" not in path and "rawPredict" not in path


def usage(prompt: int, words: int, *, vertex: bool) -> dict[str, Any]:
    """What a call reports; some of its output is thought."""
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": words,
        "thoughtsTokenCount": 5,
        "totalTokenCount": prompt + words + 5,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
        **({"trafficType": "ON_DEMAND"} if vertex else {"serviceTier": "standard"}),
    }


def generated(
    words: list[str], used: dict[str, Any], model: str, identity: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A whole answer, and the chunks it comes in when it is streamed."""
    head = {"modelVersion": model, "responseId": identity}

    def said(text: str, *, last: bool) -> dict[str, Any]:
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
        return {"candidates": [candidate | ({"finishReason": "STOP"} if last else {})], **head}

    whole = {**said("".join(words), last=True), "usageMetadata": used}
    running = {"promptTokenCount": used["promptTokenCount"], "totalTokenCount": used["promptTokenCount"]}
    chunks = [{**said(word, last=False), "usageMetadata": running} for word in words[:-1]]
    return whole, [*chunks, {**said(words[-1], last=True), "usageMetadata": used}]


def embedded(method: str, prompt: int, count: int) -> dict[str, Any]:
    """Vectors, and the tokens they were made of."""
    vector = {"values": [0.1, -0.2, 0.3]}
    counts = {"usageMetadata": {"promptTokenCount": prompt}}
    return {"embedding": vector, **counts} if method == "embedContent" else {"embeddings": [vector] * count, **counts}


def models() -> dict[str, Any]:
    """A list of models."""
    return {"models": [{"name": f"models/{name}", "displayName": name} for name in ("gemini-2.5-flash",)]}


def events(chunks: list[dict[str, Any]], *, sse: bool) -> list[bytes]:
    """The chunks as server-sent events, or as the pieces of an array."""
    texts = [json.dumps(chunk, separators=(",", ":")) for chunk in chunks]
    if sse:
        return [f"data: {text}\r\n\r\n".encode() for text in texts]
    return [*((("[" if number == 0 else ",\r\n") + text).encode() for number, text in enumerate(texts)), b"\n]"]


def error(status: int, text: str) -> bytes:
    """An error in Google's shape."""
    word = _STATUSES.get(status, "INTERNAL")
    return json.dumps({"error": {"code": status, "message": text, "status": word}}).encode()
