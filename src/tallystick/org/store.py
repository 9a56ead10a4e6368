"""Keys, tokens, login links, sessions and the audit log. Secrets never come here, only their hashes."""

import json
from collections.abc import Mapping

from tallystick.org.model import ROLES, ApiToken, AuditEntry, GatewayKey, LoginLink, Role, Session
from tallystick.storage.config_db import ConfigDb, Value

_KEY = "SELECT key_id, name, secret_hash, hint, locked, defaults, created_at, revoked_at, version FROM gateway_key"
_TOKENS = "SELECT token_id, name, secret_hash, hint, role, created_at, teams, expires_at, revoked_at FROM api_token"
_ALL_KEYS = _KEY + " ORDER BY created_at, key_id"
_KEYS_SINCE = _KEY + " WHERE version > :version ORDER BY version"
_ONE_KEY = _KEY + " WHERE key_id = :key_id"
_ALL_TOKENS = _TOKENS + " ORDER BY created_at, token_id"
_ONE_TOKEN = _TOKENS + " WHERE token_id = :token_id"
_TOKEN_OF_SECRET = _TOKENS + " WHERE secret_hash = :secret_hash"


def append_key(db: ConfigDb, key: GatewayKey) -> None:
    """Add a key; its version comes from `ConfigDb.next_version` in the same transaction."""
    db.execute(
        "INSERT INTO gateway_key (key_id, name, secret_hash, hint, locked, defaults, created_at, revoked_at, version)"
        " VALUES (:key_id, :name, :secret_hash, :hint, :locked, :defaults, :created_at, NULL, :version)",
        {
            "key_id": key.key_id,
            "name": key.name,
            "secret_hash": key.secret_hash,
            "hint": key.hint,
            "locked": json.dumps(dict(key.locked), sort_keys=True),
            "defaults": json.dumps(dict(key.defaults), sort_keys=True),
            "created_at": key.created_at,
            "version": key.version,
        },
    )


def revoke_key(db: ConfigDb, key_id: str, at_us: int, version: int) -> bool:
    """Mark a good key as revoked; False when it is not there or was revoked before."""
    changed = db.execute(
        "UPDATE gateway_key SET revoked_at = :at, version = :version WHERE key_id = :key_id AND revoked_at IS NULL",
        {"at": at_us, "version": version, "key_id": key_id},
    )
    return changed == 1


def list_keys(db: ConfigDb) -> list[GatewayKey]:
    """All keys, revoked ones too, by age."""
    return [_to_key(row) for row in db.rows(_ALL_KEYS)]


def list_keys_since(db: ConfigDb, version: int) -> list[GatewayKey]:
    """Keys made or revoked after a version, oldest change first."""
    rows = db.rows(_KEYS_SINCE, {"version": version})
    return [_to_key(row) for row in rows]


def read_key(db: ConfigDb, key_id: str) -> GatewayKey | None:
    """One key, None when there is none of that id."""
    rows = db.rows(_ONE_KEY, {"key_id": key_id})
    return _to_key(rows[0]) if rows else None


def append_token(db: ConfigDb, token: ApiToken) -> None:
    """Add a token."""
    db.execute(
        "INSERT INTO api_token"
        " (token_id, name, secret_hash, hint, role, teams, created_at, expires_at, revoked_at) VALUES"
        " (:token_id, :name, :secret_hash, :hint, :role, :teams, :created_at, :expires_at, NULL)",
        {
            "token_id": token.token_id,
            "name": token.name,
            "secret_hash": token.secret_hash,
            "hint": token.hint,
            "role": token.role,
            "teams": json.dumps(list(token.teams)),
            "created_at": token.created_at,
            "expires_at": token.expires_at,
        },
    )


def revoke_token(db: ConfigDb, token_id: str, at_us: int) -> bool:
    """Mark a good token as revoked; False when it is not there or was revoked before."""
    changed = db.execute(
        "UPDATE api_token SET revoked_at = :at WHERE token_id = :token_id AND revoked_at IS NULL",
        {"at": at_us, "token_id": token_id},
    )
    return changed == 1


def list_tokens(db: ConfigDb) -> list[ApiToken]:
    """All tokens, revoked and expired ones too, by age."""
    return [_to_token(row) for row in db.rows(_ALL_TOKENS)]


def read_token(db: ConfigDb, token_id: str) -> ApiToken | None:
    """One token by its id."""
    rows = db.rows(_ONE_TOKEN, {"token_id": token_id})
    return _to_token(rows[0]) if rows else None


def find_token(db: ConfigDb, secret_hash: str) -> ApiToken | None:
    """One token by the hash of its secret, good or not; the caller judges."""
    rows = db.rows(_TOKEN_OF_SECRET, {"secret_hash": secret_hash})
    return _to_token(rows[0]) if rows else None


