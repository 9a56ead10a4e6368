"""What the API says of keys, tokens, requests: plain JSON, money as decimal strings, instants as RFC 3339."""

from collections.abc import Mapping
from dataclasses import fields

from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import rfc3339
from tallystick.org.model import ApiToken, AuditEntry, GatewayKey
from tallystick.usage.content import CallContent
from tallystick.usage.model import UsageEvent

_APART = frozenset({"dimensions", "tags", "measured", "priced", "list_cost", "effective_cost", "occurred_at"})


def key_wire(key: GatewayKey) -> dict[str, object]:
    """A key without its hash."""
    return {
        "id": key.key_id,
        "name": key.name,
        "hint": key.hint,
        "locked": dict(key.locked),
        "defaults": dict(key.defaults),
        "created_at": rfc3339(key.created_at),
        "revoked_at": _instant(key.revoked_at),
    }


def token_wire(token: ApiToken) -> dict[str, object]:
    """A token without its hash."""
    return {
        "id": token.token_id,
        "name": token.name,
        "hint": token.hint,
        "role": token.role,
        "teams": list(token.teams),
        "created_at": rfc3339(token.created_at),
        "expires_at": _instant(token.expires_at),
        "revoked_at": _instant(token.revoked_at),
    }


def audit_wire(entry: AuditEntry) -> dict[str, object]:
    """One line of the audit log."""
    return {"at": rfc3339(entry.at), "who": entry.who, "what": entry.what, "detail": entry.detail}


def event_wire(event: UsageEvent) -> dict[str, object]:
    """One request with its priced lines; a line without a price has cost null."""
    plain: dict[str, object] = {
        one.name: _plain(getattr(event, one.name)) for one in fields(UsageEvent) if one.name not in _APART
    }
    measured = event.measured
    return plain | {
        "occurred_at": rfc3339(event.occurred_at),
        "dimensions": dict(event.dimensions),
        "tags": dict(event.tags),
        "usage_state": measured.state,
        "input_tokens": measured.input_tokens,
        "output_tokens": measured.output_tokens,
        "estimated": list(measured.estimated),
        "drift": list(measured.drift),
        "lines": [_line(name, quantity, event.priced) for name, quantity in measured.quantities.items()],
        "unpriced": list(event.unpriced),
        "list_cost": money(event.list_cost),
        "effective_cost": money(event.effective_cost),
    }


def content_wire(content: CallContent) -> dict[str, object]:
    """What was said in one request."""
    return {
        "event_id": content.event_id,
        "occurred_at": rfc3339(content.occurred_at),
        "user": content.user,
        "team": content.team,
        "request": content.request,
        "response": content.response,
        "truncated": list(content.truncated),
    }


def money(grains: int | None) -> str | None:
    """Decimal text, null when unknown."""
    return None if grains is None else text_from_grains(grains)


def _line(meter: str, quantity: int, priced: Mapping[str, int]) -> dict[str, object]:
    return {"meter": meter, "quantity": quantity, "cost": money(priced.get(meter))}


def _instant(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
