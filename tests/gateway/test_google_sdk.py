"""Google's official SDK before a running gateway: what it gets, what it raises, and the rows its calls leave."""

import json
from collections.abc import Iterator

import anthropic
import httpx2
import pytest
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials

from tallystick.budgets.model import NANO, Budget
from tallystick.counters.open import CounterSettings
from tallystick.gateway.settings import BudgetSettings, ProviderKeySecret, ProviderSettings
from tallystick.operations.refresh_prices import refresh_prices
from tests.gateway.harness import RunningGateway, running_gateway
from tests.stub.answers import WORDS
from tests.stub.server import Stub

SECRET = "AIza-upstream-planted-secret"
MODEL = "gemini-2.5-flash"
TEXT = "".join(WORDS[:8])
PLACE = "/v1/projects/acme/locations/europe-west4/publishers"


@pytest.fixture(scope="module")
def google_gateway(stub_thread: Stub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    keys = (ProviderKeySecret(SECRET),)
    providers = {
        "gemini": ProviderSettings("gemini", stub_thread.url, "gcp.gemini", keys=keys, timeout_seconds=5),
        "vertex": ProviderSettings("vertex", stub_thread.url, "gcp.vertex_ai", keys=keys, timeout_seconds=5),
        "keyless": ProviderSettings("vertex", stub_thread.url, "gcp.vertex_ai"),
        "cohere": ProviderSettings("cohere", stub_thread.url, "cohere", keys=keys, timeout_seconds=5),
    }
    with running_gateway(tmp_path_factory.mktemp("google"), stub_thread, providers=providers) as gateway:
        yield gateway


@pytest.fixture
def google(google_gateway: RunningGateway) -> RunningGateway:
    google_gateway.rows()
    google_gateway.stub.reset()
    return google_gateway


def client(gateway: RunningGateway, key: str = "", **headers: str) -> genai.Client:
    options = types.HttpOptions(base_url=f"{gateway.url}/gemini", headers=headers)
    return genai.Client(api_key=key or gateway.key, http_options=options)


def ask(gateway: RunningGateway, **headers: str) -> types.GenerateContentResponse:
    with client(gateway, **headers) as sdk:
        return sdk.models.generate_content(model=MODEL, contents="Say hello.")


def test_an_answer_reaches_the_sdk_and_is_one_priced_row(google):
    answer = ask(google, **{"x-cost-feature": "search"})
    (row,) = google.rows(1)

    assert answer.text == TEXT
    assert answer.usage_metadata.total_token_count == row.measured.input_tokens + row.measured.output_tokens
    assert (row.provider, row.request_model, row.response_model) == ("gcp.gemini", MODEL, MODEL)
    assert (row.operation_name, row.outcome, row.service_tier) == ("generate_content", "ok", "standard")
    assert row.measured.quantities["reasoning_output"] == 5
    assert row.measured.quantities["plain_output"] == 8
    assert row.dimensions["feature"] == "search"
    assert row.effective_cost == sum(row.priced.values()) > 0


def test_the_provider_gets_its_own_key_in_its_own_header_and_none_of_ours(google):
    ask(google)
    (seen,) = google.stub.requests
    headers = dict(seen.headers)

    assert headers["x-goog-api-key"] == SECRET
    assert google.key not in str(seen)
    assert "x-goog-api-client" in headers


def test_a_key_in_the_query_is_a_credential_like_any_other(google):
    body = {"contents": [{"parts": [{"text": "hi"}]}]}
    url = f"{google.url}/gemini/v1beta/models/{MODEL}:generateContent"
    with httpx2.Client() as http:
        answer = http.post(url, params={"key": google.key}, json=body)
        refused = http.post(url, params={"key": "tally_nobody"}, json=body)

    assert answer.status_code == 200
    assert (refused.status_code, refused.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert google.key not in str(google.stub.requests)


@pytest.mark.parametrize("words", ["1", "8", "40"])
def test_a_stream_reaches_the_sdk_chunk_by_chunk_and_its_last_usage_counts(google, words):
    with client(google, **{"x-stub-words": words}) as sdk:
        chunks = list(sdk.models.generate_content_stream(model=MODEL, contents="Say hello."))
    (row,) = google.rows(1)

    assert len(chunks) == int(words)
    assert row.measured.quantities["plain_output"] == int(words)
    assert (row.outcome, row.stream, row.measured.state, row.finish_reason) == ("ok", True, "reported", "STOP")
    assert row.time_to_first_token_us is not None


def test_an_array_passes_byte_for_byte_and_is_metered_too(google):
    url = f"{google.url}/gemini/v1beta/models/{MODEL}:streamGenerateContent"
    headers = {"x-goog-api-key": google.key, "x-tally-stream-cost": "true"}
    with httpx2.Client() as http:
        answer = http.post(url, headers=headers, json={"contents": [{"parts": [{"text": "hi"}]}]})
    (row,) = google.rows(1)

    assert len(answer.json()) == 8
    assert (row.outcome, row.stream, row.measured.quantities["plain_output"]) == ("ok", True, 8)
    assert row.effective_cost


def test_a_stream_cut_by_the_provider_is_cut_for_the_sdk_and_marked(google):
    with client(google, **{"x-stub-fault": "cut"}) as sdk, pytest.raises(httpx2.HTTPError):
        list(sdk.models.generate_content_stream(model=MODEL, contents="Say hello."))
    (row,) = google.rows(1)

    assert (row.outcome, row.error_type, row.measured.state) == ("cut", "upstream_cut", "estimated")


def test_an_error_inside_a_stream_is_raised_and_is_a_row_in_error(google):
    with client(google, **{"x-stub-fault": "in-stream"}) as sdk, pytest.raises(errors.ServerError) as caught:
        list(sdk.models.generate_content_stream(model=MODEL, contents="Say hello."))
    (row,) = google.rows(1)

    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")
    assert (row.outcome, row.error_type, row.measured.state) == ("error", "UNAVAILABLE", "estimated")


@pytest.mark.parametrize(
    ("status", "raised", "word"),
    [
        (400, errors.ClientError, "INVALID_ARGUMENT"),
        (403, errors.ClientError, "PERMISSION_DENIED"),
        (429, errors.ClientError, "RESOURCE_EXHAUSTED"),
        (500, errors.ServerError, "INTERNAL"),
    ],
)
def test_errors_of_the_provider_are_raised_as_they_are_without_a_gateway(google, status, raised, word):
    for stream in (False, True):
        with client(google, **{"x-stub-fault": str(status)}) as sdk, pytest.raises(raised) as caught:
            call = sdk.models.generate_content_stream if stream else sdk.models.generate_content
            list(call(model=MODEL, contents="Say hello."))
        (row,) = google.rows(1)

        assert (caught.value.code, caught.value.status) == (status, word)
        assert (row.outcome, row.error_type, row.effective_cost) == ("error", word, 0)
    assert len(google.stub.requests) == 2


def test_refusals_are_raised_as_typed_errors_and_reach_no_provider(google):
    with client(google, "tally_nobody_knows_me") as sdk, pytest.raises(errors.ClientError) as caught:
        sdk.models.generate_content(model=MODEL, contents="Say hello.")
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")

    with client(google) as sdk, pytest.raises(errors.ClientError, match="cannot meter it") as caught:
        sdk.caches.create(model=MODEL)
    (row,) = google.rows(1)
    (info, request) = caught.value.details["error"]["details"]

    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    assert (info["reason"], info["domain"]) == ("unknown_path", "tallystick")
    assert request["requestId"] == row.event_id
    assert (row.outcome, row.attempt) == ("refused", 0)
    assert not google.stub.requests


def test_counts_lists_and_embeddings(google):
    with client(google) as sdk:
        counted = sdk.models.count_tokens(model=MODEL, contents="Say hello.")
        named = [model.name for model in sdk.models.list()]
        vectors = sdk.models.embed_content(model="gemini-embedding-001", contents=["a", "b"])
    rows = {row.operation_name: row for row in google.rows(3)}

    assert counted.total_tokens > 0
    assert named == [f"models/{MODEL}"]
    assert len(vectors.embeddings) == 2
    assert (rows["count_tokens"].effective_cost, rows["list_models"].effective_cost) == (0, 0)
    assert rows["embeddings"].measured.quantities == {"uncached_input": 8, "requests": 1}
    assert rows["embeddings"].effective_cost == 8 * 150_000


def test_vertex_calls_carry_their_region_and_a_bearer_token(google):
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "labels": {"team": "maps", "tier": "gold"}}
    path = f"/vertex{PLACE}/google/models/{MODEL}:generateContent"
    with httpx2.Client(headers={"authorization": f"Bearer {google.key}"}) as http:
        answer = http.post(google.url + path, json=body)
    (row,) = google.rows(1)
    (seen,) = google.stub.requests

    assert answer.status_code == 200
    assert (row.provider, row.model, row.dimensions["region"]) == ("gcp.vertex_ai", MODEL, "europe-west4")
    assert row.dimensions["customer_tier"] == "gold"
    assert row.dimensions["team"] == "search"
    assert row.effective_cost > 0
    assert seen.path == path.removeprefix("/vertex")
    assert dict(seen.headers)["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_s_models_on_vertex_are_read_as_anthropic_s(google, stream):
    method = "streamRawPredict" if stream else "rawPredict"
    body = {
        "anthropic_version": "vertex-2023-10-16",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "hi"}],
        "stream": stream,
    }
    url = f"{google.url}/vertex{PLACE}/anthropic/models/claude-sonnet-5:{method}"
    with httpx2.Client(headers={"authorization": f"Bearer {google.key}"}) as http:
        answer = http.post(url, json=body)
    (row,) = google.rows(1)

    assert answer.status_code == 200
    assert (row.request_model, row.stream, row.outcome) == ("claude-sonnet-5", stream, "ok")
    assert row.measured.output_tokens == 8
    assert row.effective_cost > 0


