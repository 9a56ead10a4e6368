"""Which route needs which permission, as data. What is not listed is refused when the app is built."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tallystick.org.authorize import Permission

READING = frozenset({"GET", "HEAD"})

ACCESS: Mapping[tuple[str, str], Permission] = {
    ("GET", "/healthz"): "open",
    ("GET", "/readyz"): "open",
    ("GET", "/login"): "open",
    ("POST", "/login"): "open",
    ("POST", "/logout"): "read",
    ("GET", "/static/{path:path}"): "open",
    ("GET", "/favicon.ico"): "open",
    ("GET", "/theme"): "open",
    ("GET", "/"): "read",
    ("GET", "/explore"): "read",
    ("GET", "/explore.csv"): "read",
    ("GET", "/find"): "read",
    ("GET", "/requests"): "read",
    ("GET", "/requests/{event_id}"): "read",
    ("GET", "/sources"): "instance",
    ("GET", "/prices"): "instance",
    ("POST", "/prices"): "instance",
    ("GET", "/reconcile"): "instance",
    ("GET", "/reconcile.csv"): "instance",
    ("GET", "/reconcile/pages/{page_id}"): "instance",
    ("GET", "/reconcile/{period}"): "instance",
    ("GET", "/reconcile/{period}/rows"): "instance",
    ("GET", "/reconcile/{period}/rows.csv"): "instance",
    ("GET", "/reconcile/{period}/rows.json"): "instance",
    ("GET", "/reconcile/{period}/claims/{claim}"): "instance",
    ("GET", "/ledger"): "read",
    ("GET", "/ledger.csv"): "read",
    ("GET", "/budgets"): "budgets_read",
    ("GET", "/budgets/new"): "budgets_write",
    ("POST", "/budgets/new"): "budgets_write",
    ("GET", "/budgets/{name}"): "budgets_read",
    ("POST", "/budgets/{name}/change"): "budgets_write",
    ("POST", "/budgets/{name}/override"): "budgets_write",
    ("POST", "/budgets/{name}/release"): "budgets_write",
    ("POST", "/budgets/{name}/delete"): "budgets_write",
    ("GET", "/gateway"): "read",
    ("GET", "/gateway/live"): "read",
    ("GET", "/api/v1/openapi.json"): "read",
    ("GET", "/api/v1/explore"): "read",
    ("GET", "/api/v1/requests"): "read",
    ("GET", "/api/v1/requests/{event_id}"): "read",
    ("GET", "/api/v1/requests/{event_id}/content"): "content",
    ("GET", "/api/v1/values"): "read",
    ("GET", "/api/v1/sources"): "instance",
    ("GET", "/api/v1/sources/{name}"): "instance",
    ("GET", "/api/v1/sources/{name}/costs"): "instance",
    ("GET", "/api/v1/source-kinds"): "instance",
    ("PUT", "/api/v1/sources/{name}"): "local",
    ("DELETE", "/api/v1/sources/{name}"): "local",
    ("POST", "/api/v1/sources/{name}/test"): "local",
    ("POST", "/api/v1/sources/{name}/sync"): "local",
    ("POST", "/api/v1/sources/{name}/reparse"): "local",
    ("GET", "/api/v1/matches/{account}"): "instance",
    ("PATCH", "/api/v1/matches/{account}"): "reconcile",
    ("GET", "/api/v1/reconciliations"): "instance",
    ("POST", "/api/v1/reconciliations"): "reconcile",
    ("GET", "/api/v1/reconciliations/{period}"): "instance",
    ("GET", "/api/v1/reconciliations/{period}/lines"): "instance",
    ("GET", "/api/v1/claims/{claim}"): "instance",
    ("GET", "/api/v1/ledger"): "read",
    ("GET", "/api/v1/status"): "instance",
    ("GET", "/api/v1/prices"): "prices",
    ("GET", "/api/v1/prices/explain"): "prices",
    ("GET", "/api/v1/prices/entries"): "prices",
    ("POST", "/api/v1/prices/entries"): "rules_write",
    ("DELETE", "/api/v1/prices/entries"): "rules_write",
    ("GET", "/api/v1/prices/contracts"): "instance",
    ("POST", "/api/v1/prices/contracts"): "rules_write",
    ("DELETE", "/api/v1/prices/contracts/{name}"): "rules_write",
    ("GET", "/api/v1/prices/diff"): "prices",
    ("GET", "/api/v1/prices/lists"): "instance",
    ("POST", "/api/v1/prices/lists"): "local",
    ("DELETE", "/api/v1/prices/lists/{name}"): "rules_write",
    ("GET", "/api/v1/prices/findings"): "instance",
    ("POST", "/api/v1/prices/check"): "rules_write",
    ("POST", "/api/v1/prices/simulate"): "instance",
    ("POST", "/api/v1/prices/rerate"): "rules_write",
    ("POST", "/api/v1/import"): "local",
    ("GET", "/api/v1/currency/rates"): "read",
    ("POST", "/api/v1/currency/rates"): "rules_write",
    ("POST", "/api/v1/currency/import"): "local",
    ("GET", "/api/v1/keys"): "keys_read",
    ("POST", "/api/v1/keys"): "keys_write",
    ("DELETE", "/api/v1/keys/{key_id}"): "keys_write",
    ("GET", "/api/v1/budgets"): "budgets_read",
    ("POST", "/api/v1/budgets/check"): "budgets_read",
    ("GET", "/api/v1/budgets/{name}"): "budgets_read",
    ("PUT", "/api/v1/budgets/{name}"): "budgets_write",
    ("DELETE", "/api/v1/budgets/{name}"): "budgets_write",
    ("GET", "/api/v1/budgets/{name}/counters"): "budgets_read",
    ("POST", "/api/v1/budgets/{name}/override"): "budgets_write",
    ("POST", "/api/v1/budgets/{name}/reopen"): "budgets_write",
    ("GET", "/api/v1/counters/drift"): "instance",
    ("POST", "/api/v1/replay"): "instance",
    ("GET", "/api/v1/requests/{event_id}/decision"): "read",
    ("GET", "/api/v1/tokens"): "tokens_read",
    ("POST", "/api/v1/tokens"): "tokens_write",
    ("DELETE", "/api/v1/tokens/{token_id}"): "tokens_write",
    ("POST", "/api/v1/login-links"): "tokens_write",
    ("GET", "/api/v1/audit"): "audit",
    ("GET", "/api/v1/gateway/health"): "instance",
    ("GET", "/api/v1/rules"): "instance",
    ("POST", "/api/v1/rules/test"): "instance",
    ("PUT", "/api/v1/rules/{name}"): "rules_write",
    ("DELETE", "/api/v1/rules/{name}"): "rules_write",
    ("POST", "/api/v1/erase"): "erase",
    ("GET", "/api/v1/alerts"): "instance",
    ("POST", "/api/v1/alerts/test"): "alerts_test",
    ("GET", "/metrics"): "instance",
}


@dataclass(frozen=True, slots=True)
class Door:
    """One route as the guard sees it."""

    method: str
    template: str
    permission: Permission
    pattern: re.Pattern[str]


def doors(routes: Iterable[tuple[str, str]]) -> tuple[Door, ...]:
    """The doors of an application's routes, given as method and template.

    A page that only reads and is not listed needs `read`; nothing else is guessed.

    Raises:
        ValueError: A route of the API, or one that changes something, is not listed.
    """
    return tuple(
        Door(method, template, _permission(method, template), _pattern(template)) for method, template in routes
    )


def _permission(method: str, template: str) -> Permission:
    listed = ACCESS.get(("GET" if method == "HEAD" else method, template))
    if listed is not None:
        return listed
    if method in READING and not template.startswith("/api"):
        return "read"
    raise ValueError(f"{method} {template} has no line in api/access.py: nobody has said who may call it")


def needed(table: Iterable[Door], method: str, path: str) -> Permission | None:
    """The permission of a request: that of the first route it matches, None when it matches none.

    With the right path and another method it is that path's, so that a wrong method
    tells a stranger nothing.
    """
    other: Permission | None = None
    for door in table:
        if door.pattern.fullmatch(path):
            if door.method == method:
                return door.permission
            other = other or ("read" if door.permission == "open" else door.permission)
    return other


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]*\})", template)
    return re.compile("".join(_part(part) for part in parts), re.DOTALL)


def _part(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    return ".*" if part.endswith(":path}") else "[^/]+"
