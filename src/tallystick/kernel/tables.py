"""Tables that people write, as TOML or JSON, with amounts and days as the text they were written as."""

import json
import tomllib
from typing import Any, Literal

from tallystick.kernel.errors import UsageError


def read_tables(text: str, where: str, kind: Literal["TOML", "JSON", ""] = "") -> dict[str, Any]:
    """The tables of a text.

    Args:
        where: Named in errors.
        kind: "" takes what begins with a brace for JSON.

    Raises:
        UsageError: It cannot be understood, or holds no tables.
    """
    kind = kind or ("JSON" if text.lstrip().startswith("{") else "TOML")
    try:
        raw = json.loads(text, parse_float=str) if kind == "JSON" else tomllib.loads(text, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"the file cannot be understood: {error}", where=where, next_steps=[f"write it as {kind}"]
        ) from None
    if not isinstance(raw, dict):
        raise UsageError("the file holds no tables", where=where, next_steps=["begin with a table, as in the guide"])
    found: dict[str, Any] = json.loads(json.dumps(raw, default=str))
    return found
