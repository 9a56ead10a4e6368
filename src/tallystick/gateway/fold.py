"""A stream of events as the one answer it was cut from.

A word split over two events is no word to a pattern, so a stream is put together
before it is redacted: pieces of text are joined, of all else the last value stands.
Knows no provider: what comes in pieces stands below a ``delta``. Pure.
"""

import json
from typing import Any

from tallystick.gateway.dialects.sse import EventSplitter, event_data

_INDEXES = ("output_index", "content_index", "summary_index", "index")
_WHOLE = frozenset({"type", "role", "id", "name", "object", "status"})
# Answers whose text comes in pieces though no ``delta`` says so.
_ANSWERS = frozenset({"choices", "candidates"})
# What a cut may have left of a secret.
_TAIL = 256
Path = tuple[str, ...]


def fold(stream: bytes, *, was_cut: bool = False) -> dict[str, Any] | None:
    """Values by their dotted place (``choices.0.delta.content``); None when this is no stream of JSON events.

    A text that was sent in pieces and once more as a whole is there once.

    Args:
        stream: Decompressed bytes of server-sent events.
        was_cut: It went on, so joined pieces lose their end.
    """
    splitter = EventSplitter()
    folded = _Folded()
    for event in [*splitter.feed(stream), splitter.rest()]:
        value = _parsed(event_data(event))
        if isinstance(value, dict):
            folded.take(value)
    if not folded.values and not folded.pieces:
        return None
    joined = {path: "".join(pieces) for path, pieces in folded.pieces.items()}
    said = set(joined.values())
    values = {path: value for path, value in folded.values.items() if value not in said}
    end = -_TAIL if was_cut else None
    return {".".join(path): value for path, value in values.items()} | {
        ".".join(path): text[:end] for path, text in joined.items()
    }


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


class _Folded:
    """What is known of a stream so far."""

    def __init__(self) -> None:
        self.values: dict[Path, str | int | float | bool] = {}
        self.pieces: dict[Path, list[str]] = {}

    def take(self, event: dict[str, Any]) -> None:
        """Add one event. What it is numbered with tells apart what it holds; of pieces its type does too."""
        place = tuple(str(event[name]) for name in _INDEXES if isinstance(event.get(name), int))
        kind = event.get("type")
        self._walk(event, place, (kind,) if isinstance(kind, str) else ())

    def _walk(self, value: Any, path: Path, kind: Path) -> None:
        if isinstance(value, dict):
            for name, one in value.items():
                self._walk(one, (*path, name), kind)
        elif isinstance(value, list):
            for place, one in enumerate(value):
                number = one.get("index") if isinstance(one, dict) else None
                self._walk(one, (*path, str(number if isinstance(number, int) else place)), kind)
        elif isinstance(value, str) and _is_piece(path):
            self.pieces.setdefault((*kind, *path), []).append(value)
        elif value is not None:
            self.values[path] = value


def _is_piece(path: Path) -> bool:
    if path[-1] in _WHOLE:
        return False
    return "delta" in path or (path[0] in _ANSWERS and path[-1] == "text")
