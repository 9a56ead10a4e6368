"""Free calls: forwarded, recorded at a reported zero, their bodies untouched and mostly unread."""

import msgspec

from tallystick.gateway.dialects.figures import nothing_used
from tallystick.gateway.dialects.model import RequestFacts, ResponseFacts
from tallystick.gateway.dialects.reading import decode, text


class _Body(msgspec.Struct):
    model: object = None


class _Answer(msgspec.Struct):
    error: object = None


_BODY = msgspec.json.Decoder(_Body)
_ANSWER = msgspec.json.Decoder(_Answer)


def read_request(body: bytes) -> RequestFacts:
    """The model where the body names one; the provider judges the rest."""
    found = decode(_BODY, body)
    return RequestFacts(model=text(found.model) if found else "", body=body)


def error_of(body: bytes) -> object:
    """The member `error` of a body, None when it has none."""
    found = decode(_ANSWER, body)
    return found.error if found else None


class FreeStream:
    """Passes a stream through; see `model.StreamReader`."""

    __slots__ = ()

    def feed(self, chunk: bytes) -> bytes:
        """The chunk as it came."""
        return chunk

    def flush(self) -> bytes:
        """Nothing is held back."""
        return b""

    def facts(self) -> ResponseFacts:
        """A reported zero."""
        return ResponseFacts(measured=nothing_used())
