"""Who is asking: a bearer token or a session cookie, and how often an address has failed."""

import time
from collections import OrderedDict
from dataclasses import dataclass

from starlette.requests import Request

from tallystick.kernel.ids import fingerprint
from tallystick.operations.authenticate import authenticate
from tallystick.operations.context import Context
from tallystick.operations.sessions import find_session
from tallystick.org.model import Principal, Session

FAILURES_PER_MINUTE = 20
_ADDRESSES = 4096


@dataclass(frozen=True, slots=True)
class Identity:
    """What a request proved.

    Attributes:
        session: Set when it came by cookie, so that writes need proof that the page is ours.
        tried: Something was presented, good or not.
    """

    principal: Principal | None = None
    session: Session | None = None
    tried: bool = False


def identify(context: Context, request: Request, *, secure: bool) -> Identity:
    """The identity of a request. A token that is presented decides alone: no cookie stands in for a bad one."""
    presented = request.headers.getlist("authorization")
    if presented:
        return Identity(_bearer(context, presented), tried=True)
    cookie = request.cookies.get(cookie_name(context, secure=secure))
    if not cookie:
        return Identity()
    session = find_session(context, cookie)
    if session is None:
        # A cookie that has run out is everybody's daily life, not an attempt.
        return Identity()
    return Identity(Principal(session.name, session.role, session.teams), session, tried=True)


def _bearer(context: Context, presented: list[str]) -> Principal | None:
    if len(presented) != 1:
        return None
    scheme, _, secret = presented[0].partition(" ")
    if scheme.lower() != "bearer":
        return None
    return authenticate(context, secret.strip())


def cookie_name(context: Context, *, secure: bool) -> str:
    """The session cookie's name: of its own for each instance, for cookies do not know ports."""
    name = f"tally_session_{fingerprint(context.secret, b'cookie')[:8]}"
    return f"__Host-{name}" if secure else name


def over_tls(request: Request, *, always: bool) -> bool:
    """Whether the browser reached us by TLS: always where the operator said so, else as the gateway saw it."""
    return always or request.headers.get("x-forwarded-proto", "") == "https"


def client_address(request: Request) -> str:
    """The address the gateway saw; it drops what clients say of it. Never the socket's own."""
    forwarded = request.headers.get("x-forwarded-for", "")
    return forwarded.rpartition(",")[2].strip() or "local"


class Failures:
    """Failed attempts per address in the last minute, in bounded memory.

    It only slows down who fails: a good token always passes, or one client behind a
    shared address could lock out all others.
    """

    def __init__(self, per_minute: int = FAILURES_PER_MINUTE) -> None:
        self._per_minute = per_minute
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def too_many(self, address: str) -> bool:
        """Count one failure; whether the address has had more than its share."""
        now = time.monotonic()
        since, count = self._seen.pop(address, (now, 0))
        if now - since > 60:
            since, count = now, 0
        self._seen[address] = (since, count + 1)
        while len(self._seen) > _ADDRESSES:
            self._seen.popitem(last=False)
        return count + 1 > self._per_minute
