"""The one guard in front of every route: size, time, identity, permission, origin. In this order.

The path is the one the router sees, from the scope: `Request.url` is put together from
the Host header, so that a caller could give the guard another path than the router.

It is ASGI middleware and not a dependency of routes, so that no route can be added
without it. Routes find the caller in ``request.state.principal``, a browser's word
for forms in ``request.state.csrf`` (empty for tokens).
"""

import logging
import re
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tallystick.api.access import READING, Door, needed
from tallystick.api.answers import error_answer, with_security_headers
from tallystick.api.auth import Failures, Identity, client_address, identify, over_tls
from tallystick.api.body import read_body, replay
from tallystick.api.csrf import check_csrf
from tallystick.api.errors import LoginNeeded, TooManyAttempts
from tallystick.api.services import Services
from tallystick.kernel.errors import Denied, NotFound, TallyError, UsageError
from tallystick.operations.context import Context
from tallystick.org.authorize import may
from tallystick.org.model import Principal

_log = logging.getLogger("tallystick.api")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_STRANGER = Principal("", "viewer")


@dataclass(frozen=True, slots=True)
class Gate:
    """What the guard decides with."""

    context: Context
    services: Services
    doors: tuple[Door, ...]
    failures: Failures


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            # No websockets here; the lifespan is the application's own.
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        request, send = Request(scope, receive), with_security_headers(send)
        try:
            check_host(request)
        except TallyError as error:
            # Without the pages: they would build addresses from the very header that is wrong.
            await error_answer(request, error, None)(scope, receive, send)
            return
        try:
            admitted = await self._admit(request)
        except TallyError as error:
            await error_answer(request, error, self._gate.services.error_page)(scope, receive, send)
            return
        await self._serve(request, admitted, send)

    async def _serve(self, request: Request, receive: Receive, send: Send) -> None:
        """Run the application; what nobody foresaw is logged here and becomes an error without a traceback."""
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(request.scope, receive, sending)
        except Exception:
            _log.exception("%s failed", request.scope["path"])
            if started:
                raise
            error = TallyError("an unexpected error; the server's log says more", where=request.scope["path"])
            await error_answer(request, error, self._gate.services.error_page)(request.scope, receive, send)

    async def _admit(self, request: Request) -> Receive:
        gate, services = self._gate, self._gate.services
        body = await read_body(
            request.scope, request.receive, largest=services.max_body_bytes, seconds=services.body_seconds
        )
        secure = over_tls(request, always=services.secure)
        identity = await run_in_threadpool(identify, gate.context, request, secure=secure)
        self._permit(request, identity)
        if identity.session is not None and request.method not in READING:
            check_csrf(request, identity.session, body)
        state = request.scope.setdefault("state", {})
        state["principal"] = identity.principal or _STRANGER
        state["csrf"] = identity.session.csrf if identity.session else ""
        state["secure"] = secure
        return replay(body, request.receive)

    def _permit(self, request: Request, identity: Identity) -> None:
        """Let the request pass, or raise. Which paths exist is not told to strangers."""
        permission = needed(self._gate.doors, request.method, request.scope["path"])
        if permission == "open":
            return
        if identity.principal is None:
            if identity.tried:
                self._refuse_attempt(request)
            raise LoginNeeded(
                "this needs a login",
                next_steps=["tally open", "send Authorization: Bearer with a token of `tally tokens create`"],
            )
        if permission is None:
            raise NotFound(
                "there is no such page", where=request.scope["path"], next_steps=["GET /api/v1/openapi.json"]
            )
        if not may(identity.principal, permission):
            raise Denied(_why(identity.principal), where=f"{request.method} {request.scope['path']}")

    def _refuse_attempt(self, request: Request) -> None:
        address = client_address(request)
        if self._gate.failures.too_many(address):
            raise TooManyAttempts("too many failed attempts from this address", next_steps=["wait a minute"])
        _log.warning("a token was refused")
        raise LoginNeeded(
            "this token is not valid: unknown, revoked or expired",
            next_steps=["tally tokens list", "tally tokens create"],
        )


def check_host(request: Request) -> None:
    """One Host header, and in it nothing but a host: everything that builds an address from it is then safe.

    Raises:
        UsageError: It is missing, there twice, or holds more than a host and a port.
    """
    hosts = request.headers.getlist("host")
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        raise UsageError("the Host header is not one host")


def _why(principal: Principal) -> str:
    scope = f" limited to {', '.join(principal.teams)}" if principal.teams else ""
    return f"the role {principal.role}{scope} may not do this"
