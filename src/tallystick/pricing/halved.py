"""Tiers that a provider sells at half of its standard price, where the list has none of them. Pure.

Only rules that the provider states for all its models at once; a premium differs by model and stays unknown. Cached
input is left out: no page that was read says what it costs in these tiers.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tallystick.kernel.money import divide_half_even
from tallystick.pricing.fingerprint import identify
from tallystick.pricing.model import PriceCard, Tier
from tallystick.usage.meters import FACT_METERS


@dataclass(frozen=True, slots=True)
class Half:
    """One stated rule.

    Attributes:
        models: Pattern over the list's names of the models.
        rests_on: The pages that say it, and when they were read.
    """

    provider: str
    models: str
    service_tier: str
    rests_on: str


_READ = "read in November 2026"
_GEMINI = "https://ai.google.dev/gemini-api/docs/optimization"
HALVES: tuple[Half, ...] = (
    Half(
        "aws",
        # Smaller makers' batches are printed in whole cents, so that half of an odd price is not known.
        r"^(?:(?:global|regional)\.)?(?:anthropic|amazon|meta)\.",
        "batch",
        "https://docs.aws.amazon.com/bedrock/latest/userguide/capacity-limits-cost-optimization.html: "
        f"batch at 50% of on-demand; {_READ}",
    ),
    Half(
        "google",
        r"^gemini-(?:2\.5|[3-9])(?!.*(?:live|embedding))",
        "batch",
        f"{_GEMINI}: batch at 50% of the standard price; {_READ}",
    ),
    Half(
        "google",
        r"^gemini-(?:2\.5|3)(?!.*(?:live|embedding))",
        "flex",
        f"{_GEMINI} and docs.cloud.google.com flex-paygo (Gemini 3.8 and earlier): flex at 50% of standard; {_READ}",
    ),
)
# Not tokens: the list too keeps their price in a tier that does not name them.
_COUNTED = FACT_METERS | {"searches"}
_HALVED = ("uncached_input", "plain_output", "reasoning_output")


def halved(cards: Iterable[PriceCard], halves: Iterable[Half] = HALVES) -> list[PriceCard]:
    """The cards of those tiers, for models that have none of them; each says what it rests on."""
    listed = list(cards)
    found: list[PriceCard] = []
    for one in halves:
        has = {card.model for card in listed if (card.provider, card.service_tier) == (one.provider, one.service_tier)}
        found += [
            _half(card, one)
            for card in listed
            if card.provider == one.provider
            and not card.service_tier
            and not card.region
            and card.model not in has
            and re.search(one.models, card.model)
            and any(tier.prices for tier in card.tiers)
        ]
    return found


def _half(card: PriceCard, one: Half) -> PriceCard:
    return identify(
        replace(
            card,
            service_tier=one.service_tier,
            tiers=tuple(Tier(tier.above_input_tokens, _half_prices(tier)) for tier in card.tiers),
            source=f"{card.source.removesuffix(', corrected')}, corrected",
            notes=(one.rests_on,),
            match=None,
        )
    )


def _half_prices(tier: Tier) -> dict[str, int]:
    """Tokens at half, facts such as searches as they are, all else unknown."""
    tokens = {name: divide_half_even(price, 2) for name, price in tier.prices.items() if name.startswith(_HALVED)}
    return tokens | {name: price for name, price in tier.prices.items() if name in _COUNTED}
