"""InvokeModel: each vendor's own body, and streams of their events in base64.

Anthropic's bodies and events are read as in its own dialect, Nova's as Converse's. Of
the others only the counts matter: the invocation metrics that Amazon adds to the last
event of a stream, and to the headers of a whole answer (see `Bedrock.with_headers`).
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace

import msgspec

from tallystick.gateway.dialects import anthropic_messages, openai_chat
from tallystick.gateway.dialects.bedrock_converse import Told, exception_word
from tallystick.gateway.dialects.bedrock_converse import read_body as read_converse
from tallystick.gateway.dialects.bedrock_request import speaks_messages, vendor_of
from tallystick.gateway.dialects.bedrock_usage import LLAMA, read_metrics, read_usage, settled
from tallystick.gateway.dialects.eventstream import FrameSplitter
from tallystick.gateway.dialects.figures import Figures, nothing_used
from tallystick.gateway.dialects.model import RequestFacts, ResponseFacts, Route
from tallystick.gateway.dialects.reading import Report, decode, items, members, size, text

METRICS = "amazon-bedrock-invocationMetrics"

_OBJECT = msgspec.json.Decoder(dict[str, object])
_CHUNK = msgspec.json.Decoder(dict[str, object])
# Members of any vendor's event or body that hold what was generated.
_TEXTS = frozenset(
    {
        "text", "outputText", "generation", "completion", "content", "generated_text", "partial_json", "arguments",
        "reasoning_content", "thinking", "input",
    }
)  # fmt: skip
_PICTURES = ("images", "artifacts")
_VECTORS = ("embedding", "embeddings", "embeddingsByType")
_REASONS = ("stop_reason", "completionReason", "finish_reason", "stopReason")


def read_body(route: Route, request: RequestFacts, status: int, body: bytes) -> ResponseFacts:
    """Read a whole body of any status."""
    if status >= 400:
        return ResponseFacts(measured=nothing_used(), error_type=f"http_{status}")
    fields = decode(_OBJECT, body)
    if fields is None:
        return read_converse(request, status, body)
    if fields.get("type") == "message" or (vendor_of(route.model) == "anthropic" and "content" in fields):
        # Prices follow the model of the path, which tells the kind of inference too.
        return replace(anthropic_messages.read_body(request, status, body), response_model="")
    if "output" in fields and "inputTokens" in members(fields.get("usage")):
        return read_converse(request, status, body)
    if "choices" in fields and "usage" in fields:
        return replace(openai_chat.read_body(request, status, body), response_model="")
    return _read_plain(request, fields)


def _read_plain(request: RequestFacts, fields: Mapping[str, object]) -> ResponseFacts:
    """Titan, Llama, Cohere, Mistral's completions, embeddings and pictures."""
    figures = _own_counts(fields)
    pictures = sum(len(items(fields.get(name))) for name in _PICTURES)
    figures.count("images", pictures)
    if figures.output_tokens is None and (pictures or any(name in fields for name in _VECTORS)):
        # Vectors and pictures are no tokens.
        figures.output_tokens = 0
    spoken = 0 if figures.output_tokens == 0 else spoken_bytes(fields)
    figures.guess_missing(request, spoken)
    figures.count("requests", 1)
    results = [fields, *(members(one) for one in items(fields.get("results")))]
    reasons = [text(one.get(name), 64) for one in results for name in _REASONS]
    return ResponseFacts(
        measured=figures.measured(), finish_reason=next(filter(None, reasons), ""), output_bytes=spoken
    )


def _own_counts(fields: Mapping[str, object]) -> Figures:
    """What the vendor's own body counts."""
    counted = {name: fields[name] for name in ("prompt_token_count", "generation_token_count") if name in fields}
    if counted:
        return read_usage(counted, LLAMA)
    figures = Figures()
    report: Report = figures.report
    figures.input_tokens = report.count(fields, "inputTextTokenCount")
    figures.add("uncached_input", figures.input_tokens)
    counts = [report.count(members(one), "tokenCount") for one in items(fields.get("results"))]
    if counts and None not in counts:
        figures.output_tokens = sum(count or 0 for count in counts)
        figures.add("plain_output", figures.output_tokens)
    return figures


def spoken_bytes(value: object, depth: int = 8, *, counts: bool = False) -> int:
    """Bytes of text below the members that hold what was generated."""
    if isinstance(value, str):
        return size(value) if counts else 0
    if not depth:
        return 0
    if isinstance(value, dict):
        return sum([spoken_bytes(one, depth - 1, counts=name in _TEXTS) for name, one in value.items()])
    if isinstance(value, list):
        return sum([spoken_bytes(one, depth - 1, counts=counts) for one in value])
    return 0


def event_of(payload: bytes) -> bytes:
    """The vendor's event within a ``chunk``; empty when there is none."""
    found = decode(_CHUNK, payload)
    held = found.get("bytes") if found else None
    try:
        return base64.b64decode(held, validate=True) if isinstance(held, str) else b""
    except (binascii.Error, ValueError):
        return b""


class InvokeStream:
    """Reads one stream of vendor events; see `model.StreamReader`. Nothing is ever hidden."""

    __slots__ = ("_done", "_error", "_messages", "_metrics", "_request", "_splitter", "_told")

    def __init__(self, route: Route, request: RequestFacts) -> None:
        self._request = request
        self._splitter = FrameSplitter()
        self._told = Told()
        fields = decode(_OBJECT, request.body) or {}
        speaks = speaks_messages(route.model, fields)
        self._messages = anthropic_messages.MessagesStream(request) if speaks else None
        self._metrics: Mapping[str, object] | None = None
        self._error = ""
        self._done = False

    def feed(self, chunk: bytes) -> bytes:
        """The chunk as it came."""
        for frame in self._splitter.feed(chunk):
            if word := exception_word(frame):
                self._error = word
            elif frame.headers.get(":event-type") == "chunk":
                self._read(event_of(frame.payload))
        self._told.drift = self._told.drift or self._splitter.broken
        return chunk

    def flush(self) -> bytes:
        """Nothing: all has been passed on."""
        return b""

    def _read(self, event: bytes) -> None:
        fields = decode(_OBJECT, event)
        if fields is None:
            self._told.drift = "an event is not a JSON object"
            return
        metrics = fields.pop(METRICS, None)
        if metrics is not None:
            self._metrics, self._done = members(metrics), True
        if self._messages is not None:
            # In JSON a raw line end is but a space between two marks.
            self._messages.feed(b"data: " + event.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n\n")
        else:
            self._read_plain(fields)

    def _read_plain(self, fields: Mapping[str, object]) -> None:
        told = self._told
        for kind in ("contentBlockStart", "messageStop"):
            if kind in fields:
                told.take_event(kind, msgspec.json.encode(fields[kind]))
        told.output_bytes += spoken_bytes(fields)
        for name in _REASONS:
            told.body.stopReason = text(fields.get(name), 64) or told.body.stopReason
        usage = members(members(fields.get("metadata")).get("usage"))
        told.body.usage = usage or told.body.usage

    def facts(self) -> ResponseFacts:
        """What is known so far: the vendor's own report, and Amazon's metrics where it has none."""
        told = self._told
        facts = self._messages.facts() if self._messages is not None else told.facts(self._request)
        drift = facts.measured.drift
        if told.drift and told.drift not in drift:
            facts = replace(facts, measured=replace(facts.measured, drift=(*drift, told.drift)))
        if self._metrics is not None:
            facts = settled(facts, read_metrics(self._metrics))
        return replace(
            facts, complete=facts.complete or self._done, response_model="", error_type=self._error or facts.error_type
        )
