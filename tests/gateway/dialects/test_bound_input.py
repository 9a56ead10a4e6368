"""What a request can become at most is known before it is sent, or it is said why it is not."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.gateway.dialects import DIALECTS

OPENAI, ANTHROPIC = DIALECTS["openai"], DIALECTS["anthropic"]
CHAT = OPENAI.route("POST", "/v1/chat/completions")
COMPLETIONS = OPENAI.route("POST", "/v1/completions")
RESPONSES = OPENAI.route("POST", "/v1/responses")
EMBEDDINGS = OPENAI.route("POST", "/v1/embeddings")
MESSAGES = ANTHROPIC.route("POST", "/v1/messages")

WORDS = st.text(max_size=20)
SCHEMAS = st.recursive(
    WORDS | st.integers(0, 99) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
FUNCTIONS = st.fixed_dictionaries({"name": WORDS, "description": WORDS, "parameters": SCHEMAS})


def text_parts(kind):
    return st.lists(st.fixed_dictionaries({"type": st.just(kind), "text": WORDS}), max_size=3)


def turns(kind):
    return st.lists(
        st.fixed_dictionaries(
            {"role": st.sampled_from(["system", "user", "assistant"]), "content": WORDS | text_parts(kind)},
            optional={"name": WORDS, "reasoning_content": WORDS, "refusal": WORDS},
        ),
        max_size=4,
    )


CHATS = st.fixed_dictionaries(
    {"messages": turns("text")},
    optional={
        "tools": st.lists(st.fixed_dictionaries({"type": st.just("function"), "function": FUNCTIONS}), max_size=2),
        "functions": st.lists(FUNCTIONS, max_size=2),
        "response_format": st.fixed_dictionaries({"type": st.just("json_schema"), "json_schema": SCHEMAS}),
        "prediction": st.fixed_dictionaries({"type": st.just("content"), "content": WORDS}),
        "tool_choice": st.fixed_dictionaries({"type": st.just("function"), "function": SCHEMAS}),
    },
)
COMPLETED = st.fixed_dictionaries({"prompt": WORDS | st.lists(WORDS, max_size=3)}, optional={"suffix": WORDS})
RESPONDED = st.fixed_dictionaries(
    {"input": WORDS | turns("input_text")},
    optional={"instructions": WORDS, "tools": st.lists(FUNCTIONS, max_size=2), "text": SCHEMAS},
)
EMBEDDED = st.fixed_dictionaries({"input": WORDS | st.lists(WORDS, max_size=3)})
TOLD = st.fixed_dictionaries(
    {"messages": turns("text")},
    optional={
        "system": WORDS | text_parts("text"),
        "tools": st.lists(FUNCTIONS, max_size=2),
        "output_config": SCHEMAS,
        "output_format": SCHEMAS,
    },
)
REQUESTS = st.one_of(
    st.tuples(st.just((OPENAI, CHAT)), CHATS),
    st.tuples(st.just((OPENAI, COMPLETIONS)), COMPLETED),
    st.tuples(st.just((OPENAI, RESPONSES)), RESPONDED),
    st.tuples(st.just((OPENAI, EMBEDDINGS)), EMBEDDED),
    st.tuples(st.just((ANTHROPIC, MESSAGES)), TOLD),
)


def read(where, body, **how):
    dialect, route = where
    return dialect.read_request(route, json.dumps({"model": "m", **body}, **how).encode("utf-8", "surrogatepass"))


def string_bytes(value):
    """UTF-8 bytes of every string in it, names of members too: all that a model can be shown."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, dict):
        return sum(string_bytes(name) + string_bytes(member) for name, member in value.items())
    return sum(map(string_bytes, value)) if isinstance(value, list) else 0


@settings(max_examples=300)
@given(REQUESTS, st.booleans())
def test_no_byte_that_the_model_reads_is_left_out_of_the_text(request, ascii_only):
    where, body = request

    facts = read(where, body, ensure_ascii=ascii_only, separators=(",", ":"))

    assert facts.text_bytes >= string_bytes(list(body.values()))
    assert not facts.unbounded


@settings(max_examples=200)
@given(REQUESTS, st.dictionaries(st.text(min_size=1, max_size=8).map("x_{}".format), SCHEMAS, max_size=3))
def test_members_nobody_knows_count_as_if_the_model_read_them(request, strange):
    where, body = request

    facts = read(where, {**body, **strange})

    assert facts.text_bytes + facts.added_tokens >= string_bytes([body, strange])


PICTURE = "data:image/png;base64," + base64.b64encode(bytes(9_000)).decode()


def chat_with(*parts, model="gpt-4o"):
    return read((OPENAI, CHAT), {"model": model, "messages": [{"role": "user", "content": list(parts)}]})


def image(**more):
    return {"type": "image_url", "image_url": {"url": PICTURE, **more}}


