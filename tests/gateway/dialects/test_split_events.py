"""Events are cut by their bytes alone, however the network chunks them."""

import re
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.gateway.dialects import sse
from tallystick.gateway.dialects.sse import EventSplitter, event_data

PIECES = st.lists(st.sampled_from([b"data: {}", b"event: x", b": c", b"", b"a", b"\n", b"\r", b"\r\n"]), max_size=30)


def split(stream, cuts):
    splitter = EventSplitter()
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    events = [event for low, high in pairwise(edges) for event in splitter.feed(stream[low:high])]
    return events, splitter.rest()


@settings(max_examples=300)
@given(PIECES, st.lists(st.integers(0, 300), max_size=8))
def test_nothing_is_lost_and_cuts_do_not_matter(pieces, cuts):
    stream = b"".join(pieces)
    events, rest = split(stream, cuts)

    assert b"".join(events) + rest == stream
    assert (events, rest) == split(stream, [])


@settings(max_examples=200)
@given(PIECES)
def test_an_event_ends_at_its_first_empty_line(pieces):
    for event in split(b"".join(pieces), [])[0]:
        lines = re.split(rb"\r\n|\n|\r", event)
        assert lines[-1] == b""
        assert b"" not in lines[1:-2]


def test_lone_carriage_returns_end_lines():
    events, rest = split(b"data: 1\r\rdata: 2\r\rdata: 3\r", [])

    assert events == [b"data: 1\r\r", b"data: 2\r\r"]
    assert rest == b"data: 3\r"


def test_data_lines_are_joined():
    assert event_data(b'data: {"a":\ndata:1}\nid: 3\n\n') == b'{"a":\n1}'
    assert event_data(b": only a comment\n\n") == b""
    assert event_data(b"data\n\n") == b""


def test_an_event_without_end_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(sse, "LARGEST_EVENT", 1000)
    splitter = EventSplitter()
    passed = b"".join(b"".join(splitter.feed(b"x" * 100)) for _ in range(50)) + splitter.rest()

    assert splitter.overflowed
    assert passed == b"x" * 5000