def test_a_missing_access_token_says_what_is_needed(google):
    with httpx2.Client(headers={"authorization": f"Bearer {google.key}"}) as http:
        answer = http.post(f"{google.url}/keyless{PLACE}/google/models/{MODEL}:generateContent", json={"contents": []})
    error = answer.json()["error"]

    assert (answer.status_code, error["status"]) == (403, "PERMISSION_DENIED")
    assert "access token" in error["message"]
    assert "service-account" in error["message"]


def test_cohere_chats_embeds_and_ranks(google):
    messages = [{"role": "user", "content": "hi"}]
    with httpx2.Client(base_url=f"{google.url}/cohere", headers={"authorization": f"Bearer {google.key}"}) as http:
        plain = http.post("/v2/chat", json={"model": "command-r", "messages": messages})
        streamed = http.post("/v2/chat", json={"model": "command-r", "messages": messages, "stream": True})
        http.post("/v2/embed", json={"model": "embed-v4.0", "texts": ["a", "b"], "input_type": "classification"})
        http.post("/v2/rerank", json={"model": "rerank-v4.0-pro", "query": "a", "documents": ["b", "c"]})
    chat, stream, embed, rank = google.rows(4)

    assert plain.json()["finish_reason"] == "COMPLETE"
    assert b"message-end" in streamed.content
    assert chat.effective_cost == stream.effective_cost > 0
    assert (embed.measured.quantities["uncached_input"], embed.measured.output_tokens) == (6, 0)
    assert (rank.operation_name, rank.measured.quantities["searches"]) == ("rerank", 1)


