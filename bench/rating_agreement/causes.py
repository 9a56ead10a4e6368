"""Why two of them differ on a class of tokens. A cause is named only where the figures prove it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from bench.rating_agreement.cases import Case
from bench.rating_agreement.classes import Prices, Taken, adds_up, same, unit_prices
from bench.rating_agreement.rated import by_ours
from tallystick.kernel.period import instant
from tallystick.pricing.book import PriceBook

TODAY_US = instant(datetime(2026, 11, 24, 12, tzinfo=UTC))
_SUFFIX = {"batch": "_batches", "priority": "_priority", "flex": "_flex"}
_KEYS = {
    "uncached_input": "input_cost_per_token",
    "uncached_input_audio": "input_cost_per_audio_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write_5m": "cache_creation_input_token_cost",
    "cache_write_30m": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
    "plain_output": "output_cost_per_token",
    "plain_output_audio": "output_cost_per_audio_token",
    "reasoning_output": "output_cost_per_reasoning_token",
}
UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Readings:
    """Our own unit prices of a case read otherwise, to tell what another must have done."""

    plain: Prices
    today: Prices
    plain_today: Prices
    short: Prices
    short_today: Prices
    plain_short_today: Prices
    raw: Prices
    raw_plain: Prices


def readings(book: PriceBook, raw: PriceBook, case: Case) -> Readings:
    """The standard tier, today's list, the price of short contexts, and these together; and the list without what we mend in it."""

    def of(**aside: object) -> Prices:
        return unit_prices(by_ours(book, case, **aside))  # type: ignore[arg-type]

    return Readings(
        plain=of(tier=""),
        today=of(at_us=TODAY_US),
        plain_today=of(tier="", at_us=TODAY_US),
        short=of(size=1),
        short_today=of(size=1, at_us=TODAY_US),
        plain_short_today=of(tier="", size=1, at_us=TODAY_US),
        raw=unit_prices(by_ours(raw, case)),
        raw_plain=unit_prices(by_ours(raw, case, tier="")),
    )


def causes(book: PriceBook, raw: PriceBook, taken: Taken) -> list[tuple[str, str]]:
    """Source and cause of everything on which a case's figures differ; each pair once."""
    case, answers = taken.answers.case, taken.answers
    read = readings(book, raw, case)
    found: dict[tuple[str, str], None] = {}
    for source, prices, cost in (
        ("genai-prices", taken.genai, answers.genai), ("LiteLLM", taken.litellm, answers.litellm),
    ):  # fmt: skip
        if same(answers.ours, cost):
            continue
        if not adds_up(prices, case, cost):
            found[source, UNEXPLAINED] = None
            continue
        explain = _genai if source == "genai-prices" else _litellm
        named = _whole_tier(case, source, taken.ours, prices, read) or [
            explain(case, meter, taken.ours.get(meter), prices, read)
            for meter in (*case.quantities, "requests")
            if not same_price(taken.ours.get(meter, _none(meter)), prices.get(meter, _none(meter)))
            and not _follows_output(meter, taken.ours, prices)
        ]
        for cause in named or [UNEXPLAINED]:
            found[source, cause] = None
    return list(found)


def _follows_output(meter: str, ours: Prices, prices: Prices) -> bool:
    """Reasoning that both charge as output differs only because output does."""
    if meter != "reasoning_output" or meter not in prices or "plain_output" not in prices:
        return False
    alike = ours.get(meter) == ours.get("plain_output")
    return alike and same_price(prices[meter], prices["plain_output"])


def _whole_tier(case: Case, source: str, ours: Prices, prices: Prices, read: Readings) -> list[str]:
    """One cause for a tier of which our list has no price at all."""
    if not case.tier or set(ours) & set(case.quantities):
        return []
    price, entry = prices.get("uncached_input"), case.model.entry
    if source == "genai-prices":
        fits = price is None or any(
            same_price(price, one.get("uncached_input")) for one in (read.plain, read.raw_plain)
        )
        return [f"no {case.tier} price: charges the standard one"] if fits else [UNEXPLAINED]
    if any(key.endswith(_SUFFIX[case.tier]) for key in entry):
        return [f"has a {case.tier} price that our list lacks: {case.model.litellm_provider}"]
    own = [Decimal(str(value)) * 10**6 for key, value in entry.items() if _is_standard_input(key) and value]
    own += [one["uncached_input"] for one in (read.plain, read.plain_today) if "uncached_input" in one]
    half = 2 if case.tier == "batch" else 1
    for factor, words in ((half, "takes half of its standard one"), (1, "charges its standard one")):
        if price is not None and any(same_price(price * factor, one) for one in own):
            return [f"has no {case.tier} price: {words if factor == 2 else 'charges its standard one'}"]
    return [UNEXPLAINED]


