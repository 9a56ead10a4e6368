"""What of a body may be written down: media by their size, patterns and keys blotted out, the rest up to a length.

Patterns are tried on every text of a JSON body by itself, where no escape hides
anything from them, and on the whole as it is written. Pure.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

MARK = "[redacted]"
# Keys have no business in a prompt, and nobody has to think of them.
_KEYS = (re.compile(r"\btally[a-z]*_[A-Za-z0-9_-]{20,}"), re.compile(r"\bsk-[A-Za-z0-9_-]{20,}"))
_DATA_URL = re.compile(r"data:([\w.+/-]{1,100})(?:;[\w=.+-]{1,60})*;base64,([A-Za-z0-9+/_-]+=*)")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{1024,}={0,2}")
# Twice what is kept is read, for blots are short; what is cut off there may end in half a secret.
_READ_FACTOR = 2
_TAIL = 4096


class Redactor:
    """One operator's patterns, for one body.

    Args:
        patterns: What is blotted out, in any order: where they overlap they are one blot.
        max_bytes: What is kept of one body, in UTF-8.
        secrets: Words of this call that are never kept, such as the key that paid for it.
    """

    def __init__(self, patterns: Iterable[re.Pattern[str]], max_bytes: int, secrets: Iterable[str] = ()) -> None:
        literal = (re.compile(re.escape(one)) for one in secrets if one)
        self._patterns = (*_KEYS, *literal, *patterns)
        self._max_bytes = max_bytes
        self._limit = max_bytes * _READ_FACTOR + _TAIL
        self._left = self._limit
        self._shortened = False

    def text(self, text: str) -> str:
        """A text without what the patterns find, as far as any of it can be kept."""
        return self._within(text, self._limit)

    def _part(self, text: str) -> str:
        """One text of many, which have the limit together: patterns take time, and nobody waits for them alone."""
        left, self._left = self._left, max(0, self._left - len(text))
        return self._within(text, left)

    def _within(self, text: str, limit: int) -> str:
        if len(text) <= limit:
            return self._blot(text)
        self._shortened = True
        return self._blot(text[:limit])[:-_TAIL]

    def _blot(self, text: str) -> str:
        spans = sorted(found.span() for one in self._patterns for found in one.finditer(text))
        kept: list[str] = []
        at = 0
        for start, end in spans:
            if start == end:
                continue
            if start > at or not kept:
                kept += (text[at:start], MARK)
            at = max(at, end)
        return "".join([*kept, text[at:]])

    def value(self, value: Any) -> Any:
        """A JSON value, every text in it redacted and every medium replaced by its size."""
        if isinstance(value, str):
            return self._part(_without_media(value))
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, dict):
            kind = _media_kind(value)
            return {
                self._part(name): _size(one, kind) if kind and name == "data" else self.value(one)
                for name, one in value.items()
            }
        return value

    def cut(self, text: str) -> tuple[str, bool]:
        """A redacted text as far as it is kept, and whether that is less than all. Half a surrogate pair becomes ``?``."""
        raw = text.encode("utf-8", "replace")
        if len(raw) <= self._max_bytes:
            return raw.decode(), self._shortened
        return raw[: self._max_bytes].decode("utf-8", "ignore"), True


def _without_media(text: str) -> str:
    if len(text) >= 1024 and _BASE64.fullmatch(text):
        return _size(text, "base64")
    if ";base64," in text:
        return _DATA_URL.sub(lambda found: _size(found[2], found[1]), text)
    return text


def _media_kind(value: Mapping[str, Any]) -> str:
    """What the `data` of an object is, empty when it is no medium."""
    if not isinstance(value.get("data"), str):
        return ""
    kind = value.get("media_type") or value.get("mimeType") or value.get("mime_type")
    if isinstance(kind, str):
        return kind[:100]
    if value.get("type") == "base64":
        return "base64"
    # OpenAI names the format of audio, without the family.
    coding = value.get("format")
    return f"audio/{coding[:50]}" if isinstance(coding, str) else ""


def _size(data: str, kind: str) -> str:
    return f"[{len(data.rstrip('=')) * 3 // 4} bytes of {kind}]"
