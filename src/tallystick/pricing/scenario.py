"""What if prices changed: a scenario as data, laid over a book, and what it does to usage.

name = "Sonnet gets dearer"
[[change]]
provider = "anthropic"
model = "claude-sonnet-*"
from = "2026-12-01"
percent = 20                    # every price of these models
[[change]]
provider = "openai"
model = "gpt-5-mini"
input = "0.30"                  # or prices as an override writes them, with its conditions
above_input_tokens = 128000
[[change]]
model = "claude-*"
tokenizer_percent = 35          # the same text makes so many more tokens
[[change]]
provider = "openai"
model = "gpt-5-mini"
per_request = "0.04"            # every request one price, tokens nothing
[[change]]
provider = "openai"
model = "gpt-5"
to_service_tier = "flex"        # the same usage, bought in another tier
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Any

from tallystick.kernel.errors import ConfigError
from tallystick.pricing.match import canonical_provider
from tallystick.pricing.model import PriceCard
from tallystick.pricing.overlay import merge_overrides
from tallystick.pricing.override import Override, parse_override
from tallystick.pricing.revise import HUNDRED_PERCENT, revise, scaled
from tallystick.usage.meters import BY_NAME

_OWN = ("percent", "tokenizer_percent", "per_request", "to_service_tier")
_SOURCE = "scenario"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that would be otherwise.

    Attributes:
        provider: Of the price list; "" for any.
        model: Canonical name, `*` for any part of it.
        start_us, end_us: When it would hold; end_us None until further notice.
        factor: Of every price, in millionths; None leaves them.
        override: Prices instead of those of the list, for one model.
        tokens: Of every count of tokens, in millionths; None leaves them.
        per_request: Grains a request, tokens then cost nothing; None leaves the way of billing.
        to_tier: Service tier that the usage is bought in; None leaves it.
    """

    provider: str
    model: str
    start_us: int = 0
    end_us: int | None = None
    factor: int | None = None
    override: Override | None = None
    tokens: int | None = None
    per_request: int | None = None
    to_tier: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """Changes, in the order in which they are made."""

    name: str
    changes: tuple[Change, ...]


def parse_scenario(raw: Mapping[str, Any], where: str) -> Scenario:
    """A scenario as TOML or JSON gives it.

    Raises:
        ConfigError: Something in it cannot be understood; names the change.
    """
    unknown = sorted(set(raw) - {"name", "change"})
    if unknown:
        raise ConfigError(f'unknown entry "{unknown[0]}"; a scenario has a name and [[change]] tables', where=where)
    listed, name = raw.get("change"), raw.get("name", "")
    if not isinstance(listed, list) or not listed or not isinstance(name, str):
        raise ConfigError("a scenario is a list of [[change]] tables, one at least", where=where)
    return Scenario(name, tuple(_change(one, f"{where}, change {number}") for number, one in enumerate(listed, 1)))


def _change(raw: object, where: str) -> Change:
    if not isinstance(raw, dict) or not isinstance(raw.get("model"), str) or not raw["model"].strip():
        raise ConfigError('a change names a "model"; * stands for any', where=where)
    priced = {key: value for key, value in raw.items() if key not in _OWN}
    own = [key for key in _OWN if key in raw]
    has_prices = bool(set(priced) - {"provider", "model", "from", "to"})
    if len(own) + has_prices != 1:
        raise ConfigError(f"a change says one thing: {', '.join(_OWN)}, or prices such as input", where=where)
    if has_prices:
        return _repriced(priced, where)
    # The dates are read where those of overrides are; the price is only there to be read beside them.
    dated = parse_override({"provider": "any", **priced, "input": 0}, where)
    change = Change(
        "" if raw.get("provider", "*") == "*" else dated.provider, dated.model, dated.start_us, dated.end_us
    )
    value = raw[own[0]]
    match own[0]:
        case "percent":
            return replace(change, factor=_factor("percent", value, where))
        case "tokenizer_percent":
            return replace(change, tokens=_factor("tokenizer_percent", value, where))
        case "per_request":
            price = parse_override({"provider": "any", "model": "any", "requests": value}, where)
            return replace(change, per_request=price.prices["requests"])
    if not isinstance(value, str):
        raise ConfigError('"to_service_tier" is the name of a tier, such as "flex"', where=where)
    return replace(change, to_tier=value)


def _repriced(priced: Mapping[str, object], where: str) -> Change:
    override = parse_override(priced, where)
    if "*" in override.model:
        raise ConfigError("prices are given for one model; percent takes patterns", where=where)
    return Change(override.provider, override.model, override.start_us, override.end_us, override=override)


def _factor(name: str, value: object, where: str) -> int:
    """A percentage as a factor in millionths."""
    try:
        percent = Decimal(str(value)) if isinstance(value, int | str | Decimal) else Decimal("NaN")
    except InvalidOperation:
        percent = Decimal("NaN")
    exact = percent * 10_000
    if not exact.is_finite() or exact != exact.to_integral_value() or not -100 <= percent <= 10_000:
        raise ConfigError(f'{name} = {value!r} is not a percentage from -100 to 10000, such as "12.5"', where=where)
    return HUNDRED_PERCENT + int(exact)


def meets(provider: str, model: str, change: Change) -> bool:
    """Whether a change is about a model of a price list."""
    wanted = change.provider in {"", provider, canonical_provider(provider)}
    return wanted and fnmatchcase(model.lower(), change.model.lower())


def apply(cards: Iterable[PriceCard], scenario: Scenario) -> list[PriceCard]:
    """The book as it would be.

    Raises:
        ConfigError: A change of prices names a model by an alias.
    """
    held = [card for card in cards if card.withdrawn_at is None]
    for change in scenario.changes:
        if change.override is not None:
            held = merge_overrides(held, [change.override], _SOURCE)
        elif change.factor is not None or change.per_request is not None:
            touched = [card for card in held if meets(card.provider, card.model, change)]
            rest = [card for card in held if not meets(card.provider, card.model, change)]
            held = [*rest, *revise(touched, change.start_us, change.end_us, lambda card, one=change: _made(card, one))]  # type: ignore[misc]
    return held


def _made(card: PriceCard, change: Change) -> PriceCard:
    if change.factor is not None:
        return replace(scaled(card, change.factor), source=_SOURCE)
    base = replace(card.tiers[0], prices=dict.fromkeys(BY_NAME, 0) | {"requests": change.per_request or 0})
    return replace(card, tiers=(base,), source=_SOURCE)
