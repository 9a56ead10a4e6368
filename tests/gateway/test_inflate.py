"""Decompression of copies: right for every coding and cut, bounded for every bomb."""

import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.gateway.inflate import Inflater, inflate
from tallystick.kernel.errors import DataError

PACK = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
}


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=5000), st.sampled_from(sorted(PACK)), st.integers(1, 700))
def test_whatever_was_packed_comes_out_however_it_is_cut(data: bytes, coding: str, step: int) -> None:
    packed = PACK[coding](data)
    inflater = Inflater(coding, 10_000)
    assert b"".join(inflater.feed(packed[at : at + step]) for at in range(0, len(packed), step)) == data


def test_two_codings_are_undone_in_reverse_order() -> None:
    assert inflate(brotli.compress(gzip.compress(b"twice")), "gzip, br", 100) == b"twice"


def test_raw_deflate_is_read_too() -> None:
    packer = zlib.compressobj(wbits=-15)
    assert inflate(packer.compress(b"raw") + packer.flush(), "deflate", 100) == b"raw"


def test_gzip_members_in_a_row_are_one_body() -> None:
    assert inflate(gzip.compress(b"one ") + gzip.compress(b"two"), "gzip", 100) == b"one two"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_given_up_at_the_limit(coding: str) -> None:
    with pytest.raises(DataError):
        inflate(PACK[coding](b"\0" * 50_000_000), coding, 1_000_000)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "rot13", "gzip, gzip, gzip"])
def test_what_is_not_what_it_says_is_bad_data(coding: str) -> None:
    with pytest.raises(DataError):
        inflate(b"this is plain text, whatever it says", coding, 1000)
