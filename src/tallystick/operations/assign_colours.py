"""Give each name of a dimension a colour once, and keep it: a team looks the same on every page and every day."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256

from tallystick.charts.palette import SLOTS
from tallystick.operations.context import Context

_MOST_KEPT = 2000  # per dimension; a name beyond has the colour of its hash


def assign_colours(context: Context, dimension: str, names: Sequence[str]) -> dict[str, int]:
    """The slot of each name. A new name gets the least used one.

    Give the important names first: the first eight of a dimension get the plain hues.
    """
    kept = _read(context, dimension)
    fresh = [name for name in dict.fromkeys(names) if name and name not in kept]
    if fresh and len(kept) < _MOST_KEPT:
        with context.config_db.transaction():
            kept = _read(context, dimension)  # somebody may have been faster
            for name in fresh[: _MOST_KEPT - len(kept)]:
                kept.setdefault(name, choose(kept.values()))
            value = json.dumps(kept, ensure_ascii=False)
            context.config_db.write_setting(f"colours {dimension}", value)
    return {name: kept[name] if name in kept else _hash(name) for name in names if name}


def choose(taken: Iterable[int]) -> int:
    """A slot for a new name, given the slots of those before it: the least used, the plain hues first."""
    used = Counter(taken)
    return min(range(SLOTS), key=lambda slot: (used[slot], slot))


def _hash(name: str) -> int:
    return sha256(name.encode("utf-8", "replace")).digest()[0] % SLOTS


def _read(context: Context, dimension: str) -> dict[str, int]:
    kept = context.config_db.read_setting(f"colours {dimension}")
    return {str(name): int(slot) for name, slot in json.loads(kept).items()} if kept else {}
