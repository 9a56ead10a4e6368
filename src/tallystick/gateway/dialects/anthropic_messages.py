"""Anthropic Messages: whole bodies and streams.

In a stream every figure is cumulative: a later one overwrites an earlier one and is
never added. The split of cache writes by lifetime comes at the start only.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from tallystick.gateway.dialects import anthropic_usage
from tallystick.gateway.dialects.figures import Figures, nothing_used
from tallystick.gateway.dialects.model import RequestFacts, ResponseFacts
from tallystick.gateway.dialects.reading import decode, members, size, text
from tallystick.gateway.dialects.sse import EventSplitter, event_data


class _Body(msgspec.Struct):
    id: object = None
    model: object = None
    content: Raw = Raw()
    stop_reason: object = None
    usage: object = None
    error: object = None


class _Block(msgspec.Struct):
    type: object = None


class _Event(msgspec.Struct):
    type: object = None
    message: object = None
    content_block: object = None
    delta: object = None
    usage: object = None
    error: object = None


_BODY = msgspec.json.Decoder(_Body)
_BLOCKS = msgspec.json.Decoder(list[_Block])
_EVENT = msgspec.json.Decoder(_Event)
# Calls of the client's tools. Server tools are counted by `server_tool_use`.
_CALLS = ("tool_use", "mcp_tool_use")
_TEXTS = ("text", "thinking", "partial_json")
_NOWHERE = ("", "global", "not_available")


def read_body(request: RequestFacts, status: int, body: bytes) -> ResponseFacts:
    """Read a whole body of any status."""
    found = decode(_BODY, body)
    if status >= 400:
        return ResponseFacts(measured=nothing_used(), error_type=error_word(found.error if found else None, status))
    if found is None:
        figures = Figures()
        figures.report.note("body is not a JSON object")
        return _facts(figures, request, _Body(), output_bytes=len(body), complete=False)
    figures = anthropic_usage.read_usage(members(found.usage), text(found.model))
    blocks = decode(_BLOCKS, found.content) or []
    figures.count("tool_calls", sum(block.type in _CALLS for block in blocks))
    spoken = len(found.content) if figures.output_tokens is None else 0
    return _facts(figures, request, found, output_bytes=spoken, complete=True)


def _facts(figures: Figures, request: RequestFacts, body: _Body, *, output_bytes: int, complete: bool) -> ResponseFacts:
    figures.guess_missing(request, output_bytes)
    figures.count("requests", 1)
    usage = members(body.usage)
    region = text(usage.get("inference_geo"), 64)
    return ResponseFacts(
        measured=figures.measured(),
        complete=complete,
        response_model=text(body.model),
        response_id=text(body.id),
        service_tier=_served_tier(usage, request),
        region="" if region in _NOWHERE else region,
        finish_reason=text(body.stop_reason),
        error_type=error_word(body.error, 200),
        output_bytes=output_bytes,
    )


def _served_tier(usage: Mapping[str, object], request: RequestFacts) -> str:
    """The tier that was served; fast mode is a tier of its own, since it has its own price."""
    speed = text(usage.get("speed"), 64)
    if speed == "fast" or (not speed and request.service_tier == "fast"):
        return "fast"
    return text(usage.get("service_tier"), 64)


def error_word(error: object, status: int) -> str:
    """The provider's word for an error, else the status."""
    word = text(members(error).get("type"), 64)
    if word or (status < 400 and not error):
        return word
    return f"http_{status}" if status >= 400 else "error"


class MessagesStream:
    """Reads one stream of Messages events; see `model.StreamReader`. Nothing is ever hidden."""

    __slots__ = ("_body", "_calls", "_counted", "_done", "_drift", "_output_bytes", "_request", "_splitter", "_usage")

    def __init__(self, request: RequestFacts) -> None:
        self._request = request
        self._splitter = EventSplitter()
        self._body = _Body()
        self._usage: dict[str, object] = {}
        self._calls = self._output_bytes = 0
        self._counted = self._done = False
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
        event = decode(_EVENT, data)
        if event is not None:
            self._note(event)
        elif data and not last:
            self._drift = "an event is not a JSON object"

    def _note(self, event: _Event) -> None:
        if event.type == "content_block_delta":
            delta = members(event.delta)
            self._output_bytes += sum([size(delta.get(name)) for name in _TEXTS])
        elif event.type == "content_block_start":
            self._calls += members(event.content_block).get("type") in _CALLS
        elif event.type == "message_start":
            self._start(members(event.message))
        elif event.type == "message_delta":
            self._overwrite(event)
        elif event.type == "message_stop":
            self._done = True
        elif event.type == "error":
            self._body.error = event.error or "error"

    def _start(self, message: Mapping[str, object]) -> None:
        self._body.id, self._body.model = message.get("id"), message.get("model")
        self._usage.update(members(message.get("usage")))

    def _overwrite(self, event: _Event) -> None:
        self._body.stop_reason = members(event.delta).get("stop_reason") or self._body.stop_reason
        usage = members(event.usage)
        self._usage.update({name: value for name, value in usage.items() if value is not None})
        self._counted = self._counted or usage.get("output_tokens") is not None

    def facts(self) -> ResponseFacts:
        """What is known so far. Before the first delta's figures the output is a guess, and marked."""
        self._body.usage = self._usage
        figures = anthropic_usage.read_usage(self._usage, text(self._body.model))
        if self._drift:
            figures.report.note(self._drift)
        if figures.output_tokens is not None and not self._counted:
            figures.guess_output(self._output_bytes, at_least=figures.output_tokens)
        figures.count("tool_calls", self._calls)
        return _facts(figures, self._request, self._body, output_bytes=self._output_bytes, complete=self._done)
