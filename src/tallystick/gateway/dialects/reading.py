"""Reading JSON that others wrote: what cannot be understood is a value, never a crash.

Structs here declare `object` or `msgspec.Raw` for every member, so that a field of
another type than documented costs that field and not the whole body; large members
(images, vectors) are skipped as raw bytes and never become Python objects.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

# No model reads or writes so many in one call; a figure above is a broken report.
LARGEST_COUNT = 1_000_000_000
LARGEST_DRIFT = 16
LARGEST_SECONDS = 1_000_000

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


def decode(decoder: "msgspec.json.Decoder[T]", data: bytes | msgspec.Raw) -> T | None:
    """The decoded value, None when the bytes are not what the decoder needs.

    Halves of surrogate pairs are legal JSON of some encoders and refused by ours:
    they are read as the replacement character. The bytes themselves stay untouched.
    """
    if not data:
        return None
    try:
        return decoder.decode(data)
    except RecursionError:
        return None
    except (msgspec.DecodeError, UnicodeError):
        raw = bytes(data)
        if not _SURROGATE.search(raw):
            return None
    try:
        return decoder.decode(_SURROGATE.sub(rb"\\ufffd", raw))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def text(value: object, limit: int = 256) -> str:
    """A string cut to a bound and cleaned of control characters; anything else is empty."""
    if type(value) is not str:
        return ""
    cut = value[:limit]
    return cut if cut.isprintable() else "".join(mark for mark in cut if mark.isprintable())


def size(value: object) -> int:
    """UTF-8 bytes of a string, 0 for anything else."""
    if type(value) is not str:
        return 0
    return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))


def members(value: object) -> Mapping[str, object]:
    """The value when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[object]:
    """The value when it is an array, else an empty one."""
    return value if isinstance(value, list) else []


class Report:
    """One usage report while it is read; notes what it does not understand.

    Attributes:
        drift: Names of members that are unknown, impossible or do not add up.
    """

    __slots__ = ("drift",)

    def __init__(self) -> None:
        self.drift: list[str] = []

    def note(self, mark: str) -> None:
        """Remember one oddity, once, within bounds."""
        mark = text(mark, 80)
        if mark not in self.drift and len(self.drift) < LARGEST_DRIFT:
            self.drift.append(mark)

    def count(self, fields: Mapping[str, object], name: str) -> int | None:
        """A whole, possible count; None when the member is absent, null or impossible."""
        value = fields.get(name)
        if value is None:
            return None
        if type(value) is float and value.is_integer():
            self.note(f"{name} is not an integer")
            value = int(value)
        if type(value) is not int or not 0 <= value <= LARGEST_COUNT:
            self.note(f"{name} is not a count")
            return None
        return value

    def microseconds(self, name: str, value: object) -> int | None:
        """A duration in seconds as microseconds; None when it is impossible."""
        if type(value) not in (int, float) or not 0 <= value <= LARGEST_SECONDS:  # type: ignore[operator]
            self.note(f"{name} is not a duration")
            return None
        return round(value * 1_000_000)  # type: ignore[operator]

    def part(self, name: str, count: int | None, room: int) -> int:
        """A part of a total that has this much room left; more than that is drift and cut."""
        if count is None:
            return 0
        if count > room:
            self.note(f"{name} exceeds its total")
            return room
        return count

    def nested(self, fields: Mapping[str, object], name: str, known: frozenset[str]) -> Mapping[str, object]:
        """A nested object, its unknown members noted."""
        value = fields.get(name)
        if value is not None and not isinstance(value, dict):
            self.note(f"{name} is not an object")
        inner = members(value)
        self.unknown(inner, known, f"{name}.")
        return inner

    def unknown(self, fields: Mapping[str, object], known: frozenset[str], prefix: str = "") -> None:
        """Note members nobody knows. Null, zero and empty ones bill nothing and stay silent."""
        for name, value in fields.items():
            if name not in known and value:
                self.note(f"unknown {prefix}{name}")

    def strange(self, fields: Mapping[str, object], known: Mapping[str, Any], prefix: str = "") -> None:
        """Note members that are in no branch of a tree of known names, at any depth, inside lists too."""
        for name, value in fields.items():
            if not value:
                continue
            branch = known.get(name)
            if branch is None:
                self.note(f"unknown {prefix}{name}")
            elif isinstance(value, dict | list):
                self._strange_inside(value, branch, f"{name}.")

    def _strange_inside(self, value: object, known: Mapping[str, Any], prefix: str) -> None:
        if isinstance(value, dict):
            self.strange(value, known, prefix)
        elif isinstance(value, list):
            for one in value:
                self._strange_inside(one, known, prefix)
