"""Tokens of the API and login links: the secret is in the answer that makes it and in no other."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from tallystick.api.login import safe_next
from tallystick.api.params import check_params
from tallystick.api.routes import Asked
from tallystick.api.wire import audit_wire, token_wire
from tallystick.kernel.period import rfc3339
from tallystick.operations.audit import list_audit
from tallystick.operations.manage_tokens import TokenRequest, create_token, list_tokens, revoke_token
from tallystick.operations.sessions import LinkRequest, create_login_link

router = APIRouter(prefix="/api/v1", tags=["tokens"])


class NewToken(BaseModel):
    """Without `teams` it sees all; without `expires_days` it is good until revoked."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = ""
    role: str = "viewer"
    teams: list[str] = Field(default_factory=list, max_length=100)
    expires_days: int | None = None


class NewLink(BaseModel):
    """Where the browser goes after the login, and as what."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)

    next_path: Annotated[str, Field(alias="next")] = "/"
    role: str = "admin"
    teams: list[str] = Field(default_factory=list, max_length=100)


@router.get("/tokens")
def get_tokens(asked: Asked) -> dict[str, Any]:
    """All tokens, revoked and expired ones too."""
    check_params(asked.request, [])
    return {"tokens": [token_wire(token) for token in list_tokens(asked.context)]}


@router.post("/tokens", status_code=201)
def post_token(asked: Asked, new: NewToken) -> dict[str, Any]:
    """A new token: ``{"token": the secret, "id": …}``."""
    check_params(asked.request, [])
    request = TokenRequest(new.name, new.role, tuple(new.teams), new.expires_days)
    token, secret = create_token(asked.context, request, asked.principal)
    return {"token": secret} | token_wire(token)


@router.delete("/tokens/{token_id}")
def delete_token(asked: Asked, token_id: str) -> dict[str, Any]:
    """Revoke a token at once."""
    check_params(asked.request, [])
    return token_wire(revoke_token(asked.context, token_id, asked.principal))


@router.post("/login-links", status_code=201)
def post_login_link(asked: Asked, new: NewLink) -> dict[str, Any]:
    """A link that opens one browser session, once, within 15 minutes."""
    check_params(asked.request, [])
    request = LinkRequest(new.role, tuple(new.teams), safe_next(new.next_path))
    path, expires_at = create_login_link(asked.context, request, asked.principal)
    return {"path": path, "url": asked.services.base_url + path, "expires_at": rfc3339(expires_at)}


@router.get("/audit")
def get_audit(asked: Asked) -> dict[str, Any]:
    """Who changed what, newest first."""
    check_params(asked.request, [])
    return {"entries": [audit_wire(entry) for entry in list_audit(asked.context)]}
