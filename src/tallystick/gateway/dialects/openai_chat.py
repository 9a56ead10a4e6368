"""Chat Completions (and the older Completions): whole bodies and streams.

Usage of a stream comes only when it was asked for, in one last chunk without
choices, and then every other chunk holds `"usage":null`. When it was us who asked,
the client gets neither.
"""

import re
from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Raw

from tallystick.gateway.dialects import openai_usage
from tallystick.gateway.dialects.figures import Figures, nothing_used
from tallystick.gateway.dialects.model import RequestFacts, ResponseFacts
from tallystick.gateway.dialects.openai_errors import error_word, served_tier
from tallystick.gateway.dialects.reading import decode, items, members, size, text
from tallystick.gateway.dialects.sse import EventSplitter, event_data


class _Body(msgspec.Struct):
    id: object = None
    model: object = None
    choices: Raw = Raw()
    usage: object = None
    service_tier: object = None
    error: object = None


class _Message(msgspec.Struct):
    tool_calls: list[Raw] | None = None
    function_call: Raw = Raw()


class _Choice(msgspec.Struct):
    finish_reason: str | None = None
    message: _Message | None = None


class _Delta(msgspec.Struct):
    content: object = None
    reasoning_content: object = None
    reasoning: object = None
    refusal: object = None
    tool_calls: object = None
    function_call: object = None


class _Step(msgspec.Struct):
    index: object = 0
    delta: _Delta | None = None
    text: object = None
    finish_reason: object = None


class _Chunk(msgspec.Struct):
    id: object = None
    model: object = None
    choices: list[_Step] | None = None
    usage: object = UNSET
    service_tier: object = None
    error: object = None
    x_groq: object = None


class _Strange(msgspec.Struct):
    """A chunk whose choices are not as documented: all but them."""

    id: object = None
    model: object = None
    usage: object = UNSET
    service_tier: object = None
    error: object = None


_BODY = msgspec.json.Decoder(_Body)
_CHOICES = msgspec.json.Decoder(list[_Choice])
_CHUNK = msgspec.json.Decoder(_Chunk)
_STRANGE = msgspec.json.Decoder(_Strange)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_NULL_USAGE = re.compile(rb'\s*,\s*"usage"\s*:\s*null|"usage"\s*:\s*null\s*,\s*')
_USUAL_END = b',"usage":null}\n\n'
# What makes a chunk more than a few words on the way: then it is read at once.
_NEWS = re.compile(rb'"(?:tool_calls"|function_call"|error"|finish_reason":"|refusal":")').search
_MOST_DEFERRED = 1024 * 1024
_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')


def read_body(request: RequestFacts, status: int, body: bytes, *, speaks: bool = True) -> ResponseFacts:
    """Read a whole body of any status. A call that does not speak (embeddings) reports no output: it is zero."""
    found = decode(_BODY, body)
    error = error_word(found.error if found else None, status)
    if status >= 400:
        return ResponseFacts(measured=nothing_used(), error_type=error)
    if found is None:
        return _not_understood(request, body if speaks else b"")
    figures = openai_usage.read_usage(members(found.usage), openai_usage.CHAT)
    if not speaks and figures.output_tokens is None:
        figures.output_tokens = 0
    finish = _read_choices(figures, found.choices)
    spoken = len(found.choices) if figures.output_tokens is None else 0
    figures.guess_missing(request, spoken)
    figures.count("requests", 1)
    return ResponseFacts(
        measured=figures.measured(),
        response_model=text(found.model),
        response_id=text(found.id),
        service_tier=served_tier(found.service_tier, request),
        finish_reason=finish,
        error_type=error,
        output_bytes=spoken,
    )


def _not_understood(request: RequestFacts, body: bytes) -> ResponseFacts:
    """A success whose body is no JSON object: all of it is a guess."""
    figures = Figures()
    figures.report.note("body is not a JSON object")
    figures.guess_missing(request, len(body))
    figures.count("requests", 1)
    return ResponseFacts(
        measured=figures.measured(),
        complete=False,
        service_tier=served_tier(None, request),
        output_bytes=len(body),
    )


