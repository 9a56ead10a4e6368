"""Every golden shape of Bedrock, whole, streamed, cut and failed, is read into the classes and cost beside it."""

import json
import tomllib
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.connectors.price_overrides import parse_override
from tallystick.gateway.dialects import DIALECTS
from tallystick.kernel.money import grains_from_decimal
from tallystick.pricing.book import PriceBook
from tallystick.pricing.overlay import merge_overrides
from tallystick.pricing.rate import rate
from tallystick.usage.meters import INPUT_METERS, OUTPUT_METERS
from tests.golden import read_shapes
from tests.stub import bedrock as wire

BEDROCK = DIALECTS["bedrock"]
FOLDER = Path(read_shapes.HERE) / "bedrock_shapes"
SHAPES = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
STREAMS = [shape for shape in SHAPES if "frames" in shape]
NOON_US = 1_795_000_000_000_000


def named(shapes):
    return {"argnames": "shape", "argvalues": shapes, "ids": [shape["name"] for shape in shapes]}


def frame_of(one):
    if "chunk" in one:
        return wire.chunk(one["chunk"])
    if "exception" in one:
        return wire.exception(one["exception"], one["value"]["message"])
    return wire.event(one["event"], one["value"])


def read(shape, edges=(0,)):
    """The facts of a shape; a stream is fed in pieces that end at these places."""
    route = BEDROCK.route("POST", shape["path"])
    body = json.dumps(shape["request"], separators=(",", ":"), ensure_ascii=False).encode()
    request = BEDROCK.read_request(route, body)
    headers = [(name.encode(), value.encode()) for name, value in shape["headers"].items()]
    if "frames" not in shape:
        answer = json.dumps(shape["response"], ensure_ascii=False).encode()
        facts = BEDROCK.read_response(route, request, shape["expect"]["status"], answer)
        return BEDROCK.with_headers(route, request, facts, headers)
    reader = BEDROCK.read_stream(route, request)
    stream = b"".join(map(frame_of, shape["frames"]))
    cuts = sorted({0, len(stream), *(edge % (len(stream) + 1) for edge in edges)})
    passed = b"".join(reader.feed(stream[low:high]) for low, high in pairwise(cuts)) + reader.flush()
    assert passed == stream
    return BEDROCK.with_headers(route, request, reader.facts(), headers)


@pytest.fixture(scope="module")
def book():
    text = (Path(read_shapes.HERE) / "bedrock_prices.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text, parse_float=Decimal)["price"]
    return PriceBook(merge_overrides([], [parse_override(one, "prices") for one in entries], "golden"))


def rated(book, shape, facts):
    return rate(
        book,
        provider="bedrock",
        model=facts.response_model or shape["model"],
        service_tier=facts.service_tier,
        region=facts.region,
        at_us=NOON_US,
        measured=facts.measured,
    )


def test_there_are_enough_shapes_to_believe_in():
    assert len(SHAPES) >= 40
    assert len(STREAMS) >= 20


@pytest.mark.parametrize(**named(SHAPES))
def test_a_shape_is_read_class_by_class(shape):
    expected, facts = shape["expect"], read(shape)

    measured = facts.measured
    assert dict(measured.quantities) == expected["quantities"]
    assert (measured.input_tokens, measured.output_tokens) == (expected["input_tokens"], expected["output_tokens"])
    assert (measured.state, sorted(measured.estimated)) == (expected["state"], sorted(expected["estimated"]))
    assert sorted(measured.drift) == sorted(expected["drift"])
    assert (facts.complete, facts.error_type) == (expected["complete"], expected["error"])
    assert (facts.service_tier, facts.finish_reason) == (expected["tier"], expected["finish"])


@pytest.mark.parametrize(**named(SHAPES))
def test_the_classes_of_a_shape_sum_to_its_totals(shape):
    measured = read(shape).measured

    assert sum(measured.quantities.get(meter, 0) for meter in INPUT_METERS) == measured.input_tokens
    assert sum(measured.quantities.get(meter, 0) for meter in OUTPUT_METERS) == measured.output_tokens


@pytest.mark.parametrize(**named(SHAPES))
def test_a_shape_costs_rate_times_tokens(book, shape):
    result, lines = rated(book, shape, read(shape)), shape["expect"]["cost"]

    if lines is None:
        assert result.cost is None
    else:
        assert result.cost == grains_from_decimal(
            sum((Decimal(price) * count / 1_000_000 for _, count, price in lines), Decimal(0))
        )


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize(**named(STREAMS))
def test_the_chunks_of_a_stream_change_nothing(shape, size):
    assert read(shape, range(0, 20_000, size)) == read(shape)


@settings(max_examples=100)
@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 20_000), max_size=6))
def test_any_split_of_the_bytes_gives_the_same_facts(shape, edges):
    assert read(shape, edges) == read(shape)


