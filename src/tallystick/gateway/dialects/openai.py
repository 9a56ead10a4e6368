"""The OpenAI dialect: Chat Completions, Completions, Responses and Embeddings, and what is free around them."""

import re

from tallystick.gateway.dialects import free, openai_chat, openai_errors, openai_request, openai_responses
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
from tallystick.gateway.dialects.rewrite import has_member, with_members

_METERED = {
    "chat/completions": Route("metered", "chat", "chat"),
    "completions": Route("metered", "text_completion", "completions"),
    "responses": Route("metered", "chat", "responses"),
    "responses/compact": Route("metered", "chat", "responses"),
    "embeddings": Route("metered", "embeddings", "embeddings"),
}
# Reading back a stored answer costs nothing, and the call that made it was metered then.
_FREE = (
    ("GET", re.compile(r"models(?:/[^/]+)*"), "list_models"),
    ("POST", re.compile(r"responses/input_tokens"), "count_tokens"),
    ("POST", re.compile(r"moderations"), "moderate"),
    ("GET", re.compile(r"responses/[^/]+(?:/input_items)?"), "read_response"),
    ("DELETE", re.compile(r"responses/[^/]+"), "delete_response"),
    ("POST", re.compile(r"responses/[^/]+/cancel"), "cancel_response"),
    ("GET", re.compile(r"chat/completions(?:/[^/]+(?:/messages)?)?"), "read_response"),
    ("DELETE", re.compile(r"chat/completions/[^/]+"), "delete_response"),
)


def below_version(path: str) -> str:
    """The path without query, leading ``/v1`` and slashes; "" for one with dot segments.

    >>> below_version("/v1/models?limit=2"), below_version("models/gpt"), below_version("/v1/../admin")
    ('models', 'models/gpt', '')
    """
    bare = path.partition("?")[0].strip("/")
    segments = bare.split("/")
    if segments and segments[0] == "v1":
        del segments[0]
    return "" if any(segment in ("", ".", "..") for segment in segments) else "/".join(segments)


class OpenAI:
    """See `model.Dialect`."""

    name = "openai"
    auth = "bearer"
    request_id = b"x-request-id"
    last: tuple[bytes, ...] = (
        b"[DONE]",
        b"response.completed",
        b"response.incomplete",
        b"response.failed",
        b"response.cancelled",
    )

    def route(self, method: str, path: str) -> Route | None:
        """The route of a path; None for what cannot be metered."""
        bare = below_version(path)
        if method == "POST" and (metered := _METERED.get(bare)):
            return metered
        for verb, pattern, operation in _FREE:
            if verb == method and pattern.fullmatch(bare):
                return Route("free", operation, "free")
        return None

    def read_request(self, route: Route, body: bytes) -> RequestFacts:
        """What the body says. Raises DataError where metering needs a field that is wrong."""
        return free.read_request(body) if route.kind == "free" else openai_request.read_request(route, body)

    def read_response(self, route: Route, request: RequestFacts, status: int, body: bytes) -> ResponseFacts:
        """What a whole answer says."""
        if route.kind == "free":
            error = openai_errors.error_word(free.error_of(body), status) if status >= 400 else ""
            return ResponseFacts(measured=nothing_used(), error_type=error)
        if route.format == "responses":
            return openai_responses.read_body(request, status, body)
        return openai_chat.read_body(request, status, body, speaks=route.format != "embeddings")

    def read_stream(self, route: Route, request: RequestFacts) -> StreamReader:
        """A reader of the route's events."""
        if route.kind == "free":
            return free.FreeStream()
        if route.format == "responses":
            return openai_responses.ResponsesStream(request)
        return openai_chat.ChatStream(request)

    def is_stream(self, route: Route, content_type: str) -> bool:
        """Server-sent events."""
        return content_type.startswith("text/event-stream")

    def rewrite(self, route: Route, path: str, body: bytes, change: Change) -> tuple[str, bytes]:
        """Model and cap are members of the body; the cap under the name that the request or the route uses."""
        values: dict[str, object] = {}
        if change.model is not None:
            values["model"] = change.model
        if change.max_tokens is not None:
            values[_cap_name(route, body)] = change.max_tokens
        return path, with_members(body, values) if values else body

    def error(self, status: int, code: str, message: str, request_id: str, detail: Detail = NO_DETAIL) -> bytes:
        """``{"error": {…}}``; the request id travels in a header."""
        return openai_errors.error_body(status, code, message, detail)

    def stream_error(self, code: str, message: str) -> bytes:
        """An event on which the SDKs raise."""
        return openai_errors.stream_error(code, message)

    def keep_alive(self) -> bytes:
        """A comment."""
        return b": keep-alive\n\n"


def _cap_name(route: Route, body: bytes) -> str:
    if route.format == "responses":
        return "max_output_tokens"
    if route.format == "completions" or has_member(body, "max_tokens"):
        return "max_tokens"
    return "max_completion_tokens"