def test_a_picture_is_bounded_by_the_dearest_published_rule_of_its_model():
    # 8 tiles of 170 and 85 for gpt-4o; of 5,667 and 2,833 for gpt-4o-mini; 10,000 patches times 2.46 for the newest.
    assert chat_with(image()).media_ceiling >= 85 + 8 * 170
    assert chat_with(image(), model="gpt-5.4-nano").media_ceiling >= 24_600
    assert chat_with(image(), model="gpt-4o-mini").media_ceiling >= 2_833 + 8 * 5_667
    assert chat_with(image(detail="low"), model="gpt-4o-mini").media_ceiling >= 2_833
    assert chat_with(image(detail="low")).media_ceiling < chat_with(image()).media_ceiling
    assert chat_with(image(), image()).media_ceiling == 2 * chat_with(image()).media_ceiling


def test_detail_is_read_where_the_provider_reads_it():
    beside = {"type": "image_url", "image_url": {"url": PICTURE}, "detail": "low"}

    assert chat_with(beside).media_ceiling == chat_with(image()).media_ceiling


def test_a_picture_is_found_however_its_member_is_spelled():
    spelled = json.dumps({"model": "m", "messages": [{"role": "user", "content": [image()]}]})
    spelled = spelled.replace('"image_url"', '"image\\u005furl"').encode()

    assert OPENAI.read_request(CHAT, spelled).media_ceiling == chat_with(image(), model="m").media_ceiling


@pytest.mark.parametrize(("seconds", "rate", "tokens"), [(60, 48_000, 600), (3, 8_000, 96), (60, 1_000, 1_920)])
def test_sound_is_bounded_by_its_bytes(seconds, rate, tokens):
    data = base64.b64encode(bytes(seconds * rate)).decode()

    facts = chat_with({"type": "input_audio", "input_audio": {"data": data, "format": "mp3"}})

    assert facts.media_ceiling >= tokens
    assert facts.text_bytes < 200
    assert not facts.unbounded


def test_a_document_is_bounded_by_its_bytes_and_pages():
    text = ("data:text/plain;base64," + base64.b64encode(b"tally " * 5_000).decode()).encode().decode()

    for part in ({"type": "file", "file": {"file_data": text, "filename": "a.txt"}},):
        assert chat_with(part).media_ceiling >= 30_000
    letter = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": text}}
    facts = read((ANTHROPIC, MESSAGES), {"messages": [{"role": "user", "content": [letter]}]})
    assert facts.media_ceiling >= 30_000
    assert not facts.unbounded


DEEP = [
    {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": {"type": "url", "url": "u"}}]},
    {"type": "document", "source": {"type": "content", "content": [{"type": "image", "source": {"type": "url"}}]}},
    {
        "type": "web_fetch_tool_result",
        "content": {"content": {"type": "document", "source": {"type": "base64", "data": "A" * 4_000}}},
    },
]


@pytest.mark.parametrize("part", DEEP)
def test_media_deep_in_a_message_are_found(part):
    facts = read((ANTHROPIC, MESSAGES), {"messages": [{"role": "user", "content": [part]}]})

    assert facts.media_ceiling >= 4_784


def test_pictures_that_tools_return_are_found():
    shot = {"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": PICTURE}}
    seen = {"type": "function_call_output", "output": [{"type": "input_image", "file_id": "file-1"}]}
    made = {"type": "image_generation_call", "result": "A" * 9_000}
    for item in (shot, seen, made):
        facts = read((OPENAI, RESPONSES), {"input": [item]})
        assert facts.media_ceiling >= 24_600
        assert facts.text_bytes < 400
        assert not facts.unbounded


def user(*parts):
    return {"messages": [{"role": "user", "content": list(parts)}]}


UNBOUNDED = [
    (OPENAI, RESPONSES, {"input": "hi", "previous_response_id": "resp_1"}),
    (OPENAI, RESPONSES, {"input": "hi", "conversation": {"id": "conv_1"}}),
    (OPENAI, RESPONSES, {"input": "hi", "prompt": {"id": "pmpt_1"}}),
    (OPENAI, RESPONSES, {"input": "hi", "background": True}),
    (OPENAI, RESPONSES, {"input": [{"type": "item_reference", "id": "msg_1"}]}),
    (OPENAI, RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}),
    (OPENAI, RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "u"}]}]}),
    *(
        (OPENAI, RESPONSES, {"input": "hi", "tools": [{"type": kind}]})
        for kind in ("file_search", "code_interpreter", "mcp", "image_generation", "web_search", "web_search_preview")
    ),
    (OPENAI, CHAT, user({"type": "file", "file": {"file_id": "file-1"}})),
    (OPENAI, CHAT, user({"type": "video_url", "video_url": {"url": "u"}})),
    (OPENAI, CHAT, {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}),
    (OPENAI, CHAT, {"messages": [], "web_search_options": {}}),
    (OPENAI, CHAT, {"messages": [], "plugins": [{"id": "web"}]}),
    (ANTHROPIC, MESSAGES, user({"type": "document", "source": {"type": "url", "url": "u"}})),
    (ANTHROPIC, MESSAGES, user({"type": "document", "source": {"type": "file", "file_id": "f"}})),
    (ANTHROPIC, MESSAGES, user({"type": "container_upload", "file_id": "f"})),
    (ANTHROPIC, MESSAGES, {"messages": [], "container": "c"}),
    (ANTHROPIC, MESSAGES, {"messages": [], "mcp_servers": [{"type": "url", "url": "u"}]}),
    (ANTHROPIC, MESSAGES, {"messages": [], "context_management": {"edits": [{"type": "compact_20260112"}]}}),
    (ANTHROPIC, MESSAGES, {"messages": [], "tools": [{"type": "code_execution_20260521", "name": "c"}]}),
    (ANTHROPIC, MESSAGES, {"messages": [], "tools": [{"type": "advisor_20260301", "name": "a"}]}),
]


