"""Which rows of a bill are AI, whose, of what model and meter: told from names, units and SKU details.

Bills have no column for it. What a row does not say stays empty: a row that is AI by its
category and names no model keeps its money, and counts nothing.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tallystick.focus.cells import is_nothing
from tallystick.focus.columns import AI_SUBCATEGORIES
from tallystick.pricing.match import MAKERS
from tallystick.usage.meters import BY_NAME
from tallystick.usage.units import Unit, convert, parse_unit

# Custom columns that clouds put beside FOCUS's own, the most telling first.
METER_COLUMNS: tuple[str, ...] = ("x_SkuMeterName", "x_UsageType", "x_SkuDescription")
MODEL_COLUMNS: tuple[str, ...] = (
    "x_ModelId", "x_model_id", "x_Model", "x_model", "x_ModelName", "x_model_name", "x_SkuModel",
)  # fmt: skip
TIER_COLUMNS: tuple[str, ...] = ("x_ServiceTier", "x_service_tier")

# (what names say, provider as the gateway writes it); hosts first, for they also name makers.
_PROVIDERS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"bedrock", "aws.bedrock"),
        (r"\bazure.{0,12}openai|\bfoundry\b|\bazure ai\b|\bazure.{0,12}cognitive services", "azure.ai.openai"),
        (r"\bvertex ?ai\b|\bgenerative ai on google|\bgemini enterprise", "gcp.vertex_ai"),
        (r"\bgemini api\b|\bgenerative language|\bgoogle ai studio", "gcp.gemini"),
        (r"\bopenai\b|\bchatgpt\b", "openai"),
        (r"\banthropic\b|\bclaude\b", "anthropic"),
        (r"\bmistral\b", "mistral_ai"),
        (r"\bcohere\b", "cohere"),
        (r"\bx\.?ai\b|\bgrok\b", "x_ai"),
        (r"\bdeepseek\b", "deepseek"),
        (r"\bgroq\b", "groq"),
        (r"\btogether ?ai\b", "together"),
        (r"\bopenrouter\b", "openrouter"),
        (r"\bfireworks ?ai\b", "fireworks"),
        (r"\bcerebras\b", "cerebras"),
        (r"\bperplexity\b", "perplexity"),
    )
)
# AI tools without tokens of their own: seats, credits, premium requests.
_TOOLS = re.compile(r"\bcopilot\b|\bcursor\b|\bwindsurf\b|\bcodeium\b|\bmidjourney\b|\belevenlabs\b|\bhugging ?face\b")
_TOKEN_WORDS = re.compile(r"\btokens?\b")
_MODEL_OF_SKU = re.compile(r"^([A-Za-z][\w.:@-]{2,120})/[\w-]*tokens?$")
_EDITION = re.compile(r"^(.{3,120}) \(Amazon Bedrock Edition\)$")
# `USE1-Claude4Sonnet-input-tokens`, `gpt-4o-0806-Inp-glbl Tokens`: what stands before the direction.
_BEFORE_SIDE = re.compile(
    r"^(?:[A-Z]{2,4}[0-9]-)?(.{2,100}?)[\s-]+(?:batch|cached|cchd|cache|inp|input|outp|opt|output|prompt|completion)\b.*tok",
    re.IGNORECASE,
)
_CACHE_TIMES = (
    (re.compile(r"\b5 ?-?m(?:in\w*)?\b"), "5m"), (re.compile(r"\b30 ?-?m(?:in\w*)?\b"), "30m"),
    (re.compile(r"\b1 ?-?h(?:r|our)?s?\b"), "1h"), (re.compile(r"\b12 ?-?h(?:r|our)?s?\b"), "12h"),
)  # fmt: skip
_MAKERS = (*MAKERS, (r"gpt|llama|nova|titan|qwen", ""))
_LONG = re.compile(r"\blong[ -]context|(?:>|over|above|gt)[ -]?(?:128|200|272)k", re.IGNORECASE)
_KINDS = {
    "tokens": "", "requests": "requests", "searches": "searches", "fetches": "fetches", "tool_calls": "tool_calls",
    "time": "seconds", "images": "images", "characters": "characters", "gpu_time": "gpu_seconds",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hints:
    """The cells of a row that tell, as texts.

    Attributes:
        sellers: Provider, publisher, host and issuer together.
        details: SkuPriceDetails, JSON.
        model, tier: Of a custom column, where the file has one.
    """

    service_category: str = ""
    service_subcategory: str = ""
    service_name: str = ""
    sellers: str = ""
    sku_meter: str = ""
    sku_id: str = ""
    sku_price_id: str = ""
    details: str = ""
    consumed_unit: str = ""
    pricing_unit: str = ""
    model: str = ""
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the cells say.

    Attributes:
        per_consumed, per_pricing: Whole units of the meter in one consumed or pricing unit; None where
            the unit is none of the meter's.
    """

    ai: bool = False
    provider: str = ""
    raw_model: str = ""
    meter: str = ""
    service_tier: str = ""
    context: str = ""
    per_consumed: Decimal | None = None
    per_pricing: Decimal | None = None


def tell(hints: Hints) -> Facts:
    """What a row is; `Facts()` where nothing says AI."""
    details = _details(hints.details)
    words = _words(hints)
    provider = _provider(hints)
    gpus = details.get("gpucount", "")
    model = hints.model or details.get("modelid", "") or details.get("model", "") or details.get("modelname", "")
    token = bool(_TOKEN_WORDS.search(words)) and _unit_kind(hints) in {"tokens", "count"}
    ai = (
        hints.service_category == "AI and Machine Learning"
        or hints.service_subcategory in AI_SUBCATEGORIES
        or bool(provider or model or _gpu(gpus))
        or bool(_TOOLS.search(f"{hints.service_name} {hints.sellers}".lower()))
        or bool(token and _directed(words, details))
    )
    if not ai:
        return Facts()
    meter = _meter(hints, words, details)
    return Facts(
        ai=True,
        provider=provider,
        raw_model=model or _model_of_sku(hints),
        meter=meter,
        service_tier=_tier(hints, words, details),
        context="long" if _LONG.search(f"{hints.sku_meter} {hints.sku_price_id}") else "",
        per_consumed=_per(hints.consumed_unit, meter, gpus),
        per_pricing=_per(hints.pricing_unit, meter, gpus),
    )


