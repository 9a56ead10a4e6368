"""What the gateway needs of a wire format. A dialect is pure: bytes and headers in, records out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tallystick.usage.model import Measured

# metered: usage is read and priced. free: recorded at a reported zero (model lists, token counts).
RouteKind = Literal["metered", "free"]


@dataclass(frozen=True, slots=True)
class Route:
    """A path the dialect knows.

    Attributes:
        operation_name: As OpenTelemetry: `chat`, `embeddings`, `generate_content`, … or `list_models`.
        format: Which wire shape within the dialect: `chat`, `completions`, `responses`, `embeddings`, `messages`, `free`.
    """

    kind: RouteKind
    operation_name: str
    format: str


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What the request says, read once. Sizes are bytes.

    Attributes:
        body: What to send upstream: the client's own bytes, untouched unless usage had to be asked for.
        asked_usage: We added the request for usage, so its answer is hidden from the client.
        blocks: Prompt blocks in order (system, tools, messages) as bytes, to be fingerprinted; never stored.
        user, metadata: Attribution found in the body (OpenAI `user`, `safety_identifier`, `metadata`;
            Anthropic `metadata.user_id`; LiteLLM `metadata`).
        media_tokens: Our estimate for images and audio, used only where usage is absent.
    """

    model: str
    body: bytes
    stream: bool = False
    asked_usage: bool = False
    max_tokens: int | None = None
    service_tier: str = ""
    user: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    system_bytes: int = 0
    tools_bytes: int = 0
    text_bytes: int = 0
    media_tokens: int = 0
    blocks: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class ResponseFacts:
    """What the response says.

    Attributes:
        complete: The provider said that this was all (a final event or a whole body).
        error_type: The provider's own word, empty when it succeeded.
        output_bytes: Bytes of generated text and tool arguments, to estimate from when usage is absent.
    """

    measured: Measured
    complete: bool = True
    response_model: str = ""
    response_id: str = ""
    service_tier: str = ""
    region: str = ""
    finish_reason: str = ""
    error_type: str = ""
    output_bytes: int = 0


class StreamReader(Protocol):
    """Reads one event stream as it passes."""

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to pass on now: the chunk, less what only we asked for.

        Bytes are held back only while it cannot be known yet whether they belong to
        the hidden usage event, and never more than one incomplete event.
        """

    def flush(self) -> bytes:
        """What is still held back when the stream has ended or was cut."""

    def facts(self) -> ResponseFacts:
        """What is known so far; `complete` tells whether the final event was seen. When usage
        is absent, an estimate from the request and the output so far, marked.
        """


class Dialect(Protocol):
    """One provider family's wire formats."""

    name: str

    def route(self, method: str, path: str) -> Route | None:
        """The route of a path below the provider's name (``/v1/chat/completions``), None when unknown."""

    def read_request(self, route: Route, body: bytes) -> RequestFacts:
        """Read a request body.

        Raises:
            DataError: Not JSON, not an object, or a field of the wrong type that metering needs.
        """

    def read_response(self, route: Route, request: RequestFacts, status: int, body: bytes) -> ResponseFacts:
        """Read a whole (decompressed) response body. Never raises: what is not understood is drift."""

    def read_stream(self, route: Route, request: RequestFacts) -> StreamReader:
        """A reader for one streamed response."""

    def error(self, status: int, code: str, message: str, request_id: str) -> bytes:
        """An error body in the provider's own shape; the SDKs raise their typed exception on it."""

    def stream_error(self, code: str, message: str) -> bytes:
        """An in-stream error event, for failures after the headers have left."""

    def keep_alive(self) -> bytes:
        """Bytes every client of this dialect ignores inside a stream."""