def test_google_s_sdk_in_vertex_mode_takes_our_key_for_an_access_token(google):
    options = types.HttpOptions(base_url=f"{google.url}/vertex", api_version="v1")
    token = Credentials(google.key)
    with genai.Client(
        vertexai=True, project="acme", location="europe-west4", credentials=token, http_options=options
    ) as sdk:
        whole = sdk.models.generate_content(model=MODEL, contents="Say hello.")
        streamed = list(sdk.models.generate_content_stream(model=MODEL, contents="Say hello."))
    plain, stream = google.rows(2)

    assert whole.text == "".join(chunk.text for chunk in streamed) == TEXT
    assert plain.measured.quantities == stream.measured.quantities
    assert {row.dimensions["region"] for row in (plain, stream)} == {"europe-west4"}
    assert all(google.key not in str(seen) for seen in google.stub.requests)


def test_anthropic_s_sdk_for_vertex_takes_our_key_too(google):
    with anthropic.AnthropicVertex(
        region="europe-west4", project_id="acme", access_token=google.key, base_url=f"{google.url}/vertex/v1"
    ) as sdk:
        asked = {"model": "claude-sonnet-5", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
        whole = sdk.messages.create(**asked)
        with sdk.messages.stream(**asked) as stream:
            text = stream.get_final_text()
    plain, streamed = google.rows(2)

    assert whole.content[0].text == text == TEXT
    assert (plain.stream, streamed.stream) == (False, True)
    assert plain.effective_cost == streamed.effective_cost > 0
    assert plain.dimensions["region"] == "europe-west4"


def test_a_budget_caps_a_call_and_refuses_the_next_with_one_typed_error(tmp_path, stub_thread):
    (tmp_path / "prices.toml").write_text(
        '[[price]]\nprovider = "google"\nmodel = "cent"\nfrom = "2024-01-01"\nper = 1\ninput = "0"\noutput = "0.001"\n'
    )
    budget = Budget("bud_1", "three dollars", 3 * NANO, window="day")
    held = BudgetSettings(CounterSettings("process", tmp_path / "counters"), (budget,))
    keys = (ProviderKeySecret(SECRET),)
    providers = {"gemini": ProviderSettings("gemini", stub_thread.url, "gcp.gemini", keys=keys)}
    with running_gateway(tmp_path, stub_thread, providers=providers, budgets=held) as gateway:
        refresh_prices(gateway.context, tmp_path / "prices.toml")
        stub_thread.reset()
        with client(gateway, **{"x-stub-words": "2495"}) as sdk:
            sdk.models.generate_content(model="cent", contents="hi", config={"temperature": 0.5})
            with pytest.raises(errors.ClientError) as caught:
                sdk.models.generate_content(model="cent", contents="hi")
        passed, refused = gateway.rows(2)

    (seen,) = stub_thread.requests
    sent = json.loads(seen.body)["generationConfig"]
    (info, _) = caught.value.details["error"]["details"]
    # A thousandth of a dollar each: three dollars afford 3,000 tokens, and 2,500 used leave fewer than 1,024.
    assert sent == {"temperature": 0.5, "maxOutputTokens": 3000}
    assert passed.effective_cost == 2_500_000_000_000
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert (info["reason"], info["metadata"]["budget"]) == ("budget_exceeded", "three dollars")
    assert (refused.outcome, refused.verdict, refused.attempt) == ("refused", "blocked", 0)
