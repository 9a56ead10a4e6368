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
    dry_run: bool = False
    drop_pages: bool = False


@router.post("/erase")
def post_erase(asked: Asked, erasure: Erasure) -> dict[str, Any]:
    """Take everything that leads to a person out of their rows and bills and delete what they said; usage and cost stay.

    With ``dry_run`` only counts. ``pages`` are files of pages, kept as a source gave them, that still name the person;
    ``drop_pages`` deletes them, and the answer has them as ``dropped``.
    """
    check_params(asked.request, [])
    with asked.services.writing():
        done = erase_user(
            asked.context, erasure.user, asked.principal, dry_run=erasure.dry_run, with_pages=erasure.drop_pages
        )
    return {
        "user": erasure.user, "rows": done.rows, "contents": done.contents, "lines": done.lines, "names": done.names,
        "pages": list(done.pages), "dropped": list(done.dropped), "dry_run": erasure.dry_run,
    }  # fmt: skip
