"""The kinds of sources there are: those of this package and of any other, through the same door."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

from tallystick.ports import Option, SourceKind

GROUP = "tallystick.sources"
_MOST_SHOWN = 300


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
    except (Exception, SystemExit) as error:  # noqa: BLE001 - another package's code may fail in any way
        words = " ".join(str(error).split())[:_MOST_SHOWN]
        return f"{entry.value} cannot be loaded: {type(error).__name__}: {words}; mend the package or uninstall it"
    if not isinstance(found, SourceKind):
        return f"{entry.value} is no SourceKind but {type(found).__name__}"
    wrong = _wrong(found)
    return f"{entry.value} is a SourceKind whose {wrong}" if wrong else found


def _wrong(kind: SourceKind) -> str:
    """What of a kind is of another type than it says; empty where all is right. Nobody checked it before."""
    found: dict[str, object] = {"kind": kind.kind, "title": kind.title, "options": kind.options}
    for name in ("kind", "title"):
        if not isinstance(found[name], str) or not found[name]:
            return f"{name} is no text but {type(found[name]).__name__}"
    options = found["options"]
    if not isinstance(options, tuple) or not all(isinstance(one, Option) for one in options):
        return "options are no tuple of Option"
    return "" if callable(kind.connect) else "connect cannot be called"
