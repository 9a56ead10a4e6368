"""Tags and cost categories of a row, and which of them are dimensions.

AWS writes user tags as `resourceTags/user:team` (a map since CUR 2.0, a column before), its own as `aws:…`,
those of the caller's role as `iamPrincipal/department`, cost categories by their names.
"""

import json
from collections.abc import Mapping
from typing import Any

_RESOURCE = "resourceTags/"


def dimensions_of(tags: Mapping[str, str], mapping: Mapping[str, str]) -> dict[str, str]:
    """What the mapped tags say; a tag may be written with or without its `resourceTags/` and `user:`."""
    found: dict[str, str] = {}
    for dimension, tag in mapping.items():
        value = next((tags[one] for one in (tag, f"{_RESOURCE}{tag}", f"{_RESOURCE}user:{tag}") if tags.get(one)), "")
        if value:
            found[dimension] = value
    return found


def read_map(cell: object) -> dict[str, str]:
    """A map as Parquet gives it (pairs) or CSV writes it (JSON): names and texts, without empty values.

    Raises:
        ValueError, TypeError: It is no map.
    """
    if not cell or cell == "{}":
        return {}
    found: Any = json.loads(cell) if isinstance(cell, str) else cell
    pairs = dict(found)
    return {str(name): str(value) for name, value in pairs.items() if value not in (None, "")}