def _is_standard_input(key: str) -> bool:
    return key == "input_cost_per_token" or (key.startswith("input_cost_per_token_above_") and key.endswith("k_tokens"))


def _none(meter: str) -> Decimal | None:
    return Decimal(0) if meter == "requests" else None


def same_price(one: Decimal | None, other: Decimal | None) -> bool:
    """Equal at five digits, which is what a difference of LiteLLM's floats has."""
    if one is None or other is None:
        return False
    return abs(one - other) <= max(Decimal("1e-7"), abs(one) * Decimal("2e-5"))


def _genai(case: Case, meter: str, ours: Decimal | None, prices: Prices, read: Readings) -> str:
    price = prices.get(meter)
    if ours is None and case.tier and same_price(price, read.plain.get(meter)):
        return f"no {case.tier} price: charges the standard one"
    if ours is not None and case.tier and same_price(price, read.plain.get(meter)):
        return f"dates the {case.tier} price when it was written down: charges the standard one before"
    if ours is None and same_price(price, prices.get(_parent(meter))):
        return f"no price of {meter}: charges {_parent(meter)}"
    if same_price(price, read.raw.get(meter)):
        return f"an error of the list that ours mends: {case.model.genai_provider}"
    return f"reads its own list otherwise: {case.model.genai_provider} {meter}"


def _litellm(case: Case, meter: str, ours: Decimal | None, prices: Prices, read: Readings) -> str:
    price, entry = prices.get(meter), case.model.entry
    tiered = any(key.startswith(_KEYS.get(meter, "-")) and key.endswith(_SUFFIX.get(case.tier, "-")) for key in entry)
    if case.tier and not tiered:
        fallen = _without_tier(case, meter, ours, price, read)
        if fallen:
            return fallen
    if ours is not None and same_price(price, read.today.get(meter)):
        return "has no dates: charges today's price at any time"
    if case.input_tokens > 30_000 and same_price(price, read.short_today.get(meter)):
        return f"long context: charges the price of short ones for {'batch' if case.tier == 'batch' else meter}"
    if meter == "requests":
        return "has no price of a request beside its tokens"
    parent = prices.get(_parent(meter))
    if meter == "cache_write_1h" and same_price(price, parent) and (case.tier == "batch" or _KEYS[meter] not in entry):
        batch = " in a batch" if case.tier == "batch" else ""
        return f"no price of a cache write for an hour{batch}: charges five minutes"
    if case.tier == "batch" and meter in {"cache_read", "uncached_input_audio"} and same_price(price, parent):
        return f"no batch price of {meter}: charges {_parent(meter)} ({case.model.litellm_provider})"
    if _KEYS.get(meter) not in entry and same_price(price, prices.get(_parent(meter))):
        return f"no price of {meter}: charges {_parent(meter)}"
    if ours is None:
        return f"has a price that our list lacks: {case.model.litellm_provider} {meter}"
    return _lists_differ(case, ours, price)


def _lists_differ(case: Case, ours: Decimal, price: Decimal | None) -> str:
    """Which difference of the two lists it is, by seller and kind of name."""
    seller, name = case.model.litellm_provider, case.model.model
    if seller == "bedrock":
        if name.startswith("us-gov."):
            return "the lists differ: Bedrock in GovCloud"
        if case.input_tokens > 200_000 and "claude-sonnet-4-" in name and price is not None and price > ours:
            return "the lists differ: long contexts of Sonnet 4 and 4.5 on Bedrock"
        if price is not None and same_price(price * 11 / 10, ours):
            return "the lists differ: an id without a geography on Bedrock"
        if re.match(r"(?:eu|apac|jp|au|in|us)\.(?!anthropic)", name):
            return "the lists differ: a geography's own price on Bedrock"
    if seller == "azure" and case.model.entry.get("mode") == "embedding":
        return "the lists differ: embeddings on Azure"
    return f"the lists differ: {seller}{' ' + case.tier if case.tier else ''}"


def _without_tier(case: Case, meter: str, ours: Decimal | None, price: Decimal | None, read: Readings) -> str:
    """What LiteLLM does where it has no price of a tier: half for a batch, the standard price else."""
    standard: Mapping[str, Decimal] = read.plain_today
    flat = read.plain_short_today
    if case.tier == "batch" and price is not None:
        for one in (standard, flat):
            if meter in one and same_price(price * 2, one[meter]):
                return "has no batch price: takes half of today's standard one"
    for one in (standard, flat, read.plain):
        if meter in one and same_price(price, one[meter]):
            return f"has no {case.tier} price: charges today's standard one"
    return ""


def _parent(meter: str) -> str:
    if meter == "cache_write_1h":
        return "cache_write_5m"
    return "plain_output" if "output" in meter else "uncached_input"
