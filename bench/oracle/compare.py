"""One outside body against our reading of it."""

import json
from dataclasses import dataclass, field

from tallystick.gateway.dialects import DIALECTS
from tallystick.gateway.dialects.model import RequestFacts

# Their figure → how ours is summed. Theirs are inclusive totals by kind, as ours of the same name.
FIGURES = {
    "cache_read_tokens": ("cache_read", "cache_read_image", "cache_read_audio"),
    "cache_write_tokens": (
        "cache_write_5m",
        "cache_write_30m",
        "cache_write_1h",
        "cache_write_12h",
        "cache_write_unknown",
    ),
    "cache_write_5m_tokens": ("cache_write_5m",),
    "cache_write_1h_tokens": ("cache_write_1h",),
    "output_reasoning_tokens": ("reasoning_output",),
    "input_audio_tokens": ("uncached_input_audio", "cache_read_audio"),
    "input_image_tokens": ("uncached_input_image", "cache_read_image"),
    "output_audio_tokens": ("plain_output_audio",),
    "web_searches": ("searches",),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one body was read.

    Attributes:
        skipped: Why it was not compared; empty when it was.
        differences: Figure to (theirs, ours).
    """

    dialect: str = ""
    skipped: str = ""
    usage: dict = field(default_factory=dict)
    differences: dict = field(default_factory=dict)
    drift: tuple[str, ...] = ()


def judge(record: dict) -> Verdict:
    """Read the body with the dialect whose shape it has and compare figure by figure."""
    body = record["body"]
    usage = body.get("usage") if isinstance(body, dict) else None
    shape = _shape(usage)
    if not shape:
        return Verdict(skipped=_foreign(body))
    name, path, extractor = shape
    theirs = next(
        (
            found["usage"]
            for found in record["extracted"]
            for one in found["extractors"]
            if (one["provider_id"], one["api_flavor"]) == extractor
        ),
        None,
    )
    if theirs is None:
        return Verdict(skipped=f"the outside reader has no {'/'.join(extractor)} figures for it")
    dialect = DIALECTS[name]
    route = dialect.route("POST", path)
    measured = dialect.read_response(route, RequestFacts("", b""), 200, json.dumps(body).encode()).measured
    ours = {"input_tokens": measured.input_tokens, "output_tokens": measured.output_tokens} | {
        figure: sum(measured.quantities.get(meter, 0) for meter in meters) for figure, meters in FIGURES.items()
    }
    differences = {
        figure: (theirs.get(figure, 0), ours[figure]) for figure in ours if theirs.get(figure, 0) != (ours[figure] or 0)
    }
    return Verdict(f"{name} {path}", "", usage, differences, measured.drift)


def _shape(usage: object) -> tuple[str, str, tuple[str, str]] | None:
    if not isinstance(usage, dict):
        return None
    if "prompt_tokens" in usage and "completion_tokens" in usage:
        return "openai", "/v1/chat/completions", ("openai", "chat")
    if "prompt_tokens" in usage:
        return "openai", "/v1/embeddings", ("openai", "embeddings")
    if "input_tokens" in usage and ("total_tokens" in usage or "input_tokens_details" in usage):
        return "openai", "/v1/responses", ("openai", "responses")
    if "input_tokens" in usage:
        return "anthropic", "/v1/messages", ("anthropic", "default")
    return None


def _foreign(body: object) -> str:
    names = set(body) if isinstance(body, dict) else set()
    if "usageMetadata" in names:
        return "Gemini's shape, which no dialect reads yet"
    usage = body.get("usage") if isinstance(body, dict) else None
    if isinstance(usage, dict) and "inputTokens" in usage:
        return "Bedrock's shape, which no dialect reads yet"
    return "Cohere's or another shape that no dialect reads yet"
