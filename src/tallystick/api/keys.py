"""Keys of the gateway: the secret is in the answer that makes it and in no other."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from tallystick.api.params import check_params
from tallystick.api.routes import Asked
from tallystick.api.wire import key_wire
from tallystick.operations.manage_keys import KeyRequest, create_key, list_keys, revoke_key

router = APIRouter(prefix="/api/v1/keys", tags=["keys"])


class NewKey(BaseModel):
    """Dimensions set in `locked` win over headers; those in `defaults` do not."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = ""
    locked: dict[str, str] = Field(default_factory=dict)
    defaults: dict[str, str] = Field(default_factory=dict)


@router.get("")
def get_keys(asked: Asked) -> dict[str, Any]:
    """Keys the caller may see, revoked ones too."""
    check_params(asked.request, [])
    return {"keys": [key_wire(key) for key in list_keys(asked.context, asked.principal)]}


@router.post("", status_code=201)
def post_key(asked: Asked, new: NewKey) -> dict[str, Any]:
    """A new key: ``{"key": the secret, "id": …}``."""
    check_params(asked.request, [])
    request = KeyRequest(new.name, new.locked, new.defaults)
    key, secret = create_key(asked.context, request, asked.principal)
    return {"key": secret} | key_wire(key)


@router.delete("/{key_id}")
def delete_key(asked: Asked, key_id: str) -> dict[str, Any]:
    """Revoke a key; it fails from the next call on."""
    check_params(asked.request, [])
    return key_wire(revoke_key(asked.context, key_id, asked.principal))
