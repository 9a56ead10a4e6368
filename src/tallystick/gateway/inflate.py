"""Decompression of a copy, to read from. What the client or provider sent passes on untouched.

Bounded: a small body that grows beyond the limit is a bomb and is given up.
"""

import sys
import zlib
from collections.abc import Callable
from typing import cast

import brotli  # type: ignore[import-untyped]

from tallystick.kernel.errors import DataError

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor
else:
    import zstandard

# Compressed input is fed in pieces this small, so that no single step can yield gigabytes.
_PIECE = 256
_STEP = 1024 * 1024
_BURST = 16 * 1024 * 1024
_GROWS = "the body grows beyond the limit when it is decompressed"
KNOWN = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd"})


_Decoder = Callable[[bytes], bytes]


class Inflater:
    """Undoes a Content-Encoding as the bytes pass.

    Args:
        encoding: The header's value; several codings are undone in reverse order.
        limit: Most bytes it may yield in all.
    """

    def __init__(self, encoding: str, limit: int) -> None:
        codings = [one.strip().lower() for one in encoding.split(",")]
        self._steps = [_decoder(one) for one in reversed(codings) if one not in {"", "identity"}]
        if len(self._steps) > 2:
            raise DataError(f"{len(self._steps)} content codings on top of each other; at most two are read")
        self._left = limit

    def feed(self, chunk: bytes) -> bytes:
        """The plain bytes of the next compressed ones.

        Raises:
            DataError: Not what the encoding says, or more than the limit.
        """
        out: list[bytes] = []
        for start in range(0, len(chunk), _PIECE):
            piece = chunk[start : start + _PIECE]
            for step in self._steps:
                piece = self._apply(step, piece)
            self._left -= len(piece)
            if self._left < 0:
                raise DataError(_GROWS)
            out.append(piece)
        return b"".join(out)

    def _apply(self, step: _Decoder, piece: bytes) -> bytes:
        try:
            return step(piece)
        except Exception as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"the body is not what its content-encoding says: {error}") from None


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """A whole body, decompressed.

    Raises:
        DataError: An unknown encoding, not what it says, or more than the limit.
    """
    return Inflater(encoding, limit).feed(body)


def _decoder(coding: str) -> _Decoder:
    if coding in {"gzip", "x-gzip"}:
        return _Zlib(zlib.MAX_WBITS | 16)
    if coding == "deflate":
        return _Zlib(zlib.MAX_WBITS)
    if coding == "br":
        return _brotli()
    if coding == "zstd":
        return _zstd()
    raise DataError(f'content-encoding "{coding}" is not one of {", ".join(sorted(KNOWN))}')


def _brotli() -> _Decoder:
    # A few bytes of Brotli can stand for gigabytes, so even one piece is bounded.
    decompressor = brotli.Decompressor()

    def step(piece: bytes) -> bytes:
        out = cast("bytes", decompressor.process(piece, output_buffer_limit=_BURST))
        if not decompressor.can_accept_more_data():
            raise DataError(_GROWS)
        return out

    return step


def _zstd() -> _Decoder:
    if sys.version_info >= (3, 14):
        return ZstdDecompressor().decompress
    return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj().decompress


class _Zlib:
    """zlib with a bounded step; ``deflate`` is tried raw where the zlib wrapper is missing."""

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._object = zlib.decompressobj(wbits)
        self._begun = False

    def __call__(self, piece: bytes) -> bytes:
        try:
            return self._drain(piece)
        except zlib.error:
            if self._begun or self._wbits != zlib.MAX_WBITS:
                raise
            self._object = zlib.decompressobj(-zlib.MAX_WBITS)
            return self._drain(piece)

    def _drain(self, piece: bytes) -> bytes:
        out = self._object.decompress(piece, _STEP)
        if self._object.unconsumed_tail:
            raise DataError(_GROWS)
        self._begun = self._begun or bool(out)
        if self._object.eof and self._object.unused_data and self._wbits & 16:
            # Several gzip members in a row are one body.
            rest = self._object.unused_data
            self._object = zlib.decompressobj(self._wbits)
            return out + self._drain(rest)
        return out
