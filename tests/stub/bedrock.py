"""Bedrock's answers: Converse, InvokeModel, and their binary streams, framed here by AWS's documentation."""

import base64
import json
import struct
import zlib
from typing import Any
from urllib.parse import unquote

FRAMES = "application/vnd.amazon.eventstream"
KINDS = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    block = b""
    for name, value in headers.items():
        block += struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
    prelude = struct.pack("!II", 4 + 4 + 4 + len(block) + len(payload) + 4, len(block))
    head = prelude + struct.pack("!I", zlib.crc32(prelude)) + block + payload
    return head + struct.pack("!I", zlib.crc32(head))


def event(kind: str, value: Any) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, json.dumps(value, separators=(",", ":")).encode())


def chunk(value: Any) -> bytes:
    """A vendor's event as InvokeModel's streams carry it."""
    inner = base64.b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()
    return event("chunk", {"bytes": inner, "p": "abcdef"})


def exception(kind: str, message: str) -> bytes:
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, json.dumps({"message": message}).encode())


def speaks(path: str) -> bool:
    return path.startswith("/model/")


def split(path: str) -> tuple[str, str]:
    """Model and operation of a path."""
    _, _, model, operation = path.split("/")
    return unquote(model), operation


def converse(words: list[str], usage: dict[str, Any], tier: str) -> tuple[dict[str, Any], list[bytes]]:
    text = "".join(words)
    body = {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": "end_turn",
        "usage": usage,
        "metrics": {"latencyMs": 12},
        "serviceTier": {"type": tier},
    }
    events = [
        event("messageStart", {"role": "assistant"}),
        *(event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word}}) for word in words),
        event("contentBlockStop", {"contentBlockIndex": 0}),
        event("messageStop", {"stopReason": "end_turn"}),
        event("metadata", {"usage": usage, "metrics": {"latencyMs": 12}, "serviceTier": {"type": tier}}),
    ]
    return body, events


def metrics(usage: dict[str, Any]) -> dict[str, int]:
    return {
        "inputTokenCount": usage["inputTokens"],
        "outputTokenCount": usage["outputTokens"],
        "invocationLatency": 30,
        "firstByteLatency": 10,
        "cacheReadInputTokenCount": usage.get("cacheReadInputTokens", 0),
        "cacheWriteInputTokenCount": usage.get("cacheWriteInputTokens", 0),
    }


def counts(usage: dict[str, Any]) -> list[bytes]:
    """The headers of a whole answer of InvokeModel."""
    return [
        b"x-amzn-bedrock-input-token-count: %d" % usage["inputTokens"],
        b"x-amzn-bedrock-output-token-count: %d" % usage["outputTokens"],
        b"x-amzn-bedrock-invocation-latency: 30",
        b"x-amzn-bedrock-service-tier: default",
    ]
