"""Vertex AI's paths, Anthropic's models there, and what is particular to both."""

import json

import anthropic
import httpx2
import pytest

from tallystick.gateway.dialects import DIALECTS
from tallystick.gateway.dialects.model import Change
from tallystick.kernel.errors import DataError
from tests.golden.shapes.gemini import SHAPES as USAGES
from tests.golden.shapes.google_wire import google_body
from tests.golden.shapes.wire import messages_events

VERTEX = DIALECTS["vertex"]
PLACE = "/v1/projects/acme-ml/locations/europe-west4/publishers"
GOOGLE = f"{PLACE}/google/models/gemini-x"
CLAUDE = f"{PLACE}/anthropic/models/claude-x@20260101"
MESSAGES = {"anthropic_version": "vertex-2023-10-16", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("path", "form", "model", "stream", "region"),
    [
        (f"{GOOGLE}:generateContent", "generate", "gemini-x", False, "europe-west4"),
        (f"{GOOGLE}:streamGenerateContent?alt=sse", "generate", "gemini-x", True, "europe-west4"),
        (f"{GOOGLE}:embedContent", "embed", "gemini-x", False, "europe-west4"),
        (f"{CLAUDE}:rawPredict", "messages", "claude-x@20260101", False, "europe-west4"),
        (f"{CLAUDE}:streamRawPredict", "messages", "claude-x@20260101", True, "europe-west4"),
        (CLAUDE.replace("@", "%40") + "%3ArawPredict", "messages", "claude-x@20260101", False, "europe-west4"),
        ("/v1beta1/publishers/google/models/gemini-x:generateContent", "generate", "gemini-x", False, ""),
    ],
)
def test_metered_paths_name_model_and_region(path, form, model, stream, region):
    route = VERTEX.route("POST", path)

    assert (route.kind, route.format, route.model, route.stream) == ("metered", form, model, stream)
    assert route.region == region


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{GOOGLE}:countTokens"),
        ("POST", f"{PLACE}/anthropic/models/count-tokens:rawPredict"),
        ("GET", "/v1beta1/publishers/google/models"),
        ("GET", GOOGLE),
    ],
)
def test_free_paths(method, path):
    route = VERTEX.route(method, path)
    facts = VERTEX.read_response(route, VERTEX.read_request(route, b"{}"), 200, b"{}")

    assert route.kind == "free"
    assert (facts.measured.input_tokens, facts.measured.state) == (0, "reported")
    assert VERTEX.read_stream(route, VERTEX.read_request(route, b"{}")).feed(b"x") == b"x"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{GOOGLE}:predict"),
        ("POST", f"{GOOGLE}:rawPredict"),
        ("POST", f"{GOOGLE}:batchEmbedContents"),
        ("POST", f"{CLAUDE}:generateContent"),
        ("POST", f"{PLACE}/mistralai/models/m:rawPredict"),
        ("POST", "/v1/projects/acme-ml/locations/europe-west4/endpoints/7:predict"),
        ("POST", "/v1/projects/acme-ml/locations/europe-west4/cachedContents"),
        ("GET", f"{GOOGLE}:generateContent"),
        ("POST", ""),
    ],
)
def test_a_path_that_nothing_can_meter(method, path):
    assert VERTEX.route(method, path) is None


@pytest.mark.parametrize(("method", "stream"), [("rawPredict", False), ("streamRawPredict", True)])
def test_a_message_s_model_is_the_path_s_and_its_bytes_stay(method, stream):
    route = VERTEX.route("POST", f"{CLAUDE}:{method}")
    body = json.dumps(MESSAGES).encode()
    facts = VERTEX.read_request(route, body)

    assert facts.body is body
    assert (facts.model, facts.max_tokens, facts.stream) == ("claude-x@20260101", 9, stream)
    assert facts.blocks == (b'{"role": "user", "content": "hi"}',)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b'{"stream":"yes"}'])
def test_a_message_that_cannot_be_metered_is_refused(body):
    with pytest.raises(DataError):
        VERTEX.read_request(VERTEX.route("POST", f"{CLAUDE}:rawPredict"), body)


def test_labels_are_attribution():
    route = VERTEX.route("POST", f"{GOOGLE}:generateContent")
    facts = VERTEX.read_request(route, b'{"contents":[],"labels":{"team":"maps","n":3}}')

    assert dict(facts.metadata) == {"team": "maps", "n": "3"}


def test_model_and_cap_go_where_each_maker_has_them():
    route = VERTEX.route("POST", f"{CLAUDE}:rawPredict")
    path, body = VERTEX.rewrite(
        route, f"{CLAUDE}:rawPredict", b'{"anthropic_version":"v","max_tokens":99,"x":1.0}', Change("claude-y@1", 7)
    )
    assert path == f"{PLACE}/anthropic/models/claude-y@1:rawPredict"
    assert body == b'{"anthropic_version":"v","max_tokens":7,"x":1.0}'

    route = VERTEX.route("POST", f"{GOOGLE}:generateContent")
    path, body = VERTEX.rewrite(route, f"{GOOGLE}:generateContent", b'{"contents":[]}', Change("gemini-y", 7))
    assert path == f"{PLACE}/google/models/gemini-y:generateContent"
    assert body == b'{"contents":[],"generationConfig":{"maxOutputTokens":7}}'


