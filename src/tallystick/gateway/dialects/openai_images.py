"""Images: whole bodies and streams.

The newer models report tokens, of which those of the picture have a price of their own;
the older ones are sold by the piece and report nothing: then the pieces are counted, and
tokens stay unknown. Pictures are skipped as raw bytes.
"""

from collections.abc import Mapping
from dataclasses import replace

import msgspec
from msgspec import Raw

from tallystick.gateway.dialects import openai_usage
from tallystick.gateway.dialects.figures import Figures
from tallystick.gateway.dialects.model import RequestFacts, ResponseFacts
from tallystick.gateway.dialects.openai_errors import error_word, served_tier
from tallystick.gateway.dialects.reading import decode, members, text
from tallystick.gateway.dialects.sse import EventSplitter, event_data
from tallystick.usage.model import Measured

LAST = (b"image_generation.completed", b"image_edit.completed")


class _Body(msgspec.Struct):
    data: Raw = Raw()
    usage: object = None
    svg_usage: object = None
    error: object = None
    model: object = None


class _Event(msgspec.Struct):
    type: object = None
    usage: object = None
    error: object = None
    code: object = None


_BODY = msgspec.json.Decoder(_Body)
_EVENT = msgspec.json.Decoder(_Event)
_RAWS = msgspec.json.Decoder(list[Raw])


def read_body(request: RequestFacts, body: bytes) -> ResponseFacts:
    """Read a whole body of a success."""
    found = decode(_BODY, body)
    if found is None:
        return _facts(request, [], 0, drift="body is not a JSON object", complete=False)
    drift = "svg_usage is billed at another model's price" if found.svg_usage else ""
    made = decode(_RAWS, found.data)
    pieces = len(made) if made else 0
    reports = [members(found.usage)] if found.usage else []
    error = error_word(found.error, 200)
    return _facts(request, reports, pieces, drift=drift, error=error, model=text(found.model))


def _facts(
    request: RequestFacts,
    reports: list[Mapping[str, object]],
    pieces: int,
    *,
    drift: str = "",
    error: str = "",
    model: str = "",
    complete: bool = True,
) -> ResponseFacts:
    measured = _sum([_read_usage(one) for one in reports]) if reports else _by_the_piece(pieces)
    if drift:
        measured = replace(measured, drift=(*measured.drift, drift))
    return ResponseFacts(
        measured=measured,
        complete=complete,
        response_model=model,
        service_tier=served_tier(None, request),
        error_type=error,
    )


def _read_usage(usage: Mapping[str, object]) -> Figures:
    """Figures of one report; output that is not split is the picture."""
    figures = openai_usage.read_usage(usage, openai_usage.RESPONSES)
    if not members(usage.get("output_tokens_details")) and (plain := figures.quantities.pop("plain_output", 0)):
        figures.quantities["plain_output_image"] = plain
    return figures


def _sum(reports: list[Figures]) -> Measured:
    """All reports of one answer as one: a stream has one for each picture."""
    whole = reports[0]
    for one in reports[1:]:
        for meter, quantity in one.quantities.items():
            whole.quantities[meter] = whole.quantities.get(meter, 0) + quantity
        whole.input_tokens = _plus(whole.input_tokens, one.input_tokens)
        whole.output_tokens = _plus(whole.output_tokens, one.output_tokens)
        for mark in one.report.drift:
            whole.report.note(mark)
    whole.count("requests", 1)
    return whole.measured()


def _plus(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _by_the_piece(pieces: int) -> Measured:
    """Pieces that were made; nothing where not even they are known."""
    return Measured(quantities={"images": pieces, "requests": 1} if pieces else {"requests": 1}, state="absent")


class ImageStream:
    """Reads one stream of pictures; see `model.StreamReader`. Nothing is ever hidden."""

    __slots__ = ("_drift", "_error", "_reports", "_request", "_splitter")

    def __init__(self, request: RequestFacts) -> None:
        self._request = request
        self._splitter = EventSplitter()
        self._reports: list[Mapping[str, object]] = []
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
        event = decode(_EVENT, data)
        if event is None:
            if data and not last and not data.startswith(b"[DONE]"):
                self._drift = "an event is not a JSON object"
        elif text(event.type).endswith(".completed"):
            self._reports.append(members(event.usage))
        elif event.type == "error" or event.error:
            self._error = error_word(event.error or {"code": event.code}, 200)

    def facts(self) -> ResponseFacts:
        """What is known so far; a picture that was cut off is billed and unknown."""
        reports = [one for one in self._reports if one]
        done = len(self._reports) >= self._request.choices
        pieces = len(self._reports)
        return _facts(self._request, reports, pieces, drift=self._drift, error=self._error, complete=done)
