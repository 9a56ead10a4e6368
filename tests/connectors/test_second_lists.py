"""Lists that others publish, as small files in their shapes; prices by hand, grains for one token."""

import json
from typing import Any

import pytest

from tallystick.connectors.second_lists import read_price_list
from tallystick.kernel.errors import DataError
from tallystick.pricing.opinion import Quote

LITELLM = {
    "sample_spec": {"litellm_provider": "one of …", "input_cost_per_token": 0.0},
    "gpt-4o": {
        "litellm_provider": "openai", "mode": "chat", "max_tokens": 4096,
        "input_cost_per_token": 2.5e-06, "input_cost_per_token_batches": 1.25e-06,
        "cache_read_input_token_cost": 1.25e-06, "output_cost_per_token": 1e-05,
        "output_cost_per_token_priority": 1.7e-05, "output_cost_per_image": 0.04,
    },
    "vertex_ai/claude-sonnet-4-5": {
        "litellm_provider": "vertex_ai-anthropic_models",
        "input_cost_per_token_above_200k_tokens": 6e-06,
        "cache_creation_input_token_cost": 3.75e-06,
        "cache_creation_input_token_cost_above_1hr": 6e-06,
        "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05,
    },
    "bedrock/us-east-1/anthropic.claude-v2": {"litellm_provider": "bedrock", "input_cost_per_token": 8e-06},
    "azure/eu/gpt-4o": {"litellm_provider": "azure", "input_cost_per_token": 2.75e-06},
    "xai/grok-odd": {"litellm_provider": "xai", "input_cost_per_token": "free", "output_cost_per_token": 15.0},
}  # fmt: skip
MODELS_DEV = {
    "anthropic": {
        "id": "anthropic",
        "models": {
            "claude-sonnet-4-5": {
                "id": "claude-sonnet-4-5",
                "cost": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75,
                         "context_over_200k": {"input": 6, "output": 22.5}},
                "limit": {"context": 200000},
            },
            "claude-free": {"id": "claude-free"},
        },
    },
    "google-vertex": {"models": {"gemini-2.5-flash": {"cost": {"input": 0.3, "input_audio": 1}}}},
}  # fmt: skip
OPENROUTER = {
    "data": [
        {"id": "openai/gpt-4o", "pricing": {"prompt": "0.0000025", "completion": "0.00001", "request": "0",
                                            "internal_reasoning": "0", "input_cache_read": "0.00000125"}},
        {"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}},
        {"id": "no-prices"},
    ]
}  # fmt: skip


def read(raw: object) -> Any:
    return read_price_list(json.dumps(raw), "", "list.json")


def test_litellms_list_is_read_with_its_tiers_sizes_and_lifetimes_and_without_its_regions() -> None:
    found = read(LITELLM)
    assert (found.shape, found.name) == ("litellm", "litellm")
    assert set(found.quotes) == {
        Quote("openai", "gpt-4o", "uncached_input", 2_500_000),
        Quote("openai", "gpt-4o", "uncached_input", 1_250_000, "batch"),
        Quote("openai", "gpt-4o", "cache_read", 1_250_000),
        Quote("openai", "gpt-4o", "plain_output", 10_000_000),
        Quote("openai", "gpt-4o", "plain_output", 17_000_000, "priority"),
        Quote("vertex_ai", "claude-sonnet-4-5", "uncached_input", 6_000_000, "", 200_000),
        Quote("vertex_ai", "claude-sonnet-4-5", "cache_write_5m", 3_750_000),
        Quote("vertex_ai", "claude-sonnet-4-5", "cache_write_1h", 6_000_000),
        Quote("vertex_ai", "claude-sonnet-4-5", "cache_write_1h", 12_000_000, "", 200_000),
    }


def test_an_amount_that_is_no_price_is_left_out_and_said_with_its_place() -> None:
    text, dear = read(LITELLM).left_out
    assert text == "xai/grok-odd input_cost_per_token: uncached_input = 'free' is no price"
    assert dear.startswith("xai/grok-odd output_cost_per_token: plain_output = 15000000")


def test_models_devs_list_is_per_million_and_has_long_contexts() -> None:
    found = read(MODELS_DEV)
    assert found.shape == "models.dev"
    assert set(found.quotes) == {
        Quote("anthropic", "claude-sonnet-4-5", "uncached_input", 3_000_000),
        Quote("anthropic", "claude-sonnet-4-5", "plain_output", 15_000_000),
        Quote("anthropic", "claude-sonnet-4-5", "cache_read", 300_000),
        Quote("anthropic", "claude-sonnet-4-5", "cache_write_5m", 3_750_000),
        Quote("anthropic", "claude-sonnet-4-5", "uncached_input", 6_000_000, "", 200_000),
        Quote("anthropic", "claude-sonnet-4-5", "plain_output", 22_500_000, "", 200_000),
        Quote("google", "gemini-2.5-flash", "uncached_input", 300_000),
        Quote("google", "gemini-2.5-flash", "uncached_input_audio", 1_000_000),
    }


def test_openrouters_list_is_per_token_and_a_router_without_a_price_is_left_out() -> None:
    found = read(OPENROUTER)
    assert found.shape == "openrouter"
    assert set(found.quotes) == {
        Quote("openrouter", "openai/gpt-4o", "uncached_input", 2_500_000),
        Quote("openrouter", "openai/gpt-4o", "plain_output", 10_000_000),
        Quote("openrouter", "openai/gpt-4o", "cache_read", 1_250_000),
    }
    assert len(found.left_out) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"gpt-4o": {"litellm_provider": "ope', "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[1, 2]", "no price list that is known"),
        ('{"prices": {"gpt-4o": 1}}', "no price list that is known"),
        ('{"dall-e": {"litellm_provider": "openai", "output_cost_per_image": 0.04}}', "no price of tokens"),
    ],
)
def test_a_file_that_is_no_price_list_is_refused_with_what_would_be_one(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_price_list(text, "", "list.json")