@pytest.mark.parametrize(("dialect", "route", "body"), UNBOUNDED)
def test_what_the_request_does_not_hold_has_no_bound(dialect, route, body):
    assert read((dialect, route), body).unbounded


@pytest.mark.parametrize("absent", [None, False, "", []])
def test_members_left_empty_change_no_bound(absent):
    names = ("previous_response_id", "conversation", "background", "plugins", "prompt")
    body = dict.fromkeys(names, absent) if absent is None else dict.fromkeys(names[:-1], absent)

    assert not read((OPENAI, RESPONSES), {"input": "hi", **body}).unbounded
    names = ("container", "mcp_servers", "fallbacks")
    assert not read((ANTHROPIC, MESSAGES), {"messages": [], **dict.fromkeys(names, absent)}).unbounded


SEARCHES = [
    (OPENAI, RESPONSES, {"input": "hi"}, 0),
    (OPENAI, RESPONSES, {"input": "hi", "tools": [{"type": "web_search"}]}, None),
    (OPENAI, RESPONSES, {"input": "hi", "tools": [{"type": "web_search"}], "max_tool_calls": 3}, 3),
    (OPENAI, CHAT, {"messages": [], "web_search_options": {"search_context_size": "low"}}, None),
    (OPENAI, CHAT, {"messages": [], "search_parameters": {"mode": "auto"}}, None),
    (OPENAI, CHAT, {"messages": [], "search_parameters": {"mode": "off"}}, 0),
    (OPENAI, CHAT, {"messages": [], "model": "sonar-pro"}, None),
    (OPENAI, CHAT, {"messages": [], "model": "vendor/model:online"}, None),
    (ANTHROPIC, MESSAGES, {"messages": [], "tools": [{"type": "web_search_20260318", "name": "w"}]}, None),
    (ANTHROPIC, MESSAGES, {"messages": [], "tools": [{"type": "web_search_20260318", "max_uses": 5}]}, 5),
    (ANTHROPIC, MESSAGES, {"messages": [], "tools": [{"name": "web_search", "input_schema": {}}]}, 0),
]


@pytest.mark.parametrize(("dialect", "route", "body", "most"), SEARCHES)
def test_the_searches_a_request_allows(dialect, route, body, most):
    assert read((dialect, route), body).searches == most


CHOICES = [
    (CHAT, {"messages": []}, 1),
    (CHAT, {"messages": [], "n": 3}, 3),
    (CHAT, {"messages": [], "n": "3"}, 1),
    (COMPLETIONS, {"prompt": "hi", "n": 2, "best_of": 5}, 5),
    (COMPLETIONS, {"prompt": ["a", "b", "c"], "n": 2}, 6),
    (COMPLETIONS, {"prompt": [1, 2, 3], "n": 2}, 2),
    (COMPLETIONS, {"prompt": [[1, 2], [3]]}, 2),
    (RESPONSES, {"input": "hi", "n": 9}, 1),
]


@pytest.mark.parametrize(("route", "body", "count"), CHOICES)
def test_the_answers_a_request_asks_for(route, body, count):
    assert read((OPENAI, route), body).choices == count


def test_tools_and_schemas_leave_room_for_what_makers_add():
    # Anthropic's own table: up to 530 tokens for the use of tools, 245 for bash, 735 for a computer.
    bare = read((ANTHROPIC, MESSAGES), {"messages": []}).added_tokens
    tools = [{"type": "bash_20250124", "name": "bash"}, {"type": "computer_20251124", "name": "computer"}]
    told = read((ANTHROPIC, MESSAGES), {"messages": [], "tools": tools})

    assert told.added_tokens - bare >= 530 + 245 + 735
    assert not told.unbounded
    plain = read((OPENAI, CHAT), {"messages": []}).added_tokens
    assert read((OPENAI, CHAT), {"messages": [], "tools": [{"type": "function"}]}).added_tokens - plain >= 530
