"""The Bedrock dialect: Converse and InvokeModel, whole and streamed; the model stands in the path."""

import base64
import re
from dataclasses import replace
from urllib.parse import quote, unquote

import msgspec

from tallystick.gateway.dialects import bedrock_converse, bedrock_invoke, bedrock_request, free
from tallystick.gateway.dialects.bedrock_usage import header_metrics, read_metrics, settled
from tallystick.gateway.dialects.eventstream import FrameSplitter, to_frame
from tallystick.gateway.dialects.figures import nothing_used
from tallystick.gateway.dialects.hooks import Headers, Hooks
from tallystick.gateway.dialects.model import (
    NO_DETAIL,
    Change,
    Detail,
    RequestFacts,
    ResponseFacts,
    Route,
    StreamReader,
)
from tallystick.gateway.wire_headers import get

STREAM = "application/vnd.amazon.eventstream"
# Operation of the path -> kind, format, streams.
_OPERATIONS = {
    "converse": ("metered", "converse", False),
    "converse-stream": ("metered", "converse", True),
    "invoke": ("metered", "invoke", False),
    "invoke-with-response-stream": ("metered", "invoke", True),
    "count-tokens": ("free", "free", False),
}
_PATH = re.compile(r"/model/([^/?]+)/([a-z-]+)")
# An ARN whose resource has one or two parts, none of which begins with a dot: nothing that a server could
# take for a way up. Only its colons and slashes may be escaped.
_ARN = re.compile(
    r"arn:aws(?:-[a-z]{2,8}){0,2}:(?:bedrock|sagemaker):[a-z0-9-]{1,20}:(?:[0-9]{12})?:"
    r"[a-z][a-z-]{1,40}(?:/[A-Za-z0-9][A-Za-z0-9._:-]{0,127}){1,2}"
)
_ESCAPES = re.compile(r"%(?:2[fF]|3[aA])")
# Names of models that AWS lists under the id that an ARN ends in; profiles and models of one's own stay ARNs.
_LISTED = re.compile(r"arn:[^:]*:bedrock:[^:]*:[^:]*:(?:foundation-model|inference-profile)/(.+)")
_TYPES = {
    401: "AccessDeniedException",
    402: "ServiceQuotaExceededException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    429: "ServiceQuotaExceededException",
    503: "ServiceUnavailableException",
    504: "ServiceUnavailableException",
}
_SDK_FINAL = 400


