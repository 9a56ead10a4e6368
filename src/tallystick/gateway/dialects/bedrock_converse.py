"""Converse: whole bodies and streams. Usage comes once, in the stream's last event."""

from collections.abc import Mapping

import msgspec

from tallystick.gateway.dialects.bedrock_usage import read_usage
from tallystick.gateway.dialects.eventstream import Frame, FrameSplitter
from tallystick.gateway.dialects.figures import Figures, nothing_used
from tallystick.gateway.dialects.model import RequestFacts, ResponseFacts
from tallystick.gateway.dialects.reading import decode, members, size, text


class _Body(msgspec.Struct):
    output: object = None
    stopReason: object = None  # noqa: N815 - the wire's names
    usage: object = None
    serviceTier: object = None  # noqa: N815
    performanceConfig: object = None  # noqa: N815
    message: object = None


class _Start(msgspec.Struct):
    start: object = None


class _Delta(msgspec.Struct):
    delta: object = None


_BODY = msgspec.json.Decoder(_Body)
_START = msgspec.json.Decoder(_Start)
_DELTA = msgspec.json.Decoder(_Delta)
_GROUNDING = "nova_grounding"


class Told:
    """What has been said of an answer so far, gathered alike from a body and from events.

    Attributes:
        body: The members that stand outside the message.
        calls, searches: Tool calls for the client, and the provider's own web searches.
        output_bytes: Bytes of generated text and arguments.
        error: The provider's word for what went wrong in a stream.
        drift: What could not be read.
    """

    __slots__ = ("body", "calls", "done", "drift", "error", "output_bytes", "searches")

    def __init__(self) -> None:
        self.body = _Body()
        self.calls = self.searches = self.output_bytes = 0
        self.error = self.drift = ""
        self.done = False

    def take_event(self, kind: str, payload: bytes) -> None:
        """Take one event by its name: Converse's own, and Nova's, which are the same."""
        if kind == "contentBlockDelta":
            found = decode(_DELTA, payload)
            self.output_bytes += _spoken(found.delta if found else None)
        elif kind == "contentBlockStart":
            start = decode(_START, payload)
            self.take_tool(members(members(start.start if start else None).get("toolUse")))
        elif kind in ("messageStop", "metadata"):
            found_body = decode(_BODY, payload)
            if found_body is None:
                self.drift = "an event is not a JSON object"
                return
            self.body.stopReason = found_body.stopReason or self.body.stopReason
            if kind == "metadata":
                self.body.usage, self.body.serviceTier = found_body.usage, found_body.serviceTier
                self.body.performanceConfig = found_body.performanceConfig
                self.done = True

    def take_tool(self, tool: Mapping[str, object]) -> None:
        """Count a use of a tool; the provider's own run on its side and are billed by the search."""
        if not tool:
            return
        if tool.get("type") != "server_tool_use":
            self.calls += 1
        elif tool.get("name") == _GROUNDING:
            self.searches += 1

    def facts(self, request: RequestFacts) -> ResponseFacts:
        """The record of what was told; what is absent is guessed from the request and the output."""
        figures = read_usage(members(self.body.usage))
        return self.facts_of(figures, request)

    def facts_of(self, figures: Figures, request: RequestFacts) -> ResponseFacts:
        """As `facts`, with figures from elsewhere."""
        if self.drift:
            figures.report.note(self.drift)
        figures.count("tool_calls", self.calls)
        figures.count("searches", self.searches)
        figures.guess_missing(request, self.output_bytes)
        figures.count("requests", 1)
        return ResponseFacts(
            measured=figures.measured(),
            complete=self.done,
            service_tier=_served_tier(self.body),
            finish_reason=text(self.body.stopReason),
            error_type=self.error,
            output_bytes=self.output_bytes,
        )


def read_body(request: RequestFacts, status: int, body: bytes) -> ResponseFacts:
    """Read a whole body of any status; the word for an error is in the headers."""
    if status >= 400:
        return ResponseFacts(measured=nothing_used(), error_type=f"http_{status}")
    told, found = Told(), decode(_BODY, body)
    if found is None:
        told.drift, told.output_bytes = "body is not a JSON object", len(body)
        return told.facts(request)
    told.body, told.done = found, True
    content = members(members(found.output).get("message")).get("content")
    for block in content if isinstance(content, list) else ():
        told.take_tool(members(members(block).get("toolUse")))
        told.output_bytes += _spoken(block)
    return told.facts(request)


def _served_tier(body: _Body) -> str:
    """The tier that was served; optimized latency is a tier of its own, since it has its own price."""
    if members(body.performanceConfig).get("latency") == "optimized":
        return "latency_optimized"
    return text(members(body.serviceTier).get("type"), 64)


def _spoken(value: object, depth: int = 8) -> int:
    """Bytes of all text within a value."""
    if isinstance(value, str):
        return size(value)
    if not depth:
        return 0
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum([_spoken(one, depth - 1) for one in inner])


def exception_word(frame: Frame) -> str:
    """The provider's word where a frame is an error and no event, else empty.

    >>> exception_word(Frame({":message-type": "exception", ":exception-type": "throttlingException"}, b""))
    'throttlingException'
    """
    kind = frame.headers.get(":message-type", "event")
    if kind == "event":
        return ""
    return text(frame.headers.get(":exception-type") or frame.headers.get(":error-code"), 64) or kind


class ConverseStream:
    """Reads one ConverseStream; see `model.StreamReader`. Nothing is ever hidden."""

    __slots__ = ("_request", "_splitter", "_told")

    def __init__(self, request: RequestFacts) -> None:
        self._request = request
        self._splitter = FrameSplitter()
        self._told = Told()

    def feed(self, chunk: bytes) -> bytes:
        """The chunk as it came."""
        told = self._told
        for frame in self._splitter.feed(chunk):
            if word := exception_word(frame):
                told.error = word
            else:
                told.take_event(frame.headers.get(":event-type", ""), frame.payload)
        told.drift = told.drift or self._splitter.broken
        return chunk

    def flush(self) -> bytes:
        """Nothing: all has been passed on."""
        return b""

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        return self._told.facts(self._request)
