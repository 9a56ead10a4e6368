"""Who a call belongs to, and what the provider never sees."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.gateway.attribution import (
    LONGEST_VALUE,
    MOST_TAGS,
    HeaderReader,
    attribute,
    peer_name,
)
from tallystick.usage.dimensions import ATTRIBUTION

SDK = [
    (b"accept", b"application/json"),
    (b"content-type", b"application/json"),
    (b"user-agent", b"OpenAI/Python 3.54.0"),
    (b"x-stainless-lang", b"python"),
    (b"anthropic-version", b"2023-06-01"),
    (b"openai-organization", b"org-1"),
]


def read(*headers, prefix="x-cost-"):
    return HeaderReader(prefix).read(headers)


def settle(*headers, user="", metadata=None, locked=None, defaults=None):
    return attribute(read(*headers), user=user, metadata=metadata or {}, locked=locked or {}, defaults=defaults or {})


@pytest.mark.parametrize("name", ATTRIBUTION)
@pytest.mark.parametrize("spell", [lambda name: name, lambda name: name.replace("_", "-")])
def test_every_dimension_has_its_header(name, spell):
    found = settle((b"x-cost-" + spell(name).encode(), b"Some Value"))

    assert found.dimensions == {name: "Some Value"}
    assert found.tags == {}


@pytest.mark.parametrize(
    ("header", "dimension"),
    [
        ("x-cost-session", "conversation"),
        ("x-cost-tier", "customer_tier"),
        ("x-cost-variant", "experiment_variant"),
        ("x-cost-workload", "workload_class"),
        ("x-cost-run-id", "run"),
        ("x_cost_run_id", "run"),
        ("x-cost-pr", "pull_request"),
        ("x-cost-gl-account", "gl_account"),
        ("x-litellm-end-user-id", "user"),
        ("helicone-user-id", "user"),
        ("helicone-session-id", "conversation"),
        ("helicone-property-feature", "feature"),
        ("helicone-property-session", "conversation"),
        ("x-burnlens-tag-feature", "feature"),
        ("x-burnlens-tag-team", "team"),
        ("x-burnlens-tag-customer", "customer"),
        ("x-burnlens-tag-agent-id", "agent"),
        ("x-burnlens-tag-workflow-id", "workflow"),
        ("x-burnlens-tag-run_id", "run"),
        ("x-bf-customer-id", "customer"),
        ("x-bf-team-id", "team"),
        ("x-bf-dim-environment", "environment"),
    ],
)
def test_a_header_lands_in_its_dimension(header, dimension):
    assert settle((header.encode(), b"v")).dimensions[dimension] == "v"


def test_what_is_no_dimension_is_a_tag():
    found = settle((b"x-cost-squad", b"blue"), (b"x-burnlens-tag-task-id", b"7"), (b"x-cost-outcome", b"resolved"))

    assert found.dimensions == {}
    assert found.tags == {"squad": "blue", "task_id": "7", "outcome": "resolved"}


def test_metadata_headers_are_read_member_by_member():
    portkey = {"_user": "u1", "environment": "prod", "squad": "blue", "count": 3, "deep": {"team": "no"}}
    litellm = {"team": "search", "gl_account": 6420}

    found = settle(
        (b"x-portkey-metadata", json.dumps(portkey).encode()),
        (b"x-litellm-spend-logs-metadata", json.dumps(litellm).encode()),
        (b"x-litellm-tags", b"prod, team:core ,feature=chat"),
    )

    assert found.dimensions == {
        "user": "u1",
        "environment": "prod",
        "team": "search",
        "gl_account": "6420",
        "feature": "chat",
    }
    assert found.tags == {"squad": "blue", "count": "3", "tags": "prod"}


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a":' * 5000, b'"team"'])
def test_metadata_that_is_no_object_says_nothing(value):
    assert settle((b"x-portkey-metadata", value)).dimensions == {}


def test_baggage_is_decoded():
    value = "user.id=" + quote("zoë & co") + ";ttl=3, session.id=s%201 ,feature=chat,=x,bad"

    found = settle((b"baggage", value.encode()))

    assert found.dimensions == {"user": "zoë & co", "conversation": "s 1", "feature": "chat"}


def test_the_trace_id_comes_from_traceparent_first():
    parent = (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    portkey = (b"x-portkey-trace-id", b"mine")

    assert read(parent, portkey).trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert read(portkey, parent).trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert read(portkey).trace_id == "mine"
    assert read((b"traceparent", b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01")).trace_id == ""
    assert read((b"traceparent", b"nonsense")).trace_id == ""


def test_the_strongest_claim_counts_whatever_the_order():
    headers = [
        (b"baggage", b"team=baggage"),
        (b"x-litellm-tags", b"team:litellm"),
        (b"x-portkey-metadata", b'{"team":"portkey"}'),
        (b"helicone-property-team", b"helicone"),
        (b"x-burnlens-tag-team", b"burnlens"),
        (b"x-cost-team", b"own"),
    ]
    while headers:
        expected = headers[-1][1]
        for order in (headers, headers[::-1]):
            team = settle(*order, metadata={"team": "body"}).dimensions["team"]
            assert team.encode() in expected
        headers.pop()
    assert settle(metadata={"team": "body"}, user="u").dimensions == {"team": "body", "user": "u"}
    assert settle(metadata={"user_id": "meta"}, user="u").dimensions == {"user": "meta"}


def test_what_a_key_locks_no_header_changes():
    found = settle((b"x-cost-team", b"rivals"), (b"x-cost-feature", b"chat"), locked={"team": "search"})

    assert found.dimensions == {"team": "search", "feature": "chat"}
    assert found.tags == {"claimed_team": "rivals"}
    assert settle((b"x-cost-team", b"search"), locked={"team": "search"}).tags == {}


def test_a_claim_cannot_be_forged():
    found = settle((b"x-cost-claimed-team", b"framed"), metadata={"claimed_team": "framed"}, locked={"team": "search"})

    assert found.tags == {}


def test_a_default_holds_until_something_is_said():
    assert settle(defaults={"team": "search"}).dimensions == {"team": "search"}
    assert settle((b"x-cost-team", b"core"), defaults={"team": "search"}).dimensions == {"team": "core"}
    assert settle(defaults={"team": "a"}, locked={"team": "b"}).dimensions == {"team": "b"}


def test_a_refused_claim_is_kept_also_beside_many_tags():
    many = [(b"x-cost-t%d" % number, b"v") for number in range(500)]

    found = settle(*many, (b"x-cost-team", b"rivals"), locked={"team": "search"}, metadata={"late": "v"})

    assert len(found.tags) == MOST_TAGS
    assert found.dimensions == {"team": "search"}


def test_too_many_tags_cannot_push_a_dimension_out():
    many = [(b"x-cost-t%d" % number, b"v") for number in range(500)]

    assert settle(*many, (b"x-cost-team", b"search")).dimensions == {"team": "search"}


def test_another_prefix_is_read_and_ours_still_never_forwarded():
    call = read((b"x-acme-team", b"search"), (b"x-cost-team", b"no"), prefix="X-Acme-")

    assert {name: value for name, (_, value) in call.claims.items()} == {"team": "search"}
    assert call.forward == []


HIDDEN = [
    b"x-cost-team",
    b"x_cost_team",
    b"x-cost-outcome",
    b"x-litellm-tags",
    b"x-litellm-end-user-id",
    b"x-litellm-spend-logs-metadata",
    b"x-litellm-api-key",
    b"helicone-auth",
    b"helicone-property-app",
    b"helicone-user-id",
    b"helicone-session-id",
    b"x-portkey-api-key",
    b"x-portkey-metadata",
    b"x-portkey-trace-id",
    b"x-burnlens-tag-team",
    b"x-bf-vk",
    b"x-bf-customer-id",
    b"x-tally-stream-cost",
    b"traceparent",
    b"tracestate",
    b"baggage",
    b"authorization",
    b"x-api-key",
    b"api-key",
    b"x-goog-api-key",
    b"host",
    b"content-length",
    b"transfer-encoding",
    b"connection",
    b"keep-alive",
    b"te",
    b"trailer",
    b"upgrade",
    b"expect",
    b"proxy-authorization",
    b"proxy-connection",
    b"cookie",
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-real-ip",
    b"via",
]


@pytest.mark.parametrize("name", HIDDEN)
def test_the_provider_never_sees_it(name):
    call = read(SDK[0], (name, b"x"), *SDK[1:])

    assert call.forward == SDK


def test_headers_that_connection_names_stay_here():
    call = read((b"x-hop", b"1"), *SDK, (b"connection", b"close, X-Hop"))

    assert call.forward == SDK


def test_a_value_with_line_ends_is_not_forwarded():
    assert read((b"x-thing", b"a\r\nauthorization: stolen"), (b"x-nul", b"a\x00")).forward == []


def test_credentials_are_kept_apart_and_never_shown():
    call = read((b"authorization", b"Bearer tally_secret"), (b"x-api-key", b"tally_other"))

    assert call.credentials == {b"authorization": b"Bearer tally_secret", b"x-api-key": b"tally_other"}
    assert "secret" not in repr(call)
    assert "other" not in repr(call)


def test_facts_of_the_sdk_are_read():
    call = read(*SDK, (b"x-stainless-retry-count", b"2"), (b"x-tally-stream-cost", b"True"))

    assert (call.user_agent, call.retry_count, call.stream_cost) == ("OpenAI/Python 3.54.0", 2, True)
    assert read((b"x-stainless-retry-count", b"9" * 30)).retry_count is None


def test_peers_words_become_ours():
    assert peer_name("_user") == "user"
    assert peer_name("_organisation") == "organization"
    assert peer_name("Session-Id") == "conversation"
    assert peer_name("trace_id") == "trace_id"
    assert peer_name("env") == "environment"


NAMES = st.sampled_from(
    [b"x-cost-team", b"x-cost-", b"x-cost-\xff", b"baggage", b"x-portkey-metadata", b"x-litellm-tags", b"connection"]
) | st.binary(max_size=20)


@settings(max_examples=300)
@given(st.lists(st.tuples(NAMES, st.binary(max_size=400)), max_size=12), st.dictionaries(st.text(), st.text()))
def test_no_header_breaks_a_call_or_grows_beyond_its_bounds(headers, metadata):
    call = read(*headers)
    found = attribute(call, user="u", metadata=metadata, locked={"team": "search"}, defaults={})

    assert found.dimensions["team"] == "search"
    assert set(found.dimensions) <= set(ATTRIBUTION)
    assert len(found.tags) <= MOST_TAGS
    for values in (found.dimensions, found.tags):
        for name, value in values.items():
            assert value.isprintable()
            assert name.isprintable()
            assert 0 < len(value) <= LONGEST_VALUE
    assert not any(mark in value for _, value in call.forward for mark in b"\r\n\0")
