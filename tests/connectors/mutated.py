"""Answers with one thing changed: for showing that every field is read, and that no damage is an exception."""

import json
from collections.abc import Iterator
from copy import deepcopy

from hypothesis import strategies as st

Path = tuple[str | int, ...]


def leaves(value: object, path: Path = ()) -> Iterator[Path]:
    """The path of every value that holds no other."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inner = list(pairs)
    if not inner:
        yield path
    for key, one in inner:
        yield from leaves(one, (*path, key))


def with_leaf(body: object, path: Path, value: object = None) -> object:
    """A copy with one leaf changed to another of its kind, or to a value."""
    copy = deepcopy(body)
    holder = copy
    for key in path[:-1]:
        holder = holder[key]  # type: ignore[index]
    holder[path[-1]] = _other(holder[path[-1]]) if value is None else value  # type: ignore[index]
    return copy


def _other(value: object) -> object:
    if value is None:
        return "something"
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"9{value}" if str(value)[:1].isdigit() else f"{value}x"


_ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just([]), st.just({}),
    st.just({"a": {"b": {"c": [1]}}}), st.sampled_from(["", "-", "1e400", "9" * 50, "\ud800", "2026-13-01", 10**400]),
)  # fmt: skip


@st.composite
def broken(draw: st.DrawFn, body: object) -> bytes:
    """The bytes of a page with some leaves replaced, dropped, or the whole of it cut or spoiled."""
    for _ in range(draw(st.integers(0, 3))):
        paths = sorted(leaves(body), key=str)
        path = draw(st.sampled_from(paths))
        body = with_leaf(body, path[: draw(st.integers(1, len(path)))] if path else path, draw(_ODD)) if path else body
    raw = json.dumps(body).encode()
    if draw(st.booleans()):
        raw = raw[: draw(st.integers(0, len(raw)))]
    if raw and draw(st.booleans()):
        at = draw(st.integers(0, len(raw) - 1))
        raw = raw[:at] + draw(st.binary(max_size=3)) + raw[at + 1 :]
    return raw
