"""One OpenAI-shaped address: the official SDK asks for ``provider/model`` and the right provider answers and is metered."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import openai
import pytest

from tallystick.gateway.settings import ProviderKeySecret, ProviderSettings
from tests.gateway.harness import SECRET, RunningGateway, running_gateway
from tests.stub.server import Stub, in_thread

KEYS = (ProviderKeySecret(SECRET),)
SAY: Any = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with in_thread() as stub:
        yield stub


@pytest.fixture(scope="module")
def running(stub: Stub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    one = ProviderSettings("openai", stub.url, "openai", keys=KEYS, timeout_seconds=5)
    providers = {
        "openai": one,
        "openai-eu": replace(one, base_url=f"{stub.url}/v1"),
        "anthropic": replace(one, dialect="anthropic", provider="anthropic", openai_url=f"{stub.url}/v1"),
        "native": replace(one, dialect="anthropic", provider="anthropic"),
        "mistral": replace(one, provider="mistral", keys=()),
    }
    with running_gateway(tmp_path_factory.mktemp("address"), stub, providers=providers) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: RunningGateway) -> RunningGateway:
    running.rows()
    running.stub.reset()
    return running


@pytest.fixture
def client(gateway: RunningGateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as client:
        yield client


@pytest.mark.parametrize(
    ("model", "account", "provider", "sent"),
    [
        ("openai/gpt-4o-mini", "openai", "openai", "gpt-4o-mini"),
        ("openai-eu/gpt-4o-mini", "openai-eu", "openai", "gpt-4o-mini"),
        ("anthropic/claude-sonnet-4-5", "anthropic", "anthropic", "claude-sonnet-4-5"),
        ("gpt-4o-mini", "openai", "openai", "gpt-4o-mini"),
        ("claude-sonnet-4-5", "anthropic", "anthropic", "claude-sonnet-4-5"),
        ("gpt-99-unheard-of", "openai", "openai", "gpt-99-unheard-of"),
        ("openai/vendor/model", "openai", "openai", "vendor/model"),
    ],
)
def test_the_model_says_whose_it_is(
    gateway: RunningGateway, client: openai.OpenAI, model: str, account: str, provider: str, sent: str
) -> None:
    answer = client.chat.completions.create(model=model, messages=SAY)
    row = gateway.rows(1)[0]
    assert answer.choices[0].message.content
    assert (row.provider_account, row.provider, row.request_model, row.sent_model) == (account, provider, sent, "")
    assert gateway.stub.requests[0].path == "/v1/chat/completions"
    assert f'"model":"{sent}"'.encode() in gateway.stub.requests[0].body.replace(b": ", b":")
    assert ("authorization", f"Bearer {SECRET}") in gateway.stub.requests[0].headers
    assert (row.effective_cost is not None) == ("gpt-4o" in model or "claude" in model)


def test_streams_responses_and_embeddings_go_the_same_way(gateway: RunningGateway, client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="openai/gpt-4o-mini", messages=SAY, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert client.responses.create(model="openai/gpt-4o-mini", input="hi").output_text
    assert client.embeddings.create(model="openai/text-embedding-3-small", input=["a"]).data
    assert [(row.operation_name, row.outcome) for row in gateway.rows(3)] == [
        ("chat", "ok"),
        ("chat", "ok"),
        ("embeddings", "ok"),
    ]


def test_a_model_that_tells_nothing_is_refused_with_the_choices(gateway: RunningGateway, client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match=r"PROVIDER/MODEL.*anthropic, mistral, openai, openai-eu") as error:
        client.chat.completions.create(model="house-blend", messages=SAY)
    assert error.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError, match=r"openai_url of .providers.native."):
        client.chat.completions.create(model="native/claude-sonnet-4-5", messages=SAY)
    assert [row.outcome for row in gateway.rows(2)] == ["refused", "refused"]
    assert gateway.stub.requests == []


def test_what_names_no_model_is_refused(gateway: RunningGateway, client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="names no model"):
        client.responses.retrieve("resp_1")


def test_a_provider_without_a_key_says_so(client: openai.OpenAI) -> None:
    with pytest.raises(openai.PermissionDeniedError, match="no key for mistral"):
        client.chat.completions.create(model="mistral/mistral-large", messages=SAY)


def test_models_are_those_of_providers_with_a_key(gateway: RunningGateway, client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert "openai/gpt-4o-mini" in names
    assert "openai-eu/gpt-4o-mini" in names
    assert any(name.startswith("anthropic/claude") for name in names)
    assert {name.partition("/")[0] for name in names} == {"openai", "openai-eu", "anthropic"}
    assert gateway.stub.requests == []


def test_nobody_without_a_key_learns_anything(gateway: RunningGateway) -> None:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="tally_wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError):
            client.models.list()
        with pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(model="openai/gpt-4o-mini", messages=SAY)
