"""Answers that are not a route's own: errors, for programs and for browsers, and the headers of every answer."""

from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Message, Send

from tallystick.api.errors import LoginNeeded, error_wire, headers_of, status_of
from tallystick.api.services import ErrorPage
from tallystick.kernel.errors import TallyError

# Pages may override these; nothing may be without them.
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # A login link's token stands in the address: it must not travel on as a referrer.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


def with_security_headers(send: Send) -> Send:
    """A `send` that adds what an answer lacks."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def error_answer(request: Request, error: TallyError, error_page: ErrorPage | None) -> Response:
    """An error as JSON, or for a browser as a page; a stranger's browser is led to the login."""
    status, headers = status_of(error), headers_of(error)
    if not wants_page(request):
        return JSONResponse(error_wire(error), status, headers)
    if isinstance(error, LoginNeeded) and request.method == "GET":
        query = request.scope["query_string"].decode("latin-1")
        wanted = request.scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse(f"/login?next={quote(wanted, safe='/')}", 303)
    if error_page is not None:
        answer = error_page(request, status, error)
        answer.headers.update(headers)
        return answer
    steps = "".join(f"\n- {step}" for step in error.next_steps)
    return PlainTextResponse(f"{error}{steps}\n", status, headers)


def wants_page(request: Request) -> bool:
    """Whether a browser asks for a page: never under /api, else by what it accepts."""
    if request.scope["path"].startswith("/api/"):
        return False
    return "text/html" in request.headers.get("accept", "")
