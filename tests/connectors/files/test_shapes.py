"""The exports we know, written by us after their documented shapes."""

import json

import pytest

from tallystick.connectors.files.anthropic_usage import anthropic_usage_shape, is_anthropic_usage
from tallystick.connectors.files.litellm import is_litellm, litellm_shape
from tallystick.connectors.files.model import Parsed, Record, Rejected, Shape
from tallystick.connectors.files.openai_usage import is_openai_usage, openai_usage_shape

LATEST_US = 1_800_000_000_000_000
SPEND = {
    "request_id": "chatcmpl-77",
    "call_type": "acompletion",
    "spend": 0.0123,
    "prompt_tokens": 900,
    "completion_tokens": 70,
    "startTime": "2026-11-02T08:00:00.000Z",
    "endTime": "2026-11-02T08:00:02.500Z",
    "completionStartTime": "2026-11-02T08:00:00.700Z",
    "model": "anthropic/claude-sonnet-5",
    "custom_llm_provider": "anthropic",
    "user": "kim",
    "end_user": "acme",
    "session_id": "s-9",
    "team_id": "t-1",
    "request_tags": ["feature:triage", "nightly", "Squad: red"],
    "cache_hit": "False",
    "status": "success",
    "metadata": {
        "user_api_key_alias": "ci",
        "user_api_key_team_alias": "Support",
        "usage_object": {
            "cache_read_input_tokens": 500,
            "cache_creation_input_tokens": 300,
            "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 150},
            "completion_tokens_details": {"reasoning_tokens": 30},
        },
    },
}


def rows(shape: Shape, record: Record) -> list[Parsed | Rejected]:
    return [shape.parse(one) for one in (shape.expand(record) if shape.expand else [record])]


def only(shape: Shape, record: Record) -> Parsed:
    (row,) = rows(shape, record)
    assert isinstance(row, Parsed), row
    return row


def test_a_spend_log_is_read_by_its_usage_object_and_not_by_cache_hit() -> None:
    assert is_litellm(SPEND)
    row = only(litellm_shape(LATEST_US), SPEND)
    assert row.source_id == "chatcmpl-77"
    assert row.quantities == {
        "cache_write_5m": 100,
        "cache_write_1h": 150,
        "cache_write_unknown": 50,
        "cache_read": 500,
        "uncached_input": 100,
        "reasoning_output": 30,
        "plain_output": 40,
    }
    assert (row.values["input_tokens"], row.values["output_tokens"]) == (900, 70)


def test_a_spend_log_keeps_its_owners_its_labels_and_its_own_cost_as_a_tag() -> None:
    values = only(litellm_shape(LATEST_US), SPEND).values
    assert (values["provider"], values["request_model"]) == ("anthropic", "claude-sonnet-5")
    assert (values["team"], values["user"], values["customer"]) == ("Support", "kim", "acme")
    assert (values["feature"], values["conversation"]) == ("triage", "s-9")
    assert values["tags"] == {
        "label.nightly": "true",
        "squad": "red",
        "reported_cost": "0.0123",
        "litellm_key": "ci",
    }
    assert (values["duration_us"], values["time_to_first_token_us"]) == (2_500_000, 700_000)


def test_a_spend_log_from_a_csv_has_its_objects_as_text() -> None:
    text = SPEND | {"metadata": json.dumps(SPEND["metadata"]), "request_tags": json.dumps(["feature:triage"])}
    row = only(
        litellm_shape(LATEST_US),
        {name: value if isinstance(value, str) else str(value) for name, value in text.items()},
    )
    assert row.quantities["cache_read"] == 500
    assert row.values["feature"] == "triage"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, "chatcmpl-77"),
        # Responses API: an id of LiteLLM's own around the provider's.
        (
            {
                "request_id": "resp_bGl0ZWxsbTpjdXN0b21fbGxtX3Byb3ZpZGVyOm9wZW5haTttb2RlbF9pZDptMTtyZXNwb25zZV9pZDpyZXNwXzAwYWI="
            },
            "resp_00ab",
        ),
        ({"request_id": "resp_00ab"}, "resp_00ab"),
        ({"request_id": "resp_////"}, "resp_////"),
        # Later versions number calls themselves; the answer, where it is kept, has the provider's id.
        ({"request_id": "0b1c", "response": '{"id": "msg_01"}'}, "msg_01"),
    ],
)
def test_a_spend_log_tells_the_providers_id_of_the_answer(change: dict[str, object], found: str) -> None:
    assert only(litellm_shape(LATEST_US), SPEND | change).values["response_id"] == found


def test_a_failed_request_has_unknown_usage_and_not_zero() -> None:
    row = only(
        litellm_shape(LATEST_US), SPEND | {"status": "failure", "prompt_tokens": 0, "completion_tokens": 0, "spend": 0}
    )
    assert (row.values["outcome"], row.values["usage_state"], row.quantities) == ("error", "absent", {})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"prompt_tokens": -4}, "negative"),
        ({"prompt_tokens": 700}, "cache_read"),
        ({"startTime": "never"}, "no time"),
        ({"request_id": ""}, "request_id"),
        ({"model": ""}, "model is missing"),
    ],
)
def test_a_broken_spend_log_is_kept_aside(change: dict[str, object], reason: str) -> None:
    (row,) = rows(litellm_shape(LATEST_US), SPEND | change)
    assert isinstance(row, Rejected)
    assert reason in row.reason


