"""The paths of the OpenAI format: what is metered, what is free, and why others are not forwarded."""

import re

from tallystick.gateway.dialects.model import Route

METERED = {
    "chat/completions": Route("metered", "chat", "chat"),
    "completions": Route("metered", "text_completion", "completions"),
    "responses": Route("metered", "chat", "responses"),
    "responses/compact": Route("metered", "chat", "responses"),
    "embeddings": Route("metered", "embeddings", "embeddings"),
    "images/generations": Route("metered", "generate_image", "images"),
    "images/edits": Route("metered", "generate_image", "images"),
    "images/variations": Route("metered", "generate_image", "images"),
    "audio/speech": Route("metered", "text_to_speech", "speech"),
    "audio/transcriptions": Route("metered", "transcribe", "transcription"),
    "audio/translations": Route("metered", "transcribe", "transcription"),
}
# Reading back a stored answer costs nothing, and the call that made it was metered then.
_FREE = tuple(
    (verb, re.compile(pattern), operation)
    for verb, pattern, operation in (
        ("GET", r"models(?:/[^/]+)*", "list_models"),
        ("POST", r"responses/input_tokens", "count_tokens"),
        ("POST", r"moderations", "moderate"),
        ("GET", r"responses/[^/]+(?:/input_items)?", "read_response"),
        ("DELETE", r"responses/[^/]+", "delete_response"),
        ("POST", r"responses/[^/]+/cancel", "cancel_response"),
        ("GET", r"chat/completions(?:/[^/]+(?:/messages)?)?", "read_response"),
        ("DELETE", r"chat/completions/[^/]+", "delete_response"),
        ("GET", r"files(?:/[^/]+(?:/content)?)?", "read_file"),
        ("POST", r"files", "upload_file"),
        ("DELETE", r"files/[^/]+", "delete_file"),
        ("POST", r"uploads(?:/[^/]+/(?:parts|complete|cancel))?", "upload_file"),
        ("POST", r"batches/[^/]+/cancel", "cancel_batch"),
    )
)
# Each with a route of its own: its answer may tell of usage that is billed elsewhere.
_BATCH = re.compile(r"batches(?:/[^/]+)?")
_READ_BATCH = Route("free", "read_batch", "batch")

_REALTIME = (
    "realtime sessions are not forwarded: they bill by the second over a socket whose usage the gateway cannot hold "
    "to a budget; call the provider itself with a key of its own for them, or send the sound to "
    "/v1/audio/transcriptions, /v1/chat/completions and /v1/audio/speech, which are metered"
)
_BATCHED = (
    "a batch is not forwarded as it is: its calls are billed later, outside of any call that the gateway could meter "
    "or a budget could stop; its cost comes with the provider's usage report"
)
_UNTOLD = (
    "this part of the API is not forwarded as it is, because it bills work and storage that no answer tells; its cost "
    "comes with the provider's usage report"
)
_STORES = r"(?:assistants|threads|vector_stores|fine_tuning|containers|evals|videos|conversations)(?:/.*)?"
_UNMETERED = (
    (re.compile(r"realtime(?:/.*)?"), 501, "realtime_unsupported", _REALTIME),
    (re.compile(r"batches"), 404, "unknown_path", _BATCHED),
    (re.compile(_STORES), 404, "unknown_path", _UNTOLD),
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


def find(method: str, bare: str) -> Route | None:
    """The route of a path below the version; None for what cannot be metered."""
    if method == "POST" and (metered := METERED.get(bare)):
        return metered
    if method == "GET" and _BATCH.fullmatch(bare):
        return _READ_BATCH
    for verb, pattern, operation in _FREE:
        if verb == method and pattern.fullmatch(bare):
            return Route("free", operation, "free")
    return None


def why_not(bare: str) -> tuple[int, str, str] | None:
    """Status, code and reason of a known path that is not forwarded; None for one that nobody knows."""
    for pattern, status, code, reason in _UNMETERED:
        if pattern.fullmatch(bare):
            return status, code, reason
    return None
