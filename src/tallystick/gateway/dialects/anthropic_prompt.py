"""The messages of an Anthropic request: their sizes, and what of them has no size."""

from collections.abc import Iterable

import msgspec
from msgspec import Raw

from tallystick.gateway.dialects import ceiling, estimate
from tallystick.gateway.dialects.openai_prompt import starts
from tallystick.gateway.dialects.reading import decode


class _Message(msgspec.Struct):
    content: Raw = Raw()


class _Part(msgspec.Struct):
    type: object = None
    source: Raw = Raw()
    content: Raw = Raw()
    citations: object = None


class _Source(msgspec.Struct):
    type: object = None
    data: Raw = Raw()
    content: Raw = Raw()


_MESSAGE = msgspec.json.Decoder(_Message)
_PART = msgspec.json.Decoder(_Part)
_PARTS = msgspec.json.Decoder(list[_Part])
_RAWS = msgspec.json.Decoder(list[Raw])
_SOURCE = msgspec.json.Decoder(_Source)
# A document in a page that was fetched, in the result of a tool, in a message.
_DEEPEST = 5
_PICTURE = ("image", "browser_state")
# What a block brings in that its bytes do not show.
_STORED = {
    "container_upload": "a file is referred to by its id",
    "compaction": "an earlier conversation comes back compacted",
}


class Prompt:
    """What is gathered of the messages; see `openai_prompt.Prompt`.

    Attributes:
        added_tokens: The most that Anthropic adds to documents which may be cited.
    """

    __slots__ = ("added_tokens", "data_bytes", "media_ceiling", "media_tokens", "text_bytes", "unbounded")

    def __init__(self) -> None:
        self.text_bytes = self.data_bytes = 0
        self.media_tokens = self.media_ceiling = self.added_tokens = 0
        self.unbounded = ""

    @property
    def seen_bytes(self) -> int:
        """What of the body has been counted."""
        return self.text_bytes + self.data_bytes

    def cannot_bound(self, reason: str) -> None:
        """Remember why the size cannot be known."""
        self.unbounded = self.unbounded or reason

    def read_message(self, raw: Raw) -> None:
        """One turn."""
        self.text_bytes += len(raw)
        message = decode(_MESSAGE, raw)
        if message is not None:
            self._read_content(message.content, _DEEPEST)

    def _read_content(self, content: Raw, depth: int) -> None:
        for part in _parts(content):
            if part.source:
                self._read_source(part, depth)
            elif part.type in _PICTURE:
                self._add(Raw(), estimate.IMAGE_TOKENS, ceiling.ANTHROPIC_IMAGE)
            elif type(part.type) is str and part.type in _STORED:
                self.cannot_bound(_STORED[part.type])
            if part.citations:
                # Its text is cut into sentences, each with a mark.
                self.added_tokens += len(part.source) + len(part.content)
            if part.content and depth:
                self._read_content(part.content, depth - 1)

    def _read_source(self, part: _Part, depth: int) -> None:
        source = decode(_SOURCE, part.source) or _Source()
        if part.type in _PICTURE:
            self._add(source.data, estimate.IMAGE_TOKENS, ceiling.ANTHROPIC_IMAGE)
        elif source.type == "base64":
            most = ceiling.document(len(source.data), ceiling.ANTHROPIC_IMAGE)
            self._add(source.data, estimate.document_tokens(len(source.data)), most)
        elif source.type in ("url", "file"):
            self.cannot_bound("a document is referred to by its address or id")
        if source.content and depth:
            self._read_content(source.content, depth - 1)

    def _add(self, data: Raw, guess: int, most: int) -> None:
        self.media_tokens += guess
        self.media_ceiling += most
        self.data_bytes += len(data)
        self.text_bytes -= len(data)


def _parts(content: Raw) -> Iterable[_Part]:
    if starts(content, b"["):
        found = decode(_PARTS, content)
        if found is not None:
            return found
        return [part for raw in decode(_RAWS, content) or () if (part := decode(_PART, raw)) is not None]
    if starts(content, b"{"):
        part = decode(_PART, content)
        return (part,) if part else ()
    return ()
