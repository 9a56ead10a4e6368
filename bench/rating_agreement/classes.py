"""What each of the three charges for one token of each class of a case: asked once more with a token less, or more.

Costs are linear in the counts of one size class, so that the difference is the unit price. A figure that
its own unit prices do not add up to is not linear, and is said to be unexplained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from bench.rating_agreement.cases import EDGES, Case
from bench.rating_agreement.rated import Answers, by_genai, by_litellm
from tallystick.pricing.model import Rated

Prices = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Taken:
    """A case apart: dollars a million tokens by class and source; empty where a source gave no figure."""

    answers: Answers
    ours: Prices
    genai: Prices
    litellm: Prices


def same(one: Decimal | None, other: Decimal | None) -> bool:
    """Equal but for the noise of floats, in which LiteLLM calculates."""
    return (
        one is not None
        and other is not None
        and abs(one - other) <= max(Decimal("1e-12"), abs(other) * Decimal("1e-9"))
    )


def take_apart(found: Sequence[Answers]) -> list[Taken]:
    """The unit prices of every case, LiteLLM asked in one go."""
    asked = [(one, meter, _nudged(one.case, meter)) for one in found for meter in one.case.quantities]
    nudged = by_litellm([case for _, _, (case, _) in asked])
    theirs: dict[int, dict[str, Decimal]] = {one.case.number: {} for one in found}
    listed: dict[int, dict[str, Decimal]] = {one.case.number: {} for one in found}
    for (one, meter, (case, step)), (cost, _) in zip(asked, nudged, strict=True):
        if one.litellm is not None and cost is not None:
            theirs[one.case.number][meter] = _clean((cost - one.litellm) * step)
        other = by_genai(case)[0]
        if one.genai is not None and other is not None:
            listed[one.case.number][meter] = (other - one.genai) * step * 10**6
    return [
        Taken(
            one,
            unit_prices(one.rated),
            _with_fee(listed[one.case.number], one.case, one.genai),
            _with_fee(theirs[one.case.number], one.case, one.litellm),
        )
        for one in found
    ]


def unit_prices(rated: Rated) -> Prices:
    """Our unit prices: dollars for a million tokens, or for one request."""
    return {
        line.meter: Decimal(line.unit_price) / (10**12 if line.meter == "requests" else 10**6)
        for line in rated.lines
        if line.unit_price is not None
    }


def adds_up(prices: Prices, case: Case, cost: Decimal | None) -> bool:
    """Whether unit prices explain a figure wholly."""
    if cost is None or not set(case.quantities) <= set(prices):
        return False
    total = sum((prices[name] * count for name, count in case.quantities.items()), Decimal(0)) / 10**6
    total += prices.get("requests", Decimal(0))
    return abs(total - cost) <= max(Decimal("1e-9"), abs(cost) * Decimal("1e-5"))


def _with_fee(prices: dict[str, Decimal], case: Case, cost: Decimal | None) -> dict[str, Decimal]:
    """With what a request costs beside its tokens, in dollars; only Perplexity asks that."""
    if cost is None or case.model.litellm_provider != "perplexity":
        return prices
    tokens = sum((prices.get(name, Decimal(0)) * count for name, count in case.quantities.items()), Decimal(0)) / 10**6
    return {**prices, "requests": round(cost - tokens, 9)}


def _nudged(case: Case, meter: str) -> tuple[Case, int]:
    """The case with a thousandth of the size more or less, on the side where no edge is crossed."""
    size = case.input_tokens
    up = any(size == edge + 1 for edge in EDGES) or (
        case.model.litellm_provider == "xai" and any(size == edge for edge in EDGES)
    )
    step = 1 if up or case.quantities[meter] == 1 else -1
    return replace(case, quantities={**case.quantities, meter: case.quantities[meter] + step}), step


def _clean(dollars: Decimal) -> Decimal:
    """A unit price out of a difference of floats: dollars a million, at seven digits."""
    value = dollars * 10**6
    return value if not value else round(value, 6 - value.adjusted())
