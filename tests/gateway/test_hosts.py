"""Other hosts of OpenAI's format and its other routes through a running gateway, with the official SDK."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2 as httpx
import openai
import pytest

from tallystick.config import CATALOGUE, load_config
from tallystick.gateway.settings import ProviderKeySecret, ProviderSettings
from tallystick.kernel.money import divide_half_even
from tallystick.pricing.book import PriceBook
from tallystick.pricing.rate import rated
from tallystick.wiring import base_urls, gateway_settings
from tests.gateway.harness import SECRET, RunningGateway, running_gateway
from tests.stub.server import Stub

HI = [{"role": "user", "content": "hi"}]
# Clients of the test that runs, closed at its end.
OPENED: list[openai.OpenAI] = []
# $2.50 an hour.
GPU_RATE = 694_444_444
TOML = """
[providers.newcomer]
dialect = "openai"
base_url = "{url}/v1"
api_key_env = "NEWCOMER_API_KEY"
provider = "openai"
"""


@pytest.fixture(scope="module")
def hosts(stub_thread: Stub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    url, keys = stub_thread.url, (ProviderKeySecret(SECRET),)
    folder = tmp_path_factory.mktemp("hosts")
    file = folder / "tally.toml"
    file.write_text(TOML.format(url=url))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("NEWCOMER_API_KEY", SECRET)
        newcomer = gateway_settings(load_config(file), folder).providers["newcomer"]
    own = ProviderSettings("openai", url, "vllm", auth="none")
    providers = {
        "openai": ProviderSettings("openai", url, "openai", keys=keys, timeout_seconds=5),
        "azure": ProviderSettings("azure", url, "azure", keys=keys),
        "mistral": ProviderSettings("mistral", url, "mistral_ai", keys=keys),
        "vllm": own,
        "gpu": replace(own, gpu_grains_per_second=GPU_RATE),
        "newcomer": newcomer,
    }
    with running_gateway(folder, stub_thread, providers=providers) as gateway:
        yield gateway


@pytest.fixture
def gateway(hosts: RunningGateway) -> Iterator[RunningGateway]:
    hosts.rows()
    hosts.stub.reset()
    yield hosts
    while OPENED:
        OPENED.pop().close()


def sdk(gateway: RunningGateway, name: str = "openai") -> openai.OpenAI:
    OPENED.append(openai.OpenAI(api_key=gateway.key, base_url=f"{gateway.url}/{name}/v1", max_retries=0))
    return OPENED[-1]


def azure(gateway: RunningGateway) -> openai.OpenAI:
    endpoint = f"{gateway.url}/azure"
    OPENED.append(
        openai.AzureOpenAI(api_key=gateway.key, azure_endpoint=endpoint, api_version="2024-10-21", max_retries=0)
    )
    return OPENED[-1]


def test_a_deployment_is_priced_by_the_model_behind_it(gateway: RunningGateway) -> None:
    answer = azure(gateway).chat.completions.create(model="my-deployment", messages=HI)

    (row,) = gateway.rows(1)
    (seen,) = gateway.stub.requests
    assert seen.path == "/openai/deployments/my-deployment/chat/completions"
    assert dict(seen.headers)["api-key"] == SECRET
    assert gateway.key not in json.dumps(seen.headers)
    assert (row.request_model, row.response_model) == ("my-deployment", "gpt-4o-mini-2024-07-18")
    assert answer.usage is not None
    assert row.measured.input_tokens == answer.usage.prompt_tokens
    assert row.effective_cost == answer.usage.prompt_tokens * 150_000 + 8 * 600_000


def test_a_streamed_deployment_is_metered_and_its_caller_sees_no_usage(gateway: RunningGateway) -> None:
    chunks = list(azure(gateway).chat.completions.create(model="my-deployment", messages=HI, stream=True))

    (row,) = gateway.rows(1)
    assert chunks[0].choices == []
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices).startswith("Tally")
    assert all(chunk.usage is None for chunk in chunks)
    assert (row.outcome, row.measured.state, row.measured.output_tokens) == ("ok", "reported", 8)
    assert row.measured.drift == ()


def test_mistral_is_not_asked_for_what_it_refuses(gateway: RunningGateway) -> None:
    list(sdk(gateway, "mistral").chat.completions.create(model="mistral-small-latest", messages=HI, stream=True))

    (seen,) = gateway.stub.requests
    assert "stream_options" not in json.loads(seen.body)


def test_a_new_compatible_provider_is_an_entry_and_is_metered(gateway: RunningGateway) -> None:
    answer = sdk(gateway, "newcomer").chat.completions.create(model="gpt-4o-mini", messages=HI)

    (row,) = gateway.rows(1)
    assert answer.usage is not None
    assert (row.provider_account, row.measured.input_tokens) == ("newcomer", answer.usage.prompt_tokens)
    assert row.effective_cost == answer.usage.prompt_tokens * 150_000 + 8 * 600_000
    assert gateway.stub.requests[0].path == "/v1/chat/completions"


def test_a_server_without_a_key_gets_none_and_its_price_is_unknown_until_one_is_set(gateway: RunningGateway) -> None:
    sdk(gateway, "vllm").chat.completions.create(model="tally-70b", messages=HI)

    (row,) = gateway.rows(1)
    names = {name for name, _ in gateway.stub.requests[0].headers}
    assert not names & {"authorization", "api-key", "x-api-key"}
    assert (row.effective_cost, row.key) == (None, gateway.key_id)


def test_a_placeholder_key_is_not_passed_on_to_a_server_without_one(gateway: RunningGateway) -> None:
    with openai.OpenAI(api_key="ollama", base_url=f"{gateway.url}/vllm/v1", max_retries=0) as client:
        client.chat.completions.create(model="tally-70b", messages=HI)

    (row,) = gateway.rows(1)
    assert "authorization" not in dict(gateway.stub.requests[0].headers)
    assert row.key == ""


@pytest.mark.parametrize("stream", [False, True])
def test_a_self_hosted_call_costs_its_share_of_the_hour(gateway: RunningGateway, stream: bool) -> None:
    sent = {"authorization": f"Bearer {gateway.key}", "x-stub-fault": "slow", "x-stub-delay": "0.05"}
    body = {"model": "tally-70b", "messages": HI, "stream": stream}
    httpx.post(f"{gateway.url}/gpu/v1/chat/completions", json=body, headers=sent, timeout=20)

    (row,) = gateway.rows(1)
    worked = row.measured.quantities["gpu_seconds"]
    assert 50_000 <= worked <= (row.duration_us or 0)
    assert row.effective_cost == row.list_cost == divide_half_even(worked * GPU_RATE, 1_000_000)
    assert row.priced["gpu_seconds"] == row.effective_cost
    assert row.measured.output_tokens == 8
    assert (row.model, row.unpriced, row.price_id) == ("tally-70b", (), f"gpu-{GPU_RATE}")
    again = rated(PriceBook([]), row)
    assert again.cost == row.effective_cost
    assert "$2.4999999984 an hour" in again.why


def test_a_failed_self_hosted_call_is_not_billed(gateway: RunningGateway) -> None:
    sent = {"authorization": f"Bearer {gateway.key}", "x-stub-fault": "400"}
    httpx.post(f"{gateway.url}/gpu/v1/chat/completions", json={"model": "m", "messages": HI}, headers=sent)

    (row,) = gateway.rows(1)
    assert (row.outcome, row.effective_cost) == ("error", 0)


def test_pictures_are_priced_by_their_tokens(gateway: RunningGateway) -> None:
    sdk(gateway).images.generate(model="gpt-image-1", prompt="A tally stick.")
    sdk(gateway).images.edit(model="gpt-image-1", prompt="A tally stick.", image=b"\x89PNG")
    list(sdk(gateway).images.generate(model="gpt-image-1", prompt="A tally stick.", stream=True))

    rows = gateway.rows(3)
    # $5, $10 and $40 a million: 10 of text, 40 of the picture given, 1,056 of the one made.
    assert [row.effective_cost for row in rows] == [10 * 5_000_000 + 40 * 10_000_000 + 1056 * 40_000_000] * 3
    assert [row.request_model for row in rows] == ["gpt-image-1"] * 3


def test_a_transcript_is_priced_by_the_second(gateway: RunningGateway) -> None:
    answer = sdk(gateway).audio.transcriptions.create(model="whisper-1", file=("a.mp3", b"ID3" * 100))

    (row,) = gateway.rows(1)
    assert answer.text == "Tally sticks."
    # $0.36 an hour, 8.5 seconds.
    assert row.effective_cost == 850_000_000
    assert row.measured.quantities["seconds"] == 8_500_000


def test_speech_is_priced_by_the_character_where_it_is_sold_so(gateway: RunningGateway) -> None:
    sound = sdk(gateway).audio.speech.create(model="tts-1", input="Tally sticks.", voice="alloy").read()
    sdk(gateway).audio.speech.create(model="gpt-4o-mini-tts", input="Tally sticks.", voice="alloy").read()

    first, second = gateway.rows(2)
    assert sound.startswith(b"ID3")
    # $15 a million characters.
    assert (first.outcome, first.effective_cost) == ("ok", 13 * 15_000_000)
    assert (second.outcome, second.effective_cost, second.unpriced) == ("ok", None, ("characters",))


def test_files_pass_and_cost_nothing(gateway: RunningGateway) -> None:
    sdk(gateway).files.create(file=("a.jsonl", b"{}\n"), purpose="batch")
    sdk(gateway).files.list()

    assert [(row.operation_name, row.effective_cost) for row in gateway.rows(2)] == [
        ("upload_file", 0),
        ("read_file", 0),
    ]
    assert b'filename="a.jsonl"' in gateway.stub.requests[0].body


def test_reading_a_batch_marks_what_was_billed_elsewhere(gateway: RunningGateway) -> None:
    sdk(gateway).batches.retrieve("batch-1")

    (row,) = gateway.rows(1)
    assert row.effective_cost == 0
    assert row.measured.drift == ("the batch used 1200 input and 300 output tokens, which are not counted here",)


def test_what_bills_outside_of_calls_is_refused_with_the_reason(gateway: RunningGateway) -> None:
    with pytest.raises(openai.NotFoundError, match="a batch is not forwarded") as caught:
        sdk(gateway).batches.create(input_file_id="f", endpoint="/v1/chat/completions", completion_window="24h")
    assert "allow_paths" in str(caught.value)
    with pytest.raises(openai.NotFoundError, match="usage report"):
        sdk(gateway).vector_stores.create(name="v")

    assert gateway.stub.requests == []
    assert [(row.attempt, row.error_type) for row in gateway.rows(2)] == [(0, "unknown_path")] * 2


UPGRADE = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}


@pytest.mark.parametrize("extra", [{}, {**UPGRADE, "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}])
def test_a_realtime_session_is_refused_before_anything_is_opened(
    gateway: RunningGateway, extra: dict[str, str]
) -> None:
    sent = {"authorization": f"Bearer {gateway.key}", **extra}
    answer = httpx.get(f"{gateway.url}/openai/v1/realtime?model=gpt-realtime", headers=sent)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (501, "realtime_unsupported")
    assert "/v1/audio/transcriptions" in error["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert gateway.stub.requests == []


def test_the_sdk_raises_on_a_realtime_session(gateway: RunningGateway) -> None:
    client = openai.OpenAI(api_key=gateway.key, base_url=f"{gateway.url}/openai/v1")
    with client, pytest.raises(openai.InternalServerError, match="realtime sessions are not forwarded"):
        client.realtime.client_secrets.create()

    assert len(gateway.rows(1)) == 1


def test_the_greeting_shows_the_hosts_whose_key_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in CATALOGUE.values():
        if provider.api_key_env:
            monkeypatch.delenv(provider.api_key_env, raising=False)
    assert [name for name, _, _ in base_urls(load_config(None))] == ["openai", "anthropic"]

    monkeypatch.setenv("GROQ_API_KEY", "k")
    monkeypatch.setenv("PERPLEXITY_API_KEY", "k")
    file = tmp_path / "tally.toml"
    file.write_text('[providers.ollama]\ndialect = "openai"\nbase_url = "http://localhost:11434"\nauth = "none"\n')
    shown = {name: url for name, _, url in base_urls(load_config(file))}
    assert set(shown) == {"openai", "anthropic", "groq", "perplexity", "ollama"}
    assert shown["groq"].endswith("/groq/v1")
    assert shown["perplexity"].endswith("/perplexity")


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_every_host_of_the_catalogue_names_its_endpoint(name: str) -> None:
    provider = CATALOGUE[name]

    local = provider.base_url.startswith("http://localhost")
    assert provider.base_url.startswith("https://") or local
    assert bool(provider.api_key_env) != local
    if provider.dialect in {"openai", "mistral"} and name != "perplexity":
        assert provider.openai_url == f"{provider.base_url}/v1"
