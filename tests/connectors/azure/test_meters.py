"""Names of meters, each family of spellings once, written off by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.connectors.azure.meters import Named, read_meter
from tallystick.usage.meters import BY_NAME
from tallystick.usage.units import KINDS

# Family, name → model, meter, tier, context, reach.
NAMES = [
    ("Azure OpenAI", "gpt 4o 0806 Inp glbl Tokens", "gpt-4o-2024-08-06", "uncached_input", "", "", "global"),
    ("Azure OpenAI", "gpt 4o 0806 cached Inp Data Zone Tokens", "gpt-4o-2024-08-06", "cache_read", "", "", "data zone"),
    ("Azure OpenAI", "gpt-4o-0806-Outp-glbl Tokens", "gpt-4o-2024-08-06", "plain_output", "", "", "global"),
    ("Azure OpenAI", "gpt 4o 0806 Batch Inp Data Zone Tokens", "gpt-4o-2024-08-06", "uncached_input", "batch", "", "data zone"),
    ("Azure OpenAI", "gpt-4o-0806-FT-inp-regnl Tokens", "ft:gpt-4o-2024-08-06", "uncached_input", "", "", "regional"),
    ("Azure OpenAI", "gpt-4o-0806-FT-Hstng-glbl Unit", "ft:gpt-4o-2024-08-06", "", "", "", "global"),
    ("Azure OpenAI", "gpt-4.1 FT Training regional Tokens", "ft:gpt-4.1", "", "", "", "regional"),
    ("Azure OpenAI", "gpt-4o-rt-aud-1217 cchd Inp DZn Tokens", "gpt-4o-realtime-preview-2024-12-17", "cache_read_audio", "", "", "data zone"),
    ("Azure OpenAI", "gpt-4o-aud-1217-txt Outp regnl Tokens", "gpt-4o-audio-preview-2024-12-17", "plain_output", "", "", "regional"),
    ("Azure OpenAI", "gpt4omini-rt-aud1217 Inp regnl Tokens", "gpt-4o-mini-realtime-preview-2024-12-17", "uncached_input_audio", "", "", "regional"),
    ("Azure OpenAI", "gpt4o realtimePrvwTxtInp DataZone Tokens", "gpt-4o-realtime-preview", "uncached_input", "", "", "data zone"),
    ("Azure OpenAI", "gpt-35-turbo16K-Outp-glbl Tokens", "gpt-3.5-turbo-16k", "plain_output", "", "", "global"),
    ("Azure OpenAI", "gpt-4-8K-Batch-Inp-glbl Tokens", "gpt-4", "uncached_input", "batch", "", "global"),
    ("Azure OpenAI", "o3 mini 0131 cached input regnl Tokens", "o3-mini-2025-01-31", "cache_read", "", "", "regional"),
    ("Azure OpenAI", "text-embedding-3-large-glbl Tokens", "text-embedding-3-large", "uncached_input", "", "", "global"),
    ("Azure OpenAI", "gpt-image-1-output-img-dzone Tokens", "gpt-image-1", "plain_output_image", "", "", "data zone"),
    ("Azure OpenAI", "Image-Dall-E-3 HD HighRes-glbl Images", "dall-e-3-hd-high-res", "images", "", "", "global"),
    ("Azure OpenAI", "Speech-to-Text-Batch-Whisper-glbl Unit", "whisper", "seconds", "batch", "", "global"),
    ("Azure OpenAI GPT5", "5.6 sol ShortCo Inp Std Gl 1M Tokens", "gpt-5.6-sol", "uncached_input", "", "", "global"),
    ("Azure OpenAI GPT5", "5.6 sol ShortCo Cd Wr PP Gl 1M Tokens", "gpt-5.6-sol", "cache_write_unknown", "priority", "", "global"),
    ("Azure OpenAI GPT5", "5.6 luna LongCo Cd Inp Std DZ 1M Tokens", "gpt-5.6-luna", "cache_read", "", "long", "data zone"),
    ("Azure OpenAI GPT5", "5.4 longco batch cd inp Gl 1M Tokens", "gpt-5.4", "cache_read", "batch", "long", "global"),
    ("Azure OpenAI GPT5", "5.6 sol Flex Opt Gl 1M Tokens", "gpt-5.6-sol", "plain_output", "flex", "", "global"),
    ("Azure OpenAI GPT5", "GPT 5 Nano Batch Inpt cchd Dzone 1M Tokens", "gpt-5-nano", "cache_read", "batch", "", "data zone"),
    ("Azure OpenAI GPT5", "gpt-5-codex-ccchd-inp-glbl Tokens", "gpt-5-codex", "cache_read", "", "", "global"),
    ("Azure OpenAI PP FT GPT4s", "4.1 mini pp Opt Dz Tokens", "gpt-4.1-mini", "plain_output", "priority", "", "data zone"),
    ("Azure OpenAI Media", "gpt rt txt mn cd in DZ 1215 1M Tokens", "gpt-realtime-mini-2025-12-15", "cache_read", "", "", "data zone"),
    ("Azure OpenAI Media", "gpt aud 0828 Outp glbl Tokens", "gpt-audio-2025-08-28", "plain_output_audio", "", "", "global"),
    ("Azure OpenAI Media", "Image 2 img Batch cd inp Gl 1M Tokens", "gpt-image-2", "cache_read_image", "batch", "", "global"),
    ("Azure OpenAI Media", "Sora 2 pro dzone Second", "sora-2-pro", "seconds", "", "", "data zone"),
    ("Azure Grok Models", "4.3 Cached Inp Glbl L Tokens", "grok-4.3", "cache_read", "", "long", "global"),
    ("Azure Grok Models", "Grok4 Fast Outp DZone Tokens", "grok-4-fast", "plain_output", "", "", "data zone"),
    ("Azure Deepseek Models", "V3.2 Outp glbl Tokens", "deepseek-v3.2", "plain_output", "", "", "global"),
    ("Azure Kimi", "K2.6 cached glbl Tokens", "kimi-k2.6", "cache_read", "", "", "global"),
    ("Azure Mistral Models", "MM3.5 Outp DZ Tokens", "mistral-medium-3.5", "plain_output", "", "", "data zone"),
    ("Azure Fireworks Models", "FW GLM 5.1 Cache Inp DZ Tokens", "glm-5.1", "cache_read", "", "", "data zone"),
    ("Cohere Models", "Rerank v4 Pro Glbl Search", "rerank-v4-pro", "searches", "", "", "global"),
    ("Azure OpenAI", "Provisioned Managed Data Zone Unit", "", "", "provisioned", "", "data zone"),
    # Without the family a bare number is of the one maker that ever used it, or stays bare.
    ("", "5.6 sol ShortCo Opt Std Gl 1M Tokens", "gpt-5.6-sol", "plain_output", "", "", "global"),
    ("", "4.3 Inp Glbl Tokens", "4.3", "uncached_input", "", "", "global"),
    # A release that nobody told us the year of stays as it is written.
    ("Azure OpenAI", "gpt 4o 0909 Inp glbl Tokens", "gpt-4o-0909", "uncached_input", "", "", "global"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("family", "name", "model", "meter", "tier", "context", "reach"), NAMES, ids=[n[1] for n in NAMES]
)
def test_a_meter_s_name_says_what_it_says(
    family: str, name: str, model: str, meter: str, tier: str, context: str, reach: str
) -> None:
    found = read_meter(name, family)
    assert found.model == model
    assert (found.meter, found.service_tier, found.context, found.reach) == (meter, tier, context, reach)


def test_only_a_name_that_writes_its_size_has_one() -> None:
    assert read_meter("5.4 inp Gl 1M Tokens").size == "1M"
    assert read_meter("gpt 4o 0806 Inp glbl Tokens").size == ""


WORDS = st.sampled_from([word for row in NAMES for word in row[1].split()]) | st.text(max_size=6)


@given(st.lists(WORDS, max_size=8).map(" ".join), st.sampled_from([row[0] for row in NAMES]))
def test_any_name_is_of_a_meter_that_exists_or_of_none(name: str, family: str) -> None:
    found = read_meter(name, family)
    assert isinstance(found, Named)
    assert found.meter in BY_NAME or found.meter == ""
    assert found.thing in KINDS or found.thing == ""
