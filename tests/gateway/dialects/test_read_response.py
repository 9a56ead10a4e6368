"""Answers nobody documented are read as far as they can be, and never crash a call."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.gateway.dialects import DIALECTS
from tallystick.gateway.dialects.model import RequestFacts
from tallystick.usage.meters import INPUT_METERS, OUTPUT_METERS
from tests.golden.shapes.wire import WORDS, chat_body, chat_chunks, data, messages_body, messages_events, responses_body

OPENAI, ANTHROPIC = DIALECTS["openai"], DIALECTS["anthropic"]
ROUTES = [
    (OPENAI, OPENAI.route("POST", "/v1/chat/completions")),
    (OPENAI, OPENAI.route("POST", "/v1/completions")),
    (OPENAI, OPENAI.route("POST", "/v1/responses")),
    (OPENAI, OPENAI.route("POST", "/v1/embeddings")),
    (ANTHROPIC, ANTHROPIC.route("POST", "/v1/messages")),
]
CHAT, MESSAGES = ROUTES[0][1], ROUTES[4][1]
REQUEST = RequestFacts(model="m", body=b"{}", text_bytes=41)
HIDING = RequestFacts(model="m", body=b"{}", text_bytes=41, stream=True, asked_usage=True)


@pytest.mark.parametrize(("dialect", "route"), ROUTES)
@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"[]", b"null", b'{"error":', b'{"error":"x"}'])
@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
def test_what_a_provider_refused_cost_nothing(dialect, route, body, status):
    facts = dialect.read_response(route, REQUEST, status, body)

    assert facts.error_type
    assert facts.measured.state == "reported"
    assert (facts.measured.input_tokens, facts.measured.output_tokens) == (0, 0)
    assert not any(facts.measured.quantities.values())


def test_errors_keep_the_provider_s_own_word():
    openai = {"error": {"message": "m", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
    anthropic = {"type": "error", "error": {"type": "overloaded_error", "message": "m"}}

    assert OPENAI.read_response(CHAT, REQUEST, 429, json.dumps(openai).encode()).error_type == "rate_limit_exceeded"
    assert (
        ANTHROPIC.read_response(MESSAGES, REQUEST, 529, json.dumps(anthropic).encode()).error_type == "overloaded_error"
    )


@pytest.mark.parametrize(("dialect", "route"), ROUTES)
@pytest.mark.parametrize("body", [b"", b"<html>hello</html>", b"[]", b'{"choices":[{"mess'])
def test_a_success_that_is_no_json_is_estimated_and_marked(dialect, route, body):
    facts = dialect.read_response(route, REQUEST, 200, body)

    assert facts.measured.state == "estimated"
    assert facts.measured.drift == ("body is not a JSON object",)
    assert facts.measured.input_tokens == 11


NUMBERS = st.none() | st.integers(-10, 10**6) | st.sampled_from([2**70, 1.5, 3.0, "7", True, [], {}, -1e300])
NAMES = [
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "num_cached_tokens",
    "surprise",
]
PARTS = [
    "cached_tokens",
    "cache_write_tokens",
    "audio_tokens",
    "image_tokens",
    "text_tokens",
    "reasoning_tokens",
    "thinking_tokens",
    "web_search_requests",
    "ephemeral_5m_input_tokens",
    "ephemeral_1h_input_tokens",
]
OBJECTS = [
    "prompt_tokens_details",
    "completion_tokens_details",
    "input_tokens_details",
    "output_tokens_details",
    "cache_creation",
    "server_tool_use",
]
TTLS = st.fixed_dictionaries({}, optional={"ttl_30m_tokens": NUMBERS, "ttl_12h_tokens": NUMBERS})
SPLITS = st.fixed_dictionaries({}, optional={"audio_tokens": NUMBERS, "image_tokens": NUMBERS, "text_tokens": NUMBERS})
DETAILS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(PARTS, NUMBERS),
        "cache_write_tokens_details": TTLS | NUMBERS,
        "cached_tokens_details": SPLITS | NUMBERS,
    },
)
COUNTERS = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, NUMBERS))
USAGES = st.builds(
    lambda counters, objects, turns: {**counters, **objects, **({"iterations": turns} if turns is not None else {})},
    COUNTERS,
    st.fixed_dictionaries({}, optional=dict.fromkeys(OBJECTS, DETAILS | NUMBERS)),
    st.none() | st.lists(COUNTERS, max_size=3),
)


@settings(max_examples=400)
@given(USAGES, st.sampled_from(ROUTES))
def test_whatever_a_report_says_the_classes_are_whole_and_sum_to_the_totals(usage, route):
    dialect, path = route
    measured = dialect.read_response(path, REQUEST, 200, json.dumps({"usage": usage}).encode()).measured

    assert all(type(quantity) is int and quantity >= 0 for quantity in measured.quantities.values())
    assert sum(measured.quantities.get(meter, 0) for meter in INPUT_METERS) == measured.input_tokens
    assert sum(measured.quantities.get(meter, 0) for meter in OUTPUT_METERS) == measured.output_tokens
    assert (measured.state == "estimated") == bool(measured.estimated)


def usage_of(route, given, made):
    names = ("prompt_tokens", "completion_tokens") if route.format in ("chat", "completions") else None
    first, second = names or ("input_tokens", "output_tokens")
    return {"usage": {first: given, second: made}}


@given(st.integers(0, 10**9), st.integers(0, 10**9))
@pytest.mark.parametrize(("dialect", "route"), [pair for pair in ROUTES if pair[1].format != "embeddings"])
def test_what_is_reported_is_never_replaced_by_an_estimate(dialect, route, given, made):
    measured = dialect.read_response(route, REQUEST, 200, json.dumps(usage_of(route, given, made)).encode()).measured

    assert (measured.input_tokens, measured.output_tokens, measured.state) == (given, made, "reported")


@settings(max_examples=150)
@given(st.binary(max_size=60), st.integers(0, 400), st.integers(1, 50), st.sampled_from(ROUTES), st.booleans())
def test_noise_in_a_stream_never_stops_it(noise, place, chunk, route, hide):
    dialect, path = route
    stream = "".join(chat_chunks({"prompt_tokens": 5, "completion_tokens": 2})).encode()
    stream = stream[:place] + noise + stream[place:]
    reader = dialect.read_stream(path, HIDING if hide else REQUEST)
    passed = b"".join(reader.feed(stream[at : at + chunk]) for at in range(0, len(stream), chunk)) + reader.flush()

    assert reader.facts().measured.output_tokens is not None
    if not hide or path.format in ("responses", "messages"):
        assert passed == stream


@settings(max_examples=250)
@given(st.integers(0, 1800), st.lists(st.integers(0, 1800), max_size=6))
def test_where_a_stream_is_cut_decides_and_its_chunks_do_not(end, cuts):
    stream = "".join(chat_chunks({"prompt_tokens": 5, "completion_tokens": 2})).encode()[:end]
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    one, many = OPENAI.read_stream(CHAT, HIDING), OPENAI.read_stream(CHAT, HIDING)
    whole = one.feed(stream) + one.flush()
    pieces = b"".join(many.feed(stream[low:high]) for low, high in pairwise(edges)) + many.flush()

    assert pieces == whole
    assert many.facts() == one.facts()
    assert b"prompt_tokens" not in whole
    assert b'"choices":[],' not in whole
    assert not one.facts().measured.drift


def test_null_usage_goes_byte_for_byte_wherever_it_stands():
    reader = OPENAI.read_stream(CHAT, HIDING)
    sent = [
        b'data: {"usage":null,"id":"a","choices":[{"index":0,"delta":{"content":"x,\\"usage\\":null"}}]}\n\n',
        b'data: { "id" : "a" , "usage" : null , "choices":[{"index":0,"delta":{"content":"y"}}] }\n\n',
        b'data: {"id":"a","choices":[{"index":0,"delta":{"usage":null,"content":"z"}}],"usage":null}\n\n',
        b': comment\n\ndata: {"id":"a","choices":[],"prompt_filter_results":[],"usage":null}\n\n',
    ]
    assert [reader.feed(event) for event in sent] == [
        b'data: {"id":"a","choices":[{"index":0,"delta":{"content":"x,\\"usage\\":null"}}]}\n\n',
        b'data: { "id" : "a" , "choices":[{"index":0,"delta":{"content":"y"}}] }\n\n',
        b'data: {"id":"a","choices":[{"index":0,"delta":{"usage":null,"content":"z"}}]}\n\n',
        b': comment\n\ndata: {"id":"a","choices":[],"prompt_filter_results":[]}\n\n',
    ]


def test_usage_in_a_chunk_with_choices_is_the_provider_s_own_and_stays():
    event = data({"id": "a", "choices": [{"index": 0, "delta": {}}], "usage": {"prompt_tokens": 3}}).encode()

    assert OPENAI.read_stream(CHAT, HIDING).feed(event) == event


def test_a_count_that_runs_along_is_only_the_least_when_the_stream_is_cut():
    def step(content, made, finish=None):
        choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
        counts = {"prompt_tokens": 9, "completion_tokens": made, "total_tokens": 9 + made}
        return data({"id": "a", "choices": [choice], "usage": counts}).encode()

    reader = OPENAI.read_stream(CHAT, REQUEST)
    reader.feed(step("x" * 40, 3))
    cut = reader.facts()
    reader.feed(step("y", 12, "stop"))
    whole = reader.facts()

    assert (cut.complete, cut.measured.state, cut.measured.output_tokens) == (False, "estimated", 10)
    assert (whole.complete, whole.measured.state, whole.measured.output_tokens) == (True, "reported", 12)


def test_an_event_that_is_no_json_is_a_mark_and_a_cut_one_is_not():
    for dialect, route in ROUTES:
        reader = dialect.read_stream(route, REQUEST)
        reader.feed(b'data: {"type":')
        reader.flush()
        assert reader.facts().measured.drift == ()
        reader.feed(b"data: nonsense\n\n")
        assert len(reader.facts().measured.drift) == 1


def test_a_chunk_leaves_as_it_arrives():
    for dialect, route in ROUTES:
        reader = dialect.read_stream(route, REQUEST)
        assert reader.feed(b"data: {half an ev") == b"data: {half an ev"


def test_free_calls_are_a_reported_zero():
    for dialect, method, path in ((OPENAI, "GET", "/v1/models"), (ANTHROPIC, "POST", "/v1/messages/count_tokens")):
        route = dialect.route(method, path)
        request = dialect.read_request(route, b"")
        reader = dialect.read_stream(route, request)
        for facts in (dialect.read_response(route, request, 200, b"{}"), reader.facts()):
            assert facts.measured.state == "reported"
            assert (facts.measured.input_tokens, facts.measured.output_tokens) == (0, 0)
        assert reader.feed(b"x") + reader.flush() == b"x"
        assert dialect.read_response(route, request, 404, b"{}").error_type == "http_404"


def test_words_without_usage_are_estimated_from_their_bytes():
    chat = OPENAI.read_response(CHAT, REQUEST, 200, json.dumps(chat_body(None)).encode()).measured
    told = ANTHROPIC.read_response(MESSAGES, REQUEST, 200, json.dumps(messages_body(None)).encode()).measured
    answer = OPENAI.read_response(ROUTES[2][1], REQUEST, 200, json.dumps(responses_body(None)).encode()).measured
    for measured in (chat, told, answer):
        assert measured.input_tokens == 11
        assert measured.output_tokens >= len(WORDS) // 4
        assert measured.state == "estimated"


def test_legacy_completions_are_read_too():
    route = ROUTES[1][1]
    reader = OPENAI.read_stream(route, REQUEST)
    reader.feed(b'data: {"id":"c","model":"m","choices":[{"index":0,"text":"12345678","finish_reason":"stop"}]}\n\n')

    assert reader.facts().measured.output_tokens == 2
    assert reader.facts().finish_reason == "stop"


def test_a_stream_whose_last_empty_line_never_came_still_counts():
    wire = "".join(messages_events({"input_tokens": 5, "output_tokens": 1}, {"output_tokens": 9}))[:-2].encode()
    reader = ANTHROPIC.read_stream(MESSAGES, REQUEST)

    assert reader.feed(wire) + reader.flush() == wire
    assert reader.facts().complete
    assert reader.facts().measured.output_tokens == 9


def test_iterations_that_hold_less_than_the_top_level_are_not_believed():
    usage = {"input_tokens": 100, "output_tokens": 10, "iterations": [{"type": "message", "input_tokens": 5}]}
    measured = ANTHROPIC.read_response(MESSAGES, REQUEST, 200, json.dumps({"usage": usage}).encode()).measured

    assert (measured.input_tokens, measured.output_tokens) == (100, 10)
    assert measured.drift == ("iterations are less than input_tokens",)


def test_an_iteration_of_another_model_is_a_mark():
    turns = [
        {"type": "message", "input_tokens": 100, "output_tokens": 10},
        {"type": "advisor_message", "input_tokens": 50, "output_tokens": 5, "model": "other"},
    ]
    body = {"model": "m", "usage": {"input_tokens": 100, "output_tokens": 10, "iterations": turns}}
    measured = ANTHROPIC.read_response(MESSAGES, REQUEST, 200, json.dumps(body).encode()).measured

    assert (measured.input_tokens, measured.output_tokens) == (150, 15)
    assert measured.drift == ("iterations.model other",)


def test_hosted_tools_at_another_model_s_price_are_a_mark():
    body = responses_body({"input_tokens": 5, "output_tokens": 5})
    body["tool_usage"] = {"image_gen": {"total_tokens": 900}, "web_search": {"num_requests": 2}, "telepathy": {"n": 1}}
    measured = OPENAI.read_response(ROUTES[2][1], REQUEST, 200, json.dumps(body).encode()).measured

    assert measured.quantities["searches"] == 2
    assert measured.drift == (
        "tool_usage.image_gen is billed at an image model's price",
        "unknown tool_usage.telepathy",
    )


def test_choices_nobody_documented_cost_the_tool_calls_only():
    body = {"choices": {"a": 1}, "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
    measured = OPENAI.read_response(CHAT, REQUEST, 200, json.dumps(body).encode()).measured
    reader = OPENAI.read_stream(CHAT, HIDING)
    event = data({"choices": [7], "usage": None}).encode()

    assert (measured.input_tokens, measured.output_tokens) == (5, 2)
    assert measured.drift == ("choices are not as documented",)
    assert reader.feed(event) == data({"choices": [7]}).encode()
    assert reader.facts().measured.drift == ("choices are not as documented",)


def test_function_calls_of_the_older_form_are_counted():
    call = {"name": "look_up", "arguments": "{}"}
    body = chat_body({"prompt_tokens": 5, "completion_tokens": 2}, message={"function_call": call})
    reader = OPENAI.read_stream(CHAT, REQUEST)
    reader.feed("".join(chat_chunks(None, deltas=[{"function_call": call}, {"reasoning": "hm"}])).encode())

    whole = OPENAI.read_response(CHAT, REQUEST, 200, json.dumps(body).encode())
    assert whole.measured.quantities["tool_calls"] == 1
    assert reader.facts().measured.quantities["tool_calls"] == 1
    assert reader.facts().output_bytes == len("look_up{}hm")
