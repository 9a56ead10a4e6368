"""What the description of a Google Cloud SKU means: model, meter of ours, tier, context, unit. Pure.

`Gemini 2.5 Flash GA Thinking Text Output - Predictions`: a model, what state it is in, what is
counted, and where. Descriptions of other services say nothing here and stay as they are.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_SERVICES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^(?:gemini api|generative language(?: api)?)$", re.IGNORECASE), "gcp.gemini"),
    (
        re.compile(
            r"^(?:vertex ai.*|cloud ai platform|ai platform.*|gemini enterprise agent platform.*)$", re.IGNORECASE
        ),
        "gcp.vertex_ai",
    ),
)
# Other services of Google that are AI, and no model calls of ours.
_OTHER_AI = re.compile(
    r"speech|natural language|translation|vision api|document ai|dialogflow|notebooks|gemini|discovery engine|agentspace",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"\b(?P<name>gemini|gemma|claude|imagen|veo|lyria|llama|mistral|codestral|jamba|deepseek|qwen|grok|gpt[- ]oss|kimi)"
    r"[ -]?(?P<rest>.*)",
    re.IGNORECASE,
)
# Where a model's name ends in a description.
_ENDS = re.compile(
    r"\b(?:ga|experimental|\d+[ -](?:month|year|week)|text|image|audio|video|thinking|input|output|cached?|caching|batch|priority|flex|"
    r"long|predictions?|generation|tokens?|provisioned|tuning|grounding|count|native|live|characters?|multimodal|"
    r"search|on|for|with|per|in|\()(?:\b|(?<=\())",
    re.IGNORECASE,
)
_EMBEDDING = re.compile(r"\b(?:text |gemini |multimodal )?embeddings?\b", re.IGNORECASE)
_OLD = re.compile(r"^gemini-1[.-]|^gemini-pro|^palm", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sku:
    """What a SKU is.

    Attributes:
        provider: As the gateway writes it; empty for what is no AI model service.
        thing: The kind of unit that its meter counts; a bare "count" is of these.
    """

    ai: bool = False
    provider: str = ""
    model: str = ""
    meter: str = ""
    service_tier: str = ""
    context: str = ""
    thing: str = ""


@lru_cache(maxsize=8192)
def read_sku(service: str, description: str) -> Sku:
    """What a service and a SKU's description say."""
    provider = next((name for pattern, name in _SERVICES if pattern.match(service.strip())), "")
    if not provider:
        return Sku(ai=bool(_OTHER_AI.search(service)))
    words = description.lower()
    model = _model(description)
    if "provisioned throughput" in words or re.search(r"\bgsus?\b", words):
        return Sku(True, provider, model, service_tier="provisioned")
    meter, thing = _meter(words, model)
    if meter == "searches":
        model = ""  # it is sold beside the models: "Gemini 3" there is a family
    return Sku(
        ai=True,
        provider=provider,
        model=model,
        meter=meter,
        thing=thing,
        service_tier=next((tier for tier in ("batch", "priority", "flex") if re.search(rf"\b{tier}\b", words)), ""),
        context="long" if re.search(r"\blong\b|>\s*200k|over 200k", words) else "",
    )


def _model(description: str) -> str:
    """`gemini-2.5-flash` of `Gemini 2.5 Flash GA Text Input - Predictions`; empty where none is named."""
    found = _MODEL.search(description)
    if not found:
        return ""
    rest = found["rest"]
    end = _ENDS.search(rest)
    version = rest[: end.start()] if end else rest
    # `Gemini 2.5 Flash Image Output` may be of the image model or of the plain one: it is not taken for the former.
    words = re.split(r"[\s\-,:]+", f"{found['name']} {version}".strip().lower())
    name = "-".join(word for word in words if word)
    if found["name"].lower() == "claude":
        name = name.replace(".", "-")
    return name if name != found["name"].lower() else ""


def _meter(words: str, model: str) -> tuple[str, str]:
    """Our meter, and what one of a bare count is."""
    if "storage" in words or re.search(r"\btuning\b|\btraining\b|\bhosting\b|\bnode\b|\bhour", words):
        return "", ""
    if re.search(r"\bcharacters?\b", words):
        return "characters", "characters"
    if "grounding" in words or re.search(r"\bsearch (?:quer|request)", words):
        return "searches", "searches"
    if model.startswith("imagen") and "generation" in words:
        return "images", "images"
    if model.startswith("veo"):
        return "seconds", "time"
    if _OLD.search(model) and "token" not in words:
        # The first Gemini on Vertex was sold by characters, images and seconds: a count may be any of these.
        return "", ""
    return _tokens(words), "tokens"


def _tokens(words: str) -> str:
    suffix = next((f"_{kind}" for kind in ("image", "audio", "video") if re.search(rf"\b{kind}\b", words)), "")
    if re.search(r"\bcach(?:e|ed|ing)\b", words):
        if re.search(r"\bcache (?:write|creation)\b|\bwrite\b", words):
            ttl = (
                "1h" if re.search(r"\b1 ?h(?:r|our)?\b", words) else "5m" if re.search(r"\b5 ?m(?:in)?", words) else ""
            )
            return f"cache_write_{ttl or 'unknown'}"
        return f"cache_read{suffix}" if suffix in {"", "_image", "_audio"} else ""
    if re.search(r"\boutput\b", words):
        if "thinking" in words or "reasoning" in words:
            return "reasoning_output" if not suffix else ""
        return f"plain_output{suffix}" if suffix != "_video" else ""
    if re.search(r"\binput\b", words) or _EMBEDDING.search(words):
        return f"uncached_input{suffix}"
    return ""
