"""Proof that a write which came by cookie comes from our own page: its origin and the session's word."""

from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request

from tallystick.kernel.errors import Denied
from tallystick.org.hash import same_secret
from tallystick.org.model import Session

HEADER = "x-csrf-token"
FIELD = "csrf"


def check_origin(request: Request) -> None:
    """A browser must say that the request comes from this very host.

    Raises:
        Denied: It comes from elsewhere, or does not say.
    """
    source = request.headers.get("origin") or request.headers.get("referer") or ""
    try:
        host = urlsplit(source).netloc
    except ValueError:
        host = ""
    if not host or host != request.headers.get("host", ""):
        raise Denied("the request does not come from a page of this server", next_steps=["reload the page"])


def check_csrf(request: Request, session: Session, body: bytes) -> None:
    """The origin, and the session's word in a header or a form field.

    Raises:
        Denied: One of them is not right.
    """
    check_origin(request)
    given = request.headers.get(HEADER) or _field(request, body)
    if not same_secret(given, session.csrf):
        raise Denied("the page is older than your login", next_steps=["reload the page and try again"])


def _field(request: Request, body: bytes) -> str:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return ""
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=100)
    except ValueError:
        return ""
    return fields.get(FIELD, [""])[0]
