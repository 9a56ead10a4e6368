"""Speech and transcripts, and what a batch tells of its usage.

A transcript is billed by tokens or by the second, and says which; as plain text or
subtitles it says nothing, and is unknown. Speech is sold by the character, which the
request holds; models that are sold by tokens tell them in an event stream alone.
"""

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from tallystick.gateway.dialects import openai_usage
from tallystick.gateway.dialects.figures import Figures, nothing_used
from tallystick.gateway.dialects.model import RequestFacts, ResponseFacts
from tallystick.gateway.dialects.openai_errors import error_word, served_tier
from tallystick.gateway.dialects.reading import decode, members, text
from tallystick.gateway.dialects.sse import EventSplitter, event_data
from tallystick.usage.model import Measured

# Bytes by which events are told from sound.
_HEAD = 5
LAST = (b"transcript.text.done", b"speech.audio.done")


class _Transcript(msgspec.Struct):
    type: object = None
    usage: object = None
    duration: object = None
    error: object = None
    code: object = None


class _Batch(msgspec.Struct):
    usage: object = None


_TRANSCRIPT = msgspec.json.Decoder(_Transcript)
_BATCH = msgspec.json.Decoder(_Batch)
_DURATION: Mapping[str, Mapping[str, object]] = {"type": {}, "seconds": {}}


def read_transcript(request: RequestFacts, body: bytes) -> ResponseFacts:
    """Read a whole transcript; one that is no JSON tells nothing of its usage."""
    found = decode(_TRANSCRIPT, body) or _Transcript()
    return _facts(request, _read_usage(found), error=error_word(found.error, 200))


def spoken(request: RequestFacts, usage: object = None) -> ResponseFacts:
    """The characters that were spoken, or the tokens where they are told."""
    if usage:
        return _facts(request, _read_tokens(members(usage)))
    counts = {"characters": request.characters, "requests": 1} if request.characters else {"requests": 1}
    return _facts(request, Measured(quantities=counts, state="absent"))


def read_batch(body: bytes) -> ResponseFacts:
    """Reading a batch is free. What its calls used is billed apart, so it is marked and not counted."""
    usage = members((decode(_BATCH, body) or _Batch()).usage)
    given, made = usage.get("input_tokens"), usage.get("output_tokens")
    if not given and not made:
        return ResponseFacts(measured=nothing_used())
    mark = f"the batch used {given} input and {made} output tokens, which are not counted here"
    return ResponseFacts(measured=replace(nothing_used(), drift=(text(mark),)))


def _facts(request: RequestFacts, measured: Measured, *, error: str = "", complete: bool = True) -> ResponseFacts:
    return ResponseFacts(
        measured=measured, complete=complete, service_tier=served_tier(None, request), error_type=error
    )


def _read_usage(found: _Transcript) -> Measured:
    usage = members(found.usage)
    if usage.get("type") == "duration" or (not usage and found.duration is not None):
        figures = Figures()
        figures.report.strange(usage, _DURATION)
        seconds = usage.get("seconds") if usage else found.duration
        figures.add("seconds", figures.report.microseconds("seconds", seconds))
        figures.count("requests", 1)
        return figures.measured()
    if usage:
        return _read_tokens(usage)
    return Measured(quantities={"requests": 1}, state="absent")


def _read_tokens(usage: Mapping[str, object]) -> Measured:
    """Tokens, whose details are in the singular here."""
    renamed = {name: value for name, value in usage.items() if name not in ("type", "input_token_details")}
    if usage.get("input_token_details"):
        renamed["input_tokens_details"] = usage["input_token_details"]
    figures = openai_usage.read_usage(renamed, openai_usage.RESPONSES)
    figures.count("requests", 1)
    return figures.measured()


class TranscriptStream:
    """Reads one streamed transcript; see `model.StreamReader`. Nothing is ever hidden."""

    __slots__ = ("_done", "_drift", "_error", "_request", "_splitter")

    def __init__(self, request: RequestFacts) -> None:
        self._request = request
        self._splitter = EventSplitter()
        self._done: _Transcript | None = None
        self._error = self._drift = ""

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
        event = decode(_TRANSCRIPT, data)
        if event is None:
            if data and not last and not data.startswith(b"[DONE]"):
                self._drift = "an event is not a JSON object"
        elif event.type in ("transcript.text.done", "speech.audio.done"):
            self._done = event
        elif event.type == "error" or event.error:
            self._error = error_word(event.error or {"code": event.code}, 200)

    def facts(self) -> ResponseFacts:
        """What is known so far; of a transcript that was cut off nothing is."""
        found = self._done or _Transcript()
        measured = _read_usage(found)
        if self._drift:
            measured = replace(measured, drift=(*measured.drift, self._drift))
        return _facts(self._request, measured, error=self._error, complete=self._done is not None)


class SpeechStream:
    """Passes sound on as it comes; where it comes in events, reads their last."""

    __slots__ = ("_events", "_head", "_request")

    def __init__(self, request: RequestFacts) -> None:
        self._request = request
        self._events: TranscriptStream | None = None
        self._head = b""

    def feed(self, chunk: bytes) -> bytes:
        """The chunk as it came. Sound does not begin as an event does."""
        if self._events is not None:
            return self._events.feed(chunk)
        if len(self._head) < _HEAD:
            self._head += chunk
            if self._head.startswith((b"data:", b"event")):
                self._events = TranscriptStream(self._request)
                self._events.feed(self._head)
        return chunk

    def flush(self) -> bytes:
        """Nothing: all has been passed on."""
        return self._events.flush() if self._events else b""

    def facts(self) -> ResponseFacts:
        """The tokens of the last event, else the characters of the request."""
        if self._events is None:
            return spoken(self._request)
        heard = self._events.facts()
        if heard.measured.input_tokens is not None:
            return heard
        counted = spoken(self._request).measured
        return _facts(self._request, counted, error=heard.error_type, complete=heard.complete)
