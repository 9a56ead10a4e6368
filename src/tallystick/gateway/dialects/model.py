"""What the gateway needs of a wire format. A dialect is pure: bytes and headers in, records out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tallystick.kernel.record import record
from tallystick.usage.model import Measured

# metered: usage is read and priced. free: recorded at a reported zero (model lists, token counts).
RouteKind = Literal["metered", "free"]


@dataclass(frozen=True, slots=True)
class Route:
    """A path the dialect knows.

    Attributes:
        operation_name: As OpenTelemetry: `chat`, `embeddings`, `generate_content`, … or `list_models`.
        format: Which wire shape within the dialect: `chat`, `completions`, `responses`, `embeddings`, `messages`, `free`.
        model: The model where the path names it; empty where the body does.
        stream: The path itself asks for a stream.
    """

    kind: RouteKind
    operation_name: str
    format: str
    model: str = ""
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What the gateway changes of a request; None leaves it as it came.

    Attributes:
        max_tokens: The cap on each answer's output, put in or lowered.
    """

    model: str | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Detail:
    """What a refusal says beside its message, in the error's body.

    Attributes:
        budget: Its name; empty when no budget refused.
        limit: As people write it, with its unit.
        resets_at: ISO instant of the window's end, empty when it has none.
        link: Page of the request or budget.
    """

    budget: str = ""
    limit: str = ""
    resets_at: str = ""
    link: str = ""


NO_DETAIL = Detail()


@record(frozen=True, slots=True)
class RequestFacts:
    """What the request says, read once. Sizes are bytes.

    Attributes:
        body: What to send upstream: the client's own bytes, untouched unless usage had to be asked for.
        asked_usage: We added the request for usage, so its answer is hidden from the client.
        blocks: Prompt blocks in order (system, tools, messages) as bytes, to be fingerprinted; never stored.
        user, metadata: Attribution found in the body (OpenAI `user`, `safety_identifier`, `metadata`;
            Anthropic `metadata.user_id`; LiteLLM `metadata`).
        media_tokens: Our estimate for images and audio, used only where usage is absent.
        text_bytes: Of all JSON the model reads as text; a token is at least one byte of it.
        media_ceiling: The most tokens that images, audio and files of the request can become.
        added_tokens: The most text tokens beside those: what makers add (preambles of tools and schemas), and members
            we do not know. Together with `text_bytes` and `media_ceiling` it bounds the input, unless `unbounded`.
        choices: Answers asked for (`n`); `max_tokens` caps each.
        searches: The most server-side searches the request allows; None when it sets no bound.
        characters: Of the text to be spoken, for models that are sold by them.
        unbounded: Why nobody can know how much input it has (a stored conversation, a file by id); empty when known.
        changed: The gateway changed the body, so its length and coding are ours.
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
    media_ceiling: int = 0
    added_tokens: int = 0
    choices: int = 1
    searches: int | None = 0
    characters: int = 0
    unbounded: str = ""
    changed: bool = False


@record(frozen=True, slots=True)
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
    """One provider family's wire formats.

    Attributes:
        name: What the configuration calls it.
        auth: How the provider's key travels unless the provider says otherwise: `bearer`, `x-api-key`, `api-key`,
            `x-goog-api-key`, `aws-sigv4`; `anthropic` is `x-api-key`, or `bearer` for keys that want it.
        request_id: Header that carries the request's id in an answer.
        last: What the last event of a stream contains; only then is its reader asked whether all is known.
    """

    name: str
    auth: str
    request_id: bytes
    last: tuple[bytes, ...]

    def __hash__(self) -> int: ...

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

    def is_stream(self, route: Route, content_type: str) -> bool:
        """Whether an answer of this (lower-case) content type is read as it passes."""

    def rewrite(self, route: Route, path: str, body: bytes, change: Change) -> tuple[str, bytes]:
        """Path and (plain) body with the change made and all else as it came."""

    def error(self, status: int, code: str, message: str, request_id: str, detail: Detail = NO_DETAIL) -> bytes:
        """An error body in the provider's own shape; the SDKs raise their typed exception on it."""

    def stream_error(self, code: str, message: str) -> bytes:
        """An in-stream error event, for failures after the headers have left."""

    def keep_alive(self) -> bytes:
        """Bytes every client of this dialect ignores inside a stream."""
