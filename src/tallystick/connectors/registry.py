"""The kinds of sources there are: those of this package and of any other, through the same door."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

from tallystick.ports import SourceKind

GROUP = "tallystick.sources"


@dataclass(frozen=True, slots=True)
class Kinds:
    """What can be set up.

    Attributes:
        known: By name.
        broken: Name of an entry point → why it cannot be used, for people.
    """

    known: Mapping[str, SourceKind] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)


def load_kinds(entries: Iterable[EntryPoint] | None = None) -> Kinds:
    """Load every entry point of the group; one that breaks is told of and stops no other."""
    known: dict[str, SourceKind] = {}
    broken: dict[str, str] = {}
    found = entry_points(group=GROUP) if entries is None else entries
    for entry in sorted(found, key=lambda one: (one.name, one.value)):
        kind = _load(entry)
        if isinstance(kind, str):
            broken[entry.name] = kind
        elif kind.kind in known:
            broken[entry.name] = f"{entry.value} names the kind {kind.kind}, which another package has already"
        else:
            known[kind.kind] = kind
    return Kinds(known, broken)


def _load(entry: EntryPoint) -> SourceKind | str:
    try:
        found = entry.load()
    except Exception as error:  # noqa: BLE001 - another package's code may fail in any way
        return f"{entry.value} cannot be loaded: {type(error).__name__}: {error}"
    if not isinstance(found, SourceKind):
        return f"{entry.value} is no SourceKind but {type(found).__name__}"
    return found
