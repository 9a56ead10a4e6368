"""Where a click on a group leads: the next dimension worth splitting it by."""

from collections.abc import Collection

from tallystick.explore.describe import label

ORDER = ("provider", "team", "feature", "model", "customer", "user", "agent", "run")
_AFTER = {
    "department": "team",
    "product": "feature",
    "project": "team",
    "cost_center": "team",
    "key": "feature",
    "source": "team",
    "environment": "team",
    "region": "model",
    "service_tier": "model",
}


def next_dimension(current: str, filtered: Collection[str]) -> str:
    """The dimension after `current` that no filter fixes yet; empty when only the calls are left.

    >>> next_dimension("team", {"provider"}), next_dimension("run", set())
    ('feature', '')
    """
    if current in _AFTER:
        start = ORDER.index(_AFTER[current])
    else:
        start = ORDER.index(current) + 1 if current in ORDER else 0
    return next((name for name in ORDER[start:] if name not in filtered and name != current), "")


def title(dimension: str) -> str:
    """At the head of a column."""
    words = label(dimension)
    return words[:1].upper() + words[1:]
