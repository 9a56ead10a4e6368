"""Query parameters: an unknown one is an error with a suggestion, never ignored."""

import difflib
from collections.abc import Sequence

from starlette.requests import Request

from tallystick.kernel.errors import UsageError


def check_params(request: Request, known: Sequence[str]) -> None:
    """Every parameter of the address must be known and be there once.

    Raises:
        UsageError: One is not.
    """
    for name in request.query_params:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(known) or 'none'}"
            raise UsageError(f'unknown parameter "{name}"', where=request.scope["path"], next_steps=[hint])
        if len(request.query_params.getlist(name)) > 1:
            raise UsageError(f'the parameter "{name}" is given twice', where=request.scope["path"])


def all_params(request: Request, without: Sequence[str] = ()) -> dict[str, list[str]]:
    """Parameters with all their values, as the query grammar reads them."""
    params = request.query_params
    return {name: params.getlist(name) for name in params if name not in without}


def whole(request: Request, name: str, default: int, *, most: int) -> int:
    """A whole number from 1 to `most`.

    Raises:
        UsageError: It is none.
    """
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 9 and 1 <= int(text) <= most):
        raise UsageError(f'"{name}" must be a whole number from 1 to {most}', where=request.scope["path"])
    return int(text)