OPENAI_RESULT = {
    "object": "organization.usage.completions.result",
    "input_tokens": 1000,
    "input_cached_tokens": 400,
    "input_cache_write_tokens": 100,
    "input_cache_write_30m_tokens": 70,
    "input_cache_write_12h_tokens": 20,
    "input_audio_tokens": 60,
    "input_cached_audio_tokens": 40,
    "output_tokens": 300,
    "output_audio_tokens": 25,
    "num_model_requests": 5,
    "project_id": "proj_a",
    "user_id": None,
    "api_key_id": "key_b",
    "model": "gpt-5-mini",
    "batch": True,
    "service_tier": None,
}


def openai_page(*results: dict[str, object]) -> dict[str, object]:
    bucket = {"object": "bucket", "start_time": 1_793_491_200, "end_time": 1_793_577_600, "results": list(results)}
    return {"object": "page", "data": [bucket], "has_more": False, "next_page": None}


def test_an_openai_bucket_is_split_into_disjoint_classes() -> None:
    assert is_openai_usage(openai_page(OPENAI_RESULT))
    row = only(openai_usage_shape(LATEST_US), openai_page(OPENAI_RESULT))
    assert row.quantities == {
        "cache_read": 360,
        "cache_read_audio": 40,
        "cache_write_30m": 70,
        "cache_write_12h": 20,
        "cache_write_unknown": 10,
        "uncached_input": 440,
        "uncached_input_audio": 60,
        "plain_output": 275,
        "plain_output_audio": 25,
        "requests": 5,
    }
    assert sum(row.quantities[name] for name in row.quantities if "input" in name or "cache" in name) == 1000
    assert (row.values["service_tier"], row.values["project"]) == ("batch", "proj_a")
    assert row.values["occurred_at"] == 1_793_491_200_000_000


def test_a_bucket_is_known_by_its_time_and_group_and_not_by_its_figures() -> None:
    shape = openai_usage_shape(LATEST_US)
    first = only(shape, openai_page(OPENAI_RESULT))
    grown = only(shape, openai_page(OPENAI_RESULT | {"output_tokens": 301}))
    other = only(shape, openai_page(OPENAI_RESULT | {"project_id": "proj_z"}))
    assert first.source_id == grown.source_id
    assert first.source_id != other.source_id


def test_what_no_meter_counts_is_kept_aside_and_said() -> None:
    (row,) = rows(
        openai_usage_shape(LATEST_US),
        openai_page({"object": "organization.usage.vector_stores.result", "usage_bytes": 9}),
    )
    assert isinstance(row, Rejected)
    assert "vector_stores" in row.reason


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("embeddings", {"input_tokens": 16}, {"uncached_input": 16}),
        ("audio_transcriptions", {"seconds": 20}, {"seconds": 20_000_000}),
        ("images", {"images": 2}, {"images": 2}),
        ("web_searches", {"num_requests": 3}, {"searches": 3}),
    ],
)
def test_other_openai_reports_are_read_in_their_unit(
    kind: str, fields: dict[str, object], expected: dict[str, int]
) -> None:
    result = {"object": f"organization.usage.{kind}.result", "model": "m"} | fields
    assert only(openai_usage_shape(LATEST_US), openai_page(result)).quantities == expected


def anthropic_page(**change: object) -> dict[str, object]:
    result = {
        "uncached_input_tokens": 1500,
        "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 1000},
        "cache_read_input_tokens": 200,
        "output_tokens": 40,
        "server_tool_use": {"web_search_requests": 2},
        "model": "claude-opus-5",
        "service_tier": "standard",
        "context_window": "0-200k",
        "inference_geo": "global",
        "workspace_id": None,
        "api_key_id": "apikey_1",
    } | change
    bucket = {"starting_at": "2026-11-01T00:00:00Z", "ending_at": "2026-11-02T00:00:00Z", "results": [result]}
    return {"data": [bucket], "has_more": False, "next_page": None}


def test_an_anthropic_bucket_adds_its_classes_up() -> None:
    assert is_anthropic_usage(anthropic_page())
    row = only(anthropic_usage_shape(LATEST_US), anthropic_page())
    assert row.quantities == {
        "uncached_input": 1500,
        "cache_write_5m": 500,
        "cache_write_1h": 1000,
        "cache_read": 200,
        "plain_output": 40,
        "searches": 2,
    }
    assert (row.values["input_tokens"], row.values["output_tokens"]) == (3200, 40)
    assert row.values["region"] == ""


def test_the_context_window_decides_the_size_class_of_a_bucket() -> None:
    small = only(anthropic_usage_shape(LATEST_US), anthropic_page(uncached_input_tokens=10**9))
    large = only(anthropic_usage_shape(LATEST_US), anthropic_page(context_window="200k-1M"))
    assert (small.tier_tokens, large.tier_tokens) == (1, 200_001)


def test_the_shapes_do_not_take_each_other_for_their_own() -> None:
    samples = (SPEND, openai_page(OPENAI_RESULT), anthropic_page())
    found = [[matches(one) for matches in (is_litellm, is_openai_usage, is_anthropic_usage)] for one in samples]
    assert found == [[True, False, False], [False, True, False], [False, False, True]]
