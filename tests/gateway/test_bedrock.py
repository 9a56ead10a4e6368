"""AWS's own SDK speaks to a running gateway before a Bedrock that signs what it saw."""

import contextlib
import hashlib
import http.client
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import httpx2 as httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EventStreamError

from tallystick.gateway.settings import ContentSettings, ProviderKeySecret, ProviderSettings
from tallystick.kernel.money import grains_from_decimal
from tests.gateway.harness import SECRET, RunningGateway, running_gateway
from tests.stub.server import Seen, Stub, in_thread

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abcd1234efgh"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SESSION = "FwoGZXIvYXdzEXAMPLE=="
TURN = [{"role": "user", "content": [{"text": "What is a tally stick?"}]}]
ANTHROPIC = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "hi"}],
}


OPENED: list[Any] = []


@pytest.fixture(autouse=True)
def closed_clients() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with in_thread() as stub:
        named = {"provider": "aws.bedrock", "timeout_seconds": 5, "region": "eu-central-1"}
        signing = (ProviderKeySecret(f"AKIDEXAMPLE:{AWS_SECRET}:{SESSION}"),)
        providers = {
            "bedrock": ProviderSettings("bedrock", stub.url, keys=(ProviderKeySecret(SECRET),), **named),
            "signed": ProviderSettings("bedrock", stub.url, keys=signing, auth="aws-sigv4", **named),
            "keyless": ProviderSettings("bedrock", stub.url, **named),
        }
        folder = tmp_path_factory.mktemp("bedrock")
        with running_gateway(folder, stub, providers=providers, content=ContentSettings()) as gateway:
            yield gateway


@pytest.fixture
def gateway(running: RunningGateway) -> RunningGateway:
    running.rows()
    running.stub.reset()
    return running


@pytest.fixture
def stub(gateway: RunningGateway) -> Stub:
    return gateway.stub


def client(
    gateway: RunningGateway, *, name: str = "bedrock", mode: str = "standard", key: str = "", **headers: str
) -> Any:
    """boto3 whose access key id is a tally key; `headers` are sent with every call, signed like all others."""
    made = boto3.client(
        "bedrock-runtime",
        region_name="eu-central-1",
        endpoint_url=f"{gateway.url}/{name}",
        aws_access_key_id=key or gateway.key,
        aws_secret_access_key="anything",
        aws_session_token="a-session-of-the-caller",
        config=Config(retries={"mode": mode, "total_max_attempts": 4}, read_timeout=10, connect_timeout=5),
    )
    OPENED.append(made)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    made.meta.events.register("before-call.bedrock-runtime", lambda params, **_: params["headers"].update(named))
    return made


def test_converse_is_metered_and_keeps_its_answer(gateway: RunningGateway, stub: Stub) -> None:
    answer = client(gateway, x_cost_feature="search").converse(
        modelId=CLAUDE, messages=TURN, inferenceConfig={"maxTokens": 100}, requestMetadata={"customer": "acme"}
    )

    (row,) = gateway.rows(wait_for=1)
    assert answer["output"]["message"]["content"][0]["text"].startswith("Tally sticks")
    assert answer["usage"]["inputTokens"] == row.measured.input_tokens
    assert (row.outcome, row.provider, row.request_model) == ("ok", "aws.bedrock", CLAUDE)
    assert row.measured.quantities["plain_output"] == answer["usage"]["outputTokens"] == 8
    assert row.measured.state == "reported"
    assert (row.dimensions["feature"], row.dimensions["customer"]) == ("search", "acme")
    assert (row.service_tier, row.finish_reason, row.requested_max_tokens) == ("default", "end_turn", 100)
    assert row.response_id.startswith("req_stub")
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-tally-event-id"] == row.event_id
    assert stub.requests[0].path == f"/model/{CLAUDE.replace(':', '%3A')}/converse"


def test_a_call_costs_what_the_list_says_of_its_model(gateway: RunningGateway) -> None:
    counts = {"inputTokens": 1000, "outputTokens": 200, "cacheReadInputTokens": 4000, "totalTokens": 5200}
    client(gateway, x_stub_usage=json.dumps(counts)).converse(
        modelId="anthropic.claude-3-5-haiku-20241022-v1:0", messages=TURN
    )

    (row,) = gateway.rows(wait_for=1)
    # 0.80, 0.08 and 4.00 dollars a million.
    assert row.effective_cost == grains_from_decimal(Decimal("0.00192"))


