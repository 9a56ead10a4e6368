"""Answers of generateContent: whole bodies, server-sent events and JSON arrays, read by one accumulator.

Usage may stand in every chunk of a stream; it is cumulative, and the last one counts.
"""

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw

from tallystick.gateway.dialects import estimate, gemini_usage
from tallystick.gateway.dialects.figures import Figures, nothing_used
from tallystick.gateway.dialects.gemini_errors import error_of, error_word
from tallystick.gateway.dialects.json_array import ArraySplitter
from tallystick.gateway.dialects.model import RequestFacts, ResponseFacts
from tallystick.gateway.dialects.reading import decode, items, members, size, text
from tallystick.gateway.dialects.sse import EventSplitter, event_data


class _Part(msgspec.Struct, rename="camel"):
    text: object = None
    function_call: Raw = Raw()
    tool_call: Raw = Raw()
    executable_code: Raw = Raw()


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: object = None
    index: object = 0
    grounding_metadata: object = None
    url_context_metadata: object = None


class _Strange(msgspec.Struct, rename="camel"):
    """A chunk whose candidates are not as documented: all but them."""

    usage_metadata: object = None
    model_version: object = None
    response_id: object = None
    prompt_feedback: object = None
    error: object = None


class _Chunk(_Strange, rename="camel"):
    candidates: list[_Candidate] | None = None


_CHUNK = msgspec.json.Decoder(_Chunk)
_CHUNKS = msgspec.json.Decoder(list[_Chunk])
_STRANGE = msgspec.json.Decoder(_Strange)
_UNFINISHED = ("", "FINISH_REASON_UNSPECIFIED")
_CERTAIN_TIERS = ("flex", "priority", "standard")
# Until this generation a grounded prompt was billed once, however often it searched.
_BILLED_BY_QUERY = 3
_GENERATION = re.compile(r"gemini-(\d{1,3})\b")


def read_body(request: RequestFacts, status: int, body: bytes, region: str = "") -> ResponseFacts:
    """Read a whole body of any status."""
    if status >= 400:
        return ResponseFacts(measured=nothing_used(), error_type=error_word(error_of(body), status), region=region)
    said = Said(request, region)
    chunks = decode(_CHUNKS, body) if body.lstrip()[:1] == b"[" else None
    if chunks is None:
        said.read(body)
    for chunk in chunks or ():
        said.take(chunk)
    if not said.chunks:
        said.drift, said.output_bytes = ["body is not a JSON object"], len(body)
    return said.facts(whole=bool(said.chunks))


def read_embedding(request: RequestFacts, status: int, body: bytes, region: str = "") -> ResponseFacts:
    """Read the answer to an embedding request; it has no output, and often no usage."""
    found = decode(_STRANGE, body)
    error = error_word(error_of(body) if status >= 400 else found and found.error, status)
    if status >= 400:
        return ResponseFacts(measured=nothing_used(), error_type=error, region=region)
    usage = members(found.usage_metadata) if found else {}
    figures = gemini_usage.read_usage(usage)
    if found is None:
        figures.report.note("body is not a JSON object")
    if not figures.output_tokens:
        figures.output_tokens = 0
        figures.quantities.pop("plain_output", None)
    figures.guess_missing(request, 0)
    figures.count("requests", 1)
    return ResponseFacts(
        measured=figures.measured(),
        complete=found is not None,
        response_model=_model_name(found.model_version) if found else "",
        service_tier=_tier(usage, request),
        region=region,
        error_type=error,
    )


