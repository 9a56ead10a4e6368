"""Rows as OpenAI gives them, one of each report, every field filled in; invented figures."""

DAY_S = 1_790_812_800  # 2026-10-01
WHO = {"project_id": "proj_red", "user_id": "user_ada", "api_key_id": "key_one"}

COMPLETIONS = {
    "object": "organization.usage.completions.result",
    "input_tokens": 1_000,
    "input_uncached_tokens": 560,
    "input_cached_tokens": 330,
    "input_cache_write_tokens": 110,
    "input_cache_write_30m_tokens": 70,
    "input_cache_write_12h_tokens": 30,
    "input_text_tokens": 500,
    "input_audio_tokens": 40,
    "input_image_tokens": 20,
    "input_cached_text_tokens": 300,
    "input_cached_audio_tokens": 25,
    "input_cached_image_tokens": 5,
    "output_tokens": 215,
    "output_text_tokens": 200,
    "output_audio_tokens": 12,
    "output_image_tokens": 3,
    "num_model_requests": 7,
    **WHO,
    "model": "gpt-6-astra",
    "batch": False,
    "service_tier": "flex",
    "api_source": "unlabeled",
}
COSTS = {
    "object": "organization.costs.result",
    "amount": {"value": 0.0135, "currency": "usd"},
    "line_item": "gpt-6-astra, input_tokens",
    **WHO,
    "api_source": "agents_api",
    "quantity": 5400.0,
    "quantity_unit": "tokens",
}
OTHERS = {
    "embeddings": {
        "object": "organization.usage.embeddings.result", "input_tokens": 16, "num_model_requests": 2, **WHO,
        "model": "text-embedding-4",
    },
    "moderations": {
        "object": "organization.usage.moderations.result", "input_tokens": 18, "num_model_requests": 3, **WHO,
        "model": "omni-moderation",
    },
    "images": {
        "object": "organization.usage.images.result", "images": 4, "num_model_requests": 2, **WHO,
        "model": "gpt-image-2", "size": "1024x1024", "source": "image.edit",
    },
    "audio_speeches": {
        "object": "organization.usage.audio_speeches.result", "characters": 45, "num_model_requests": 1, **WHO,
        "model": "tts-3",
    },
    "audio_transcriptions": {
        "object": "organization.usage.audio_transcriptions.result", "seconds": 20, "num_model_requests": 1, **WHO,
        "model": "whisper-2",
    },
    "vector_stores": {
        "object": "organization.usage.vector_stores.result", "usage_bytes": 1_024, "project_id": "proj_red",
    },
    "code_interpreter_sessions": {
        "object": "organization.usage.code_interpreter_sessions.result", "num_sessions": 6, "project_id": "proj_red",
    },
    "file_search_calls": {
        "object": "organization.usage.file_searches.result", "num_requests": 9, **WHO, "vector_store_id": "vs_atlas",
    },
    "web_search_calls": {
        "object": "organization.usage.web_searches.result", "num_requests": 5, "num_model_requests": 4, **WHO,
        "model": "gpt-6-astra", "context_level": "high", "api_source": "unlabeled",
    },
}  # fmt: skip
DECISIONS = {**COMPLETIONS, "object": "organization.usage.decisions.result"}
USAGE = {"completions": COMPLETIONS, "decisions": DECISIONS, **OTHERS}


def page_body(result: dict[str, object], start: int = DAY_S) -> dict[str, object]:
    """A page of one day with one result."""
    bucket = {"object": "bucket", "start_time": start, "end_time": start + 86_400, "results": [result]}
    return {"object": "page", "data": [bucket], "has_more": False, "next_page": None}