def _details(text: str) -> dict[str, str]:
    """SkuPriceDetails by lower-case key without `x_`, empty where it is no flat JSON."""
    if is_nothing(text):
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, Mapping):
        return {}
    return {
        str(name).lower().removeprefix("x_"): str(value)
        for name, value in found.items()
        if value is not None and not isinstance(value, (dict, list))
    }


def _words(hints: Hints) -> str:
    """The words that name a meter: its own column, else those of the SKU."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", hints.sku_meter or f"{hints.sku_id} {hints.sku_price_id}")
    return re.sub(r"[\s/_:-]+", " ", f"{text} {hints.consumed_unit}").lower()


def _provider(hints: Hints) -> str:
    for text in (hints.service_name.lower(), hints.sellers.lower()):
        for pattern, name in _PROVIDERS:
            if pattern.search(text):
                return name
    return ""


def _gpu(text: str) -> Decimal:
    try:
        count = Decimal(text or 0)
    except ArithmeticError:
        return Decimal(0)
    return count if count.is_finite() and count > 0 else Decimal(0)


def _unit_kind(hints: Hints) -> str:
    unit = parse_unit(hints.consumed_unit) or parse_unit(hints.pricing_unit)
    return unit.kind if unit else ""


def _directed(words: str, details: Mapping[str, str]) -> bool:
    return _side(words, details) != ""


def _side(words: str, details: Mapping[str, str]) -> str:
    said = details.get("tokendirection", "").lower()
    if said in {"input", "output"}:
        return said
    if re.search(r"\b(?:output|outp|opt|completion|generated|response|reasoning|thinking)\b", words):
        return "output"
    return "input" if re.search(r"\b(?:input|inp|prompt|cache\w*|cchd)\b", words) else ""


def _meter(hints: Hints, words: str, details: Mapping[str, str]) -> str:
    kind = _unit_kind(hints)
    if kind == "time":
        if _gpu(details.get("gpucount", "")):
            return "gpu_seconds"
        return "seconds" if re.search(r"\b(?:audio|speech|transcri\w+|video)\b", words) else ""
    if kind not in {"tokens", "count"} or (kind == "count" and not _TOKEN_WORDS.search(words)):
        return _KINDS.get(kind, "")
    side = _side(words, details)
    modality = next((f"_{one}" for one in ("audio", "image", "video") if re.search(rf"\b{one}\b", words)), "")
    for maker in (_output, _cached, _uncached):
        name = maker(side, words, details)
        if name:
            return name + modality if name + modality in BY_NAME else name
    return ""


def _output(side: str, words: str, details: Mapping[str, str]) -> str:
    del details
    if side != "output":
        return ""
    return "reasoning_output" if re.search(r"\b(?:reasoning|thinking)\b", words) else "plain_output"


def _cached(side: str, words: str, details: Mapping[str, str]) -> str:
    action = details.get("tokencacheaction", "").lower()
    cached = re.search(r"\b(?:cache(?:d|s|read|write)?|cchd)\b", words)
    if side != "input" or action == "uncached" or not (action or cached):
        return ""
    if action == "write" or (not action and re.search(r"\b(?:write|writes|creation|cachewrite|storage)\b", words)):
        said = f"{details.get('cacheduration', '')} {words}".lower()
        return f"cache_write_{next((name for pattern, name in _CACHE_TIMES if pattern.search(said)), 'unknown')}"
    return "cache_read" if action in {"", "read"} else ""


def _uncached(side: str, words: str, details: Mapping[str, str]) -> str:
    del words
    return "uncached_input" if side == "input" and details.get("tokencacheaction", "").lower() != "other" else ""


def _tier(hints: Hints, words: str, details: Mapping[str, str]) -> str:
    said = (hints.tier or details.get("servicetier", "")).lower()
    if said:
        return "" if said in {"standard", "default", "on-demand", "ondemand"} else said
    text = f"{words} {hints.sku_price_id.lower().replace('/', ' ')}"
    return next((name for name in ("batch", "flex", "priority") if re.search(rf"\b{name}\b", text)), "")


def _model_of_sku(hints: Hints) -> str:
    """A model that the names of service or SKU hold, as they spell it."""
    for pattern, text in ((_EDITION, hints.service_name), (_MODEL_OF_SKU, hints.sku_id)):
        found = pattern.match(text)
        if found:
            return found[1]
    found = _BEFORE_SIDE.match(hints.sku_meter)
    return found[1] if found and any(re.search(pattern, found[1].lower()) for pattern, _ in _MAKERS) else ""


def _per(unit_text: str, meter: str, gpus: str) -> Decimal | None:
    """How many whole ones of a meter one such unit is."""
    unit = parse_unit(unit_text) if meter else None
    if unit is None:
        return None
    known = BY_NAME[meter]
    if meter == "gpu_seconds":
        return unit.size * known.scale * _gpu(gpus) if unit.kind in {"time", "gpu_time"} else None
    target = parse_unit(known.unit) or Unit("count")
    if unit.kind == "count":  # "Units" may be tokens or millions of them; "1M" says which
        return unit.size * known.scale if unit.size != 1 else None
    one = convert(Decimal(1), unit, target)
    return None if one is None else one * known.scale
