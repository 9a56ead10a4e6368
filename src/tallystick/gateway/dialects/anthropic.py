"""The Anthropic dialect: Messages, and what is free around them."""

import re

import msgspec

from tallystick.gateway.dialects import anthropic_messages, anthropic_request, free
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
from tallystick.gateway.dialects.openai_routes import below_version
from tallystick.gateway.dialects.rewrite import with_members

_MESSAGES = Route("metered", "chat", "messages")
_FREE = (
    ("POST", re.compile(r"messages/count_tokens"), "count_tokens"),
    ("GET", re.compile(r"models(?:/[^/]+)?"), "list_models"),
)
_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class Anthropic:
    """See `model.Dialect`."""

    name = "anthropic"
    auth = "anthropic"
    request_id = b"request-id"
    last: tuple[bytes, ...] = (b"message_stop",)

    def route(self, method: str, path: str) -> Route | None:
        """The route of a path; None for what cannot be metered."""
        bare = below_version(path)
        if method == "POST" and bare == "messages":
            return _MESSAGES
        for verb, pattern, operation in _FREE:
            if verb == method and pattern.fullmatch(bare):
                return Route("free", operation, "free")
        return None

    def read_request(self, route: Route, body: bytes) -> RequestFacts:
        """What the body says. Raises DataError where metering needs a field that is wrong."""
        return free.read_request(body) if route.kind == "free" else anthropic_request.read_request(body)

    def read_response(self, route: Route, request: RequestFacts, status: int, body: bytes) -> ResponseFacts:
        """What a whole answer says."""
        if route.kind == "free":
            error = anthropic_messages.error_word(free.error_of(body), status) if status >= 400 else ""
            return ResponseFacts(measured=nothing_used(), error_type=error)
        return anthropic_messages.read_body(request, status, body)

    def read_stream(self, route: Route, request: RequestFacts) -> StreamReader:
        """A reader of the route's events."""
        return free.FreeStream() if route.kind == "free" else anthropic_messages.MessagesStream(request)

    def is_stream(self, route: Route, content_type: str) -> bool:
        """Server-sent events."""
        return content_type.startswith("text/event-stream")

    def rewrite(self, route: Route, path: str, body: bytes, change: Change) -> tuple[str, bytes]:
        """Model and cap are members of the body."""
        values = {"model": change.model, "max_tokens": change.max_tokens}
        known = {name: value for name, value in values.items() if value is not None}
        return path, with_members(body, known) if known else body

    def error(self, status: int, code: str, message: str, request_id: str, detail: Detail = NO_DETAIL) -> bytes:
        """``{"type": "error", "error": {…}, "request_id": …}``; what a budget said is in ``error.details``."""
        error = _error(status, code, message)
        if detail is not NO_DETAIL:
            error["details"] = {"code": code, "tally": detail}
        return msgspec.json.encode({"type": "error", "error": error, "request_id": request_id or None})

    def stream_error(self, code: str, message: str) -> bytes:
        """An ``error`` event, on which the SDKs raise."""
        data = msgspec.json.encode({"type": "error", "error": _error(500, code, message)})
        return b"event: error\ndata: " + data + b"\n\n"

    def keep_alive(self) -> bytes:
        """A ping."""
        return b'event: ping\ndata: {"type": "ping"}\n\n'


def _error(status: int, code: str, message: str) -> dict[str, object]:
    kind = _TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")
    error: dict[str, object] = {"type": kind, "message": message}
    if code:
        error["details"] = {"code": code}
    return error
