"""The Responses API: whole bodies and streams.

Usage comes in the final event without being asked for. A response made in the
background has none yet when it is answered: it is marked, and its output stays
unknown, for the figures exist only in a later retrieval.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from tallystick.gateway.dialects import openai_usage
from tallystick.gateway.dialects.figures import Figures, nothing_used
from tallystick.gateway.dialects.model import RequestFacts, ResponseFacts
from tallystick.gateway.dialects.openai_errors import error_word, served_tier
from tallystick.gateway.dialects.reading import decode, members, size, text
from tallystick.gateway.dialects.sse import EventSplitter, event_data


class _Body(msgspec.Struct):
    id: object = None
    model: object = None
    status: object = None
    output: Raw = Raw()
    usage: object = None
    tool_usage: object = None
    service_tier: object = None
    error: object = None
    incomplete_details: object = None
    prompt_cache_options: object = None
    background: object = None


class _Item(msgspec.Struct):
    type: object = None
    status: object = None
    action: object = None


class _Event(msgspec.Struct):
    type: object = None
    response: Raw = Raw()
    item: Raw = Raw()
    delta: object = None
    error: object = None
    code: object = None


_BODY = msgspec.json.Decoder(_Body)
_ITEMS = msgspec.json.Decoder(list[_Item])
_ITEM = msgspec.json.Decoder(_Item)
_EVENT = msgspec.json.Decoder(_Event)
_FINAL = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_LEAF: Mapping[str, Any] = {}
_SPLIT = {"text_tokens": _LEAF, "image_tokens": _LEAF}
_TOOL_USAGE: Mapping[str, Any] = {
    "web_search": {"num_requests": {}},
    "image_gen": {
        **dict.fromkeys(("input_tokens", "output_tokens", "total_tokens"), _LEAF),
        **dict.fromkeys(("input_tokens_details", "output_tokens_details"), _SPLIT),
    },
}
_PENDING = ("queued", "in_progress")


def read_body(request: RequestFacts, status: int, body: bytes) -> ResponseFacts:
    """Read a whole body of any status."""
    found = decode(_BODY, body)
    if status >= 400:
        return ResponseFacts(measured=nothing_used(), error_type=error_word(found.error if found else None, status))
    if found is None:
        figures = Figures()
        figures.report.note("body is not a JSON object")
        return _facts(figures, request, _Body(), output_bytes=len(body), complete=False)
    figures = _read_figures(found)
    _count_items(figures, decode(_ITEMS, found.output) or [])
    spoken = len(found.output) if figures.output_tokens is None else 0
    return _facts(figures, request, found, output_bytes=spoken, complete=True)


def _read_figures(body: _Body) -> Figures:
    lifetime = text(members(body.prompt_cache_options).get("ttl"))
    return openai_usage.read_usage(members(body.usage), openai_usage.RESPONSES, cache_ttl=lifetime)


def _facts(
    figures: Figures, request: RequestFacts, body: _Body, *, output_bytes: int, complete: bool, error: str = ""
) -> ResponseFacts:
    _read_tools(figures, body)
    if body.background is True and body.status in _PENDING and not body.usage:
        figures.report.note("background: usage comes later")
        figures.guess_input(request)
    else:
        figures.guess_missing(request, output_bytes)
    figures.count("requests", 1)
    reason = text(members(body.incomplete_details).get("reason"))
    return ResponseFacts(
        measured=figures.measured(),
        complete=complete,
        response_model=text(body.model),
        response_id=text(body.id),
        service_tier=served_tier(None if body.service_tier == "auto" else body.service_tier, request),
        finish_reason=reason or text(body.status),
        error_type=error or error_word(body.error, 200),
        output_bytes=output_bytes,
    )


def _read_tools(figures: Figures, body: _Body) -> None:
    """Hosted tools: the billable searches where they are reported; pictures are of another model's price."""
    usage = members(body.tool_usage)
    searches = figures.report.count(members(usage.get("web_search")), "num_requests")
    if searches is not None:
        figures.quantities["searches"] = searches
    if members(usage.get("image_gen")).get("total_tokens"):
        figures.report.note("tool_usage.image_gen is billed at an image model's price")
    figures.report.strange(usage, _TOOL_USAGE, "tool_usage.")


def _count_items(figures: Figures, output: list[_Item]) -> None:
    """Count searches, pictures and calls of tools among the output items."""
    counts = {"searches": 0, "images": 0, "tool_calls": 0}
    for item in output:
        meter = _meter_of(item)
        if meter and item.status != "failed":
            counts[meter] += 1
    for meter, count in counts.items():
        figures.count(meter, count)


def _meter_of(item: _Item) -> str:
    kind = text(item.type)
    if kind == "web_search_call":
        # Opening a page or finding in one is not billed as a search.
        return "searches" if members(item.action).get("type", "search") == "search" else "tool_calls"
    if kind == "image_generation_call":
        return "images"
    return "tool_calls" if kind.endswith("_call") else ""


class ResponsesStream:
    """Reads one stream of Responses events; see `model.StreamReader`. Nothing is ever hidden."""

    __slots__ = ("_body", "_drift", "_error", "_final", "_items", "_output_bytes", "_request", "_splitter")

    def __init__(self, request: RequestFacts) -> None:
        self._request = request
        self._splitter = EventSplitter()
        self._body = _Body()
        self._items: list[_Item] = []
        self._output_bytes = 0
        self._error = self._drift = ""
        self._final = False

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
        elif data and not last and not data.startswith(b"[DONE]"):
            self._drift = "an event is not a JSON object"

    def _note(self, event: _Event) -> None:
        kind = text(event.type)
        if event.response:
            self._body = decode(_BODY, event.response) or self._body
            self._final = self._final or kind in _FINAL
        elif kind.endswith(".delta"):
            self._output_bytes += size(event.delta)
        elif kind == "response.output_item.done":
            self._items.append(decode(_ITEM, event.item) or _Item())
        elif kind == "error" or event.error:
            self._error = error_word(event.error or {"code": event.code}, 200)

    def facts(self) -> ResponseFacts:
        """What is known so far; guesses are marked."""
        figures = _read_figures(self._body)
        if self._drift:
            figures.report.note(self._drift)
        _count_items(figures, self._items)
        return _facts(
            figures,
            self._request,
            self._body,
            output_bytes=self._output_bytes,
            complete=self._final,
            error=self._error,
        )
