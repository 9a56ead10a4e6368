"""The OpenAI dialect: text, embeddings, images and sound, and what is free around them."""

from tallystick.gateway.dialects import (
    free,
    multipart,
    openai_audio,
    openai_chat,
    openai_errors,
    openai_images,
    openai_media_request,
    openai_request,
    openai_responses,
    openai_routes,
)
from tallystick.gateway.dialects.figures import nothing_used
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
from tallystick.gateway.dialects.openai_routes import below_version
from tallystick.gateway.dialects.rewrite import has_member, with_members

_MEDIA = ("images", "speech", "transcription")


class OpenAI(Hooks):
    """See `model.Dialect`.

    Attributes:
        asks: Usage of a stream has to be asked for, and may be.
        cap: The name of the cap in Chat Completions where the request has none.
    """

    name = "openai"
    auth = "bearer"
    request_id = b"x-request-id"
    last: tuple[bytes, ...] = (
        b"[DONE]",
        b"response.completed",
        b"response.incomplete",
        b"response.failed",
        b"response.cancelled",
        *openai_images.LAST,
        *openai_audio.LAST,
    )
    asks = True
    cap = "max_completion_tokens"

    def route(self, method: str, path: str) -> Route | None:
        """The route of a path; None for what cannot be metered."""
        return openai_routes.find(method, below_version(path))

    def why_not(self, path: str) -> tuple[int, str, str] | None:
        """Why a known path is not forwarded; see `Hooks`."""
        return openai_routes.why_not(below_version(path))

    def read_request(self, route: Route, body: bytes) -> RequestFacts:
        """What the body says. Raises DataError where metering needs a field that is wrong."""
        if route.kind == "free":
            return free.read_request(body)
        if route.format in _MEDIA:
            return openai_media_request.read_request(route, body)
        return openai_request.read_request(route, body, asks=self.asks)

    def read_response(self, route: Route, request: RequestFacts, status: int, body: bytes) -> ResponseFacts:
        """What a whole answer says."""
        if status >= 400 and route.format not in ("chat", "completions", "responses", "embeddings"):
            error = openai_errors.error_word(free.error_of(body), status)
            return ResponseFacts(measured=nothing_used(), error_type=error)
        match route.format:
            case "free":
                return ResponseFacts(measured=nothing_used())
            case "batch":
                return openai_audio.read_batch(body)
            case "responses":
                return openai_responses.read_body(request, status, body)
            case "images":
                return openai_images.read_body(request, body)
            case "transcription":
                return openai_audio.read_transcript(request, body)
            case "speech":
                return openai_audio.spoken(request)
        return openai_chat.read_body(request, status, body, speaks=route.format != "embeddings")

    def read_stream(self, route: Route, request: RequestFacts) -> StreamReader:
        """A reader of the route's events."""
        match route.format:
            case "free" | "batch":
                return free.FreeStream()
            case "responses":
                return openai_responses.ResponsesStream(request)
            case "images":
                return openai_images.ImageStream(request)
            case "transcription":
                return openai_audio.TranscriptStream(request)
            case "speech":
                return openai_audio.SpeechStream(request)
        return openai_chat.ChatStream(request)

    def is_stream(self, route: Route, content_type: str) -> bool:
        """Server-sent events; speech too, which is heard as it comes."""
        return content_type.startswith("text/event-stream") or (
            route.format == "speech" and content_type.startswith("audio/")
        )

    def rewrite(self, route: Route, path: str, body: bytes, change: Change) -> tuple[str, bytes]:
        """Model and cap are members of the body; the cap under the name that the request or the route uses."""
        if multipart.is_form(body):
            return path, multipart.with_field(body, "model", change.model) if change.model is not None else body
        values: dict[str, object] = {}
        if change.model is not None:
            values["model"] = change.model
        if change.max_tokens is not None and (name := self._cap_name(route, body)):
            values[name] = change.max_tokens
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

    def _cap_name(self, route: Route, body: bytes) -> str:
        if route.format == "responses":
            return "max_output_tokens"
        if route.format == "completions" or (route.format == "chat" and has_member(body, "max_tokens")):
            return "max_tokens"
        return self.cap if route.format == "chat" else ""