@pytest.mark.parametrize(
    ("traffic", "tier"),
    [
        ("ON_DEMAND", "standard"),
        ("ON_DEMAND_PRIORITY", "priority"),
        ("ON_DEMAND_FLEX", "flex"),
        ("ON_DEMAND_OFFPEAK", "offpeak"),
        ("PROVISIONED_THROUGHPUT", "provisioned"),
        ("TRAFFIC_TYPE_UNSPECIFIED", ""),
        ("ON_DEMAND_TURBO", "on_demand_turbo"),
    ],
)
def test_kinds_of_traffic_are_service_tiers(traffic, tier):
    route = VERTEX.route("POST", f"{GOOGLE}:generateContent")
    request = VERTEX.read_request(route, b'{"contents":[]}')
    body = google_body({**USAGES[0][1], "trafficType": traffic})

    assert VERTEX.read_response(route, request, 200, json.dumps(body).encode()).service_tier == tier


@pytest.mark.parametrize("method", ["generateContent", "rawPredict"])
@pytest.mark.parametrize(
    ("error", "word"),
    [
        ({"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}}, "PERMISSION_DENIED"),
        ([{"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}}], "PERMISSION_DENIED"),
        ({"type": "error", "error": {"type": "permission_error", "message": "no"}}, "permission_error"),
        ("nothing", "http_403"),
    ],
)
def test_errors_of_both_gates_are_known_by_their_word(method, error, word):
    route = VERTEX.route("POST", f"{GOOGLE if method == 'generateContent' else CLAUDE}:{method}")
    request = VERTEX.read_request(route, b'{"contents":[],"messages":[]}')
    facts = VERTEX.read_response(route, request, 403, json.dumps(error).encode())

    assert (facts.error_type, facts.region) == (word, "europe-west4")
    assert not any(facts.measured.quantities.values())


def test_a_located_stream_passes_and_says_where_it_ran():
    route = VERTEX.route("POST", f"{CLAUDE}:streamRawPredict")
    reader = VERTEX.read_stream(route, VERTEX.read_request(route, json.dumps(MESSAGES).encode()))
    wire = "".join(messages_events({"input_tokens": 5, "output_tokens": 1}, {"output_tokens": 9})).encode()

    assert reader.feed(wire) + reader.flush() == wire
    facts = reader.facts()
    assert (facts.complete, facts.region, facts.measured.output_tokens) == (True, "europe-west4", 9)


def anthropic_client(status, body, kind="application/json"):
    def answer(request):
        headers = {"content-type": kind, "x-should-retry": "false"}
        return httpx2.Response(status, content=body, headers=headers, request=request)

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return anthropic.Anthropic(api_key="k", base_url="http://x", http_client=http)


def test_anthropic_s_sdk_raises_on_a_refusal_and_on_an_error_in_a_stream():
    body = VERTEX.error(403, "no_provider_key", "What, where, why.", "evt_1")
    with pytest.raises(anthropic.PermissionDeniedError, match="What, where, why"):
        anthropic_client(403, body).messages.create(model="m", max_tokens=5, messages=MESSAGES["messages"])

    broken = VERTEX.keep_alive() + VERTEX.stream_error("upstream_cut", "The provider hung up.")
    client = anthropic_client(200, broken, "text/event-stream")
    with pytest.raises(anthropic.APIStatusError, match="The provider hung up"):
        list(client.messages.create(model="m", max_tokens=5, messages=MESSAGES["messages"], stream=True))


def test_what_a_key_is_is_said():
    assert "service-account" in VERTEX.key_note()
    assert VERTEX.auth == "bearer"


def test_an_embedding_has_a_region_and_no_output():
    route = VERTEX.route("POST", f"{GOOGLE}:embedContent")
    request = VERTEX.read_request(route, b'{"content":{"parts":[{"text":"hi"}]}}')
    body = b'{"embedding":{"values":[0.1]},"usageMetadata":{"promptTokenCount":4,"totalTokenCount":4}}'
    facts = VERTEX.read_response(route, request, 200, body)

    assert (facts.measured.input_tokens, facts.measured.output_tokens, facts.region) == (4, 0, "europe-west4")


def test_only_gemini_s_models_answer_in_arrays():
    google, claude = (
        VERTEX.route("POST", f"{path}") for path in (f"{GOOGLE}:streamGenerateContent", f"{CLAUDE}:streamRawPredict")
    )

    assert VERTEX.is_stream(google, "application/json")
    assert not VERTEX.is_stream(claude, "application/json")
    assert VERTEX.is_stream(claude, "text/event-stream")
    assert VERTEX.as_events(b'[{"a":1}]') == b'data: {"a":1}\n\n'
