"""Cohere's paths, requests, answers and errors beyond the golden shapes."""

import copy
import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.gateway.dialects import DIALECTS
from tallystick.gateway.dialects.cohere_request import IMAGE_CEILING
from tallystick.gateway.dialects.model import Change, Detail, RequestFacts
from tallystick.kernel.errors import DataError
from tallystick.usage.meters import INPUT_METERS, OUTPUT_METERS
from tests.golden.read_shapes import SHAPES, answer_bytes, read_shape, request_body

COHERE = DIALECTS["cohere"]
CHAT, EMBED, RERANK = (COHERE.route("POST", f"/v2/{name}") for name in ("chat", "embed", "rerank"))
REQUEST = RequestFacts(model="command-x", body=b'{"model":"command-x"}', text_bytes=41)
TURNS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]


def facts_of(route, **body):
    return COHERE.read_request(route, json.dumps({"model": "command-x", **body}, separators=(",", ":")).encode())


def measured(route, usage):
    name = "usage" if route is CHAT else "meta"
    return COHERE.read_response(route, REQUEST, 200, json.dumps({name: usage}).encode()).measured


def test_paths():
    assert [route.format for route in (CHAT, EMBED, RERANK)] == ["chat", "embed", "rerank"]
    for method, path in (("GET", "/v1/models"), ("GET", "/v1/models/command-x?x=1")):
        route = COHERE.route(method, path)
        assert (route.kind, route.operation_name) == ("free", "list_models")
        assert COHERE.read_response(route, COHERE.read_request(route, b""), 200, b"{}").measured.input_tokens == 0
        assert COHERE.read_stream(route, REQUEST).feed(b"x") == b"x"
    for method, path in (
        ("POST", "/v1/chat"),
        ("POST", "/v1/rerank"),
        ("GET", "/v2/chat"),
        ("POST", "/v2/chat/x"),
        ("POST", "/v1/models"),
        ("PUT", "/v1/models"),
    ):
        assert COHERE.route(method, path) is None


def test_a_chat_is_read_and_its_bytes_stay():
    body = json.dumps({"model": "command-x", "messages": TURNS, "max_tokens": 9, "stream": True}).encode()
    facts = COHERE.read_request(CHAT, body)

    assert facts.body is body
    assert (facts.model, facts.stream, facts.max_tokens, facts.choices) == ("command-x", True, 9, 1)
    assert facts.blocks == tuple(json.dumps(turn).encode() for turn in TURNS)
    assert facts.system_bytes == len(facts.blocks[0])
    assert facts.text_bytes + facts.added_tokens >= len(body)


def test_documents_and_tools_are_part_of_the_prompt():
    documents, tools = [{"data": {"text": "x" * 90}}], [{"type": "function", "function": {"name": "f"}}]
    bare, full = facts_of(CHAT, messages=TURNS), facts_of(CHAT, messages=TURNS, documents=documents, tools=tools)

    assert full.text_bytes - bare.text_bytes > 90 + full.tools_bytes > 90


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"no", b"{}", b'{"model":1}', b'{"model":""}', b'{"model":"m","stream":"yes"}']
)
@pytest.mark.parametrize("route", [CHAT, EMBED, RERANK])
def test_a_body_that_cannot_be_metered_is_refused(route, body):
    with pytest.raises(DataError):
        COHERE.read_request(route, body)


def test_pictures_are_no_text_and_have_a_bound():
    url = "data:image/png;base64," + "A" * 9000
    part = {"type": "image_url", "image_url": {"url": url}}
    chat = facts_of(CHAT, messages=[{"role": "user", "content": [part, {"type": "text", "text": "what?"}]}])
    inputs = facts_of(EMBED, inputs=[{"content": [part]}])
    images = facts_of(EMBED, images=[url, url])

    assert [facts.media_ceiling for facts in (chat, inputs, images)] == [
        IMAGE_CEILING,
        IMAGE_CEILING,
        2 * IMAGE_CEILING,
    ]
    assert max(facts.text_bytes for facts in (chat, inputs, images)) < 200


def test_a_ranking_is_bound_by_its_searches():
    short = facts_of(RERANK, query="q", documents=["a"] * 250)
    long = facts_of(RERANK, query="q", documents=["a" * 998 * 100])
    lost = facts_of(RERANK, query="q" * 500, documents=["a"])

    # A document is a part of a search, long ones several: 99,802 bytes are at most 201 parts of 499 tokens.
    assert (short.searches, long.searches, lost.searches) == (3, 3, None)
    assert (short.text_bytes, short.media_ceiling) == (0, 0)


def test_model_and_cap_are_members_and_only_chat_has_a_cap():
    body = b'{"model":"a","messages":[ ],"max_tokens":900,"p":0.50}'

    assert COHERE.rewrite(CHAT, "/v2/chat", body, Change("b", 7)) == (
        "/v2/chat",
        b'{"model":"b","messages":[ ],"max_tokens":7,"p":0.50}',
    )
    assert COHERE.rewrite(EMBED, "/v2/embed", body, Change(max_tokens=7)) == ("/v2/embed", body)


RICH = {
    "billed_units": {"input_tokens": 5.0, "output_tokens": 7.0},
    "tokens": {"input_tokens": 71.0, "output_tokens": 7.0},
    "cached_tokens": 3.0,
    "api_version": {"version": "2"},
}
PLACES = [(), ("billed_units",), ("tokens",), ("api_version",)]


