"""The Gemini dialect: generateContent, its streams, token counts, embeddings and model lists, of ``/v1`` and ``/v1beta``."""

import re
from dataclasses import replace
from urllib.parse import unquote

from tallystick.gateway.dialects import free, gemini_answer, gemini_errors, gemini_request
from tallystick.gateway.dialects.figures import nothing_used
from tallystick.gateway.dialects.gemini_rewrite import with_cap, with_model, with_model_inside
from tallystick.gateway.dialects.hooks import Hooks
from tallystick.gateway.dialects.json_array import ArraySplitter
from tallystick.gateway.dialects.model import (
    NO_DETAIL,
    Change,
    Detail,
    RequestFacts,
    ResponseFacts,
    Route,
    StreamReader,
)

_VERSION = r"v1(?:(?:alpha|beta)\d*)?"
_METHOD = re.compile(rf"(?:{_VERSION}/)?(?:models|tunedModels)/(?P<model>[^/:]+)(?::|%3[Aa])(?P<method>[A-Za-z]+)")
_LIST = re.compile(rf"(?:{_VERSION}/)?(?:models|tunedModels)(?:/[^/:]+)?")
METHODS = {
    "generateContent": Route("metered", "generate_content", "generate"),
    "streamGenerateContent": Route("metered", "generate_content", "generate", stream=True),
    "countTokens": Route("free", "count_tokens", "free"),
    "embedContent": Route("metered", "embeddings", "embed"),
    "batchEmbedContents": Route("metered", "embeddings", "batch_embed"),
}


class Gemini(Hooks):
    """See `model.Dialect`."""

    name = "gemini"
    auth = "x-goog-api-key"
    request_id = b"x-request-id"
    last: tuple[bytes, ...] = (b'"finishReason"', b'"finish_reason"')

    def route(self, method: str, path: str) -> Route | None:
        """The route of a path; None for what cannot be metered."""
        bare = path.partition("?")[0].strip("/")
        if method == "GET" and _LIST.fullmatch(bare):
            return Route("free", "list_models", "free")
        found = _METHOD.fullmatch(bare)
        known = METHODS.get(found["method"]) if found and method == "POST" else None
        return replace(known, model=unquote(found["model"])) if found and known else None

    def read_request(self, route: Route, body: bytes) -> RequestFacts:
        """What the body says. Raises DataError where metering needs a field that is wrong."""
        if route.kind == "free":
            return replace(free.read_request(body), model=route.model)
        return gemini_request.read_request(route, body)

    def read_response(self, route: Route, request: RequestFacts, status: int, body: bytes) -> ResponseFacts:
        """What a whole answer says."""
        if route.kind == "free":
            error = gemini_errors.error_word(gemini_errors.error_of(body), status) if status >= 400 else ""
            return ResponseFacts(measured=nothing_used(), error_type=error)
        if route.format in ("embed", "batch_embed"):
            return gemini_answer.read_embedding(request, status, body)
        return gemini_answer.read_body(request, status, body)

    def read_stream(self, route: Route, request: RequestFacts) -> StreamReader:
        """A reader of the route's events, or of its array."""
        return free.FreeStream() if route.kind == "free" else gemini_answer.GeminiStream(request)

    def is_stream(self, route: Route, content_type: str) -> bool:
        """Server-sent events, and the array that comes where nobody asks for them."""
        return streams(route, content_type)

    def rewrite(self, route: Route, path: str, body: bytes, change: Change) -> tuple[str, bytes]:
        """The model stands in the path (and once more in embedding requests), the cap in the configuration."""
        if change.model is not None:
            path, body = with_model(path, change.model), with_model_inside(route, body, change.model)
        if change.max_tokens is not None and route.format == "generate":
            body = with_cap(body, change.max_tokens)
        return path, body

    def error(self, status: int, code: str, message: str, request_id: str, detail: Detail = NO_DETAIL) -> bytes:
        """``{"error": {…}}`` in Google's shape."""
        return gemini_errors.error_body(status, code, message, request_id, detail)

    def stream_error(self, code: str, message: str) -> bytes:
        """An event that holds an error."""
        return gemini_errors.stream_error(code, message)

    def keep_alive(self) -> bytes:
        """An empty line: nothing to events and to arrays alike. On a comment Google's SDK would raise."""
        return b"\n"

    def as_events(self, stream: bytes) -> bytes:
        """An array as the events it would have been."""
        return as_events(stream)


def streams(route: Route, content_type: str) -> bool:
    """Whether an answer is read as it passes."""
    if content_type.startswith("text/event-stream"):
        return True
    return route.stream and content_type.startswith("application/json")


def as_events(stream: bytes) -> bytes:
    """An array's values as server-sent events; a stream of events as it came."""
    if stream.lstrip()[:1] != b"[":
        return stream
    return b"".join(b"data: " + b" ".join(one.splitlines()) + b"\n\n" for one in ArraySplitter().feed(stream))
