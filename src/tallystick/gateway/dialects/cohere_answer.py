"""Cohere's answers: whole bodies and streams of chat, embeddings, reranking."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from tallystick.gateway.dialects import cohere_usage
from tallystick.gateway.dialects.cohere_request import likely_searches
from tallystick.gateway.dialects.figures import Figures, nothing_used
from tallystick.gateway.dialects.model import RequestFacts, ResponseFacts
from tallystick.gateway.dialects.reading import decode, items, members, size, text
from tallystick.gateway.dialects.sse import EventSplitter, event_data


class _Message(msgspec.Struct):
    content: Raw = Raw()
    tool_calls: object = None
    tool_plan: object = None


class _Body(msgspec.Struct):
    id: object = None
    finish_reason: object = None
    message: Raw = Raw()
    usage: object = None
    meta: object = None


class _Event(msgspec.Struct):
    type: object = None
    id: object = None
    delta: object = None


_BODY = msgspec.json.Decoder(_Body)
_MESSAGE = msgspec.json.Decoder(_Message)
_EVENT = msgspec.json.Decoder(_Event)
# Ends that are failures of the provider's.
_FAILED = ("ERROR", "TIMEOUT", "ERROR_TOXIC", "ERROR_LIMIT")


def error_word(status: int) -> str:
    """Cohere's errors hold a message for people and no word, so the status is the word."""
    return f"http_{status}" if status >= 400 else ""


def read_body(request: RequestFacts, status: int, body: bytes, form: str) -> ResponseFacts:
    """Read a whole body of any status; `form` is the route's format."""
    if status >= 400:
        return ResponseFacts(measured=nothing_used(), error_type=error_word(status))
    found = decode(_BODY, body)
    speaks = form == "chat"
    usage = (found.usage if speaks else found.meta) if found else None
    figures = cohere_usage.read_usage(members(usage), speaks=speaks)
    if found is None:
        figures.report.note("body is not a JSON object")
    if form == "rerank":
        _settle_ranking(figures, request)
    message = decode(_MESSAGE, found.message) if found and speaks else None
    if message is not None:
        figures.count("tool_calls", len(items(message.tool_calls)))
    spoken = len(found.message) if found else len(body)
    return _facts(figures, request, found or _Body(), spoken if speaks else 0, complete=found is not None)


def _settle_ranking(figures: Figures, request: RequestFacts) -> None:
    """A ranking uses searches; one that does not say how many is guessed."""
    if figures.input_tokens is None:
        figures.input_tokens = 0
    if "searches" not in figures.quantities:
        figures.quantities["searches"] = likely_searches(request)
        figures.estimated.append("searches")


def _facts(figures: Figures, request: RequestFacts, body: _Body, spoken: int, *, complete: bool) -> ResponseFacts:
    figures.guess_missing(request, spoken)
    figures.count("requests", 1)
    finish = text(body.finish_reason, 64)
    return ResponseFacts(
        measured=figures.measured(),
        complete=complete,
        response_id=text(body.id),
        finish_reason=finish,
        error_type=finish if finish in _FAILED else "",
        output_bytes=spoken,
    )


class CohereStream:
    """Reads one stream of chat events; see `model.StreamReader`. Nothing is ever hidden."""

    __slots__ = ("_body", "_calls", "_done", "_drift", "_output_bytes", "_request", "_splitter", "_usage")

    def __init__(self, request: RequestFacts) -> None:
        self._request = request
        self._splitter = EventSplitter()
        self._body = _Body()
        self._usage: Mapping[str, object] = {}
        self._calls = self._output_bytes = 0
        self._done = False
        self._drift = ""

    def feed(self, chunk: bytes) -> bytes:
        """The chunk as it came."""
        for event in self._splitter.feed(chunk):
            self._read(event_data(event))
        return chunk

    def flush(self) -> bytes:
        """Nothing: all has been passed on. Reads a last event that lacks its end."""
        self._read(event_data(self._splitter.rest()), last=True)
        return b""

    def _read(self, data: bytes, *, last: bool = False) -> None:
        if not data or data.startswith(b"[DONE]"):
            return
        event = decode(_EVENT, data)
        if event is not None:
            self._note(event)
        elif not last:
            self._drift = "an event is not a JSON object"

    def _note(self, event: _Event) -> None:
        delta = members(event.delta)
        if event.type == "message-start":
            self._body.id = event.id
        elif event.type == "message-end":
            self._done = True
            self._body.finish_reason = delta.get("finish_reason")
            self._usage = members(delta.get("usage"))
        else:
            self._calls += event.type == "tool-call-start"
            self._speak(members(delta.get("message")))

    def _speak(self, message: Mapping[str, object]) -> None:
        said = members(message.get("content"))
        self._output_bytes += size(said.get("text")) + size(said.get("thinking")) + size(message.get("tool_plan"))
        function = members(members(message.get("tool_calls")).get("function"))
        self._output_bytes += size(function.get("name")) + size(function.get("arguments"))

    def facts(self) -> ResponseFacts:
        """What is known so far; a guess until the last event."""
        figures = cohere_usage.read_usage(self._usage)
        if self._drift:
            figures.report.note(self._drift)
        figures.count("tool_calls", self._calls)
        return _facts(figures, self._request, self._body, self._output_bytes, complete=self._done)
