"""Pictures, sound, film and papers in a Gemini request: their bytes, a guess of their tokens, and the most they can be.

Google's rules: a picture is cut into tiles of 258 tokens, each at most 768 pixels wide and
no narrower than the smaller side by 1.5, after it is scaled to 3,072 pixels: 24 tiles at
most. A page of a document is a picture of at most 1,120 tokens, and there are at most
1,000 pages. Sound is 32 tokens a second, at most 9.5 hours of it. Film is about 300 tokens
a second at one frame each, but callers choose the frames, and no size tells its length.
"""

from dataclasses import dataclass

import msgspec
from msgspec import UNSET, Raw, field

from tallystick.gateway.dialects import estimate
from tallystick.gateway.dialects.reading import decode, members, text

IMAGE_CEILING = 24 * 258
PAGE_CEILING = 1_120
MOST_PAGES = 1_000
# A page of a document that compresses well is hardly less than this.
LEAST_PAGE_BYTES = 100
TOKENS_A_SECOND = 32
LONGEST_SOUND = int(9.5 * 3600) * TOKENS_A_SECOND
# Below the lowest rate of MP3, and of uncompressed sound anybody would send; formats that
# can hold silence in nothing have only the longest length as their bound.
_LEAST_BYTES_A_SECOND = 500
_STEADY = ("audio/mp3", "audio/mpeg", "audio/wav", "audio/x-wav", "audio/wave", "audio/l16", "audio/pcm")
_DEPTH = 3


class _Part(msgspec.Struct):
    inline: Raw = field(default=Raw(), name="inlineData")
    inline_data: Raw = Raw()
    file: object = field(default=UNSET, name="fileData")
    file_data: object = UNSET
    response: Raw = field(default=Raw(), name="functionResponse")
    function_response: Raw = Raw()


class _Holder(msgspec.Struct):
    """A content, or the response of a function: both hold parts."""

    parts: Raw = Raw()


class _Blob(msgspec.Struct):
    mime: object = field(default=None, name="mimeType")
    mime_type: object = None
    data: Raw = Raw()


_PARTS = msgspec.json.Decoder(list[_Part])
_ONE_PART = msgspec.json.Decoder(_Part)
_HOLDER = msgspec.json.Decoder(_Holder)
_BLOB = msgspec.json.Decoder(_Blob)


@dataclass(slots=True)
class Media:
    """What was found so far.

    Attributes:
        data_bytes: Of base64, which is no text.
        tokens, ceiling: A likely count, and the most there can be.
        unbounded: Why there is no such most; empty when there is.
    """

    data_bytes: int = 0
    tokens: int = 0
    ceiling: int = 0
    unbounded: str = ""

    def read_content(self, raw: Raw, depth: int = _DEPTH) -> None:
        """Add the media of one content."""
        body = bytes(raw)
        # Of `inlineData`, `inline_data`, `fileData`, `file_data`, or a name hidden in escapes, none is here.
        if not depth or (b"Data" not in body and b"_data" not in body and b"\\u00" not in body):
            return
        holder = decode(_HOLDER, raw)
        parts = decode(_PARTS, holder.parts) if holder else None
        if parts is None and holder and (one := decode(_ONE_PART, holder.parts)):
            parts = [one]
        for part in parts or ():
            self._read_part(part, depth)

    def _read_part(self, part: _Part, depth: int) -> None:
        for blob in (part.inline, part.inline_data):
            if blob:
                self._add_inline(blob)
        for stored in (part.file, part.file_data):
            if stored is not UNSET and stored is not None:
                fields = members(stored)
                self._add_stored(text(fields.get("mimeType")) or text(fields.get("mime_type")))
        for response in (part.response, part.function_response):
            if response:
                self.read_content(response, depth - 1)

    def _add_inline(self, raw: Raw) -> None:
        blob = decode(_BLOB, raw)
        if blob is None:
            return
        size = len(blob.data)
        self.data_bytes += size
        kind = (text(blob.mime) or text(blob.mime_type)).lower().partition(";")[0]
        if kind.startswith("image/"):
            self.tokens += estimate.IMAGE_TOKENS
            self.ceiling += IMAGE_CEILING
        elif kind.startswith("audio/"):
            self.tokens += 3 * estimate.sound_tokens(size)
            self.ceiling += _most_sound(kind, size)
        elif kind == "application/pdf":
            self.tokens += estimate.document_tokens(size)
            self.ceiling += size + PAGE_CEILING * min(MOST_PAGES, size // LEAST_PAGE_BYTES + 1)
        elif kind.startswith("text/") or kind in ("application/json", "application/xml"):
            # Text in base64: a token is at least a byte of it.
            self.tokens += estimate.tokens_of(size * 3 // 4)
            self.ceiling += size
        else:
            self.tokens += estimate.document_tokens(size)
            self.unbounded = self.unbounded or f"nobody can tell the tokens of {kind or 'data without a mimeType'}"

    def _add_stored(self, kind: str) -> None:
        self.tokens += estimate.IMAGE_TOKENS if kind.startswith("image/") else estimate.PAGE_TOKENS
        if kind.startswith("image/"):
            self.ceiling += IMAGE_CEILING
        else:
            self.unbounded = self.unbounded or f"the length of a stored file ({kind or 'no mimeType'}) is not known"


def _most_sound(kind: str, base64_bytes: int) -> int:
    if kind not in _STEADY:
        return LONGEST_SOUND
    seconds = base64_bytes * 3 // 4 // _LEAST_BYTES_A_SECOND + 1
    return min(LONGEST_SOUND, seconds * TOKENS_A_SECOND)