KNOWN = {
    "inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens", "cacheWriteInputTokens", "cacheDetails",
    "cacheReadInputTokenCount", "cacheWriteInputTokenCount", "ttl",
}  # fmt: skip
NAMES = st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=12).filter(
    lambda x: x not in KNOWN
)
COUNTS = st.integers(1, 10**6)


@settings(max_examples=200)
@given(NAMES, COUNTS, st.integers(0, 4), st.booleans())
def test_a_new_number_at_any_depth_of_usage_raises_a_mark(name, count, depth, streamed):
    """At the top, in an entry of cacheDetails, and below members nobody knows."""
    shape = next(one for one in SHAPES if one["name"] == "converse_written_by_lifetime" + "_streamed" * streamed)
    shape = json.loads(json.dumps(shape))
    usage = shape["frames"][-1]["value"]["usage"] if streamed else shape["response"]["usage"]
    place = usage["cacheDetails"][depth - 1] if 1 <= depth <= 2 else usage
    value = count if depth <= 2 else {"inner": {name: count}} if depth == 3 else [{"inner": [count]}]
    place[name] = value

    facts = read(shape)
    assert any(name[:60] in mark for mark in facts.measured.drift)
    assert dict(facts.measured.quantities) == shape["expect"]["quantities"]


@settings(max_examples=200)
@given(NAMES, COUNTS)
def test_a_new_number_in_the_metrics_of_a_stream_raises_a_mark(name, count):
    shape = next(one for one in SHAPES if one["name"] == "invoke_counted_in_metrics")
    shape = json.loads(json.dumps(shape))
    shape["frames"][-1]["chunk"]["amazon-bedrock-invocationMetrics"][name] = count

    assert f"unknown {name}" in read(shape).measured.drift


@settings(max_examples=100)
@given(NAMES, COUNTS, st.sampled_from(["", "cache_creation", "output_tokens_details", "server_tool_use"]))
def test_a_new_number_in_claude_s_own_usage_raises_a_mark(name, count, below):
    shape = next(one for one in SHAPES if one["name"] == "invoke_claude_written")
    shape = json.loads(json.dumps(shape))
    usage = shape["response"]["usage"]
    (usage.setdefault(below, {}) if below else usage)[name] = count

    assert any(name in mark for mark in read(shape).measured.drift)


NUMBERS = st.none() | st.integers(-10, 10**6) | st.sampled_from([2**70, 1.5, 3.0, "7", True, [], {}, -1e300])
DETAILS = st.lists(st.dictionaries(st.sampled_from(["ttl", "inputTokens", "x"]), NUMBERS | st.just("5m")), max_size=3)
USAGES = st.dictionaries(st.sampled_from(sorted(KNOWN - {"cacheDetails", "ttl"})), NUMBERS)


@settings(max_examples=300)
@given(USAGES, DETAILS | NUMBERS)
def test_whatever_a_report_says_the_classes_are_whole_and_sum_to_the_totals(usage, details):
    shape = {**SHAPES[0], "path": "/model/m/converse", "headers": {}, "response": {}}
    shape["response"]["usage"] = {**usage, "cacheDetails": details}
    shape["expect"] = {**shape["expect"], "status": 200}
    shape.pop("frames", None)

    measured = read(shape).measured
    assert all(type(quantity) is int and quantity >= 0 for quantity in measured.quantities.values())
    assert sum(measured.quantities.get(meter, 0) for meter in INPUT_METERS) == measured.input_tokens
    assert sum(measured.quantities.get(meter, 0) for meter in OUTPUT_METERS) == measured.output_tokens


HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "x-amzn-bedrock-input-token-count",
            "x-amzn-bedrock-output-token-count",
            "x-amzn-bedrock-cache-read-input-token-count",
            "x-amzn-bedrock-cache-write-input-token-count",
        ]
    ),
    st.integers(0, 10**6).map(str) | st.sampled_from(["", "many", "-1", "9" * 30]),
)


