"""Bedrock's requests are read for what bounds them, and changed in path and body as its SDKs would write them."""

import base64
import json
from urllib.parse import quote, unquote

import botocore.session
import pytest
from botocore.awsrequest import AWSRequest
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.gateway.dialects import DIALECTS, ceiling
from tallystick.gateway.dialects.model import Change
from tallystick.kernel.errors import DataError

BEDROCK = DIALECTS["bedrock"]
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
SAID = {"role": "user", "content": [{"text": "hi"}]}
ARN = "arn:aws:bedrock:eu-central-1:123456789012:"
PICTURE = base64.b64encode(bytes(90_000)).decode()


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def route(operation="converse", model=CLAUDE):
    return BEDROCK.route("POST", f"/model/{quote(model, safe='')}/{operation}")


def read(body, operation="converse", model=CLAUDE):
    return BEDROCK.read_request(route(operation, model), compact(body))


@pytest.mark.parametrize(
    ("operation", "form", "stream"),
    [
        ("converse", "converse", False),
        ("converse-stream", "converse", True),
        ("invoke", "invoke", False),
        ("invoke-with-response-stream", "invoke", True),
    ],
)
def test_a_metered_path_names_model_and_stream(operation, form, stream):
    found = route(operation, f"us.{CLAUDE}")

    assert (found.kind, found.format, found.stream, found.model) == ("metered", form, stream, f"us.{CLAUDE}")


@pytest.mark.parametrize(
    ("segment", "model"),
    [
        (f"{ARN}inference-profile/us.{CLAUDE}", f"us.{CLAUDE}"),
        (f"arn:aws:bedrock:eu-central-1::foundation-model/{CLAUDE}", CLAUDE),
        (f"{ARN}application-inference-profile/abc123", f"{ARN}application-inference-profile/abc123"),
        (f"{ARN}provisioned-model/abc123", f"{ARN}provisioned-model/abc123"),
        (f"{ARN}custom-model/amazon.nova-v1:0/abc123", f"{ARN}custom-model/amazon.nova-v1:0/abc123"),
    ],
)
def test_arns_of_listed_models_are_their_ids_and_others_stay_arns(segment, model):
    assert route(model=segment).model == model


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/model/{CLAUDE}/converse"),
        ("POST", f"/model/{CLAUDE}/invoke-with-bidirectional-stream"),
        ("POST", f"/model/{CLAUDE}"),
        ("POST", "/model//converse"),
        ("POST", f"/v1/model/{CLAUDE}/converse"),
        ("POST", "/async-invoke"),
        ("POST", "/guardrail/g/version/1/apply"),
    ],
)
def test_a_path_that_nothing_can_meter(method, path):
    assert BEDROCK.route(method, path) is None


def test_counting_tokens_is_free():
    found = route("count-tokens")

    assert (found.kind, BEDROCK.read_request(found, b"{}").model) == ("free", CLAUDE)


def test_converse_tells_system_tools_and_messages_apart():
    system, tools = [{"text": "Be brief."}], {"tools": [{"toolSpec": {"name": "f"}}]}
    body = {
        "system": system,
        "messages": [SAID] * 4,
        "toolConfig": tools,
        "inferenceConfig": {"maxTokens": 7, "temperature": 0},
        "requestMetadata": {"team": "search"},
        "serviceTier": {"type": "flex"},
    }

    facts = read(body, "converse-stream")

    assert facts.blocks == (compact(system), compact(tools), compact(SAID), compact(SAID))
    assert (facts.system_bytes, facts.tools_bytes) == (len(compact(system)), len(compact(tools)))
    assert facts.text_bytes == len(compact(system)) + len(compact(tools)) + 4 * len(compact(SAID))
    assert (facts.max_tokens, facts.service_tier, facts.stream) == (7, "flex", True)
    assert dict(facts.metadata) == {"team": "search"}
    assert (facts.searches, facts.unbounded, facts.choices) == (0, "", 1)
    assert facts.body == compact(body)


@pytest.mark.parametrize("body", [b"", b"[]", b"no", b"{", b"null"])
@pytest.mark.parametrize("operation", ["converse", "invoke"])
def test_a_body_that_cannot_be_metered_is_refused(operation, body):
    with pytest.raises(DataError):
        BEDROCK.read_request(route(operation), body)


