"""Login by a link that works once, and the browser sessions it opens."""

import secrets
from dataclasses import dataclass
from urllib.parse import quote

from tallystick.kernel.errors import Denied
from tallystick.kernel.period import HOUR_US, MINUTE_US
from tallystick.operations.audit import record
from tallystick.operations.context import Context, now_us
from tallystick.org import store
from tallystick.org.authorize import check_role
from tallystick.org.hash import LINK_PREFIX, hash_secret, new_secret
from tallystick.org.model import LoginLink, Principal, Session

LINK_US = 15 * MINUTE_US
SESSION_PREFIX = "tallyses_"
DEFAULT_HOURS = 168
_OPERATOR = Principal("operator", "admin", local=True)


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """Whom a link lets in."""

    role: str = "admin"
    teams: tuple[str, ...] = ()
    next_path: str = "/"


def create_login_link(context: Context, request: LinkRequest, principal: Principal = _OPERATOR) -> tuple[str, int]:
    """The path of a link that opens one session, once, within 15 minutes, and when it ends.

    Raises:
        UsageError: An unknown role, or one that cannot be limited to teams.
    """
    role = check_role(request.role, request.teams)
    at, secret = now_us(), new_secret(LINK_PREFIX)
    link = LoginLink(hash_secret(secret), role, at, at + LINK_US, request.teams)
    with context.config_db.transaction():
        store.append_link(context.config_db, link)
        record(context, principal.name, "create login link", role)
    path = f"/login?token={secret}"
    if request.next_path != "/":
        path += f"&next={quote(request.next_path, safe='/')}"
    return path, link.expires_at


def open_session(context: Context, link_secret: str, *, hours: int = DEFAULT_HOURS) -> tuple[Session, str]:
    """Use up a login link: a new session and the value of its cookie.

    The cookie is always a fresh one: whatever the browser brought along is not taken over.

    Raises:
        Denied: The link is unknown, used or over.
    """
    at, secret = now_us(), new_secret(SESSION_PREFIX)
    with context.config_db.transaction():
        grant = store.take_link(context.config_db, hash_secret(link_secret), at)
        if grant is None:
            raise Denied(
                "this login link was used before, is too old or never was one",
                next_steps=["run `tally open` for a new one; it works once, for 15 minutes"],
            )
        session = Session(
            secret_hash=hash_secret(secret),
            name="browser",
            role=grant[0],
            csrf=secrets.token_urlsafe(24),
            created_at=at,
            expires_at=at + hours * HOUR_US,
            teams=grant[1],
        )
        store.append_session(context.config_db, session)
        record(context, session.name, "log in", session.role)
    return session, secret


def find_session(context: Context, cookie: str) -> Session | None:
    """The session of a cookie, None when there is none or it is over."""
    found = store.find_session(context.config_db, hash_secret(cookie))
    return found if found is not None and found.expires_at > now_us() else None


def close_session(context: Context, cookie: str) -> None:
    """Log out: the cookie is worth nothing from now on, wherever it was copied to."""
    with context.config_db.transaction():
        store.delete_session(context.config_db, hash_secret(cookie))