def test_a_converse_stream_passes_frame_by_frame(gateway: RunningGateway, stub: Stub) -> None:
    answer = client(gateway, x_stub_delay="0.005").converse_stream(modelId=CLAUDE, messages=TURN)
    events = list(answer["stream"])

    (row,) = gateway.rows(wait_for=1)
    words = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert "".join(words) == "Tally sticks split in two; the lender"
    assert events[-1]["metadata"]["usage"]["inputTokens"] == row.measured.input_tokens
    assert (row.outcome, row.stream, row.finish_reason) == ("ok", True, "end_turn")
    assert row.time_to_first_token_us is not None


def test_a_binary_stream_gets_no_comment_with_its_cost(gateway: RunningGateway) -> None:
    answer = client(gateway, x_tally_stream_cost="true").converse_stream(modelId=CLAUDE, messages=TURN)

    assert "metadata" in list(answer["stream"])[-1]


@pytest.mark.parametrize("body", [ANTHROPIC, {"prompt": "<s>[INST]hi[/INST]", "max_tokens": 20}])
def test_invoke_is_metered_whole_and_streamed(gateway: RunningGateway, body: dict[str, Any]) -> None:
    model = CLAUDE if "messages" in body else "mistral.mistral-7b-instruct-v0:2"
    bedrock = client(gateway)
    whole = bedrock.invoke_model(modelId=model, body=json.dumps(body))
    whole["body"].read()
    streamed = list(bedrock.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))["body"])

    rows = gateway.rows(wait_for=2)
    last = json.loads(streamed[-1]["chunk"]["bytes"])["amazon-bedrock-invocationMetrics"]
    assert [row.measured.output_tokens for row in rows] == [8, 8]
    assert [row.measured.input_tokens for row in rows] == [last["inputTokenCount"]] * 2
    assert [row.measured.state for row in rows] == ["reported", "reported"]
    assert [row.measured.drift for row in rows] == [(), ()]
    assert [row.stream for row in rows] == [False, True]
    assert [row.service_tier for row in rows] == ["default", "default"]
    assert [row.outcome for row in rows] == ["ok", "ok"]


def test_counting_tokens_is_free(gateway: RunningGateway) -> None:
    said = {"converse": {"messages": TURN}}
    assert client(gateway).count_tokens(modelId=CLAUDE, input=said)["inputTokens"] > 0

    (row,) = gateway.rows(wait_for=1)
    assert (row.operation_name, row.measured.input_tokens, row.request_model) == ("count_tokens", 0, CLAUDE)


def test_a_profile_of_one_s_own_passes_as_its_arn(gateway: RunningGateway, stub: Stub) -> None:
    client(gateway).converse(modelId=PROFILE, messages=TURN)

    (row,) = gateway.rows(wait_for=1)
    assert row.request_model == row.model == PROFILE
    assert row.effective_cost is None
    assert stub.requests[0].path == "/model/" + PROFILE.replace(":", "%3A").replace("/", "%2F") + "/converse"


def test_the_provider_s_errors_are_raised_as_typed_and_cost_nothing(gateway: RunningGateway) -> None:
    bedrock = client(gateway, x_stub_fault="400")
    with pytest.raises(bedrock.exceptions.ValidationException, match="told to answer 400"):
        bedrock.converse(modelId=CLAUDE, messages=TURN)

    (row,) = gateway.rows(wait_for=1)
    assert (row.outcome, row.status, row.error_type) == ("error", 400, "ValidationException")
    assert (row.measured.input_tokens, row.effective_cost) == (0, 0)


def test_an_exception_in_the_stream_is_an_error_with_an_estimate(gateway: RunningGateway) -> None:
    answer = client(gateway, x_stub_fault="in-stream").converse_stream(modelId=CLAUDE, messages=TURN)
    with contextlib.closing(answer["stream"]) as stream, pytest.raises(EventStreamError, match="broke off"):
        list(stream)

    (row,) = gateway.rows(wait_for=1)
    assert (row.outcome, row.error_type) == ("error", "modelStreamErrorException")
    assert row.measured.state == "estimated"


def test_a_stream_that_is_cut_is_cut_for_the_client_and_estimated(gateway: RunningGateway) -> None:
    answer = client(gateway, x_stub_fault="cut").converse_stream(modelId=CLAUDE, messages=TURN)
    with contextlib.closing(answer["stream"]) as stream, pytest.raises(Exception, match="ended prematurely"):
        list(stream)

    (row,) = gateway.rows(wait_for=1)
    assert (row.outcome, row.measured.state) == ("cut", "estimated")
    assert set(row.measured.estimated) == {"uncached_input", "plain_output"}


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_a_refusal_is_raised_as_typed_and_asked_once(gateway: RunningGateway, stub: Stub, mode: str) -> None:
    bedrock = client(gateway, name="keyless", mode=mode)
    with pytest.raises(bedrock.exceptions.AccessDeniedException, match="no key for keyless"):
        bedrock.converse(modelId=CLAUDE, messages=TURN)
    (row,) = gateway.rows(wait_for=1)

    assert (row.outcome, row.status, row.error_type) == ("refused", 403, "no_provider_key")
    assert not stub.requests


