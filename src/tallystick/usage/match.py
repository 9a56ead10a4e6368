"""Conditions on dimensions, as budgets and rules write them: dimension to accepted values."""

from collections.abc import Mapping, Sequence

# Names that clients and providers write in either case.
FOLDED = frozenset({"provider", "model", "request_model"})


def matches(where: Mapping[str, Sequence[str]], dimensions: Mapping[str, str]) -> bool:
    """Whether a call with these dimensions meets all conditions, each by any of its values.

    ``*`` is any value that is present, ``!production`` any value (or none) but that.

    >>> matches({"team": ("search", "ads"), "environment": ("!production",)}, {"team": "ads"})
    True
    """
    return all(accepts(name, values, dimensions.get(name, "")) for name, values in where.items())


def accepts(name: str, values: Sequence[str], value: str) -> bool:
    """Whether a value is none of those with ``!``, and one of the others where there are any."""
    value = folded(name, value)
    wanted = [one for one in values if not one.startswith("!")]
    if any(_is(name, one[1:], value) for one in values if one.startswith("!")):
        return False
    return not wanted or any(_is(name, one, value) for one in wanted)


def _is(name: str, wanted: str, value: str) -> bool:
    return bool(value) and (wanted == "*" or value == folded(name, wanted))


def folded(name: str, value: str) -> str:
    """The value as it is compared: providers and models in lower case."""
    return value.lower() if name in FOLDED else value
