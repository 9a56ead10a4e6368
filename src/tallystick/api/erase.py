"""Forget a person."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from tallystick.api.params import check_params
from tallystick.api.routes import Asked
from tallystick.operations.erase_user import erase_user

router = APIRouter(prefix="/api/v1", tags=["erase"])


class Erasure(BaseModel):
    """Whose rows, exactly as the rows have the name."""

    model_config = ConfigDict(extra="forbid", strict=True)

    user: str = Field(max_length=1000)


@router.post("/erase")
def post_erase(asked: Asked, erasure: Erasure) -> dict[str, Any]:
    """Take everything that leads to a person out of their rows; usage and cost stay."""
    check_params(asked.request, [])
    with asked.services.writing():
        rows = erase_user(asked.context, erasure.user, asked.principal)
    return {"user": erasure.user, "rows": rows}