def test_pictures_and_documents_are_no_text_and_have_a_ceiling():
    picture = {"image": {"format": "png", "source": {"bytes": PICTURE}}}
    paper = {"document": {"format": "pdf", "name": "p", "source": {"bytes": PICTURE}}}
    plain = {"document": {"format": "txt", "name": "p", "source": {"bytes": "QUJD" * 1000}}}
    result = {"toolResult": {"toolUseId": "t", "content": [picture]}}

    facts = read({"messages": [{"role": "user", "content": [picture, paper, plain, result]}]})

    assert facts.text_bytes < 700
    pages = ceiling.document(len(PICTURE) + 2, ceiling.ANTHROPIC_IMAGE)
    assert facts.media_ceiling == 2 * ceiling.ANTHROPIC_IMAGE + pages + 4002
    assert 2_400 < facts.media_tokens < facts.media_ceiling


@pytest.mark.parametrize(
    ("body", "model"),
    [
        ({"messages": [SAID]}, f"{ARN}prompt/ABCDEFGHIJ:1"),
        ({"messages": [SAID], "promptVariables": {"x": {"text": "y"}}}, CLAUDE),
        (
            {"messages": [{"content": [{"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://b/k"}}}}]}]},
            "amazon.nova-pro-v1:0",
        ),
        (
            {
                "messages": [
                    {"content": [{"document": {"format": "pdf", "source": {"s3Location": {"uri": "s3://b/k"}}}}]}
                ]
            },
            CLAUDE,
        ),
    ],
)
def test_what_the_provider_keeps_has_no_bound(body, model):
    assert read(body, model=model).unbounded