@settings(max_examples=200)
@given(HEADERS, st.sampled_from([one for one in SHAPES if "/invoke" in one["path"]]))
def test_whatever_headers_say_the_classes_sum_to_the_totals(headers, shape):
    measured = read({**shape, "headers": headers}).measured

    assert sum(measured.quantities.get(meter, 0) for meter in INPUT_METERS) == measured.input_tokens
    assert sum(measured.quantities.get(meter, 0) for meter in OUTPUT_METERS) == measured.output_tokens


def invoke(body, model="openai.gpt-oss-120b-1:0"):
    route = BEDROCK.route("POST", f"/model/{model}/invoke")
    request = BEDROCK.read_request(route, b'{"prompt":"Tell me what a tally stick is."}')
    return BEDROCK.read_response(route, request, 200, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize("operation", ["converse", "invoke"])
@pytest.mark.parametrize("body", [b"", b"<html>hello</html>", b"[]", b'{"output":{"mess'])
def test_a_success_that_is_no_json_is_estimated_and_marked(operation, body):
    route = BEDROCK.route("POST", f"/model/m/{operation}")
    facts = BEDROCK.read_response(route, BEDROCK.read_request(route, b'{"messages":[]}'), 200, body)

    assert (facts.measured.state, facts.measured.drift) == ("estimated", ("body is not a JSON object",))
    assert not facts.complete


def test_bodies_of_openai_s_shape_are_read_as_such():
    usage = {"prompt_tokens": 30, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 4}}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "A stick."}}
    facts = invoke({"id": "c", "model": "gpt-oss", "choices": [choice], "usage": usage})

    quantities = {"uncached_input": 30, "reasoning_output": 4, "plain_output": 5, "requests": 1}
    assert dict(facts.measured.quantities) == quantities
    assert (facts.response_model, facts.finish_reason) == ("", "stop")


def test_pictures_are_counted_as_pictures():
    facts = invoke({"images": ["aGk=", "aGk="]}, "amazon.nova-canvas-v1:0")

    assert facts.measured.quantities["images"] == 2
    assert facts.measured.output_tokens == 0


def test_the_provider_s_own_searches_are_no_calls_of_the_client_s_tools():
    search = {"toolUseId": "t", "name": "nova_grounding", "type": "server_tool_use", "input": {}}
    code = {"toolUseId": "t", "name": "nova_code", "type": "server_tool_use", "input": {}}
    blocks = [{"toolUse": search}, {"toolUse": code}, {"toolUse": {"toolUseId": "u", "name": "f", "input": {}}}]
    shape = next(one for one in SHAPES if one["name"] == "converse_bare")
    shape = json.loads(json.dumps(shape))
    shape["response"]["output"]["message"]["content"] = blocks

    quantities = read(shape).measured.quantities
    assert (quantities["searches"], quantities["tool_calls"]) == (1, 1)


def test_nova_s_own_stream_is_read_also_when_it_is_cut():
    shape = next(one for one in SHAPES if one["name"] == "invoke_counted_in_metrics")
    usage = {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}
    chunks = [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "t", "name": "f"}}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"toolUse": {"input": "{}"}}, "contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "tool_use"}},
        {"metadata": {"usage": usage, "metrics": {}}},
    ]
    facts = read({**shape, "frames": [{"chunk": chunk} for chunk in chunks]})

    assert dict(facts.measured.quantities) == {"uncached_input": 11, "plain_output": 7, "tool_calls": 1, "requests": 1}
    assert (facts.measured.state, facts.finish_reason, facts.complete) == ("reported", "tool_use", False)


def test_frames_that_hold_no_event_are_marked_and_stop_nothing():
    whole = next(one for one in SHAPES if one["name"] == "invoke_counted_in_metrics")
    for broken in ({"event": "chunk", "value": {"bytes": "%%%"}}, {"event": "chunk", "value": []}):
        facts = read({**whole, "frames": [broken, *whole["frames"]]})
        assert facts.measured.drift == ("an event is not a JSON object",)
        assert facts.measured.input_tokens == 21
    asked = next(one for one in SHAPES if one["name"] == "converse_bare_streamed")
    facts = read({**asked, "frames": [{"event": "metadata", "value": 7}, *asked["frames"]]})
    assert facts.measured.drift == ("an event is not a JSON object",)
