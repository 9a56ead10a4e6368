"""Records of keys (for gateways) and tokens (for people and scripts).

Neither holds a secret: only the SHA-256 of one that was printed once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["viewer", "analyst", "owner", "admin", "auditor"]
_STAGES = ("environment", "lifecycle_stage")
ROLES: tuple[Role, ...] = ("viewer", "analyst", "owner", "admin", "auditor")


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """A key that callers of the gateway present.

    Attributes:
        key_id: ``key_…``; what events and pages show.
        name: Free text for people.
        secret_hash: SHA-256 hex of the whole secret.
        hint: Last four characters of the secret.
        locked: Dimensions set by the operator; no header changes them.
        defaults: Dimensions a header may override.
        created_at, revoked_at: Microseconds; None while it is good.
        version: Rises with every change of any key; gateways read what is newer.
        is_production: The operator declared it to be for production, be it a default that a header may change.
    """

    key_id: str
    name: str
    secret_hash: str
    hint: str
    created_at: int
    locked: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    revoked_at: int | None = None
    version: int = 0
    is_production: bool = field(init=False)

    def __post_init__(self) -> None:
        declared = [one.get(name, "").lower() for one in (self.locked, self.defaults) for name in _STAGES]
        # Asked with every call.
        object.__setattr__(self, "is_production", "production" in declared)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token for the API and the command line.

    Attributes:
        teams: The teams it may see; empty means all.
    """

    token_id: str
    name: str
    secret_hash: str
    hint: str
    role: Role
    created_at: int
    teams: tuple[str, ...] = ()
    expires_at: int | None = None
    revoked_at: int | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking: made from a token, a session or the data directory's own token file.

    Attributes:
        teams: The teams whose rows it may see; empty means all.
        local: Came with the token file, so it may have the app read local paths.
    """

    name: str
    role: Role
    teams: tuple[str, ...] = ()
    local: bool = False


@dataclass(frozen=True, slots=True)
class LoginLink:
    """A link that opens one session, once."""

    secret_hash: str
    role: Role
    created_at: int
    expires_at: int
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that has logged in.

    Attributes:
        secret_hash: Of the cookie's value.
        csrf: The word that forms carry back.
    """

    secret_hash: str
    name: str
    role: Role
    csrf: str
    created_at: int
    expires_at: int
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change by somebody.

    Attributes:
        at: Microseconds.
        who: Name of the principal.
        what: Verb and noun, such as ``create key``.
        detail: What it was done to; never a secret.
    """

    at: int
    who: str
    what: str
    detail: str
