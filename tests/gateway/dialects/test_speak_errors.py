"""What the gateway says in a provider's place makes the official SDKs raise what the provider would."""

import anthropic
import httpx2
import openai
import pytest

from tallystick.gateway.dialects import DIALECTS

OPENAI, ANTHROPIC = DIALECTS["openai"], DIALECTS["anthropic"]


def answering(status, body, kind):
    def answer(request):
        headers = {"content-type": kind, "x-should-retry": "false"}
        return httpx2.Response(status, content=body, headers=headers, request=request)

    return httpx2.Client(transport=httpx2.MockTransport(answer))


def openai_client(status, body, kind="application/json"):
    return openai.OpenAI(api_key="k", base_url="http://x/v1", http_client=answering(status, body, kind))


def anthropic_client(status, body, kind="application/json"):
    return anthropic.Anthropic(api_key="k", base_url="http://x", http_client=answering(status, body, kind))


def ask_openai(client, **more):
    return client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], **more)


def ask_anthropic(client, **more):
    return client.messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": "hi"}], **more)


@pytest.mark.parametrize(
    ("status", "code", "raised"),
    [
        (400, "invalid_body", openai.BadRequestError),
        (401, "invalid_api_key", openai.AuthenticationError),
        (403, "path_not_allowed", openai.PermissionDeniedError),
        (404, "unknown_path", openai.NotFoundError),
        (413, "too_large", openai.APIStatusError),
        (429, "budget_exceeded", openai.RateLimitError),
        (502, "upstream_unreachable", openai.InternalServerError),
    ],
)
def test_openai_raises_its_typed_exception(status, code, raised):
    client = openai_client(status, OPENAI.error(status, code, "What, where, why.", "evt_1"))

    with pytest.raises(raised) as caught:
        ask_openai(client)

    assert caught.value.status_code == status
    assert caught.value.code == code
    assert "What, where, why." in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind", "raised"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (401, "authentication_error", anthropic.AuthenticationError),
        (402, "billing_error", anthropic.APIStatusError),
        (403, "permission_error", anthropic.PermissionDeniedError),
        (404, "not_found_error", anthropic.NotFoundError),
        (413, "request_too_large", anthropic.APIStatusError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (502, "api_error", anthropic.InternalServerError),
        (529, "overloaded_error", anthropic.InternalServerError),
    ],
)
def test_anthropic_raises_its_typed_exception(status, kind, raised):
    client = anthropic_client(status, ANTHROPIC.error(status, "some_code", "What, where, why.", "evt_1"))

    with pytest.raises(raised) as caught:
        ask_anthropic(client)

    assert caught.value.status_code == status
    assert caught.value.body["error"]["type"] == kind
    assert caught.value.body["request_id"] == "evt_1"


def test_errors_inside_a_stream_are_raised():
    broken = OPENAI.keep_alive() + OPENAI.stream_error("upstream_cut", "The provider hung up.")
    with pytest.raises(openai.APIError, match="The provider hung up"):
        list(ask_openai(openai_client(200, broken, "text/event-stream"), stream=True))

    broken = ANTHROPIC.keep_alive() + ANTHROPIC.stream_error("upstream_cut", "The provider hung up.")
    with pytest.raises(anthropic.APIStatusError, match="The provider hung up"):
        list(ask_anthropic(anthropic_client(200, broken, "text/event-stream"), stream=True))


def test_a_responses_stream_raises_too():
    broken = OPENAI.stream_error("upstream_cut", "The provider hung up.")
    client = openai_client(200, broken, "text/event-stream")

    with pytest.raises(openai.APIError, match="The provider hung up"):
        list(client.responses.create(model="m", input="hi", stream=True))


def test_keep_alive_is_nothing_to_a_reader():
    for dialect, path in ((OPENAI, "/v1/chat/completions"), (OPENAI, "/v1/responses"), (ANTHROPIC, "/v1/messages")):
        route = dialect.route("POST", path)
        request = dialect.read_request(route, b'{"model":"m","stream":true}')
        reader = dialect.read_stream(route, request)
        before = reader.facts()

        assert reader.feed(dialect.keep_alive()) == dialect.keep_alive()
        assert reader.facts() == before
