"""Attempts: each is a row, nothing that may be billed is made twice unasked, and chains go on."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2 as httpx
import openai
import pytest

from tallystick.gateway.settings import ProviderKeySecret, ProviderSettings
from tests.gateway.harness import SECRET, RunningGateway, running_gateway
from tests.stub.server import Stub, in_thread

KEYS = (ProviderKeySecret(SECRET),)
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(scope="module")
def second() -> Iterator[Stub]:
    """Another provider, one that never fails."""
    with in_thread() as stub:
        stub.fault = lambda ask: ""  # type: ignore[method-assign]
        yield stub


@pytest.fixture(scope="module")
def chained(stub_thread: Stub, second: Stub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    first = ProviderSettings("openai", stub_thread.url, "openai", keys=KEYS, timeout_seconds=0.4)
    providers = {
        "patient": replace(first, max_retries=2),
        "alone": first,
        # Many of a kind, for each has a circuit of its own.
        **{
            f"first-{number}": replace(first, fallbacks=("nokey", "claude", "second"))
            for number in (0, 1, 2, 3, "5", "s", "c")
        },
        "second": replace(first, base_url=second.url, provider="azure", timeout_seconds=5),
        "nokey": replace(first, keys=()),
        "claude": replace(first, dialect="anthropic"),
        "dead": replace(first, base_url="http://127.0.0.1:9", fallbacks=("second",)),
        "deaf": replace(first, base_url="http://127.0.0.1:9", max_retries=1),
    }
    with running_gateway(tmp_path_factory.mktemp("chained"), stub_thread, providers=providers) as gateway:
        yield gateway


@pytest.fixture
def gateway(chained: RunningGateway, second: Stub) -> RunningGateway:
    chained.rows()
    chained.stub.reset()
    second.reset()
    return chained


def ask(gateway: RunningGateway, name: str, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    sent = {"authorization": f"Bearer {gateway.key}", **(headers or {})}
    return httpx.post(f"{gateway.url}/{name}/v1/chat/completions", json={**CHAT, **body}, headers=sent, timeout=20)


def fault(kind: str, times: int = 99, **more: str) -> dict[str, str]:
    return {"x-stub-fault": kind, "x-stub-times": str(times), "x-stub-id": kind, **more}


def test_a_call_that_is_tried_again_is_one_call_of_several_rows(gateway: RunningGateway) -> None:
    answer = ask(gateway, "patient", fault("429", 2))
    rows = gateway.rows(3)
    assert answer.status_code == 200
    assert [row.attempt for row in rows] == [1, 2, 3]
    assert [row.status for row in rows] == [429, 429, 200]
    assert [row.attempt_reason for row in rows] == ["", "retry: 429", "retry: 429"]
    assert len({row.call_id for row in rows}) == 1
    assert len({row.event_id for row in rows}) == 3
    assert rows[0].call_id == rows[0].event_id.replace("evt_", "call_", 1)
    assert answer.headers["x-tally-event-id"] == rows[2].event_id


def test_it_gives_up_with_the_providers_own_answer(gateway: RunningGateway) -> None:
    answer = ask(gateway, "patient", fault("429"))
    rows = gateway.rows(3)
    assert [row.attempt for row in rows] == [1, 2, 3]
    assert answer.status_code == 429
    assert answer.headers["retry-after-ms"] == "1"
    assert answer.headers["x-tally-event-id"] == rows[-1].event_id
    assert len(gateway.stub.requests) == 3


@pytest.mark.parametrize("kind", ["500", "502", "504", "400", "401", "404"])
def test_what_may_be_billed_or_is_the_callers_fault_is_not_tried_again(gateway: RunningGateway, kind: str) -> None:
    assert ask(gateway, "patient", fault(kind)).status_code == int(kind)
    assert [row.attempt for row in gateway.rows(1)] == [1]
    assert len(gateway.stub.requests) == 1


def test_silence_is_not_tried_again(gateway: RunningGateway) -> None:
    assert ask(gateway, "patient", fault("slow", **{"x-stub-delay": "1"})).status_code == 504
    assert [(row.attempt, row.measured.state) for row in gateway.rows(1)] == [(1, "absent")]
    assert len(gateway.stub.requests) == 1


def test_a_cut_answer_is_not_tried_again(gateway: RunningGateway) -> None:
    with contextlib.suppress(httpx.HTTPError):
        ask(gateway, "patient", fault("cut"))
    assert [(row.attempt, row.outcome) for row in gateway.rows(1)] == [(1, "cut")]


def test_without_retries_nothing_is_tried_again(gateway: RunningGateway) -> None:
    assert ask(gateway, "alone", fault("429")).status_code == 429
    assert len(gateway.rows(1)) == 1


def test_what_never_arrived_is_tried_again(gateway: RunningGateway) -> None:
    answer = ask(gateway, "deaf")
    assert answer.status_code == 502
    assert [row.attempt_reason for row in gateway.rows(2)] == ["", "retry: not reached"]


def test_a_failed_upstream_is_followed_by_the_next_of_its_dialect_that_has_a_key(
    gateway: RunningGateway, second: Stub
) -> None:
    answer = ask(gateway, "first-0", fault("503", 1))
    rows = gateway.rows(2)
    assert answer.status_code == 200
    assert [(row.provider_account, row.provider, row.attempt_reason) for row in rows] == [
        ("first-0", "openai", ""),
        ("second", "azure", "failover: 503"),
    ]
    assert len(second.requests) == 1


def test_a_failover_that_may_bill_twice_says_so(gateway: RunningGateway) -> None:
    for kind, word in (("500", "500"), ("slow", "timeout"), ("cut", "cut")):
        answer = ask(gateway, f"first-{kind[0]}", fault(kind, 1, **{"x-stub-delay": "1"} if kind == "slow" else {}))
        assert answer.status_code == 200
        rows = gateway.rows(2)
        assert [row.attempt_reason for row in rows] == ["", f"failover: {word}, may have been billed"]
        assert rows[0].call_id == rows[1].call_id
        gateway.stub.reset()


def test_what_never_arrived_fails_over_without_that_word(gateway: RunningGateway) -> None:
    assert ask(gateway, "dead").status_code == 200
    assert [row.attempt_reason for row in gateway.rows(2)] == ["", "failover: not reached"]


def test_a_stream_fails_over_before_its_first_byte_and_never_after(gateway: RunningGateway, second: Stub) -> None:
    whole = ask(gateway, "first-1", fault("503", 1), stream=True)
    assert whole.status_code == 200
    assert whole.text.endswith("data: [DONE]\n\n")
    assert [row.attempt for row in gateway.rows(2)] == [1, 2]
    second.reset()
    gateway.stub.reset()
    with contextlib.suppress(httpx.HTTPError):
        ask(gateway, "first-1", fault("cut", 1), stream=True)
    assert [(row.attempt, row.outcome) for row in gateway.rows(1)] == [(1, "cut")]
    assert second.requests == []


def test_a_key_that_the_caller_brought_goes_to_no_other_provider(gateway: RunningGateway, second: Stub) -> None:
    assert ask(gateway, "first-2", {**fault("503"), "authorization": "Bearer sk-my-own"}).status_code == 503
    assert second.requests == []


def test_the_callers_mistake_does_not_go_to_the_next(gateway: RunningGateway, second: Stub) -> None:
    assert ask(gateway, "first-3", fault("400")).status_code == 400
    assert second.requests == []


def test_what_is_kept_at_one_provider_is_not_asked_of_another(gateway: RunningGateway, second: Stub) -> None:
    sent = {"authorization": f"Bearer {gateway.key}", **fault("503")}
    assert httpx.get(f"{gateway.url}/first-3/v1/models", headers=sent, timeout=20).status_code == 503
    assert second.requests == []


def test_an_sdk_sees_one_answer_of_a_call_that_was_tried_twice(gateway: RunningGateway) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/patient/v1", api_key=gateway.key, max_retries=0)
    with client:
        raw = client.chat.completions.with_raw_response.create(**CHAT, extra_headers=fault("429", 1))  # type: ignore[call-overload]
    assert raw.parse().choices[0].message.content
    assert [row.attempt for row in gateway.rows(2)] == [1, 2]


def test_an_upstream_that_keeps_failing_is_passed_over_while_there_is_another(
    stub_thread: Stub, second: Stub, tmp_path: Path
) -> None:
    first = ProviderSettings("openai", stub_thread.url, "openai", keys=KEYS, fallbacks=("second",))
    providers = {
        "first": first,
        "second": replace(first, base_url=second.url, fallbacks=()),
        "lone": replace(first, fallbacks=()),
    }
    with running_gateway(tmp_path, stub_thread, providers=providers) as gateway:
        stub_thread.reset()
        for _ in range(5):
            ask(gateway, "first", fault("503", 99))
        gateway.rows(10)
        stub_thread.reset()
        assert ask(gateway, "first").status_code == 200
        row = gateway.rows(1)[0]
        assert (row.provider_account, row.attempt, row.attempt_reason) == ("second", 1, "failover: first is failing")
        assert stub_thread.requests == []
        # With nowhere else to go an open circuit stops nobody.
        for _ in range(6):
            assert ask(gateway, "lone", fault("500")).status_code == 500
        assert ask(gateway, "lone").status_code == 200
