"""Descriptions of SKUs, each family once, written off by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.connectors.gcp.skus import Sku, read_sku
from tallystick.usage.meters import BY_NAME

# Description → model, meter, tier, context.
SKUS = [
    ("Gemini 2.5 Flash GA Text Input - Predictions", "gemini-2.5-flash", "uncached_input", "", ""),
    ("Gemini 2.5 Flash GA Image Input - Predictions", "gemini-2.5-flash", "uncached_input_image", "", ""),
    ("Gemini 2.5 Flash GA Audio Input - Predictions", "gemini-2.5-flash", "uncached_input_audio", "", ""),
    ("Gemini 2.5 Flash GA Video Input - Predictions", "gemini-2.5-flash", "uncached_input_video", "", ""),
    ("Gemini 2.5 Flash GA Text Output - Predictions", "gemini-2.5-flash", "plain_output", "", ""),
    ("Gemini 2.5 Flash GA Thinking Text Output - Predictions", "gemini-2.5-flash", "reasoning_output", "", ""),
    ("Gemini 2.5 Pro Input Text Caching (Long)", "gemini-2.5-pro", "cache_read", "", "long"),
    ("Gemini 2.5 Pro Input Audio Caching", "gemini-2.5-pro", "cache_read_audio", "", ""),
    ("Gemini 2.5 Pro Input Video Caching", "gemini-2.5-pro", "", "", ""),
    ("Gemini 2.5 Pro Input Text Caching Storage", "gemini-2.5-pro", "", "", ""),
    ("Gemini 2.0 Flash Lite Text Input - Batch Predictions", "gemini-2.0-flash-lite", "uncached_input", "batch", ""),
    ("Gemini 2.5 Flash Lite Priority Text Output", "gemini-2.5-flash-lite", "plain_output", "priority", ""),
    ("Gemini 2.5 Pro Flex Text Input Long", "gemini-2.5-pro", "uncached_input", "flex", "long"),
    ("Gemini 3 Pro Preview Text Output - Predictions", "gemini-3-pro-preview", "plain_output", "", ""),
    ("Gemini 1.5 Flash Text Input - Predictions", "gemini-1.5-flash", "", "", ""),
    ("Provisioned Throughput GSU Gemini 2.5 Pro 1 month", "gemini-2.5-pro", "", "provisioned", ""),
    ("Claude Sonnet 4.5 Input Tokens", "claude-sonnet-4-5", "uncached_input", "", ""),
    ("Claude Opus 4.1 Cache Write 1h Input Tokens - Batch", "claude-opus-4-1", "cache_write_1h", "batch", ""),
    ("Claude Opus 4.1 Cache Read Input Tokens", "claude-opus-4-1", "cache_read", "", ""),
    ("Imagen 4 Fast Generation", "imagen-4-fast", "images", "", ""),
    ("Veo 3 Video Generation", "veo-3", "seconds", "", ""),
    ("Grounding with Google Search - Gemini 2.5", "", "searches", "", ""),
    ("Custom Training Node Hour", "", "", "", ""),
]


@pytest.mark.parametrize(("words", "model", "meter", "tier", "context"), SKUS, ids=[sku[0] for sku in SKUS])
def test_a_description_says_what_it_says(words: str, model: str, meter: str, tier: str, context: str) -> None:
    found = read_sku("Vertex AI", words)
    assert (found.model, found.meter, found.service_tier, found.context) == (model, meter, tier, context)
    assert (found.ai, found.provider) == (True, "gcp.vertex_ai")


def test_the_service_says_whose_it_is() -> None:
    assert read_sku("Gemini API", SKUS[0][0]).provider == "gcp.gemini"
    assert read_sku("Cloud Storage", "Gemini 2.5 Flash Text Input") == Sku()
    assert read_sku("Cloud Speech API", "Recognition") == Sku(ai=True)


@given(st.lists(st.sampled_from([w for sku in SKUS for w in sku[0].split()]) | st.text(max_size=5), max_size=8))
def test_any_description_is_of_a_meter_that_exists_or_of_none(words: list[str]) -> None:
    found = read_sku("Vertex AI", " ".join(words))
    assert found.meter in BY_NAME or found.meter == ""