def append_link(db: ConfigDb, link: LoginLink) -> None:
    """Add a login link and forget those that ended."""
    db.execute("DELETE FROM login_link WHERE expires_at < :at", {"at": link.created_at})
    db.execute(
        "INSERT INTO login_link (secret_hash, role, teams, expires_at, used_at)"
        " VALUES (:secret_hash, :role, :teams, :expires_at, NULL)",
        {
            "secret_hash": link.secret_hash,
            "role": link.role,
            "teams": json.dumps(list(link.teams)),
            "expires_at": link.expires_at,
        },
    )


def take_link(db: ConfigDb, secret_hash: str, at_us: int) -> tuple[Role, tuple[str, ...]] | None:
    """Use up a link: its role and teams, once; None when it is unknown, used or over.

    One statement, so that of two callers at the same time only one gets it.
    """
    rows = db.rows(
        "UPDATE login_link SET used_at = :at WHERE secret_hash = :secret_hash AND used_at IS NULL"
        " AND expires_at > :at RETURNING role, teams",
        {"at": at_us, "secret_hash": secret_hash},
    )
    return (to_role(rows[0][0]), to_teams(rows[0][1])) if rows else None


def append_session(db: ConfigDb, session: Session) -> None:
    """Add a session and forget those that ended."""
    db.execute("DELETE FROM session WHERE expires_at < :at", {"at": session.created_at})
    db.execute(
        "INSERT INTO session (secret_hash, name, role, teams, csrf, created_at, expires_at)"
        " VALUES (:secret_hash, :name, :role, :teams, :csrf, :created_at, :expires_at)",
        {
            "secret_hash": session.secret_hash,
            "name": session.name,
            "role": session.role,
            "teams": json.dumps(list(session.teams)),
            "csrf": session.csrf,
            "created_at": session.created_at,
            "expires_at": session.expires_at,
        },
    )


def find_session(db: ConfigDb, secret_hash: str) -> Session | None:
    """One session by the hash of its cookie, good or over; the caller judges."""
    rows = db.rows(
        "SELECT secret_hash, name, role, teams, csrf, created_at, expires_at FROM session"
        " WHERE secret_hash = :secret_hash",
        {"secret_hash": secret_hash},
    )
    return _to_session(rows[0]) if rows else None


def delete_session(db: ConfigDb, secret_hash: str) -> None:
    """End a session; nothing happens when there is none."""
    db.execute("DELETE FROM session WHERE secret_hash = :secret_hash", {"secret_hash": secret_hash})


def append_audit(db: ConfigDb, entry: AuditEntry) -> None:
    """Add a line to the audit log."""
    db.execute(
        "INSERT INTO audit (at, who, what, detail) VALUES (:at, :who, :what, :detail)",
        {"at": entry.at, "who": entry.who, "what": entry.what, "detail": entry.detail},
    )


def list_audit(db: ConfigDb, limit: int) -> list[AuditEntry]:
    """The latest lines, newest first."""
    rows = db.rows(
        "SELECT at, who, what, detail FROM audit ORDER BY at DESC, rowid DESC LIMIT :limit", {"limit": limit}
    )
    return [AuditEntry(_number(at), str(who), str(what), str(detail)) for at, who, what, detail in rows]


def _to_session(row: tuple[Value, ...]) -> Session:
    secret_hash, name, role, teams, csrf, created_at, expires_at = row
    return Session(
        secret_hash=str(secret_hash),
        name=str(name),
        role=to_role(role),
        teams=to_teams(teams),
        csrf=str(csrf),
        created_at=_number(created_at),
        expires_at=_number(expires_at),
    )


def _to_key(row: tuple[Value, ...]) -> GatewayKey:
    key_id, name, secret_hash, hint, locked, defaults, created_at, revoked_at, version = row
    return GatewayKey(
        key_id=str(key_id),
        name=str(name),
        secret_hash=str(secret_hash),
        hint=str(hint),
        created_at=_number(created_at),
        locked=_words(locked),
        defaults=_words(defaults),
        revoked_at=_maybe(revoked_at),
        version=_number(version),
    )


def _to_token(row: tuple[Value, ...]) -> ApiToken:
    token_id, name, secret_hash, hint, role, created_at, teams, expires_at, revoked_at = row
    return ApiToken(
        token_id=str(token_id),
        name=str(name),
        secret_hash=str(secret_hash),
        hint=str(hint),
        role=to_role(role),
        created_at=_number(created_at),
        teams=to_teams(teams),
        expires_at=_maybe(expires_at),
        revoked_at=_maybe(revoked_at),
    )


def to_role(value: Value) -> Role:
    """The role a column holds; a row with another word is a broken promise of ours."""
    found = next((role for role in ROLES if role == value), None)
    if found is None:
        raise ValueError(f"the database holds an unknown role: {value!r}")
    return found


def to_teams(value: Value) -> tuple[str, ...]:
    """The teams a JSON column holds."""
    return tuple(str(one) for one in json.loads(str(value)))


def _words(value: Value) -> Mapping[str, str]:
    return {str(name): str(one) for name, one in json.loads(str(value)).items()}


def _number(value: Value) -> int:
    if not isinstance(value, int):
        raise TypeError(f"the database holds {value!r} where a number belongs")
    return value


def _maybe(value: Value) -> int | None:
    return None if value is None else _number(value)
