"""Price lists that others publish as JSON, read as second opinions: LiteLLM's, models.dev's and OpenRouter's shape.

    LiteLLM      {"gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 2.5e-06, …}}      per token
    models.dev   {"openai": {"models": {"gpt-4o": {"cost": {"input": 2.5, "output": 10}}}}}          per million
    OpenRouter   {"data": [{"id": "openai/gpt-4o", "pricing": {"prompt": "0.0000025", …}}]}          per token

Only prices of tokens are read, exactly as written. An amount nobody charges is left out and
said; a regional price is left out, for a call's region is rarely known.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from tallystick.kernel.errors import ConfigError, DataError
from tallystick.kernel.ids import content_hash
from tallystick.pricing.match import canonical_provider
from tallystick.pricing.opinion import MILLION, PriceList, Quote, quote_of

_Line = tuple[str, str, str, str, str, int, object, int]
"""Place, provider, model, meter, service tier, threshold, amount, and for how many tokens it is."""

_LITELLM = {
    "input_cost_per_token": "uncached_input",
    "input_cost_per_audio_token": "uncached_input_audio",
    "input_cost_per_image_token": "uncached_input_image",
    "output_cost_per_token": "plain_output",
    "output_cost_per_audio_token": "plain_output_audio",
    "output_cost_per_image_token": "plain_output_image",
    "output_cost_per_reasoning_token": "reasoning_output",
    "cache_read_input_token_cost": "cache_read",
    "cache_read_input_audio_token_cost": "cache_read_audio",
    "cache_creation_input_token_cost": "cache_write_5m",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
}
_LITELLM_KEY = re.compile(
    rf"({'|'.join(sorted(_LITELLM, key=len, reverse=True))})(?:_above_(\d+)k_tokens)?(?:_(batches|flex|priority|fast))?"
)
_MODELS_DEV = {
    "input": "uncached_input",
    "output": "plain_output",
    "reasoning": "reasoning_output",
    "cache_read": "cache_read",
    "cache_write": "cache_write_5m",
    "input_audio": "uncached_input_audio",
    "output_audio": "plain_output_audio",
}
_MODELS_DEV_LONG = re.compile(r"context_over_(\d+)k")
_OPENROUTER = {
    "prompt": "uncached_input",
    "completion": "plain_output",
    "internal_reasoning": "reasoning_output",
    "input_cache_read": "cache_read",
    "input_cache_write": "cache_write_5m",
}
_SELLERS = {
    "text-completion-openai": "openai",
    "cohere_chat": "cohere",
    "vertex_ai_beta": "google",
    "google-vertex": "google",
    "google-vertex-anthropic": "google",
    "togetherai": "together",
    "fireworks-ai": "fireworks",
}  # fmt: skip
_REGIONAL = re.compile(r"^(?:us|eu|global-standard|apac|jp|au|[a-z]{2,}(?:-[a-z]+)+-\d)$")
_MOST_SAID = 200


def read_price_list(text: str, name: str, file: str) -> PriceList:
    """A file's quotes; what it holds beside prices of tokens is passed over.

    Raises:
        DataError: The file is no JSON, or of none of the shapes.
    """
    try:
        raw = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the price list is no JSON: {error}", where=file) from None
    shape, lines = _shape(raw, file)
    quotes: list[Quote] = []
    left_out: list[str] = []
    for line in lines(raw):
        try:
            quotes.append(_quote(line))
        except ConfigError as error:
            left_out.append(f"{line[0]}: {error.what}")
    if not quotes:
        raise DataError("the price list holds no price of tokens", where=file)
    return PriceList(
        name or shape, shape, file, content_hash(text.encode()), tuple(quotes), tuple(left_out[:_MOST_SAID])
    )


def _shape(raw: object, file: str) -> tuple[str, Callable[[Any], Iterator[_Line]]]:
    if isinstance(raw, dict):
        entries = [one for one in raw.values() if isinstance(one, dict)]
        if isinstance(raw.get("data"), list) and any(isinstance(one, dict) and "pricing" in one for one in raw["data"]):
            return "openrouter", _openrouter
        if any("litellm_provider" in one for one in entries):
            return "litellm", _litellm
        if any(isinstance(one.get("models"), dict) for one in entries):
            return "models.dev", _models_dev
    raise DataError(
        "the file is no price list that is known",
        where=file,
        next_steps=[
            "give LiteLLM's model_prices_and_context_window.json, models.dev's api.json or OpenRouter's models"
        ],
    )


def _quote(line: _Line) -> Quote:
    _, provider, model, meter, tier, above, amount, per = line
    try:
        value = Decimal(str(amount)) if not isinstance(amount, bool) else Decimal("NaN")
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise ConfigError(f"{meter} = {str(amount)[:40]!r} is no price")
    # OpenAI keeps what is written to its cache for 30 minutes; a list that gives no lifetime means the maker's.
    if meter == "cache_write_5m" and canonical_provider(provider) in {"openai", "azure"}:
        meter = "cache_write_30m"
    return quote_of(provider, model, meter, value * MILLION / per, service_tier=tier, above=above)


def _litellm(raw: Mapping[str, Any]) -> Iterator[_Line]:
    for name, entry in raw.items():
        if name == "sample_spec" or not isinstance(entry, dict):
            continue
        provider, model = _seller(str(entry.get("litellm_provider", ""))), _bare(name)
        if not provider or not model:
            continue
        for key, amount in entry.items():
            found = _LITELLM_KEY.fullmatch(key)
            if found is not None and amount is not None:
                tier = {"batches": "batch", None: ""}.get(found[3], found[3])
                yield f"{name} {key}", provider, model, _LITELLM[found[1]], tier, int(found[2] or 0) * 1000, amount, 1


def _seller(litellm_provider: str) -> str:
    """The provider without the family of models LiteLLM adds: `vertex_ai-anthropic_models`."""
    family = re.match(r"(vertex_ai|fireworks_ai)-", litellm_provider)
    name = family[1] if family else litellm_provider
    return _SELLERS.get(name, name)


def _bare(name: str) -> str:
    """The model without LiteLLM's prefixes; empty for a regional entry or one of a kind of picture."""
    first, slash, rest = name.partition("/")
    if not slash:
        return name
    if _REGIONAL.match(rest.partition("/")[0]) or first[:1].isdigit():
        return ""
    return rest