@pytest.mark.parametrize("name", ["unknown", "revoked"])
def test_a_key_of_ours_that_is_not_valid_is_refused_and_goes_nowhere(
    gateway: RunningGateway, stub: Stub, name: str
) -> None:
    bedrock = client(gateway, key=f"tally_{name}_nobody")
    with pytest.raises(ClientError, match="not known here") as caught:
        bedrock.converse(modelId=CLAUDE, messages=TURN)

    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0
    assert not stub.requests


def contents(gateway: RunningGateway, wait_for: int = 0) -> list[bytes]:
    """What was kept of all calls; it is written after their rows."""
    deadline = time.monotonic() + 5
    while True:
        found = [one.payload for one in gateway.records() if one.kind == "content"]
        if len(found) >= wait_for or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def header(seen: Seen, name: str) -> str:
    found = [value for key, value in seen.headers if key == name]
    assert len(found) == 1, (name, found)
    return found[0]


def signature_by_botocore(seen: Seen, host_key: str = "host") -> str:
    """What AWS's own signer makes of the request as it arrived, less what it would not sign."""
    listed = header(seen, "authorization").partition("SignedHeaders=")[2].partition(",")[0].split(";")
    mine = {name: header(seen, name) for name in listed if name not in ("x-amz-date", "x-amz-security-token")}
    url = f"http://{header(seen, host_key)}{seen.path}" + (f"?{seen.query}" if seen.query else "")
    request = AWSRequest(seen.method, url, headers=mine, data=seen.body)
    auth = SigV4Auth(Credentials("AKIDEXAMPLE", AWS_SECRET, SESSION), "bedrock", "eu-central-1")
    request.context["timestamp"] = header(seen, "x-amz-date")
    request.headers["X-Amz-Date"] = header(seen, "x-amz-date")
    request.headers["X-Amz-Security-Token"] = header(seen, "x-amz-security-token")
    canonical = auth.canonical_request(request)
    return auth.signature(auth.string_to_sign(request, canonical), request)


@pytest.mark.parametrize("model", [CLAUDE, PROFILE])
@pytest.mark.parametrize("stream", [False, True])
def test_what_the_gateway_signs_is_what_aws_verifies(
    gateway: RunningGateway, stub: Stub, model: str, stream: bool
) -> None:
    bedrock = client(gateway, name="signed")
    if stream:
        list(bedrock.converse_stream(modelId=model, messages=TURN)["stream"])
    else:
        bedrock.converse(modelId=model, messages=TURN)

    (seen,) = stub.requests
    signed = header(seen, "authorization")
    assert signed.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert signed.rpartition("Signature=")[2] == signature_by_botocore(seen)
    assert header(seen, "x-amz-security-token") == SESSION
    assert header(seen, "x-amz-content-sha256") == hashlib.sha256(seen.body).hexdigest()
    assert {"host", "x-amz-date", "content-type"} <= set(
        signed.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    )


def test_the_other_client_sends_what_was_signed_too(tmp_path: Path) -> None:
    key = (ProviderKeySecret(f"AKIDEXAMPLE:{AWS_SECRET}:{SESSION}"),)
    with in_thread() as stub:
        upstream = ProviderSettings(
            "bedrock", stub.url, "aws.bedrock", keys=key, auth="aws-sigv4", region="eu-central-1"
        )
        with running_gateway(tmp_path, stub, providers={"signed": upstream}, client="aiohttp") as gateway:
            client(gateway, name="signed").converse(modelId=PROFILE, messages=TURN)
            (seen,) = stub.requests

    assert header(seen, "authorization").rpartition("Signature=")[2] == signature_by_botocore(seen)


@pytest.mark.parametrize("name", ["bedrock", "signed"])
def test_nothing_of_the_caller_s_signature_is_passed_on(gateway: RunningGateway, stub: Stub, name: str) -> None:
    client(gateway, name=name).converse(modelId=CLAUDE, messages=TURN)

    (seen,) = stub.requests
    wire = json.dumps(seen.headers)
    assert gateway.key not in wire
    assert "a-session-of-the-caller" not in wire
    if name == "bedrock":
        assert header(seen, "authorization") == f"Bearer {SECRET}"
        assert not [key for key, _ in seen.headers if key.startswith("x-amz-")]


