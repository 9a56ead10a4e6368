"""OpenAI's words: errors in its shape, and the service tier that a call was served at."""

import msgspec

from tallystick.gateway.dialects.model import NO_DETAIL, Detail, RequestFacts
from tallystick.gateway.dialects.reading import members, text

_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_QUOTA = frozenset({"budget_exceeded", "workload_paused", "price_unknown"})
# What a request may ask for by name. `auto` leaves the choice to the provider.
_CERTAIN = {"flex": "flex", "priority": "priority", "fast": "priority", "scale": "scale", "default": "default"}


def served_tier(answered: object, request: RequestFacts) -> str:
    """The tier of the response; where it names none, the one asked for by name."""
    return text(answered, 64) or _CERTAIN.get(request.service_tier, "")


def error_word(error: object, status: int) -> str:
    """The provider's word for an error: its code, else its type, else the status."""
    fields = members(error)
    word = text(fields.get("code"), 64) or text(fields.get("type"), 64)
    if word or (status < 400 and not error):
        return word
    return f"http_{status}" if status >= 400 else "error"


def error_body(status: int, code: str, message: str, detail: Detail = NO_DETAIL) -> bytes:
    """``{"error": {…}}``, on which the SDKs raise by status; what a budget said is in ``error.tally``."""
    error = _error(status, code, message)
    if detail is not NO_DETAIL:
        error["tally"] = detail
    return msgspec.json.encode({"error": error})


def stream_error(code: str, message: str) -> bytes:
    """An event on which the SDKs raise `APIError`."""
    return b"data: " + msgspec.json.encode({"error": _error(500, code, message)}) + b"\n\n"


def _error(status: int, code: str, message: str) -> dict[str, object]:
    kind = "insufficient_quota" if code in _QUOTA else _TYPES.get(status)
    kind = kind or ("server_error" if status >= 500 else "invalid_request_error")
    return {"message": message, "type": kind, "param": None, "code": code or None}
