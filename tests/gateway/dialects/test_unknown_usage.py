"""A member nobody knows is seen wherever it stands in a usage report, and one report reads alike on every way."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.gateway.dialects import DIALECTS
from tests.golden.read_shapes import SHAPES, answer_bytes, read_shape, request_body

FAMILY = ("openai", "azure", "mistral", "anthropic")


def reports_in(value):
    """The usage reports of a body or event, wherever the format puts them."""
    if not isinstance(value, dict):
        return []
    inner = [value.get(name) for name in ("response", "message", "x_groq")]
    own = [value["usage"]] if isinstance(value.get("usage"), dict) and value["usage"] else []
    return [*own, *(report for one in inner for report in reports_in(one))]


def places(report, path=()):
    """Every object of a report, those inside of lists too, as the way there."""
    if isinstance(report, dict):
        yield path
        for name, member in report.items():
            yield from places(member, (*path, name))
    elif isinstance(report, list):
        for index, member in enumerate(report):
            yield from places(member, (*path, index))


def payloads(shape):
    """The bodies of a shape as JSON: one, or one for each event (None where an event is none)."""
    if "stream" not in shape:
        return [shape["response"]]
    return [payload_of(event) for event in shape["stream"]]


def payload_of(event):
    lines = [line.removeprefix("data:").strip() for line in event.splitlines() if line.startswith("data:")]
    try:
        return json.loads("".join(lines))
    except ValueError:
        return None


def found_cases():
    """Each object of the last report of each shape."""
    for path in SHAPES:
        shape = read_shape(path)
        if shape["dialect"] not in FAMILY or shape["expect"]["status"] != 200:
            continue
        with_reports = [index for index, body in enumerate(payloads(shape)) if reports_in(body)]
        if with_reports:
            report = reports_in(payloads(shape)[with_reports[-1]])[-1]
            yield from ((path, with_reports[-1], place) for place in places(report))


CASES = list(found_cases())


def with_member(shape, index, place, name, number):
    """The shape with one more member in an object of its last report."""
    shape, bodies = copy.deepcopy(shape), payloads(shape)
    spot = reports_in(bodies[index])[-1]
    for step in place:
        spot = spot[step]
    spot[name] = number
    if "stream" not in shape:
        shape["response"] = bodies[0]
        return shape
    kind = shape["stream"][index].split("\n", 1)[0]
    head = f"{kind}\n" if kind.startswith("event:") else ""
    shape["stream"][index] = f"{head}data: {json.dumps(bodies[index])}\n\n"
    return shape


def measured(shape):
    dialect = DIALECTS[shape["dialect"]]
    route = dialect.route("POST", shape["path"])
    request = dialect.read_request(route, request_body(shape))
    wire = answer_bytes(shape)
    if "stream" not in shape:
        return dialect.read_response(route, request, 200, wire).measured
    reader = dialect.read_stream(route, request)
    reader.feed(wire)
    reader.flush()
    return reader.facts().measured


def test_every_format_of_the_family_is_among_the_cases():
    formats = {
        DIALECTS[shape["dialect"]].route("POST", shape["path"]).format
        for shape in (read_shape(path) for path, _, _ in CASES)
    }

    assert formats >= {"chat", "completions", "responses", "embeddings", "messages", "images", "transcription"}
    assert max(len(place) for _, _, place in CASES) >= 2
    assert any(isinstance(step, int) for _, _, place in CASES for step in place)


@settings(max_examples=400)
@given(
    st.sampled_from(CASES),
    st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=1, max_size=8),
    st.integers(1, 10**9),
)
def test_a_new_number_at_any_depth_of_usage_is_drift(case, word, number):
    path, index, place = case
    shape, name = read_shape(path), f"zz_{word}_tokens"

    before, after = measured(shape), measured(with_member(shape, index, place, name, number))

    assert [mark for mark in after.drift if name in mark], after.drift
    assert set(before.drift) <= set(after.drift)
    assert (after.quantities, after.input_tokens) == (before.quantities, before.input_tokens)


PAIRS = [
    (path, path.with_name(f"{path.stem.removesuffix('_plain')}_streamed.json"))
    for path in SHAPES
    if path.with_name(f"{path.stem.removesuffix('_plain')}_streamed.json").exists()
]


@pytest.mark.parametrize(("plain", "streamed"), PAIRS, ids=[pair[0].stem for pair in PAIRS])
def test_plain_and_streamed_answers_read_alike(plain, streamed):
    if read_shape(plain)["dialect"] in FAMILY:
        assert measured(read_shape(plain)) == measured(read_shape(streamed))