class Bedrock(Hooks):
    """See `model.Dialect`."""

    name = "bedrock"
    auth = "bearer"
    request_id = b"x-amzn-requestid"

    def __init__(self) -> None:
        # The last event of InvokeModel's streams holds its metrics in base64, in one of three alignments.
        self.last: tuple[bytes, ...] = (b"metadata", *_in_base64(b"invocationMetrics"))

    def route(self, method: str, path: str) -> Route | None:
        """The route of a path; None for what cannot be metered."""
        found = _PATH.fullmatch(path.partition("?")[0])
        if method != "POST" or found is None or found[2] not in _OPERATIONS:
            return None
        kind, form, stream = _OPERATIONS[found[2]]
        model = model_of(found[1])
        if kind == "free":
            return Route("free", "count_tokens", form, model)
        operation = "embeddings" if "embed" in model else "chat" if form == "converse" else "generate_content"
        return Route("metered", operation, form, model, stream)

    def read_request(self, route: Route, body: bytes) -> RequestFacts:
        """What the body says. Raises DataError where metering needs a field that is wrong."""
        if route.kind == "free":
            return replace(free.read_request(body), model=route.model)
        read = bedrock_request.read_converse if route.format == "converse" else bedrock_request.read_invoke
        return read(route, body)

    def read_response(self, route: Route, request: RequestFacts, status: int, body: bytes) -> ResponseFacts:
        """What a whole answer says, headers apart."""
        if route.kind == "free":
            return ResponseFacts(measured=nothing_used(), error_type=f"http_{status}" if status >= 400 else "")
        if route.format == "converse":
            return bedrock_converse.read_body(request, status, body)
        return bedrock_invoke.read_body(route, request, status, body)

    def read_stream(self, route: Route, request: RequestFacts) -> StreamReader:
        """A reader of the route's frames."""
        if route.kind == "free":
            return free.FreeStream()
        if route.format == "converse":
            return bedrock_converse.ConverseStream(request)
        return bedrock_invoke.InvokeStream(route, request)

    def is_stream(self, route: Route, content_type: str) -> bool:
        """Amazon's binary event streams."""
        return content_type.startswith(STREAM)

    def rewrite(self, route: Route, path: str, body: bytes, change: Change) -> tuple[str, bytes]:
        """The model is a segment of the path, escaped as AWS's SDKs do; the cap is in the body."""
        changed = bedrock_request.changed_body(route, body, change)
        if change.model is None:
            return path, changed
        named = quote(change.model, safe="-._~")
        return _PATH.sub(lambda found: f"/model/{named}/{found[2]}", path, count=1), changed

    def error(self, status: int, code: str, message: str, request_id: str, detail: Detail = NO_DETAIL) -> bytes:
        """``{"message": …}``; the type is in a header, and what a budget said in ``tally``."""
        body: dict[str, object] = {"message": message, "code": code}
        if detail is not NO_DETAIL:
            body["tally"] = detail
        return msgspec.json.encode(body)

    def stream_error(self, code: str, message: str) -> bytes:
        """An exception frame, on which the SDKs raise."""
        headers = {
            ":exception-type": "modelStreamErrorException",
            ":content-type": "application/json",
            ":message-type": "exception",
        }
        return to_frame(headers, msgspec.json.encode({"message": message, "code": code}))

    def keep_alive(self) -> bytes:
        """An event of a name no SDK knows; it gives their readers nothing."""
        headers = {":event-type": "keepAlive", ":content-type": "application/json", ":message-type": "event"}
        return to_frame(headers, b"{}")

    def with_headers(
        self, route: Route, request: RequestFacts, facts: ResponseFacts, headers: Headers
    ) -> ResponseFacts:
        """Request id, tier, the word of an error, and the counts of InvokeModel, which its headers hold."""
        metrics = header_metrics(headers) if route.format == "invoke" else {}
        if metrics and not facts.error_type:
            facts = settled(facts, read_metrics(metrics))
        tier, error = facts.service_tier, facts.error_type
        # A tier of the vendor's own body is not what AWS bills by.
        tier = get(headers, b"x-amzn-bedrock-service-tier")[:64] or tier
        if get(headers, b"x-amzn-bedrock-performanceconfig-latency") == "optimized":
            tier = "latency_optimized"
        if error.startswith("http_"):
            error = get(headers, b"x-amzn-errortype").partition(":")[0][:64] or error
        return replace(
            facts,
            service_tier=tier,
            response_id=facts.response_id or get(headers, b"x-amzn-requestid")[:256],
            error_type=error,
        )

    def refusal_status(self, status: int, *, final: bool) -> int:
        """A final 429 or 402 becomes 400: boto3 tries every 429 again, whatever it says."""
        return _SDK_FINAL if final and status in {402, 429} else status

    def refusal_headers(self, status: int, *, final: bool) -> Headers:
        """The type on which SDKs raise their exception."""
        if status == 429 and not final:
            kind = "ThrottlingException"
        else:
            kind = _TYPES.get(status) or ("InternalServerException" if status >= 500 else "ValidationException")
        return [(b"x-amzn-errortype", kind.encode())]

    def judged_path(self, below: str) -> str:
        """An escaped ARN stands for one segment without its escapes; anything else is judged as it is."""
        found = _PATH.fullmatch(below)
        if found is None or found[2] not in _OPERATIONS or not _ARN.fullmatch(_ESCAPES.sub(_unescaped, found[1])):
            return below
        return f"/model/arn/{found[2]}"

    def key_note(self) -> str:
        """Either of the two ways to pay."""
        return '; a Bedrock API key is sent as it is, auth = "aws-sigv4" signs with an access key in its place'

    def as_events(self, stream: bytes) -> bytes:
        """The frames' payloads, vendors' events taken out of their base64, as server-sent events."""
        events = []
        for frame in FrameSplitter().feed(stream):
            payload = frame.payload
            if frame.headers.get(":event-type") == "chunk":
                payload = bedrock_invoke.event_of(payload)
            events.append(b"data: " + payload.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n\n")
        return b"".join(events)


def model_of(segment: str) -> str:
    """The model that a path's segment names; ARNs of AWS's own models and profiles by the id they end in.

    >>> model_of("us.anthropic.claude-sonnet-4-5-20250929-v1%3A0")
    'us.anthropic.claude-sonnet-4-5-20250929-v1:0'
    """
    model = unquote(segment)
    listed = _LISTED.fullmatch(model)
    return listed[1] if listed else model


def _unescaped(found: re.Match[str]) -> str:
    return unquote(found[0])


def _in_base64(words: bytes) -> tuple[bytes, ...]:
    """What these bytes are within base64, by where in a group of three they begin."""
    found = []
    for before in range(3):
        whole = base64.b64encode(bytes(before) + words)
        # Characters at either end that also hold bits of what stands beside are left off.
        found.append(whole[(0, 2, 3)[before] : len(whole) - (0, 3, 2)[(before + len(words)) % 3]])
    return tuple(found)