class Said:
    """What the chunks of one answer have said so far.

    Attributes:
        chunks: How many could be read.
        output_bytes: Of generated text and arguments.
        drift: What is odd about chunks, beside their usage.
    """

    __slots__ = (
        "_calls",
        "_error",
        "_fetches",
        "_finish",
        "_finished",
        "_id",
        "_maps",
        "_model",
        "_queries",
        "_region",
        "_request",
        "_seen",
        "_usage",
        "chunks",
        "drift",
        "output_bytes",
    )

    def __init__(self, request: RequestFacts, region: str = "") -> None:
        self._request, self._region = request, region
        self._usage: object = None
        self._id = self._model = self._finish = self._error = ""
        self._seen: set[int] = set()
        self._finished: set[int] = set()
        self._queries: dict[int, int] = {}
        self._fetches: dict[int, int] = {}
        self._maps = False
        self._calls = self.chunks = self.output_bytes = 0
        self.drift: list[str] = []

    def read(self, data: bytes) -> None:
        """Read one chunk as JSON."""
        chunk = decode(_CHUNK, data)
        if chunk is None:
            strange = decode(_STRANGE, data)
            self.note("an answer is not a JSON object" if strange is None else "candidates are not as documented")
            if strange is None:
                return
            chunk = _Chunk(*(getattr(strange, name) for name in _Strange.__struct_fields__))
        self.take(chunk)

    def note(self, mark: str) -> None:
        """Remember an oddity once."""
        if mark not in self.drift:
            self.drift.append(mark)

    def take(self, chunk: _Chunk) -> None:
        """Take in one chunk."""
        self.chunks += 1
        if chunk.usage_metadata is not None:
            self._usage = chunk.usage_metadata
        self._model = _model_name(chunk.model_version) or self._model
        self._id = text(chunk.response_id) or self._id
        if chunk.error:
            self._error = error_word(chunk.error, 200)
        blocked = text(members(chunk.prompt_feedback).get("blockReason"), 64)
        if blocked and blocked != "BLOCK_REASON_UNSPECIFIED":
            self._finish = self._finish or blocked
        for candidate in chunk.candidates or ():
            self._take_candidate(candidate)

    def _take_candidate(self, candidate: _Candidate) -> None:
        index = candidate.index if type(candidate.index) is int else 0
        self._seen.add(index)
        for part in (candidate.content.parts if candidate.content else None) or ():
            self._take_part(part)
        why = text(candidate.finish_reason, 64)
        if why not in _UNFINISHED:
            self._finished.add(index)
            if index == 0 or not self._finish:
                self._finish = why
        if candidate.grounding_metadata is not None:
            self._take_grounding(index, members(candidate.grounding_metadata))
        if candidate.url_context_metadata is not None:
            pages = items(members(candidate.url_context_metadata).get("urlMetadata"))
            self._fetches[index] = max(self._fetches.get(index, 0), len(pages))

    def _take_part(self, part: _Part) -> None:
        self.output_bytes += size(part.text) + len(part.executable_code)
        for call in (part.function_call, part.tool_call):
            if call and bytes(call) != b"null":
                self.output_bytes += len(call)
                self._calls += call is part.function_call

    def _take_grounding(self, index: int, grounding: Mapping[str, object]) -> None:
        queries = [
            query
            for name in ("webSearchQueries", "imageSearchQueries")
            for query in items(grounding.get(name))
            if type(query) is str and query
        ]
        # Repeated in later chunks, and longer there.
        self._queries[index] = max(self._queries.get(index, 0), len(queries))
        chunks = items(grounding.get("groundingChunks"))
        self._maps = self._maps or any("maps" in members(chunk) for chunk in chunks)

    @property
    def failed(self) -> bool:
        """An error came."""
        return bool(self._error)

    @property
    def finished(self) -> bool:
        """Every answer that was begun has said why it ended."""
        return bool(self._finish) and self._seen <= self._finished

    @property
    def complete(self) -> bool:
        """All that was asked for has ended, and its usage is here."""
        enough = len(self._finished) >= self._request.choices or not self._seen
        return self.finished and enough and self._usage is not None

    def facts(self, *, whole: bool) -> ResponseFacts:
        """What is known; `whole` when nothing more can come."""
        if self._error and not self._seen and self._usage is None:
            return ResponseFacts(measured=nothing_used(), complete=whole, error_type=self._error, region=self._region)
        usage = members(self._usage)
        figures = gemini_usage.read_usage(usage)
        if self._usage is not None and not isinstance(self._usage, dict):
            self.note("usageMetadata is not an object")
        for mark in self.drift:
            figures.report.note(mark)
        over = self.finished or (whole and not self._error)
        if figures.output_tokens is not None and not over:
            # Counts run along: cut before the end, the last is only the least there was.
            thought = figures.quantities.get("reasoning_output", 0)
            least = max(figures.output_tokens, thought + estimate.tokens_of(self.output_bytes))
            figures.guess_output(self.output_bytes, at_least=least)
        figures.guess_missing(self._request, self.output_bytes)
        self._count(figures)
        return ResponseFacts(
            measured=figures.measured(),
            complete=whole or self.complete,
            response_model=self._model,
            response_id=self._id,
            service_tier=_tier(usage, self._request),
            region=self._region,
            finish_reason=self._finish,
            error_type=self._error,
            output_bytes=self.output_bytes,
        )

    def _count(self, figures: Figures) -> None:
        """Units beside tokens."""
        figures.count("requests", 1)
        figures.count("tool_calls", self._calls)
        figures.count("fetches", sum(self._fetches.values()))
        queries = sum(self._queries.values())
        generation = _GENERATION.search(self._model or self._request.model)
        by_query = generation is None or int(generation[1]) >= _BILLED_BY_QUERY
        figures.count("searches", queries if by_query else min(queries, 1))
        if self._maps:
            figures.report.note("grounding with Google Maps is billed and has no meter")


def _model_name(value: object) -> str:
    return text(value).removeprefix("models/")


def _tier(usage: Mapping[str, object], request: RequestFacts) -> str:
    """The tier of the response; where it names none, the one asked for by name."""
    asked = request.service_tier.lower()
    return gemini_usage.served_tier(usage) or (asked if asked in _CERTAIN_TIERS else "")


class GeminiStream:
    """Reads one stream, events or an array, told apart by its first byte; see `model.StreamReader`. Hides nothing."""

    __slots__ = ("_array", "_events", "_over", "_said")

    def __init__(self, request: RequestFacts, region: str = "") -> None:
        self._said = Said(request, region)
        self._events: EventSplitter | None = None
        self._array: ArraySplitter | None = None
        self._over = False

    def feed(self, chunk: bytes) -> bytes:
        """The chunk as it came."""
        if self._events is None and self._array is None:
            self._choose(chunk)
        if self._array is not None:
            for value in self._array.feed(chunk):
                self._said.read(value)
        elif self._events is not None:
            for event in self._events.feed(chunk):
                self._read(event)
        return chunk

    def _choose(self, chunk: bytes) -> None:
        first = chunk.lstrip()[:1]
        if first in (b"[", b"{"):
            self._array = ArraySplitter()
        elif first:
            self._events = EventSplitter()

    def _read(self, event: bytes, *, last: bool = False) -> None:
        # Errors may come as bare JSON among the events.
        data = event_data(event) or (event.strip() if event.lstrip()[:1] == b"{" else b"")
        if data and not (last and decode(_STRANGE, data) is None):
            self._said.read(data)

    def flush(self) -> bytes:
        """Nothing: all has been passed on. Reads a last event that lacks its end."""
        if self._events is not None:
            self._read(self._events.rest(), last=True)
        self._over = True
        return b""

    def facts(self) -> ResponseFacts:
        """What is known so far; a guess where the stream ended before it said all."""
        closed = self._array is not None and self._array.closed
        # An array that was closed after an error is all there is, too.
        whole = self._said.finished if self._over or closed else False
        return self._said.facts(whole=whole or (closed and self._said.failed))
