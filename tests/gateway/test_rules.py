"""Routing rules on real calls: a change holds for the next call, shadow changes nothing, decisions say who did it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2 as httpx
import openai
import pytest

from tallystick.gateway.settings import ProviderKeySecret, ProviderSettings
from tallystick.operations.manage_rules import delete_rule, list_rules, set_rule, shadow_rule
from tests.gateway.harness import SECRET, RunningGateway, running_gateway
from tests.stub.server import Stub, in_thread

KEYS = (ProviderKeySecret(SECRET),)
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(scope="module")
def other() -> Iterator[Stub]:
    with in_thread() as stub:
        yield stub


@pytest.fixture(scope="module")
def ruled(stub_thread: Stub, other: Stub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    one = ProviderSettings("openai", stub_thread.url, "openai", keys=KEYS, timeout_seconds=5)
    providers = {
        "openai": one,
        "azure": replace(one, base_url=other.url, provider="azure"),
        "claude": replace(one, dialect="anthropic", provider="anthropic", openai_url=f"{other.url}/v1"),
    }
    with running_gateway(tmp_path_factory.mktemp("ruled"), stub_thread, providers=providers) as gateway:
        yield gateway


@pytest.fixture
def gateway(ruled: RunningGateway, other: Stub) -> RunningGateway:
    for rule in list_rules(ruled.context):
        delete_rule(ruled.context, rule.name)
    ruled.rows()
    ruled.stub.reset()
    other.reset()
    return ruled


def rule(gateway: RunningGateway, name: str, when: dict[str, Any] | None = None, **then: Any) -> None:
    set_rule(gateway.context, name, {"shadow": False, "when": when or {}, "then": then})


def ask(gateway: RunningGateway, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    sent = {"authorization": f"Bearer {gateway.key}", **(headers or {})}
    return httpx.post(f"{gateway.url}/openai/v1/chat/completions", json={**CHAT, **body}, headers=sent, timeout=20)


def effects(row: Any) -> list[tuple[str, str]]:
    return [(one["id"], one["effect"]) for one in json.loads(row.decision)["rules"]]


def test_a_rule_sends_another_model_and_the_row_keeps_both(gateway: RunningGateway, stub: Stub) -> None:
    rule(gateway, "cheap", {"team": "search", "messages": {"most": 1}}, model="gpt-4o-mini")
    answer = ask(gateway)
    row = gateway.rows(1)[0]
    assert json.loads(gateway.stub.requests[0].body)["model"] == "gpt-4o-mini"
    assert (row.request_model, row.sent_model, row.effective_cost is not None) == ("gpt-4o", "gpt-4o-mini", True)
    assert answer.headers["x-tally-model"] == "gpt-4o-mini"
    assert effects(row) == [("cheap", "route")]
    ask(gateway, messages=[{"role": "user", "content": "a"}, {"role": "user", "content": "b"}])
    assert gateway.rows(1)[0].sent_model == ""


def test_a_rule_sends_to_another_provider_by_its_openai_address(gateway: RunningGateway, other: Stub) -> None:
    rule(gateway, "move", {"model": "gpt-4o"}, model=["claude/claude-sonnet-4-5"])
    assert ask(gateway).status_code == 200
    row = gateway.rows(1)[0]
    assert (row.provider, row.provider_account, row.sent_model) == ("anthropic", "claude", "claude-sonnet-4-5")
    assert other.requests[0].path == "/v1/chat/completions"
    assert ("authorization", f"Bearer {SECRET}") in other.requests[0].headers
    rule(gateway, "move", {}, provider="azure")
    ask(gateway)
    assert [(row.provider, row.sent_model) for row in gateway.rows(1)] == [("azure", "")]


def test_a_chain_across_models_is_walked_until_one_answers(gateway: RunningGateway, other: Stub) -> None:
    rule(gateway, "chain", {}, model=["openai/gpt-4o-mini", "claude/claude-sonnet-4-5"])
    other.fault = lambda ask: ""  # type: ignore[method-assign]
    answer = ask(gateway, {"x-stub-fault": "503"})
    rows = gateway.rows(2)
    assert answer.status_code == 200
    assert [(row.provider_account, row.sent_model, row.attempt) for row in rows] == [
        ("openai", "gpt-4o-mini", 1),
        ("claude", "claude-sonnet-4-5", 2),
    ]
    assert json.loads(other.requests[0].body)["model"] == "claude-sonnet-4-5"
    assert rows[1].attempt_reason == "failover: 503"


def test_a_rule_denies_with_its_own_words(gateway: RunningGateway) -> None:
    rule(gateway, "no opus", {"environment": "!production"}, deny="ask the platform team first")
    client = openai.OpenAI(base_url=f"{gateway.url}/openai/v1", api_key=gateway.key)
    with client, pytest.raises(openai.PermissionDeniedError, match="ask the platform team first") as error:
        client.chat.completions.create(**CHAT)  # type: ignore[call-overload]
    assert "no opus" in str(error.value)
    row = gateway.rows(1)[0]
    assert (row.attempt, row.outcome, row.verdict, row.error_type) == (0, "refused", "denied", "denied")
    assert effects(row) == [("no opus", "deny")]
    assert gateway.stub.requests == []
    assert ask(gateway, {"x-cost-environment": "production"}).status_code == 200


def test_a_rule_caps_the_answer_and_leaves_a_smaller_wish(gateway: RunningGateway) -> None:
    rule(gateway, "short", {}, max_output=100)
    ask(gateway)
    ask(gateway, max_tokens=50)
    ask(gateway, max_tokens=500)
    sent = [json.loads(one.body) for one in gateway.stub.requests]
    assert [one.get("max_tokens") or one.get("max_completion_tokens") for one in sent] == [100, 50, 100]
    assert [row.effective_max_tokens for row in gateway.rows(3)] == [100, 50, 100]


def test_a_rule_in_shadow_changes_no_byte_and_is_named_in_the_decision(gateway: RunningGateway) -> None:
    set_rule(gateway.context, "try", {"then": {"model": "gpt-4o-mini", "max_output": 5}})
    ask(gateway)
    assert json.loads(gateway.stub.requests[0].body) == CHAT
    assert effects(gateway.rows(1)[0]) == [("try", "shadow")]
    shadow_rule(gateway.context, "try", shadow=False)
    ask(gateway)
    assert json.loads(gateway.stub.requests[1].body)["model"] == "gpt-4o-mini"
    delete_rule(gateway.context, "try")
    ask(gateway)
    assert json.loads(gateway.stub.requests[2].body) == CHAT


def test_a_callers_own_key_goes_where_it_was_sent(gateway: RunningGateway, other: Stub) -> None:
    rule(gateway, "move", {}, provider="azure")
    assert ask(gateway, {"authorization": "Bearer sk-own"}).status_code == 200
    assert other.requests == []


def test_free_calls_are_no_concern_of_rules(gateway: RunningGateway) -> None:
    rule(gateway, "all", {}, deny="no")
    sent = {"authorization": f"Bearer {gateway.key}"}
    assert httpx.get(f"{gateway.url}/openai/v1/models", headers=sent, timeout=20).status_code == 200
