"""Login by a link that works once, and logout.

``GET /login?token=…`` and the form's ``POST /login`` open a session; ``GET /login``
without a token is the web's page.
"""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from tallystick.api.auth import client_address, cookie_name
from tallystick.api.csrf import check_origin
from tallystick.api.errors import TooManyAttempts
from tallystick.api.routes import Asked, Call, call_of
from tallystick.kernel.errors import Denied
from tallystick.operations.sessions import close_session, open_session

router = APIRouter()


def safe_next(path: str) -> str:
    r"""A path of this server to go on to; anything that could leave it becomes ``/``.

    Browsers read ``//host`` and ``/\\host`` as another host, and drop tabs and newlines.
    """
    if not path.startswith("/") or path[1:2] in {"/", "\\"} or not path.isprintable() or "\\" in path:
        return "/"
    return path


class LinkRoute(Route):
    """``GET /login`` when it carries a token; never HEAD, for looking must not use a link up."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As a route, but only with ``token=`` in the query."""
        if scope.get("method") != "GET" or b"token=" not in scope.get("query_string", b""):
            return Match.NONE, {}
        return super().matches(scope)


async def _follow_link(request: Request) -> Response:
    if "prefetch" in request.headers.get("sec-purpose", ""):
        raise Denied("a login link works once and is not fetched ahead")
    asked = call_of(request)
    token, onward = request.query_params.get("token", ""), request.query_params.get("next", "/")
    return await run_in_threadpool(_log_in, asked, token, onward)


LINK_ROUTE = LinkRoute("/login", _follow_link, methods=["GET"], include_in_schema=False)


@router.get("/login", include_in_schema=False)
def login_page() -> PlainTextResponse:
    """What is shown where no pages are installed."""
    return PlainTextResponse("Run `tally open` on the server for a login link.\n")


@router.post("/login", include_in_schema=False)
def log_in(
    asked: Asked, token: Annotated[str, Form()] = "", onward: Annotated[str, Form(alias="next")] = "/"
) -> Response:
    """The login form: a pasted link's token."""
    check_origin(asked.request)
    return _log_in(asked, token, onward)


@router.post("/logout", include_in_schema=False)
def log_out(asked: Asked) -> Response:
    """End the session, on the server and in the browser."""
    secure = asked.request.state.secure
    name = cookie_name(asked.context, secure=secure)
    close_session(asked.context, asked.request.cookies.get(name, ""))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(name, secure=secure, httponly=True, samesite="lax")
    return answer


def _log_in(asked: Call, token: str, onward: str) -> Response:
    context, secure = asked.context, asked.request.state.secure
    name = cookie_name(context, secure=secure)
    # The link may have been pasted whole.
    secret = token.strip().rpartition("token=")[2].partition("&")[0]
    try:
        _, cookie = open_session(context, secret, hours=asked.services.session_hours)
    except Denied:
        if asked.failures.too_many(client_address(asked.request)):
            raise TooManyAttempts("too many failed attempts from this address", next_steps=["wait a minute"]) from None
        raise
    close_session(context, asked.request.cookies.get(name, ""))
    answer = RedirectResponse(safe_next(onward), 303)
    hours = asked.services.session_hours
    answer.set_cookie(name, cookie, max_age=hours * 3600, secure=secure, httponly=True, samesite="lax", path="/")
    return answer
