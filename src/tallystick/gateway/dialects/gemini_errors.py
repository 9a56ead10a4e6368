"""Google's errors: its words for what went wrong, and ours in its shape."""

import msgspec

from tallystick.gateway.dialects.model import NO_DETAIL, Detail
from tallystick.gateway.dialects.reading import decode, items, members, text

DOMAIN = "tallystick"
_ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_REQUEST_INFO = "type.googleapis.com/google.rpc.RequestInfo"
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class _Answer(msgspec.Struct):
    error: object = None


_ANSWER = msgspec.json.Decoder(_Answer)
_ANSWERS = msgspec.json.Decoder(list[_Answer])


def error_word(error: object, status: int) -> str:
    """Google's word for an error, such as ``RESOURCE_EXHAUSTED``; else the status."""
    word = text(members(error).get("status"), 64)
    if word or (status < 400 and not error):
        return word
    return f"http_{status}" if status >= 400 else "error"


def error_of(body: bytes) -> object:
    """The member `error` of a body; streams of JSON arrays hold it in their only element."""
    found = decode(_ANSWER, body) or next(iter(decode(_ANSWERS, body) or ()), None)
    return found.error if found else None


def error_body(status: int, code: str, message: str, request_id: str, detail: Detail = NO_DETAIL) -> bytes:
    """``{"error": {…}}`` with an ErrorInfo, on which the SDKs raise by status; what a budget said is its metadata."""
    return msgspec.json.encode({"error": _error(status, code, message, request_id, detail)})


def stream_error(code: str, message: str) -> bytes:
    """The same as an event of a stream."""
    return b"data: " + msgspec.json.encode({"error": _error(503, code, message, "", NO_DETAIL)}) + b"\n\n"


def _error(status: int, code: str, message: str, request_id: str, detail: Detail) -> dict[str, object]:
    said = {
        name: value
        for name in ("budget", "limit", "resets_at", "link")
        if type(value := getattr(detail, name)) is str and value
    }
    details: list[dict[str, object]] = [{"@type": _ERROR_INFO, "reason": code, "domain": DOMAIN, "metadata": said}]
    if request_id:
        details.append({"@type": _REQUEST_INFO, "requestId": request_id})
    word = _STATUSES.get(status) or ("INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
    return {"code": status, "message": message, "status": word, "details": details if code else items(None)}