def _read_choices(figures: Figures, raw: Raw) -> str:
    """Count tool calls; the finish reason of the first choice."""
    if not raw:
        return ""
    choices = decode(_CHOICES, raw)
    if choices is None:
        figures.report.note("choices are not as documented")
        return ""
    calls = 0
    for choice in choices:
        message = choice.message
        if message is not None and (message.tool_calls or message.function_call):
            calls += _calls(message)
    figures.count("tool_calls", calls)
    return text(choices[0].finish_reason) if choices else ""


def _calls(message: _Message) -> int:
    called = bytes(message.function_call) not in (b"", b"null")
    return len(message.tool_calls or ()) + called


class ChatStream:
    """Reads one stream of chunks; see `model.StreamReader`."""

    __slots__ = (
        "_calls",
        "_counted",
        "_deferred",
        "_deferred_bytes",
        "_done",
        "_drift",
        "_error",
        "_finish",
        "_id",
        "_model",
        "_output_bytes",
        "_request",
        "_splitter",
        "_tier",
        "_usage",
    )

    def __init__(self, request: RequestFacts) -> None:
        self._request = request
        self._splitter = EventSplitter()
        self._usage: object = None
        self._calls: set[tuple[object, object]] = set()
        self._drift: list[str] = []
        self._id = self._model = self._tier = self._finish = self._error = ""
        self._output_bytes = self._deferred_bytes = 0
        self._deferred: list[bytes] = []
        self._done = self._counted = False

    def feed(self, chunk: bytes) -> bytes:
        """The chunk, less the usage only we asked for."""
        events = self._splitter.feed(chunk)
        if self._request.asked_usage:
            return b"".join([self._pass(event) for event in events])
        for event in events:
            self._pass(event)
        return chunk

    def flush(self) -> bytes:
        """The last event, when its end never came."""
        rest = self._splitter.rest()
        data = event_data(rest)
        if data.startswith(b"[DONE]") or decode(_STRANGE, data) is not None:
            shown = self._pass(rest)
        elif self._finish or _NO_CHOICES.search(rest):
            # Cut in the midst of what follows the last words: the usage that only we asked for.
            shown = b""
        else:
            shown = rest
        return shown if self._request.asked_usage else b""

    def _pass(self, event: bytes) -> bytes:
        """Read one event; what of it the client gets."""
        if self._id and (shown := self._defer(event)):
            return shown
        data = event_data(event)
        if not data:
            return event
        if data.startswith(b"[DONE]"):
            self._done = True
            return event
        chunk = decode(_CHUNK, data) or self._strange(data)
        if chunk is None:
            return event
        self._read(chunk)
        if chunk.usage is UNSET or not self._request.asked_usage:
            return event
        if chunk.usage is None:
            return _without_null_usage(event, data)
        return b"" if chunk.choices == [] else event

    def _defer(self, event: bytes) -> bytes:
        """What the client gets of a chunk that holds only words, else nothing.

        Its words matter only where no usage comes, to be guessed from: until then the
        event is kept as it is. An unescaped quote cannot stand inside a JSON string, so
        each mark looked for is a member.
        """
        if not event.startswith(b'data: {"') or not event.endswith(b"}\n\n") or _NEWS(event):
            return b""
        shown = event
        if found := event.count(b'"usage"'):
            if found > 1 or not event.endswith(_USUAL_END):
                return b""
            if self._request.asked_usage:
                shown = event[: -len(_USUAL_END)] + b"}\n\n"
        self._deferred.append(event)
        self._deferred_bytes += len(event)
        if self._deferred_bytes > _MOST_DEFERRED:
            self._catch_up()
        return shown

    def _catch_up(self) -> None:
        """Read the chunks that were kept."""
        events, self._deferred, self._deferred_bytes = self._deferred, [], 0
        for event in events:
            data = event_data(event)
            chunk = decode(_CHUNK, data) or self._strange(data)
            if chunk is not None:
                self._read(chunk)

    def _strange(self, data: bytes) -> _Chunk | None:
        """What can be read of a chunk that is not as documented."""
        found = decode(_STRANGE, data)
        self._note("a chunk is not a JSON object" if found is None else "choices are not as documented")
        if found is None:
            return None
        return _Chunk(found.id, found.model, None, found.usage, found.service_tier, found.error)

    def _note(self, mark: str) -> None:
        if mark not in self._drift:
            self._drift.append(mark)

    def _read(self, chunk: _Chunk) -> None:
        if not self._id:
            self._id = text(chunk.id)
        if chunk.model != self._model:
            self._model = text(chunk.model) or self._model
        if chunk.service_tier != self._tier:
            self._tier = text(chunk.service_tier) or self._tier
        if chunk.usage:
            self._usage = chunk.usage
            self._counted = not chunk.choices
        elif own := members(chunk.x_groq).get("usage"):
            # Groq tells it beside the last words, asked or not.
            self._usage, self._counted = own, True
        if chunk.error:
            self._error = error_word(chunk.error, 200)
        for step in chunk.choices or ():
            self._read_step(step)

    def _read_step(self, step: _Step) -> None:
        self._output_bytes += size(step.text)
        if step.delta is not None:
            self._read_delta(step.index if type(step.index) is int else 0, step.delta)
        if step.finish_reason and (not self._finish or step.index == 0):
            self._finish = text(step.finish_reason)

    def _read_delta(self, index: int, delta: _Delta) -> None:
        self._output_bytes += size(delta.content)
        if delta.reasoning_content or delta.reasoning or delta.refusal:
            # Some write their reasoning under both names.
            thought = size(delta.reasoning_content) or size(delta.reasoning)
            self._output_bytes += thought + size(delta.refusal)
        for call in items(delta.tool_calls):
            self._read_call(index, members(call).get("index"), members(members(call).get("function")))
        if delta.function_call is not None:
            self._read_call(index, "function_call", members(delta.function_call))

    def _read_call(self, choice: int, call: object, function: Mapping[str, object]) -> None:
        self._calls.add((choice, call if type(call) in (int, str) else 0))
        self._output_bytes += size(function.get("name")) + size(function.get("arguments"))

    def facts(self) -> ResponseFacts:
        """What is known so far; guesses are marked."""
        if not (self._usage and self._counted):
            self._catch_up()
        figures = openai_usage.read_usage(members(self._usage), openai_usage.CHAT)
        for mark in self._drift:
            figures.report.note(mark)
        counted = self._counted or self._done or bool(self._finish)
        if figures.output_tokens is not None and not counted:
            # Some count as they go: cut before the end, the last count is only the least there was.
            figures.guess_output(self._output_bytes, at_least=figures.output_tokens)
        figures.guess_missing(self._request, self._output_bytes)
        figures.count("tool_calls", len(self._calls))
        figures.count("requests", 1)
        return ResponseFacts(
            measured=figures.measured(),
            complete=self._done or (self._usage is not None and counted),
            response_model=self._model,
            response_id=self._id,
            service_tier=served_tier(self._tier, self._request),
            finish_reason=self._finish,
            error_type=self._error,
            output_bytes=0 if self._usage and self._counted else self._output_bytes,
        )


def _without_null_usage(event: bytes, data: bytes) -> bytes:
    """The event as it were had nobody asked: without the member `"usage":null`.

    An unescaped quote cannot stand inside a JSON string, so the pattern is always a
    member; only where it occurs twice (one is nested) is the object rebuilt.
    """
    if event.endswith(_USUAL_END) and event.count(b'"usage"') == 1:
        return event[: -len(_USUAL_END)] + b"}\n\n"
    found = list(_NULL_USAGE.finditer(event))
    if len(found) == 1:
        return event[: found[0].start()] + event[found[0].end() :]
    fields = decode(_MEMBERS, data)
    if fields is None or data not in event:
        return event
    fields.pop("usage", None)
    return event.replace(data, msgspec.json.encode(fields), 1)
