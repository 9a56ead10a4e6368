r"""Filters in words: ``team=Support``, ``team!=x``, ``feature~=chat``, ``model^=gpt``.

Values are compared without case and with space, hyphen and underscore ignored, so that
``teamA`` finds ``team-a``. Alternatives are split at ``|``; ``\|`` and ``\\`` mean the
character.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from tallystick.explore.model import Filter, Operator
from tallystick.kernel.errors import QueryError
from tallystick.usage.dimensions import GROUPABLE, canonical_dimension

UNKNOWN = "(unknown)"  # how a call without an owner is asked for and shown
TAG_PREFIX = "tag."
MOST_FILTERS = 40
MOST_CHARACTERS = 500

_SIGNS: tuple[tuple[str, Operator], ...] = (("!=", "is_not"), ("~=", "contains"), ("^=", "starts_with"), ("=", "is"))
_WHERE = re.compile(r"\s*([^=!~^|]+?)\s*(!=|~=|\^=|=)(.*)", re.DOTALL)
_TAG_NAME = re.compile(r"[a-z0-9_][a-z0-9_.:/]{0,99}")
_PIECES = re.compile(r"\\[\\|]|[^|\\]+|\\|\|")


def normal(text: str) -> str:
    """The form in which values are compared.

    >>> normal("Team A"), normal("team-a"), normal("TEAM_a")
    ('teama', 'teama', 'teama')
    """
    return text.lower().translate(_DROPPED)


_DROPPED = str.maketrans("", "", " -_")


def matches(one: Filter, value: str) -> bool:
    """Whether a filter lets a value through: what the SQL of `statement.filter_sql` says, for values at hand."""
    found, wanted = normal(value), [normal(text) for text in one.values]
    if one.operator == "contains":
        return any(text in found for text in wanted)
    if one.operator == "starts_with":
        return any(found.startswith(text) for text in wanted)
    return (found in wanted) == (one.operator == "is")


def dimension(word: str, where: str) -> str:
    """The dimension or ``tag.<name>`` that a word means.

    Raises:
        QueryError: Nobody knows it; names the nearest one.
    """
    plain = word.strip()
    if plain.lower().startswith(TAG_PREFIX):
        name = canonical_dimension(plain[len(TAG_PREFIX) :])
        if _TAG_NAME.fullmatch(name):
            return TAG_PREFIX + name
        raise QueryError(f'"{plain[:60]}" names no tag', where=where, next_steps=["write tag.NAME, such as tag.squad"])
    name = canonical_dimension(plain)
    if name in GROUPABLE:
        return name
    raise unknown("dimension", plain, (*GROUPABLE, "tag.NAME"), where)


def unknown(kind: str, word: str, allowed: Iterable[str], where: str) -> QueryError:
    """The error for a word nobody knows: the nearest known one first, then all."""
    known = list(allowed)
    close = get_close_matches(word.lower().replace("-", "_"), known, n=1) or get_close_matches(word.lower(), known, n=1)
    steps = [f'did you mean "{close[0]}"?'] if close else []
    return QueryError(f'"{word[:60]}" is no {kind}', where=where, next_steps=[*steps, f"known: {', '.join(known)}"])


def parse_condition(text: str) -> Filter:
    """One ``where`` condition.

    Raises:
        QueryError: No such dimension, or no operator in it.
    """
    found = _WHERE.fullmatch(text)
    if not found:
        raise QueryError(
            f'"{text[:60]}" is no condition',
            where="where",
            next_steps=["write team=Support, team!=Support, feature~=chat or model^=gpt"],
        )
    return condition(found[1], found[2], [found[3]], "where")


def condition(word: str, sign: str, texts: Iterable[str], where: str) -> Filter:
    """A filter of a dimension's word, an operator's sign and texts that may each hold alternatives."""
    values = tuple(dict.fromkeys(value for text in texts for value in _alternatives(text)))
    if sum(map(len, values)) > MOST_CHARACTERS * 10 or any(len(value) > MOST_CHARACTERS for value in values):
        raise QueryError(f"a value is longer than {MOST_CHARACTERS} characters", where=where)
    operator = dict(_SIGNS)[sign]
    if operator in {"contains", "starts_with"} and any(not normal(value) for value in values):
        raise QueryError(
            f'"{word}{sign}" needs a text to look for',
            where=where,
            next_steps=[f"{word}={UNKNOWN} finds calls without one"],
        )
    return Filter(dimension(word, where), operator, values)


def _alternatives(text: str) -> list[str]:
    parts = [""]
    for piece in _PIECES.findall(text):
        if piece == "|":
            parts.append("")
        else:
            parts[-1] += piece[1:] if piece in {"\\|", "\\\\"} else piece
    return ["" if part.strip().lower() == UNKNOWN else part.strip() for part in parts]


def escaped(value: str) -> str:
    """A value as one alternative is written."""
    return value.replace("\\", "\\\\").replace("|", "\\|") or UNKNOWN


def direct_param(name: str) -> tuple[str, str]:
    """Word and sign of a parameter such as ``team``, ``team!`` or ``team~`` (its ``=`` was the URL's)."""
    for sign, _ in _SIGNS[:-1]:
        if name.endswith(sign[0]):
            return name[:-1], sign
    return name, "="


def condition_param(one: Filter) -> tuple[str, str]:
    """The URL parameter of a filter: the inverse of `direct_param` and `condition`."""
    sign = next(sign for sign, operator in _SIGNS if operator == one.operator)
    text = "|".join(escaped(value) for value in one.values)
    return one.dimension + sign[:-1], text
