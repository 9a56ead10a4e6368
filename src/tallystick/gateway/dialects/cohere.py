"""The Cohere dialect: chat, embeddings and reranking of ``/v2``, model lists of ``/v1``."""

import re

import msgspec

from tallystick.gateway.dialects import cohere_answer, cohere_request, free
from tallystick.gateway.dialects.figures import nothing_used
from tallystick.gateway.dialects.model import (
    NO_DETAIL,
    Change,
    Detail,
    RequestFacts,
    ResponseFacts,
    Route,
    StreamReader,
)
from tallystick.gateway.dialects.rewrite import with_members

_METERED = {
    "v2/chat": Route("metered", "chat", "chat"),
    "v2/embed": Route("metered", "embeddings", "embed"),
    "v2/rerank": Route("metered", "rerank", "rerank"),
}
_LIST = re.compile(r"v1/models(?:/[^/]+)?")


class Cohere:
    """See `model.Dialect`."""

    name = "cohere"
    auth = "bearer"
    request_id = b"x-debug-trace-id"
    last: tuple[bytes, ...] = (b"message-end",)

    def route(self, method: str, path: str) -> Route | None:
        """The route of a path; None for what cannot be metered."""
        bare = path.partition("?")[0].strip("/")
        if method == "POST":
            return _METERED.get(bare)
        return Route("free", "list_models", "free") if method == "GET" and _LIST.fullmatch(bare) else None

    def read_request(self, route: Route, body: bytes) -> RequestFacts:
        """What the body says. Raises DataError where metering needs a field that is wrong."""
        return free.read_request(body) if route.kind == "free" else cohere_request.read_request(route, body)

    def read_response(self, route: Route, request: RequestFacts, status: int, body: bytes) -> ResponseFacts:
        """What a whole answer says."""
        if route.kind == "free":
            return ResponseFacts(measured=nothing_used(), error_type=cohere_answer.error_word(status))
        return cohere_answer.read_body(request, status, body, route.format)

    def read_stream(self, route: Route, request: RequestFacts) -> StreamReader:
        """A reader of the route's events."""
        return free.FreeStream() if route.kind == "free" else cohere_answer.CohereStream(request)

    def is_stream(self, route: Route, content_type: str) -> bool:
        """Server-sent events."""
        return content_type.startswith("text/event-stream")

    def rewrite(self, route: Route, path: str, body: bytes, change: Change) -> tuple[str, bytes]:
        """Model and cap are members of the body; only chat has a cap (elsewhere the name means another thing)."""
        values: dict[str, object] = {}
        if change.model is not None:
            values["model"] = change.model
        if change.max_tokens is not None and route.format == "chat":
            values["max_tokens"] = change.max_tokens
        return path, with_members(body, values) if values else body

    def error(self, status: int, code: str, message: str, request_id: str, detail: Detail = NO_DETAIL) -> bytes:
        """``{"message": …}``, on which the SDK raises by status; what a budget said is in ``tally``."""
        error: dict[str, object] = {"id": request_id or None, "message": message, "code": code or None}
        if detail is not NO_DETAIL:
            error["tally"] = detail
        return msgspec.json.encode(error)

    def stream_error(self, code: str, message: str) -> bytes:
        """The last event of a chat that failed."""
        data = {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": message, "code": code}}
        return b"event: message-end\ndata: " + msgspec.json.encode(data) + b"\n\n"

    def keep_alive(self) -> bytes:
        """A comment."""
        return b": keep-alive\n\n"
