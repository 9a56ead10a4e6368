"""Who may do what: roles as data, scopes by team. Pure; the API's one guard and the operations ask it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from tallystick.kernel.errors import Denied, UsageError
from tallystick.org.model import ROLES, GatewayKey, Principal, Role

# read: rows and sums of the teams one may see. instance: what is about the whole
# installation (sources, status), so never for a scope by team. content: what was said in calls.
Permission = Literal[
    "open",
    "read",
    "instance",
    "prices",
    "keys_read",
    "keys_write",
    "budgets_read",
    "budgets_write",
    "tokens_read",
    "tokens_write",
    "rules_write",
    "audit",
    "content",
    "erase",
    "alerts_test",
    "reconcile",
    "local",
]

GRANTS: Mapping[Role, frozenset[Permission]] = {
    "viewer": frozenset({"read", "instance", "budgets_read"}),
    "analyst": frozenset({"read", "instance", "prices", "budgets_read", "reconcile"}),
    "owner": frozenset(
        {"read", "instance", "prices", "keys_read", "keys_write", "budgets_read", "budgets_write", "reconcile"}
    ),
    "admin": frozenset(
        {
            "read",
            "instance",
            "prices",
            "keys_read",
            "keys_write",
            "budgets_read",
            "budgets_write",
            "tokens_read",
            "tokens_write",
            "rules_write",
            "audit",
            "content",
            "erase",
            "alerts_test",
            "reconcile",
        }
    ),
    "auditor": frozenset(
        {"read", "instance", "prices", "keys_read", "budgets_read", "tokens_read", "audit", "content"}
    ),
}
WHOLE_INSTANCE: frozenset[Permission] = frozenset(
    {"instance", "tokens_read", "tokens_write", "rules_write", "audit", "content", "erase", "alerts_test", "reconcile"}
)
SCOPED_ROLES: tuple[Role, ...] = ("viewer", "analyst", "owner")


def may(principal: Principal, permission: Permission) -> bool:
    """Whether a principal holds a permission.

    `local` (having the app read paths of this machine) comes only with the token file
    of the data directory, whatever the role.
    """
    if permission == "open":
        return True
    if permission == "local":
        return principal.local and principal.role == "admin"
    if principal.teams and permission in WHOLE_INSTANCE:
        return False
    return permission in GRANTS[principal.role]


def check_role(role: str, teams: Sequence[str]) -> Role:
    """The role of a word, if it may be limited to these teams.

    Raises:
        UsageError: No such role, or one that is always about the whole installation.
    """
    found = next((one for one in ROLES if one == role), None)
    if found is None:
        raise UsageError(f'"{role}" is no role', next_steps=[f"known: {', '.join(ROLES)}"])
    if teams and found not in SCOPED_ROLES:
        raise UsageError(
            f'the role "{found}" is about the whole installation and cannot be limited to teams',
            next_steps=[f"use {', '.join(SCOPED_ROLES)}"],
        )
    return found


def check_key_scope(principal: Principal, locked: Mapping[str, str]) -> None:
    """A principal limited to teams makes keys only for these: the team must be locked in the key.

    Raises:
        Denied: It is not.
    """
    if principal.teams and locked.get("team") not in principal.teams:
        raise Denied(
            f"keys made by {principal.name} must lock one of its teams",
            next_steps=[f"--team {team}" for team in principal.teams[:3]],
        )


def keys_in_scope(principal: Principal, keys: Iterable[GatewayKey]) -> list[GatewayKey]:
    """The keys a principal may see: all, or those locked to one of its teams."""
    return [key for key in keys if not principal.teams or key.locked.get("team") in principal.teams]