def test_tools_that_the_provider_runs_have_no_ceiling_of_searches():
    assert (
        read({"messages": [SAID], "toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}}).searches
        is None
    )


CAPS = [
    (CLAUDE, {"anthropic_version": "bedrock-2023-05-31", "messages": [], "max_tokens": 9}, ("max_tokens",)),
    (f"{ARN}application-inference-profile/x", {"anthropic_version": "v", "messages": [], "max_tokens": 9}, ("max_tokens",)),
    ("amazon.nova-pro-v1:0", {"messages": [SAID], "inferenceConfig": {"maxTokens": 9, "topP": 1}}, ("inferenceConfig", "maxTokens")),
    ("amazon.nova-pro-v1:0", {"messages": [SAID], "inferenceConfig": {"max_new_tokens": 9}}, ("inferenceConfig", "max_new_tokens")),
    ("amazon.titan-text-express-v1", {"inputText": "x", "textGenerationConfig": {"maxTokenCount": 9}}, ("textGenerationConfig", "maxTokenCount")),
    ("us.meta.llama3-3-70b-instruct-v1:0", {"prompt": "x", "max_gen_len": 9}, ("max_gen_len",)),
    ("anthropic.claude-v2:1", {"prompt": "x", "max_tokens_to_sample": 9}, ("max_tokens_to_sample",)),
    ("mistral.mistral-large-2407-v1:0", {"prompt": "x", "max_tokens": 9}, ("max_tokens",)),
    ("cohere.command-r-plus-v1:0", {"message": "x", "max_tokens": 9}, ("max_tokens",)),
    ("ai21.jamba-1-5-large-v1:0", {"messages": [], "max_tokens": 9}, ("max_tokens",)),
    ("openai.gpt-oss-120b-1:0", {"messages": [], "max_completion_tokens": 9}, ("max_completion_tokens",)),
]  # fmt: skip


def at(value, path):
    for name in path:
        value = value[name]
    return value


@pytest.mark.parametrize(("model", "body", "path"), CAPS)
def test_each_vendor_s_cap_is_read_lowered_and_put_in(model, body, path):
    def capped(body):
        sent, changed = BEDROCK.rewrite(route("invoke", model), "/model/x/invoke", compact(body), Change(max_tokens=4))
        assert sent == "/model/x/invoke"
        return json.loads(changed)

    bare = {name: value for name, value in body.items() if name != path[0]}

    assert read(body, "invoke", model).max_tokens == 9
    assert at(capped(body), path) == 4
    assert {**capped(body), path[0]: None} == {**body, path[0]: None}
    assert read(capped(bare), "invoke", model).max_tokens == 4
    assert read(bare, "invoke", model).max_tokens is None


def test_no_cap_of_the_fields_passed_on_is_looser_than_the_one_put_in():
    body = {
        "messages": [SAID],
        "inferenceConfig": {"maxTokens": 50, "temperature": 1},
        "additionalModelRequestFields": {"max_tokens": 90_000, "top_k": 5},
    }
    _, changed = BEDROCK.rewrite(route(), "/model/x/converse", compact(body), Change(max_tokens=20))

    assert read(body).max_tokens == 90_000
    assert json.loads(changed) == {
        "messages": [SAID],
        "inferenceConfig": {"maxTokens": 20, "temperature": 1},
        "additionalModelRequestFields": {"top_k": 5},
    }


def test_without_a_change_path_and_body_stay_as_they_came():
    body = b'{ "messages" : [] }'
    assert BEDROCK.rewrite(route(), "/model/x%3a0/converse", body, Change()) == ("/model/x%3a0/converse", body)


SERVICE = botocore.session.get_session().get_service_model("bedrock-runtime")


@settings(max_examples=100)
@given(
    st.from_regex(r"[a-z]{1,8}\.[a-z0-9.:-]{1,20}", fullmatch=True) | st.just(f"{ARN}application-inference-profile/ab1")
)
def test_a_changed_model_stands_in_the_path_as_aws_s_sdk_writes_it(model):
    path, _ = BEDROCK.rewrite(route(), f"/model/{CLAUDE}/converse", b"{}", Change(model=model))

    written = create_serializer("rest-json").serialize_to_request(
        {"modelId": model, "messages": []}, SERVICE.operation_model("Converse")
    )
    assert path == AWSRequest("POST", f"https://x{written['url_path']}").url.removeprefix("https://x")
    assert unquote(path.split("/")[2]) == model
    assert BEDROCK.route("POST", path).model == model


@pytest.mark.parametrize("name", ["n", "num_generations", "numResults"])
def test_several_answers_are_counted(name):
    assert read({"prompt": "x", name: 3}, "invoke", "cohere.command-text-v14").choices == 3


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "messages", "system", "toolConfig", "inferenceConfig", "additionalModelRequestFields", "requestMetadata",
        "promptVariables", "serviceTier", "performanceConfig", "prompt", "inputText", "textGenerationConfig",
        "anthropic_version", "max_tokens", "max_gen_len", "max_tokens_to_sample", "maxTokenCount", "maxTokens", "n",
    ]
)  # fmt: skip
BLOCKS = st.dictionaries(
    st.sampled_from(["text", "image", "document", "video", "audio", "toolResult", "guardContent", "toolUse"]),
    VALUES | st.fixed_dictionaries({}, optional={"format": VALUES, "source": VALUES, "content": VALUES}),
    max_size=2,
)
TURNS = st.lists(st.fixed_dictionaries({}, optional={"content": st.lists(BLOCKS, max_size=3) | VALUES}), max_size=3)


@settings(max_examples=300)
@given(
    st.dictionaries(FIELDS, VALUES, max_size=6),
    TURNS,
    st.sampled_from(["converse", "invoke"]),
    st.sampled_from([CLAUDE, "amazon.nova-pro-v1:0", "meta.llama3-8b-instruct-v1:0", f"{ARN}imported-model/x"]),
)
def test_no_field_of_a_strange_type_stops_a_call(fields, turns, operation, model):
    body = compact({**fields, "messages": turns})

    facts = BEDROCK.read_request(route(operation, model), body)
    assert facts.body == body
    assert min(facts.text_bytes, facts.media_tokens, facts.media_ceiling, facts.added_tokens) >= 0
    _, changed = BEDROCK.rewrite(route(operation, model), "/model/x/converse", body, Change(max_tokens=4))
    assert BEDROCK.read_request(route(operation, model), changed).max_tokens == 4


@settings(max_examples=100)
@given(st.lists(st.text(max_size=40), max_size=4), st.text(max_size=20))
def test_the_bytes_that_are_counted_are_no_less_than_the_text(texts, system):
    body = {"messages": [{"role": "user", "content": [{"text": text} for text in texts]}], "system": [{"text": system}]}
    for operation in ("converse", "invoke"):
        facts = read(body, operation, "amazon.nova-pro-v1:0")
        assert facts.text_bytes >= sum(len(text.encode()) for text in (*texts, system))
