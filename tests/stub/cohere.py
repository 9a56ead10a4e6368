"""Cohere's bodies and events. Pure: sizes in, JSON out."""

from typing import Any

PATHS = ("/v2/chat", "/v2/embed", "/v2/rerank")


def usage(prompt: int, words: int) -> dict[str, Any]:
    """What a chat reports: less is billed than was counted."""
    return {
        "billed_units": {"input_tokens": float(prompt), "output_tokens": float(words)},
        "tokens": {"input_tokens": float(prompt + 66), "output_tokens": float(words)},
        "cached_tokens": 0.0,
    }


def chat(words: list[str], used: dict[str, Any], identity: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A whole answer, and its events."""
    message = {"role": "assistant", "content": [{"type": "text", "text": "".join(words)}]}
    whole = {"id": identity, "finish_reason": "COMPLETE", "message": message, "usage": used}
    begun = {"message": {"role": "assistant", "content": []}}
    steps: list[dict[str, Any]] = [
        {"type": "message-start", "id": identity, "delta": begun},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
        *({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": word}}}} for word in words),
        {"type": "content-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": used}},
    ]
    return whole, steps


def embedded(texts: list[str], prompt: int, identity: str) -> dict[str, Any]:
    """Vectors of texts."""
    return {
        "id": identity,
        "embeddings": {"float": [[0.1, 0.2] for _ in texts]},
        "texts": texts,
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": float(prompt)}},
    }


def ranked(documents: list[str], identity: str) -> dict[str, Any]:
    """The documents in an order; one search unit."""
    found = [{"index": index, "relevance_score": 1 / (index + 1)} for index in range(len(documents))]
    return {"id": identity, "results": found, "meta": {"billed_units": {"search_units": 1}}}