def test_a_caller_may_send_its_key_as_a_bearer_token(gateway: RunningGateway, stub: Stub) -> None:
    url = f"{gateway.url}/bedrock/model/{CLAUDE}/converse"
    answer = httpx.post(url, json={"messages": TURN}, headers={"authorization": f"Bearer {gateway.key}"})

    (row,) = gateway.rows(wait_for=1)
    assert (answer.status_code, row.key) == (200, gateway.key_id)
    assert header(stub.requests[0], "authorization") == f"Bearer {SECRET}"


def test_a_caller_s_own_bedrock_key_goes_as_it_came_also_where_we_would_sign(
    gateway: RunningGateway, stub: Stub
) -> None:
    url = f"{gateway.url}/signed/model/{CLAUDE}/converse"
    answer = httpx.post(url, json={"messages": TURN}, headers={"authorization": "Bearer ABSKexample"})

    assert answer.status_code == 200
    assert header(stub.requests[0], "authorization") == "Bearer ABSKexample"


ATTACKS = [
    "/model/..%2F..%2Fadmin/converse",
    "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Ainference-profile%2F..%2F..%2Fx/converse",
    "/model/arn:aws:bedrock:eu-central-1:123456789012:inference-profile%2F.hidden/converse",
    "/model/arn:aws:bedrock:eu-central-1:123456789012:inference-profile%2Fa%2Fb%2Fc/converse",
    "/model/arn:aws:bedrock:eu-central-1:123456789012:inference-profile%2F%2Fa/converse",
    "/model/arn:aws:bedrock:eu-central-1:123456789012:inference-profile%252Fa/converse",
    "/model/arn:aws:bedrock:eu-central-1:123456789012:inference-profile%5Ca/converse",
    "/model/arn:aws:bedrock:eu-central-1:123456789012:inference-profile%2Fa%00/converse",
    "/model/arn:aws:bedrock:eu-central-1:123456789012:inference-profile%2Fa%3Fx/converse",
    "/model/arn:aws:bedrock:eu-central-1:123456789012:inference-profile%2Fa/..%2Fadmin",
    "/model/arn:aws:s3:eu-central-1:123456789012:bucket%2Fa/converse",
    "/model/x%2Fy/converse",
    "/model/%2E%2E/converse",
    "/model/../converse",
    "/arn:aws:bedrock:eu-central-1:123456789012:inference-profile%2Fa/converse",
]


@pytest.mark.parametrize("path", ATTACKS)
def test_an_escaped_slash_opens_no_other_path(gateway: RunningGateway, stub: Stub, path: str) -> None:
    host = gateway.url.removeprefix("http://")
    with contextlib.closing(http.client.HTTPConnection(host, timeout=5)) as wire:
        wire.request("POST", f"/bedrock{path}", b"{}", {"authorization": f"Bearer {gateway.key}"})
        answer = wire.getresponse()
        answer.read()

    assert answer.status in (400, 404)
    assert not stub.requests


def test_what_was_said_in_frames_is_kept_as_one_text(gateway: RunningGateway) -> None:
    before = len(contents(gateway))
    list(client(gateway).converse_stream(modelId=CLAUDE, messages=TURN)["stream"])
    body = json.dumps(ANTHROPIC)
    list(client(gateway).invoke_model_with_response_stream(modelId=CLAUDE, body=body)["body"])

    kept = contents(gateway, before + 2)[before:]
    assert [one.count(b"Tally sticks split in two; the lender") for one in kept] == [1, 1]


def test_no_part_of_a_key_that_signs_is_kept_with_what_was_said(gateway: RunningGateway) -> None:
    said = [{"role": "user", "content": [{"text": f"keep {AWS_SECRET} and {SESSION}"}]}]
    before = len(contents(gateway))
    client(gateway, name="signed").converse(modelId=CLAUDE, messages=said)

    kept = contents(gateway, before + 1)[-1]
    assert b"keep " in kept
    assert AWS_SECRET.encode() not in kept
    assert SESSION.encode() not in kept


def test_a_caller_s_own_key_is_blotted_out_also_where_we_would_sign(gateway: RunningGateway) -> None:
    said = [{"role": "user", "content": [{"text": "keep ABSKexample"}]}]
    url = f"{gateway.url}/signed/model/{CLAUDE}/converse"
    before = len(contents(gateway))
    httpx.post(url, json={"messages": said}, headers={"authorization": "Bearer ABSKexample"})

    kept = contents(gateway, before + 1)[-1]
    assert b"keep " in kept
    assert b"ABSKexample" not in kept
