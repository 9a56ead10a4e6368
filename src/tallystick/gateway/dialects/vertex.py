"""The Vertex AI dialect: Gemini's models and Anthropic's, below a project and a location.

The model stands in the path, Anthropic's too, and the location is the region. Keys are
access tokens, which callers bring or the operator provides; this gateway signs no
service-account assertions, and an access token holds for an hour.
"""

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

import msgspec
from msgspec import Raw

from tallystick.gateway.dialects import (
    anthropic_messages,
    anthropic_request,
    free,
    gemini_answer,
    gemini_errors,
    gemini_request,
)
from tallystick.gateway.dialects.figures import nothing_used
from tallystick.gateway.dialects.gemini import METHODS, as_events, streams
from tallystick.gateway.dialects.gemini_rewrite import with_cap, with_model, with_model_inside
from tallystick.gateway.dialects.hooks import Hooks
from tallystick.gateway.dialects.model import (
    NO_DETAIL,
    Change,
    Detail,
    RequestFacts,
    ResponseFacts,
    Route,
    StreamReader,
)
from tallystick.gateway.dialects.reading import decode
from tallystick.gateway.dialects.rewrite import with_members
from tallystick.kernel.errors import DataError

_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_PLACE = r"(?:v1(?:beta\d*)?/)?(?:projects/[^/:]+/locations/(?P<region>[^/:]+)/)?"
_METHOD = re.compile(
    _PLACE + r"publishers/(?P<maker>[a-z-]+)/models/(?P<model>[^/:]+)(?::|%3[Aa])(?P<method>[A-Za-z]+)"
)
_LIST = re.compile(_PLACE + r"publishers/[a-z-]+/models(?:/[^/:]+)?")
_RAW = {
    "rawPredict": Route("metered", "chat", "messages"),
    "streamRawPredict": Route("metered", "chat", "messages", stream=True),
}
# Google's path for counting the tokens of a message to Anthropic's models.
_COUNTS = "count-tokens"


@dataclass(frozen=True, slots=True)
class VertexRoute(Route):
    """A route that names where the model runs.

    Attributes:
        region: The location of the path; empty where it has none.
    """

    region: str = ""


class Vertex(Hooks):
    """See `model.Dialect`."""

    name = "vertex"
    auth = "bearer"
    request_id = b"x-request-id"
    last: tuple[bytes, ...] = (b'"finishReason"', b'"finish_reason"', b"message_stop")

    def route(self, method: str, path: str) -> Route | None:
        """The route of a path; None for what cannot be metered."""
        bare = path.partition("?")[0].strip("/")
        if method == "GET" and _LIST.fullmatch(bare):
            return Route("free", "list_models", "free")
        found = _METHOD.fullmatch(bare) if method == "POST" else None
        known = _known(found["maker"], found["model"], found["method"]) if found else None
        if found is None or known is None:
            return None
        return VertexRoute(
            known.kind,
            known.operation_name,
            known.format,
            unquote(found["model"]) if known.kind == "metered" else "",
            known.stream,
            unquote(found["region"] or ""),
        )

    def read_request(self, route: Route, body: bytes) -> RequestFacts:
        """What the body says. Raises DataError where metering needs a field that is wrong."""
        if route.kind == "free":
            return free.read_request(body)
        if route.format == "messages":
            return _read_messages(route, body)
        return gemini_request.read_request(route, body)

    def read_response(self, route: Route, request: RequestFacts, status: int, body: bytes) -> ResponseFacts:
        """What a whole answer says."""
        error = gemini_errors.error_of(body) if status >= 400 else None
        if status >= 400:
            # Google's gate answers in Google's words, also before Anthropic's models.
            word = gemini_errors.error_word(error, status)
            if word.startswith("http_"):
                word = anthropic_messages.error_word(error, status)
            return ResponseFacts(measured=nothing_used(), error_type=word, region=_region(route))
        if route.kind == "free":
            return ResponseFacts(measured=nothing_used())
        if route.format == "messages":
            return replace(anthropic_messages.read_body(request, status, body), region=_region(route))
        read = gemini_answer.read_embedding if route.format == "embed" else gemini_answer.read_body
        return read(request, status, body, _region(route))

    def read_stream(self, route: Route, request: RequestFacts) -> StreamReader:
        """A reader of the route's events, or of its array."""
        if route.kind == "free":
            return free.FreeStream()
        if route.format == "messages":
            return _Located(anthropic_messages.MessagesStream(request), _region(route))
        return gemini_answer.GeminiStream(request, _region(route))

    def is_stream(self, route: Route, content_type: str) -> bool:
        """Server-sent events, and the array that Gemini's models send where nobody asks for them."""
        if route.format == "messages":
            return content_type.startswith("text/event-stream")
        return streams(route, content_type)

    def rewrite(self, route: Route, path: str, body: bytes, change: Change) -> tuple[str, bytes]:
        """The model stands in the path, the cap where its maker has it."""
        if change.model is not None:
            path, body = with_model(path, change.model), with_model_inside(route, body, change.model)
        if change.max_tokens is not None and route.format == "messages":
            body = with_members(body, {"max_tokens": change.max_tokens})
        elif change.max_tokens is not None and route.format == "generate":
            body = with_cap(body, change.max_tokens)
        return path, body

    def error(self, status: int, code: str, message: str, request_id: str, detail: Detail = NO_DETAIL) -> bytes:
        """Google's shape; Anthropic's SDK raises by the status."""
        return gemini_errors.error_body(status, code, message, request_id, detail)

    def stream_error(self, code: str, message: str) -> bytes:
        """An event that holds an error. Anthropic's SDK raises by its name, and Google's because it has one."""
        return b"event: error\n" + gemini_errors.stream_error(code, message)

    def keep_alive(self) -> bytes:
        """An empty line: nothing to events and to arrays alike."""
        return b"\n"

    def key_note(self) -> str:
        """That a key is an access token, and what this gateway does not do."""
        return (
            "; its key is an OAuth access token (`gcloud auth print-access-token`), which holds for an hour, for the "
            "gateway signs no service-account assertions; callers may send their own access token as a bearer token"
        )

    def as_events(self, stream: bytes) -> bytes:
        """An array as the events it would have been."""
        return as_events(stream)


class _Located:
    """A stream of Anthropic's whose region is the path's; see `model.StreamReader`."""

    __slots__ = ("_reader", "_region")

    def __init__(self, reader: StreamReader, region: str) -> None:
        self._reader, self._region = reader, region

    def feed(self, chunk: bytes) -> bytes:
        """The chunk as it came."""
        return self._reader.feed(chunk)

    def flush(self) -> bytes:
        """Nothing: all has been passed on."""
        return self._reader.flush()

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        return replace(self._reader.facts(), region=self._region)


def _known(maker: str, model: str, method: str) -> Route | None:
    if maker == "google":
        return METHODS.get(method) if method != "batchEmbedContents" else None
    if maker != "anthropic" or method not in _RAW:
        return None
    return METHODS["countTokens"] if model == _COUNTS else _RAW[method]


def _region(route: Route) -> str:
    return route.region if isinstance(route, VertexRoute) else ""


def _read_messages(route: Route, body: bytes) -> RequestFacts:
    """Anthropic's reader wants the model where Anthropic has it."""
    if decode(_OBJECT, body) is None:
        raise DataError("the request body is not a JSON object", next_steps=("send a JSON object",))
    facts = anthropic_request.read_request(with_members(body, {"model": route.model}))
    return replace(facts, body=body, stream=route.stream or facts.stream)
