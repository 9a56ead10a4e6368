"""The response cache: whole and streamed answers come back as they were, and never to another tenant."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.gateway.attribution import Attribution, CallHeaders
from tallystick.gateway.cache import Kept, ResponseCache, cache_key
from tallystick.gateway.client import Client
from tallystick.gateway.dialects import DIALECTS
from tallystick.gateway.dialects.model import RequestFacts
from tallystick.gateway.identify import Caller
from tallystick.gateway.prepare import Incoming
from tallystick.gateway.settings import ProviderKeySecret, ProviderSettings
from tallystick.operations.manage_rules import delete_rule, list_rules, set_rule
from tallystick.org.model import GatewayKey
from tallystick.routing.model import Plan
from tests.gateway.harness import SECRET, RunningGateway, running_gateway
from tests.stub.server import Stub

CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(scope="module")
def cached(stub_thread: Stub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    one = ProviderSettings("openai", stub_thread.url, "openai", keys=(ProviderKeySecret(SECRET),), timeout_seconds=5)
    with running_gateway(tmp_path_factory.mktemp("cached"), stub_thread, providers={"openai": one}) as gateway:
        yield gateway


@pytest.fixture
def gateway(cached: RunningGateway) -> RunningGateway:
    for rule in list_rules(cached.context):
        delete_rule(cached.context, rule.name)
    cached.rows()
    cached.stub.reset()
    return cached


def cache(gateway: RunningGateway, seconds: int = 60, **then: Any) -> None:
    set_rule(gateway.context, "cache", {"shadow": False, "then": {"cache_seconds": seconds, **then}})


def ask(gateway: RunningGateway, key: str = "", headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    sent = {"authorization": f"Bearer {key or gateway.key}", **(headers or {})}
    return httpx.post(f"{gateway.url}/openai/v1/chat/completions", json={**CHAT, **body}, headers=sent, timeout=20)


def test_an_equal_call_is_answered_from_memory_with_a_row_of_its_own(gateway: RunningGateway) -> None:
    cache(gateway)
    first, second = ask(gateway, user="a"), ask(gateway, user="a")
    made, hit = gateway.rows(2)
    assert second.content == first.content
    assert second.headers["content-type"] == first.headers["content-type"]
    assert (second.headers["x-tally-cache"], "x-tally-cache" in first.headers) == ("hit", False)
    assert len(gateway.stub.requests) == 1
    assert (hit.attempt, hit.outcome, hit.status, hit.verdict, hit.served_from) == (0, "ok", 200, "cached", "cache")
    assert hit.avoided_cost == made.effective_cost
    assert made.effective_cost
    assert (dict(hit.measured.quantities), hit.measured.input_tokens, hit.effective_cost) == ({}, None, None)
    assert second.headers["x-tally-event-id"] == hit.event_id
    decision = json.loads(hit.decision)
    assert decision["verdict"] == "cached"
    assert decision["rules"] == [{"id": "cache", "effect": "cache"}]


def test_a_stream_is_played_again_to_the_byte(gateway: RunningGateway) -> None:
    cache(gateway)
    first, second = ask(gateway, stream=True), ask(gateway, stream=True)
    assert second.content == first.content
    assert second.text.endswith("data: [DONE]\n\n")
    assert second.headers["x-tally-cache"] == "hit"
    assert len(gateway.stub.requests) == 1
    asked = ask(gateway, stream=True, stream_options={"include_usage": True})
    assert "x-tally-cache" not in asked.headers
    assert '"usage":{' in asked.text.replace(" ", "")


def test_without_a_rule_nothing_is_kept(gateway: RunningGateway) -> None:
    ask(gateway, user="b")
    ask(gateway, user="b")
    assert len(gateway.stub.requests) == 2


@pytest.mark.parametrize("fault", ["400", "429", "500", "in-stream", "cut"])
def test_only_complete_answers_are_kept(gateway: RunningGateway, fault: str) -> None:
    cache(gateway)
    headers = {"x-stub-fault": fault, "x-stub-times": "1", "x-stub-id": fault}
    stream = fault in {"in-stream", "cut"}
    for _ in range(2):
        try:
            answer = ask(gateway, headers=headers, stream=stream, user=fault)
        except httpx.HTTPError:
            continue
    assert answer.status_code == 200
    assert "x-tally-cache" not in answer.headers
    assert ask(gateway, headers=headers, stream=stream, user=fault).headers["x-tally-cache"] == "hit"


def test_an_answer_grows_old(gateway: RunningGateway) -> None:
    cache(gateway, 1)
    ask(gateway, user="old")
    assert ask(gateway, user="old").headers["x-tally-cache"] == "hit"
    time.sleep(1.1)
    assert "x-tally-cache" not in ask(gateway, user="old").headers


def test_keys_of_one_team_share_only_where_the_rule_says_so_and_the_key_locks_it(gateway: RunningGateway) -> None:
    mate, rival, claimant = (gateway.make_key(**locked) for locked in ({"team": "search"}, {"team": "ads"}, {}))
    cache(gateway)
    ask(gateway, user="t")
    assert "x-tally-cache" not in ask(gateway, mate, user="t").headers
    cache(gateway, cache_scope=["team"])
    ask(gateway, user="t")
    assert ask(gateway, mate, user="t").headers["x-tally-cache"] == "hit"
    assert "x-tally-cache" not in ask(gateway, rival, user="t").headers
    assert "x-tally-cache" not in ask(gateway, claimant, {"x-cost-team": "search"}, user="t").headers
    assert "x-tally-cache" not in ask(gateway, "sk-own-key", {"x-cost-team": "search"}, user="t").headers


def test_a_streams_compression_is_that_of_who_asks(gateway: RunningGateway) -> None:
    cache(gateway)
    plain = {"accept-encoding": "identity"}
    ask(gateway, user="z")
    assert "x-tally-cache" not in ask(gateway, headers=plain, user="z").headers


def kept(size: int, until: float = 10.0) -> Kept:
    return Kept(200, [], b"x" * size, False, 0.0, until, 1, "evt_1")


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4000)), max_size=60))
def test_it_never_holds_more_than_its_bound_and_counts_what_it_holds(stores: list[tuple[int, int]]) -> None:
    cache, alive = ResponseCache(40_000), {}
    for name, size in stores:
        cache.store(b"%d" % name, kept(size))
        alive[b"%d" % name] = size
        found = [cache.lookup(key, 0.0) for key in alive]
        assert cache.held_bytes == sum(len(one.body) + 1024 for one in found if one) <= 40_000


def test_the_least_recently_used_goes_first_and_the_too_large_never_comes() -> None:
    cache = ResponseCache(8 * 4096)
    for name in range(8):
        cache.store(b"%d" % name, kept(3072))
    assert cache.lookup(b"0", 0.0)
    cache.store(b"8", kept(3072))
    assert cache.lookup(b"0", 0.0)
    assert cache.lookup(b"1", 0.0) is None
    cache.store(b"huge", kept(3073))
    assert cache.lookup(b"huge", 0.0) is None
    assert ResponseCache(0).lookup(b"", 0.0) is None
    assert cache.lookup(b"0", 10.0) is None


TENANT = st.fixed_dictionaries({}, optional={name: st.sampled_from(["a", "b"]) for name in ("team", "customer")})
CALLER = st.one_of(
    st.tuples(st.just("ours"), st.sampled_from(["key_1", "key_2"]), TENANT),
    st.tuples(st.just("own"), st.sampled_from(["fp_1", "fp_2"]), st.just({})),
)
SCOPE = st.sampled_from([("key",), ("team",), ("customer",), ("team", "customer"), ("key", "team")])
BODY = st.sampled_from([b"", b"x", b"y"])


def incoming(
    caller: tuple[str, str, dict[str, str]], scope: tuple[str, ...], body: bytes, claimed: dict[str, str]
) -> Incoming:
    kind, name, locked = caller
    scope_ = {"type": "http", "method": "POST", "headers": []}
    one = Incoming(
        Client(scope_, None, None),  # type: ignore[arg-type]
        "openai",
        "/v1/chat/completions",
        ProviderSettings("openai", "https://api.openai.com", "openai"),
        DIALECTS["openai"],
        "evt_1",
        0,
    )
    key = GatewayKey(name, "", "", "", 0, locked=locked) if kind == "ours" else None
    one.caller = Caller(key, "bearer", b"" if key else name.encode())
    one.key_fingerprint = "shared" if key else name
    one.head = CallHeaders()
    one.owner = Attribution({**claimed, **locked}, {})
    one.facts = RequestFacts(model="m", body=body)
    one.plan = Plan(cache_seconds=1, cache_scope=scope)
    return one


@given(CALLER, CALLER, SCOPE, BODY, BODY, TENANT)
def test_nobody_is_served_anothers_answer(
    one: tuple[str, str, dict[str, str]],
    other: tuple[str, str, dict[str, str]],
    scope: tuple[str, ...],
    body: bytes,
    asked: bytes,
    claimed: dict[str, str],
) -> None:
    first = cache_key(b"secret", incoming(one, scope, body, {}))
    second = cache_key(b"secret", incoming(other, scope, asked, claimed))
    same_caller = one[:2] == other[:2] and (one[0] == "own" or one[2] == other[2])
    shares = one[0] == other[0] == "ours" and all(
        (name in one[2] and one[2].get(name) == other[2].get(name))
        or (name == "key" and one[1] == other[1])
        or (name not in one[2] and name not in other[2] and one[1] == other[1])
        for name in scope
    )
    assert (first == second) == (body == asked and (same_caller or shares))


def test_a_key_is_of_this_instance_alone() -> None:
    call = incoming(("ours", "key_1", {}), ("key",), b"x", {})
    assert cache_key(b"one", call) != cache_key(b"two", call)
    assert cache_key(b"one", call) != cache_key(b"one", replace(call, query=b"beta=true"))