def _models_dev(raw: Mapping[str, Any]) -> Iterator[_Line]:
    for provider, seller in raw.items():
        models = seller.get("models") if isinstance(seller, dict) else None
        for model, entry in models.items() if isinstance(models, dict) else ():
            cost = entry.get("cost") if isinstance(entry, dict) else None
            if isinstance(cost, dict):
                yield from _costs(f"{provider} {model}", (_SELLERS.get(provider, provider), model), cost, 0)


def _costs(place: str, named: tuple[str, str], cost: Mapping[str, Any], above: int) -> Iterator[_Line]:
    for key, amount in cost.items():
        longer = _MODELS_DEV_LONG.fullmatch(key)
        if longer is not None and isinstance(amount, dict) and not above:
            yield from _costs(f"{place} {key}", named, amount, int(longer[1]) * 1000)
        elif key in _MODELS_DEV and amount is not None:
            yield f"{place} {key}", *named, _MODELS_DEV[key], "", above, amount, MILLION


def _openrouter(raw: Mapping[str, Any]) -> Iterator[_Line]:
    for number, entry in enumerate(raw["data"], 1):
        pricing = entry.get("pricing") if isinstance(entry, dict) else None
        model = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(pricing, dict) or not isinstance(model, str):
            continue
        for key, amount in pricing.items():
            # A router without a price of its own has -1 here, and a class that is not sold apart has 0.
            if key in _OPENROUTER and amount is not None and (key in {"prompt", "completion"} or str(amount) != "0"):
                yield f"data[{number}] {model} {key}", "openrouter", model, _OPENROUTER[key], "", 0, amount, 1
