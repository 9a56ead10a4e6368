"""Frames are cut by their bytes alone, check sums hold, and no stream fills the memory."""

import struct
import time
import zlib
from itertools import pairwise

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.gateway.dialects.eventstream import LARGEST_FRAME, Frame, FrameSplitter, read_headers, to_frame
from tests.stub.bedrock import frame

TEXTS = st.text(max_size=12)
HEADERS = st.dictionaries(st.text(st.characters(codec="ascii"), min_size=1, max_size=12), TEXTS, max_size=4)
FRAMES = st.lists(st.tuples(HEADERS, st.binary(max_size=80)), max_size=6)


def split(stream, edges=()):
    splitter = FrameSplitter()
    cuts = sorted({0, len(stream), *(edge % (len(stream) + 1) for edge in edges)})
    return [one for low, high in pairwise(cuts) for one in splitter.feed(stream[low:high])], splitter


@settings(max_examples=300)
@given(FRAMES, st.lists(st.integers(0, 2000), max_size=8))
def test_what_was_framed_comes_out_however_it_is_cut(frames, edges):
    stream = b"".join(to_frame(headers, payload) for headers, payload in frames)

    found, splitter = split(stream, edges)

    assert found == [Frame(headers, payload) for headers, payload in frames]
    assert not splitter.broken
    assert not splitter.waits


@settings(max_examples=100)
@given(FRAMES)
def test_aws_s_own_parser_reads_what_we_frame(frames):
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(to_frame(headers, payload) for headers, payload in frames))

    assert [(one.headers, one.payload) for one in buffer] == frames


@settings(max_examples=200)
@given(FRAMES.filter(bool), st.integers(0, 10**6), st.integers(1, 255))
def test_a_byte_that_was_changed_is_noticed_and_nothing_after_it_is_read(frames, place, change):
    whole = [to_frame(headers, payload) for headers, payload in frames]
    stream = bytearray(b"".join(whole))
    place %= len(stream)
    stream[place] ^= change
    before, end = 0, 0
    for one in whole:
        end += len(one)
        before += end <= place

    found, splitter = split(bytes(stream))

    assert len(found) == before
    assert splitter.broken
    assert splitter.feed(b"".join(whole)) == []


def test_a_frame_that_is_not_whole_waits():
    stream = to_frame({":event-type": "x"}, b"{}")
    for end in range(1, len(stream)):
        found, splitter = split(stream[:end])
        assert (found, splitter.broken, splitter.waits) == ([], "", True)


@pytest.mark.parametrize(
    ("length", "headers"), [(15, 0), (0, 0), (LARGEST_FRAME + 1, 0), (2**32 - 1, 0), (40, 30), (10**6, 200_000)]
)
def test_an_impossible_length_ends_the_reading_at_once(length, headers):
    prelude = struct.pack("!II", length, headers)
    found, splitter = split(prelude + struct.pack("!I", zlib.crc32(prelude)) + b"x" * 100)

    assert (found, splitter.broken) == ([], "a frame has an impossible length")
    assert not splitter.waits


def test_headers_of_every_type_are_passed_over_and_texts_read():
    def header(kind, value):
        return b"\x01" + b"h" + bytes((kind,)) + value

    others = [
        header(0, b""), header(1, b""), header(2, b"1"), header(3, b"12"), header(4, b"1234"), header(5, b"12345678"),
        header(6, b"\x00\x02ab"), header(8, b"12345678"), header(9, b"1" * 16),
    ]  # fmt: skip
    text = b"\x05:type" + b"\x07\x00\x03abc"

    assert read_headers(b"".join(others) + text) == {":type": "abc"}


@given(st.binary(max_size=60))
def test_no_block_of_headers_stops_a_call(block):
    assert all(isinstance(value, str) for value in read_headers(block).values())


def test_a_large_frame_in_small_pieces_is_not_copied_again_and_again():
    payload = bytes(8 * 1024 * 1024)
    stream = frame({":event-type": "chunk"}, payload)
    splitter, began = FrameSplitter(), time.process_time()
    found = [one for start in range(0, len(stream), 1024) for one in splitter.feed(stream[start : start + 1024])]

    assert [len(one.payload) for one in found] == [len(payload)]
    # Copying what is held with every piece would move 32 GB.
    assert time.process_time() - began < 2
