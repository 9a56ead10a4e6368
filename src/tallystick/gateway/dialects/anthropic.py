"""The Anthropic dialect: Messages, and what is free around them."""

import re

import msgspec

from tallystick.gateway.dialects import anthropic_messages, anthropic_request, free
from tallystick.gateway.dialects.figures import nothing_used
from tallystick.gateway.dialects.model import RequestFacts, ResponseFacts, Route, StreamReader
from tallystick.gateway.dialects.openai import below_version

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

    def error(self, status: int, code: str, message: str, request_id: str) -> bytes:
        """``{"type": "error", "error": {…}, "request_id": …}``."""
        body = {"type": "error", "error": _error(status, code, message), "request_id": request_id or None}
        return msgspec.json.encode(body)

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
