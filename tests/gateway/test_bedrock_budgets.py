"""Budgets before Bedrock: refused as boto3's typed exception, asked once, and capped where each shape has its cap."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tallystick.budgets.model import NANO, Budget
from tallystick.counters.open import CounterSettings
from tallystick.gateway.settings import BudgetSettings, ProviderKeySecret, ProviderSettings
from tallystick.operations.refresh_prices import refresh_prices
from tests.gateway.harness import SECRET, RunningGateway, running_gateway
from tests.stub.server import Stub

TURN = [{"role": "user", "content": [{"text": "hi"}]}]
# A tenth of a cent for each token of output, nothing for input.
PRICE = (
    '[[price]]\nprovider = "aws.bedrock"\nmodel = "{}"\nfrom = "2024-01-01"\nper = 1\n'
    'input = "0"\ncache_read = "0"\noutput = "0.001"\n'
)
MODELS = ("amazon.cent-v1:0", "anthropic.cent-v1:0", "meta.cent-v1:0")


@contextlib.contextmanager
def budgeted(folder: Path, stub: Stub, limit: int) -> Iterator[tuple[RunningGateway, Any]]:
    file = folder / "prices.toml"
    file.write_text("".join(map(PRICE.format, MODELS)))
    upstream = ProviderSettings(
        "bedrock", stub.url, "aws.bedrock", keys=(ProviderKeySecret(SECRET),), timeout_seconds=5
    )
    budget = Budget("bud_1", "search a day", limit, window="day")
    held = BudgetSettings(CounterSettings("process", folder / "counters"), (budget,))
    with running_gateway(folder, stub, budgets=held, providers={"bedrock": upstream}) as gateway:
        refresh_prices(gateway.context, file)
        stub.reset()
        client = boto3.client(
            "bedrock-runtime",
            region_name="eu-central-1",
            endpoint_url=f"{gateway.url}/bedrock",
            aws_access_key_id=gateway.key,
            aws_secret_access_key="unused",
            config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
        )
        with contextlib.closing(client):
            yield gateway, client


def test_a_budget_without_room_is_a_typed_exception_and_one_row(tmp_path: Path, stub_thread: Stub) -> None:
    with budgeted(tmp_path, stub_thread, 1) as (gateway, client):
        with pytest.raises(client.exceptions.ServiceQuotaExceededException, match="search a day") as caught:
            client.converse(modelId=MODELS[0], messages=TURN, inferenceConfig={"maxTokens": 10})
        (row,) = gateway.rows(1)

    assert (row.outcome, row.status, row.error_type, row.verdict) == ("refused", 400, "budget_exceeded", "blocked")
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0
    assert not stub_thread.requests


def test_the_call_that_fits_passes_and_the_next_is_refused(tmp_path: Path, stub_thread: Stub) -> None:
    with budgeted(tmp_path, stub_thread, 17 * NANO // 1000) as (gateway, client):
        events = client.converse_stream(modelId=MODELS[0], messages=TURN, inferenceConfig={"maxTokens": 10})["stream"]
        assert len(list(events)) > 5
        with pytest.raises(client.exceptions.ServiceQuotaExceededException):
            client.converse(modelId=MODELS[0], messages=TURN, inferenceConfig={"maxTokens": 10})
        first, second = gateway.rows(2)

    # Eight tokens of output were counted, not the ten that were reserved: with nine more there was no room for ten.
    assert (first.effective_cost, first.verdict) == (8 * 10**9, "allowed")
    assert second.verdict == "blocked"


CAPLESS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    (MODELS[0], {"messages": TURN, "inferenceConfig": {"topP": 1}}, ("inferenceConfig", "maxTokens")),
    (MODELS[1], {"anthropic_version": "v", "messages": [{"role": "user", "content": "hi"}]}, ("max_tokens",)),
    (MODELS[2], {"prompt": "hi"}, ("max_gen_len",)),
]


def test_a_call_without_a_cap_is_given_what_the_budget_affords(tmp_path: Path, stub_thread: Stub) -> None:
    with budgeted(tmp_path, stub_thread, 5 * NANO) as (gateway, client):
        for model, body, _ in CAPLESS:
            client.invoke_model(modelId=model, body=json.dumps(body))["body"].read()
        rows = gateway.rows(3)

    # Five dollars, less eight tokens a call.
    assert [row.effective_max_tokens for row in rows] == [5000, 4992, 4984]
    for row, seen, (_, _, path) in zip(rows, stub_thread.requests, CAPLESS, strict=True):
        sent: Any = json.loads(seen.body)
        for name in path:
            sent = sent[name]
        assert (sent, row.requested_max_tokens) == (row.effective_max_tokens, None)
