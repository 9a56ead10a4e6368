"""The values of a JSON array are cut by their bytes alone, however the network chunks them."""

import json
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.gateway.dialects import json_array
from tallystick.gateway.dialects.json_array import ArraySplitter

TEXTS = st.text(alphabet='a"\\{}[],:é\n', max_size=6)
OBJECTS = st.dictionaries(TEXTS, TEXTS | st.lists(st.dictionaries(TEXTS, TEXTS, max_size=2), max_size=2), max_size=3)


def split(stream, cuts=()):
    splitter = ArraySplitter()
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    values = [value for low, high in pairwise(edges) for value in splitter.feed(stream[low:high])]
    return values, splitter.closed


@settings(max_examples=300)
@given(st.lists(OBJECTS, max_size=4), st.lists(st.integers(0, 400), max_size=8), st.sampled_from([None, 2]))
def test_every_object_of_an_array_is_cut_out_and_the_cuts_of_the_network_do_not_matter(objects, cuts, indent):
    stream = json.dumps(objects, indent=indent, ensure_ascii=False).encode()

    values, closed = split(stream, cuts)

    assert [json.loads(value) for value in values] == objects
    assert closed


@settings(max_examples=200)
@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=6))
def test_noise_is_read_alike_however_it_is_cut(noise, cuts):
    assert split(b"[" + noise, cuts) == split(b"[" + noise)


@given(st.lists(OBJECTS, min_size=1, max_size=3), st.integers(0, 300))
def test_a_cut_array_gives_its_whole_objects_and_is_not_closed(objects, end):
    stream = json.dumps(objects, ensure_ascii=False).encode()
    stream = stream[: min(end, len(stream) - 1)]

    values, closed = split(stream)

    assert [json.loads(value) for value in values] == objects[: len(values)]
    assert not closed


def test_a_value_that_stands_alone_is_cut_out_too():
    assert split(b' {"error": {"code": 429}}\n', [3, 9]) == ([b'{"error": {"code": 429}}'], True)


def test_what_follows_the_end_is_not_read():
    assert split(b'[{"a":1}] [{"b":2}]') == ([b'{"a":1}'], True)


def test_a_value_without_end_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(json_array, "LARGEST_VALUE", 1000)
    splitter = ArraySplitter()
    splitter.feed(b'[{"a":"')
    for _ in range(50):
        assert splitter.feed(b"x" * 100) == []

    assert splitter.overflowed
    assert len(splitter._held) == 0
