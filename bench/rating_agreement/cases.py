"""The cases: models that all three know, usage with every trap, tiers and dates, drawn by a seed."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from genai_prices.data import providers as list_providers

from tallystick.pricing.book import PriceBook

# LiteLLM's provider to ours and to genai-prices'; the rest is left out, for few know them.
SELLERS = {
    "openai": ("openai", "openai"),
    "azure": ("azure", "azure"),
    "anthropic": ("anthropic", "anthropic"),
    "gemini": ("gcp.gemini", "google"),
    "vertex_ai": ("gcp.vertex_ai", "google"),
    "bedrock": ("aws.bedrock", "aws"),
    "bedrock_converse": ("aws.bedrock", "aws"),
    "mistral": ("mistral", "mistral"),
    "deepseek": ("deepseek", "deepseek"),
    "xai": ("x_ai", "x-ai"),
    "groq": ("groq", "groq"),
    "together_ai": ("together", "together"),
    "cohere": ("cohere", "cohere"),
    "cohere_chat": ("cohere", "cohere"),
    "fireworks_ai": ("fireworks", "fireworks"),
    "cerebras": ("cerebras", "cerebras"),
    "perplexity": ("perplexity", "perplexity"),
    "openrouter": ("openrouter", "openrouter"),
}
MODES = {"chat", "responses", "completion", "embedding"}
REGIONAL = re.compile(r"^(?:eu|us|global|global-standard|[a-z]{2}(?:-[a-z]+)+-\d|invoke)/")
# Before and after known changes: o3 (10 June 2025), list tiers (October 2026), and today.
DATES = ("2025-05-20", "2025-06-09", "2025-06-10", "2025-11-15", "2026-03-01", "2026-06-30", "2026-09-30", "2026-10-13",
         "2026-11-01", "2026-11-24")  # fmt: skip
TIERS = ("", "batch", "priority", "flex")
EDGES = (32_000, 128_000, 200_000, 256_000, 272_000, 512_000)


@dataclass(frozen=True, slots=True)
class Model:
    """One model as each of the three calls it."""

    provider: str
    model: str
    genai_provider: str
    litellm_provider: str
    litellm_model: str
    entry: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Case:
    """One call: disjoint counts by meter, when and in which tier."""

    number: int
    model: Model
    quantities: Mapping[str, int]
    tier: str
    at: datetime

    @property
    def input_tokens(self) -> int:
        return sum(count for name, count in self.quantities.items() if "output" not in name)

    @property
    def output_tokens(self) -> int:
        return sum(count for name, count in self.quantities.items() if "output" in name)


def known_to_all(cost_map: Mapping[str, Mapping[str, object]], book: PriceBook) -> list[Model]:
    """Models of LiteLLM's list that sell tokens and that both others know, one for each name."""
    theirs = {one.id: one for one in list_providers}
    found = []
    for name, entry in sorted(cost_map.items()):
        seller = str(entry.get("litellm_provider", ""))
        family = seller.partition("-")[0] if seller.startswith("vertex_ai-") else seller
        if family not in SELLERS or entry.get("mode") not in MODES or not entry.get("input_cost_per_token"):
            continue
        bare = name.partition("/")[2] if name.startswith((f"{family}/", "bedrock/")) else name
        if "/" in name and bare == name and family not in {"together_ai", "openrouter"}:
            continue
        ours, listed = SELLERS[family]
        if REGIONAL.match(bare) or "ft:" in bare:
            continue
        priced = book.resolve(ours, bare).segments
        provider = theirs.get(listed)
        if priced and provider is not None and _knows(provider, bare):
            found.append(Model(ours, bare, listed, "bedrock" if family.startswith("bedrock") else family, bare, entry))
    return found


def _knows(provider: object, model: str) -> bool:
    try:
        return provider.find_model(model) is not None  # type: ignore[attr-defined]
    except (LookupError, ValueError):
        return False


def draw(models: Sequence[Model], count: int, seed: int, book: PriceBook) -> list[Case]:
    """The cases; the same for the same seed and lists."""
    dice = random.Random(seed)
    cases = []
    for number in range(count):
        model = dice.choice(models)
        day = date.fromisoformat(dice.choice(DATES)) + timedelta(days=dice.choice((0, 0, 0, -1)))
        at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        tier = _tier(dice, model, book)
        cases.append(Case(number, model, _usage(dice, model), tier, at))
    return cases


def _tier(dice: random.Random, model: Model, book: PriceBook) -> str:
    """Half of the calls in a tier that one of the lists prices for the model, a few in one that may not exist."""
    sold = [
        tier
        for tier, suffix in (("batch", "_batches"), ("priority", "_priority"), ("flex", "_flex"))
        if any(key.endswith(suffix) for key in model.entry) or book.resolve(model.provider, model.model, tier).segments
    ]
    if dice.random() < 0.03:
        return dice.choice(TIERS)
    return dice.choice(sold) if sold and dice.random() < 0.5 else ""


def _usage(dice: random.Random, model: Model) -> dict[str, int]:
    entry = model.entry
    total = _size(dice, entry)
    counts: dict[str, int] = {}
    if entry.get("cache_read_input_token_cost") and dice.random() < 0.45:
        counts["cache_read"] = dice.randrange(1, max(2, total // 2))
    if entry.get("cache_creation_input_token_cost") and dice.random() < 0.35:
        written = "cache_write_30m" if model.provider in {"openai", "azure"} else "cache_write_5m"
        counts[written] = dice.randrange(1, max(2, total // 5))
        if written == "cache_write_5m" and dice.random() < 0.5:
            counts["cache_write_1h"] = dice.randrange(1, max(2, total // 5))
    if entry.get("input_cost_per_audio_token") and dice.random() < 0.3:
        counts["uncached_input_audio"] = dice.randrange(1, max(2, total // 10))
    counts["uncached_input"] = total - sum(counts.values())
    if entry.get("mode") != "embedding":
        counts["plain_output"] = dice.randrange(1, 4_000)
        if entry.get("supports_reasoning") and dice.random() < 0.4:
            counts["reasoning_output"] = dice.randrange(1, 20_000)
        if entry.get("output_cost_per_audio_token") and dice.random() < 0.3:
            counts["plain_output_audio"] = dice.randrange(1, 2_000)
    return {name: number for name, number in counts.items() if number > 0}


def _size(dice: random.Random, entry: Mapping[str, object]) -> int:
    """Mostly ordinary; where the list has a long-context price often just below, at and above its edge."""
    edges = [edge for edge in EDGES if any(f"_above_{edge // 1000}k_tokens" in key for key in entry)]
    if edges and dice.random() < 0.5:
        return dice.choice(edges) + dice.choice((-1, 0, 1))
    return dice.choice((dice.randrange(10, 2_000), dice.randrange(2_000, 30_000), dice.randrange(30_000, 120_000)))