@settings(max_examples=200)
@given(
    st.sampled_from(PLACES), st.integers(1, 10**6) | st.floats(0.5, 1e6), st.booleans(), st.sampled_from([CHAT, EMBED])
)
def test_a_new_number_anywhere_in_a_report_is_a_mark(place, number, nested, route):
    usage = copy.deepcopy(RICH)
    target = usage
    for step in place:
        target = target[step]
    target["shimmer"] = {"inner": [{"count": number}]} if nested else number

    prefix = "".join(f"{step}." for step in place)
    assert measured(route, usage).drift == (f"unknown {prefix}shimmer",)


NUMBERS = st.none() | st.integers(-10, 10**6) | st.sampled_from([2**70, 1.5, 3.0, "7", True, [], {}, -1e300, 1e300])
UNITS = ["input_tokens", "output_tokens", "search_units", "images", "image_tokens", "text_tokens", "pages"]
REPORTS = st.fixed_dictionaries(
    {},
    optional={
        "billed_units": st.fixed_dictionaries({}, optional=dict.fromkeys(UNITS, NUMBERS)) | NUMBERS,
        "tokens": st.fixed_dictionaries({}, optional=dict.fromkeys(UNITS[:2], NUMBERS)) | NUMBERS,
        "cached_tokens": NUMBERS,
        "warnings": NUMBERS,
    },
)


@settings(max_examples=300)
@given(REPORTS, st.sampled_from([CHAT, EMBED, RERANK]))
def test_whatever_a_report_says_the_classes_are_whole_and_sum_to_the_totals(usage, route):
    found = measured(route, usage)

    assert all(type(quantity) is int and quantity >= 0 for quantity in found.quantities.values())
    assert sum(found.quantities.get(meter, 0) for meter in INPUT_METERS) == found.input_tokens
    assert sum(found.quantities.get(meter, 0) for meter in OUTPUT_METERS) == found.output_tokens
    assert (found.state == "estimated") == bool(found.estimated)


def test_units_without_a_meter_are_marks():
    found = measured(EMBED, {"billed_units": {"input_tokens": 2.0, "pages": 3.0, "classifications": 1}})

    assert found.drift == ("classifications are billed and have no meter", "pages are billed and have no meter")


def test_pictures_of_older_models_are_counted():
    assert measured(EMBED, {"billed_units": {"images": 2.0}}).quantities["images"] == 2


STREAMS = [path for path in SHAPES if "stream" in read_shape(path) and path.stem.startswith("cohere")]


@settings(max_examples=200)
@given(st.sampled_from(STREAMS), st.integers(0, 2000), st.lists(st.integers(0, 2000), max_size=6))
def test_where_a_stream_is_cut_decides_and_its_chunks_do_not(path, end, cuts):
    shape = read_shape(path)
    request = COHERE.read_request(CHAT, request_body(shape))
    wire = answer_bytes(shape)[:end]
    edges = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    one, many = COHERE.read_stream(CHAT, request), COHERE.read_stream(CHAT, request)

    assert one.feed(wire) + one.flush() == wire
    assert b"".join(many.feed(wire[low:high]) for low, high in pairwise(edges)) + many.flush() == wire
    assert many.facts() == one.facts()


def test_thoughts_and_plans_are_output_too():
    reader = COHERE.read_stream(CHAT, REQUEST)
    for message in ({"content": {"thinking": "1234"}}, {"tool_plan": "5678"}, {"content": {"text": "9"}}):
        event = {"type": "content-delta", "delta": {"message": message}}
        reader.feed(f"data: {json.dumps(event)}\n\n".encode())
    reader.feed(b"data: [DONE]\n\n" + COHERE.keep_alive())

    assert reader.facts().output_bytes == 9
    assert reader.facts().measured.drift == ()


def test_an_event_that_is_no_json_is_a_mark_and_a_cut_one_is_not():
    reader = COHERE.read_stream(CHAT, REQUEST)
    reader.feed(b'data: {"type":')
    reader.flush()
    assert reader.facts().measured.drift == ()
    reader.feed(b"data: nonsense\n\n")
    assert reader.facts().measured.drift == ("an event is not a JSON object",)


@pytest.mark.parametrize("route", [CHAT, EMBED, RERANK])
def test_a_success_that_is_no_json_is_estimated_and_marked(route):
    facts = COHERE.read_response(route, REQUEST, 200, b"<html>")

    assert (facts.complete, facts.measured.state) == (False, "estimated")
    assert facts.measured.drift == ("body is not a JSON object",)


def test_what_a_provider_refused_cost_nothing():
    for route in (CHAT, EMBED, RERANK):
        facts = COHERE.read_response(route, REQUEST, 429, b'{"message":"slow down"}')
        assert (facts.error_type, facts.measured.state) == ("http_429", "reported")
        assert not any(facts.measured.quantities.values())


def test_a_refusal_is_in_cohere_s_shape():
    said = json.loads(COHERE.error(429, "budget_exceeded", "Why.", "evt_1", Detail("team", "$5", "", "")))

    assert said == {
        "id": "evt_1",
        "message": "Why.",
        "code": "budget_exceeded",
        "tally": {"budget": "team", "limit": "$5", "resets_at": "", "link": ""},
    }
    assert "tally" not in json.loads(COHERE.error(401, "unknown_key", "Why.", "evt_1"))


def test_an_error_in_a_stream_ends_it_in_error():
    reader = COHERE.read_stream(CHAT, REQUEST)
    reader.feed(COHERE.stream_error("upstream_cut", "The provider hung up."))

    assert (reader.facts().error_type, reader.facts().complete) == ("ERROR", True)
