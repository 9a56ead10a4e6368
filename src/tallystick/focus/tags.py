"""Tags as bills write them: JSON, lists of pairs, `k=v` and JSON without its braces."""

import json
import re
from collections.abc import Iterable, Mapping

from tallystick.focus.cells import is_nothing
from tallystick.usage.dimensions import ALIASES, ATTRIBUTION

_PAIR = re.compile(r"\s*([^=:;,{}\"]{1,256}?)\s*[=:]\s*([^;,]*)")
# Prefixes that clouds put before a user's own tag.
_PREFIX = re.compile(r"^(?:user|usertag|resourcetags|tags?|x)[:/_](?:user[:/_])?", re.IGNORECASE)
_WRITTEN_ALSO = {"env": "environment", "stage": "lifecycle_stage", "costcenter": "cost_center", **ALIASES}


def read_tags(cell: object) -> dict[str, str] | None:
    """Names and values, both text; None where the cell is no tags at all (it is kept aside, not lost).

    >>> read_tags('"env": "dev","team": "ai"'), read_tags("team=ai; env=dev"), read_tags("so what")
    ({'env': 'dev', 'team': 'ai'}, {'team': 'ai', 'env': 'dev'}, None)
    """
    if cell is None:
        return {}
    if isinstance(cell, Mapping):
        return _of_pairs(cell.items())
    if isinstance(cell, (list, tuple)):
        return _of_list(cell)
    text = str(cell).strip()
    return {} if is_nothing(text) else _of_text(text)


def _of_text(text: str) -> dict[str, str] | None:
    for attempt in (text, f"{{{text}}}") if text[0] in '{["' else ():
        try:
            found = json.loads(attempt)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, (dict, list)):
            return read_tags(found)
    if text[0] in "{[":
        return None
    parts = [one for one in re.split(r"[;,]", text) if one.strip()]
    pairs = [_PAIR.fullmatch(one) for one in parts]
    return {one[1]: one[2].strip() for one in pairs if one} if pairs and all(pairs) else None


def _of_list(items: Iterable[object]) -> dict[str, str] | None:
    pairs: list[tuple[object, object]] = []
    for item in items:
        if isinstance(item, Mapping):
            lower = {str(name).lower(): value for name, value in item.items()}
            if "key" not in lower:
                return None
            pairs.append((lower["key"], lower.get("value")))
        elif isinstance(item, (list, tuple)) and len(item) == 2:
            pairs.append((item[0], item[1]))
        else:
            return None
    return _of_pairs(pairs)


def _of_pairs(pairs: Iterable[tuple[object, object]]) -> dict[str, str]:
    return {str(name): _value(value) for name, value in pairs if str(name)}


def _value(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, default=str, ensure_ascii=False)


def dimensions_of(tags: Mapping[str, str]) -> dict[str, str]:
    """The attribution that tags name: `Team`, `cost-center`, `user:env`; the first of equal names holds.

    >>> dimensions_of({"user:Cost-Center": "42", "colour": "red"})
    {'cost_center': '42'}
    """
    found: dict[str, str] = {}
    for name, value in tags.items():
        plain = re.sub(r"[\s-]+", "_", _PREFIX.sub("", name).strip().lower())
        dimension = _WRITTEN_ALSO.get(plain, plain)
        if value and dimension in ATTRIBUTION and dimension not in found:
            found[dimension] = value
    return found
