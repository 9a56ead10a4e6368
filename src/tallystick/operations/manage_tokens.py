"""Tokens for the API: make, list, revoke."""

from dataclasses import dataclass

from tallystick.kernel.errors import NotFound, UsageError
from tallystick.kernel.ids import new_id
from tallystick.kernel.period import DAY_US
from tallystick.operations.audit import record
from tallystick.operations.context import Context, now_us
from tallystick.org import store
from tallystick.org.authorize import check_role
from tallystick.org.hash import TOKEN_PREFIX, hash_secret, hint, new_secret
from tallystick.org.model import ApiToken, Principal

LONGEST_NAME = 256
LONGEST_DAYS = 3660
_OPERATOR = Principal("operator", "admin", local=True)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What a new token shall be.

    Attributes:
        teams: The teams it may see; empty means all.
        expires_days: Days it is good for, None for ever.
    """

    name: str = ""
    role: str = "viewer"
    teams: tuple[str, ...] = ()
    expires_days: int | None = None


def create_token(context: Context, request: TokenRequest, principal: Principal = _OPERATOR) -> tuple[ApiToken, str]:
    """A new token and its secret, which nothing can show again.

    Raises:
        UsageError: An unknown role, a role that cannot be limited to teams, an empty team, an expiry that is no time.
    """
    teams = tuple(dict.fromkeys(team.strip() for team in request.teams))
    if "" in teams:
        raise UsageError("a team is empty")
    role = check_role(request.role, teams)
    _check_name(request.name)
    at, secret = now_us(), new_secret(TOKEN_PREFIX)
    token = ApiToken(
        token_id=new_id("tok", at),
        name=request.name.strip(),
        secret_hash=hash_secret(secret),
        hint=hint(secret),
        role=role,
        created_at=at,
        teams=teams,
        expires_at=_expiry(request.expires_days, at),
    )
    with context.config_db.transaction():
        store.append_token(context.config_db, token)
        record(context, principal.name, "create token", f"{token.token_id} {role}")
    return token, secret


def list_tokens(context: Context) -> list[ApiToken]:
    """All tokens, revoked and expired ones too, by age."""
    return store.list_tokens(context.config_db)


def revoke_token(context: Context, token_id: str, principal: Principal = _OPERATOR) -> ApiToken:
    """Revoke a token at once, and with it nothing else. Revoking twice changes nothing.

    Raises:
        NotFound: No such token.
    """
    with context.config_db.transaction():
        if store.revoke_token(context.config_db, token_id, now_us()):
            record(context, principal.name, "revoke token", token_id)
        found = store.read_token(context.config_db, token_id)
    if found is None:
        raise NotFound(f'no token "{token_id}"', next_steps=["tally tokens list"])
    return found


def _expiry(days: int | None, at: int) -> int | None:
    if days is None:
        return None
    if not 0 < days <= LONGEST_DAYS:
        raise UsageError(f"a token cannot be good for {days} days; 1 to {LONGEST_DAYS} are possible")
    return at + days * DAY_US


def _check_name(name: str) -> None:
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise UsageError(f"a name has at most {LONGEST_NAME} printable characters")
