"""Requests are read once; their bytes leave as they came unless usage has to be asked for."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.gateway.dialects import DIALECTS
from tallystick.gateway.dialects.estimate import IMAGE_TOKENS, LOW_IMAGE_TOKENS, input_tokens
from tallystick.kernel.errors import DataError

OPENAI, ANTHROPIC = DIALECTS["openai"], DIALECTS["anthropic"]
CHAT = OPENAI.route("POST", "/v1/chat/completions")
RESPONSES = OPENAI.route("POST", "/v1/responses")
EMBEDDINGS = OPENAI.route("POST", "/v1/embeddings")
MESSAGES = ANTHROPIC.route("POST", "/v1/messages")


def test_a_plain_request_keeps_its_bytes():
    body = b'{ "model":"gpt-x" , "messages" : [{"role":"user","content":"h\\u00e9llo"}],\n "seed": 1e3 }'

    facts = OPENAI.read_request(CHAT, body)

    assert facts.body is body
    assert facts.model == "gpt-x"
    assert not facts.stream
    assert not facts.asked_usage


def test_usage_is_asked_for_and_all_else_stays_as_it_came():
    body = b'{ "model":"gpt-x","stream" : true, "messages":[{"content":"}"}] , "seed":1.0 }\n'

    facts = OPENAI.read_request(CHAT, body)

    assert facts.asked_usage
    assert facts.body == (
        b'{ "model":"gpt-x","stream" : true, "messages":[{"content":"}"}] , "seed":1.0'
        b',"stream_options":{"include_usage":true}}\n'
    )


@pytest.mark.parametrize("options", ["null", "{}", '{"include_usage":false}', '{"include_obfuscation":false}'])
def test_stream_options_that_do_not_ask_are_completed(options):
    body = f'{{"model":"gpt-x","stream":true,"stream_options":{options},"big":12345678901234567890,"f":1.50}}'

    facts = OPENAI.read_request(CHAT, body.encode())

    assert facts.asked_usage
    sent = json.loads(facts.body)
    assert sent["stream_options"] == {**(json.loads(options) or {}), "include_usage": True}
    assert b'"big":12345678901234567890,"f":1.50' in facts.body


def test_a_client_that_asks_itself_is_left_alone():
    body = b'{"model":"gpt-x","stream":true,"stream_options":{"include_usage":true}}'

    facts = OPENAI.read_request(CHAT, body)

    assert facts.body is body
    assert not facts.asked_usage


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"no", b"{", b'{"model":1}', b'{"model":""}', b"{}", b'{"model":"m","stream":"yes"}']
)
@pytest.mark.parametrize(("dialect", "route"), [(OPENAI, CHAT), (OPENAI, EMBEDDINGS), (ANTHROPIC, MESSAGES)])
def test_a_body_that_cannot_be_metered_is_refused(dialect, route, body):
    with pytest.raises(DataError):
        dialect.read_request(route, body)


def test_a_model_nobody_would_name_so_is_refused():
    for dialect, route in ((OPENAI, CHAT), (ANTHROPIC, MESSAGES)):
        with pytest.raises(DataError, match="257 characters"):
            dialect.read_request(route, json.dumps({"model": "m" * 257}).encode())


def test_deep_nesting_is_refused_and_does_not_crash():
    body = b'{"model":"m","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

    with pytest.raises(DataError):
        OPENAI.read_request(CHAT, body)


def test_half_a_surrogate_pair_is_read_and_forwarded_as_it_came():
    body = b'{"model":"m","messages":[{"role":"user","content":"\\ud83d"}]}'

    assert OPENAI.read_request(CHAT, body).body is body
    assert ANTHROPIC.read_request(MESSAGES, body).body is body


def test_sizes_and_blocks_tell_system_tools_and_messages_apart():
    system = {"role": "system", "content": "Be brief."}
    turns = [{"role": "user", "content": str(number)} for number in range(5)]
    tools = [{"type": "function", "function": {"name": "f"}}]
    body = json.dumps(
        {"model": "m", "messages": [system, *turns], "tools": tools, "max_completion_tokens": 9},
        separators=(",", ":"),
    )

    facts = OPENAI.read_request(CHAT, body.encode())

    raw = [json.dumps(one, separators=(",", ":")).encode() for one in (system, tools, *turns)]
    assert facts.blocks == tuple(raw[:4])
    assert facts.system_bytes == len(raw[0])
    assert facts.tools_bytes == len(raw[1])
    assert facts.text_bytes == sum(map(len, raw))
    assert facts.max_tokens == 9


def test_anthropic_blocks_and_user():
    body = {
        "model": "m",
        "max_tokens": 7,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": "hi"}],
        "metadata": {"user_id": "u-1"},
        "service_tier": "auto",
    }
    text = json.dumps(body, separators=(",", ":")).encode()

    facts = ANTHROPIC.read_request(MESSAGES, text)

    assert facts.body is text
    assert facts.blocks == (b'[{"type":"text","text":"Be brief."}]', b'{"role":"user","content":"hi"}')
    assert (facts.user, dict(facts.metadata), facts.max_tokens) == ("u-1", {}, 7)
    assert facts.text_bytes == sum(map(len, facts.blocks))


PICTURE = "data:image/png;base64," + base64.b64encode(bytes(300_000)).decode()


def test_pictures_are_not_counted_as_text():
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PICTURE}},
        {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}},
    ]
    chat = {"model": "m", "messages": [{"role": "user", "content": parts}]}
    seen = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": PICTURE, "detail": "low"},
        {"type": "input_image", "image_url": PICTURE},
    ]
    responses = {"model": "m", "input": [{"role": "user", "content": seen}]}

    for route, body in ((CHAT, chat), (RESPONSES, responses)):
        facts = OPENAI.read_request(route, json.dumps(body).encode())
        assert facts.media_tokens == IMAGE_TOKENS + LOW_IMAGE_TOKENS
        assert facts.text_bytes < 400
        assert max(map(len, facts.blocks)) < 70_000


def test_pictures_in_tool_results_are_not_counted_as_text():
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [picture]}
    body = {"model": "m", "messages": [{"role": "user", "content": [picture, result]}]}

    facts = ANTHROPIC.read_request(MESSAGES, json.dumps(body).encode())

    assert facts.media_tokens == 2 * IMAGE_TOKENS
    assert facts.text_bytes < 400
    assert input_tokens(facts) < 2 * IMAGE_TOKENS + 100


@pytest.mark.parametrize("given", ['"one"', '["one","two"]', "[1,2,3]", "[[1,2],[3]]", "null"])
def test_every_form_of_input_is_taken(given):
    for route in (EMBEDDINGS, RESPONSES):
        facts = OPENAI.read_request(route, f'{{"model":"m","input":{given}}}'.encode())
        assert facts.text_bytes > 0


def test_metadata_and_user_are_read_as_text():
    body = {
        "model": "m",
        "messages": [],
        "user": "u",
        "metadata": {"team": "search", "n": 3, "deep": {"a": 1}, "tags": ["a", "b"], "f": None},
    }

    facts = OPENAI.read_request(CHAT, json.dumps(body).encode())

    assert facts.user == "u"
    assert dict(facts.metadata) == {"team": "search", "n": "3", "tags": "a,b"}


def test_litellm_spend_metadata_joins_the_rest():
    body = {"model": "m", "messages": [], "metadata": {"spend_logs_metadata": {"team": "search", "x": [1]}}}

    assert dict(OPENAI.read_request(CHAT, json.dumps(body).encode()).metadata) == {"team": "search"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["messages", "input", "prompt", "system", "tools", "stream_options", "max_tokens", "user", "metadata", "content"]
)


KINDS = ["text", "image", "document", "tool_result", "image_url", "input_audio", "input_image", "input_file", "file"]
PARTS = st.dictionaries(
    st.sampled_from(["source", "content", "image_url", "input_audio", "file", "file_data", "detail", "text"]), VALUES
)
CONTENTS = st.lists(st.builds(lambda part, kind: {**part, "type": kind}, PARTS, st.sampled_from(KINDS)), max_size=3)


@settings(max_examples=200)
@given(st.lists(CONTENTS, max_size=3))
def test_no_part_of_a_strange_shape_stops_a_call(contents):
    turns = [{"role": "user", "content": content} for content in contents]
    for dialect, route in ((OPENAI, CHAT), (OPENAI, RESPONSES), (ANTHROPIC, MESSAGES)):
        name = "input" if route is RESPONSES else "messages"
        facts = dialect.read_request(route, json.dumps({"model": "m", name: turns}).encode())
        assert facts.text_bytes >= 0
        assert facts.media_tokens >= 0


@settings(max_examples=150)
@given(st.dictionaries(FIELDS, VALUES, max_size=6), st.booleans())
def test_no_field_of_a_strange_type_stops_a_call(fields, stream):
    body = json.dumps({**fields, "model": "m", "stream": stream}).encode()
    for dialect, route in ((OPENAI, CHAT), (OPENAI, RESPONSES), (OPENAI, EMBEDDINGS), (ANTHROPIC, MESSAGES)):
        facts = dialect.read_request(route, body)
        sent = json.loads(facts.body)
        if facts.asked_usage:
            assert sent.pop("stream_options")["include_usage"] is True
        assert sent == {key: value for key, value in json.loads(body).items() if not facts.asked_usage or key in sent}


def test_sound_and_documents_are_guessed_from_their_size():
    sound = {"type": "input_audio", "input_audio": {"data": "A" * 64_000, "format": "wav"}}
    paper = {"type": "file", "file": {"file_data": "A" * 120_000}}
    chat = {"model": "m", "messages": [{"role": "user", "content": [sound, paper]}]}
    letter = {"type": "document", "source": {"type": "base64", "data": "A" * 120_000}}
    told = {"model": "m", "messages": [{"role": "user", "content": [letter]}]}

    heard = OPENAI.read_request(CHAT, json.dumps(chat).encode())
    read = ANTHROPIC.read_request(MESSAGES, json.dumps(told).encode())

    # 64 kB of base64 are 48 kB of sound, one second: ten tokens; 120 kB of base64 pass for three pages.
    assert 6_000 + 10 <= heard.media_tokens <= 6_000 + 12
    assert read.media_tokens == 6_000
    assert max(heard.text_bytes, read.text_bytes) < 300


def test_instructions_are_the_system_of_a_response():
    body = {"model": "m", "instructions": "Be brief.", "input": "hi"}

    facts = OPENAI.read_request(RESPONSES, json.dumps(body).encode())

    assert facts.blocks == (b'"Be brief."', b'"hi"')
    assert facts.system_bytes == len(b'"Be brief."')
