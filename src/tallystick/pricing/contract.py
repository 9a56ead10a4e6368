"""Contracts: what we pay instead of the list price, from when to when, for which models.

    [[contract]]
    name = "OpenAI enterprise 2026"
    provider = "openai"
    model = "gpt-*"                  # `*` for all, which is the default
    service_tier = "*"               # "" the ordinary one, `*` any (default)
    from = "2026-04-01"
    to = "2027-04-01"
    discount_percent = "12"
    [[contract.price]]               # fixed unit prices, as an override writes them; they are not discounted again
    model = "gpt-4o"
    input = "2.10"
    [contract.volume]                # replaces the discount by the month's volume
    of = "spend"                     # list dollars of what the contract covers, or `tokens`
    how = "whole"                    # all of the month at the step reached, or `marginal`: each part at its own
    [[contract.volume.step]]
    above = "50000"
    discount_percent = "15"

A month's volume is only known afterwards: a call is rated at the contract's own discount,
and re-rating a month puts the step that the month reached in its place, as adjustments.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, Literal

from tallystick.kernel.errors import ConfigError
from tallystick.kernel.money import GRAINS_PER_UNIT, divide_half_even
from tallystick.pricing.match import canonical_provider
from tallystick.pricing.model import PriceCard
from tallystick.pricing.overlay import merge_overrides
from tallystick.pricing.override import Override, parse_override
from tallystick.pricing.revise import HUNDRED_PERCENT, earliest, revise, scaled

_KNOWN = {"name", "provider", "model", "service_tier", "from", "to", "discount_percent", "price", "volume"}


@dataclass(frozen=True, slots=True)
class Step:
    """A discount from a volume up.

    Attributes:
        above: Grains of list cost, or tokens; the step holds for what is above it.
        factor: What remains of the list price, in millionths.
    """

    above: int
    factor: int


@dataclass(frozen=True, slots=True)
class Volume:
    """How the month's volume decides the discount.

    Attributes:
        how: `whole`: all of the month at the highest step reached. `marginal`: each part at its own step.
        steps: By rising volume.
    """

    of: Literal["spend", "tokens"]
    how: Literal["whole", "marginal"]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Contract:
    """One agreement with one provider.

    Attributes:
        factor: What remains of the list price, in millionths; 1,000,000 without a discount.
        fixed: Unit prices instead, within the contract's time; one for each model and condition.
        wire: As it was written.
    """

    name: str
    provider: str
    wire: Mapping[str, Any]
    model: str = "*"
    service_tier: str = "*"
    start_us: int = 0
    end_us: int | None = None
    factor: int = HUNDRED_PERCENT
    fixed: tuple[Override, ...] = ()
    volume: Volume | None = None
    contract_id: str = ""
    created_at: int = 0


def parse_contract(raw: Mapping[str, Any], where: str) -> Contract:
    """One contract as TOML or JSON gives it.

    Raises:
        ConfigError: An unknown entry, or one that cannot be meant.
    """
    unknown = sorted(set(raw) - _KNOWN)
    if unknown:
        raise ConfigError(f'unknown entry "{unknown[0]}"; known: {", ".join(sorted(_KNOWN))}', where=where)
    name = raw.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > 200:
        raise ConfigError('a contract needs a "name" of at most 200 characters', where=where)
    terms = {key: raw[key] for key in ("provider", "from", "to") if key in raw}
    # Provider and dates are read where those of overrides are; model and price only complete the entry.
    dated = parse_override({**terms, "model": "any", "input": 0}, where)
    contract = Contract(
        name.strip(),
        dated.provider,
        dict(raw),
        model=_text(raw, "model", where),
        service_tier=_text(raw, "service_tier", where),
        start_us=dated.start_us,
        end_us=dated.end_us,
        factor=discounted(raw.get("discount_percent", 0), where),
        volume=_volume(raw["volume"], where) if "volume" in raw else None,
    )
    contract = replace(contract, fixed=tuple(_fixed(one, contract, where) for one in _tables(raw, "price", where)))
    if contract.factor == HUNDRED_PERCENT and not contract.fixed and contract.volume is None:
        raise ConfigError("the contract changes no price: give discount_percent, price or volume", where=where)
    return contract


def discounted(value: object, where: str) -> int:
    """What a discount in per cent leaves, in millionths."""
    try:
        percent = Decimal(str(value)) if isinstance(value, int | str | Decimal) else Decimal("NaN")
    except ArithmeticError:
        percent = Decimal("NaN")
    exact = percent * 10_000
    if not exact.is_finite() or exact != exact.to_integral_value() or not 0 <= percent <= 100:
        raise ConfigError(
            f'discount_percent = {value!r} is not a percentage from 0 to 100, such as "12.5"', where=where
        )
    return HUNDRED_PERCENT - int(exact)


def _text(raw: Mapping[str, Any], name: str, where: str) -> str:
    value = raw.get(name, "*")
    if not isinstance(value, str):
        raise ConfigError(f'"{name}" is a text', where=where)
    return value


def _tables(raw: Mapping[str, Any], name: str, where: str) -> list[Mapping[str, Any]]:
    tables = raw.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise ConfigError(f'"{name}" is a list of tables', where=where)
    return tables


def _fixed(raw: Mapping[str, Any], contract: Contract, where: str) -> Override:
    if set(raw) & {"from", "to", "provider"}:
        raise ConfigError("a fixed price has the contract's provider and dates; leave its own out", where=where)
    one = parse_override({"provider": contract.provider, **raw}, where)
    return replace(one, start_us=contract.start_us, end_us=contract.end_us)


def _volume(raw: object, where: str) -> Volume:
    if not isinstance(raw, dict) or set(raw) - {"of", "how", "step"}:
        raise ConfigError("a volume has `of`, `how` and [[step]] tables", where=where)
    of, how = raw.get("of", "spend"), raw.get("how", "whole")
    if of not in {"spend", "tokens"} or how not in {"whole", "marginal"}:
        raise ConfigError("volume.of is spend or tokens; volume.how is whole or marginal", where=where)
    steps = [_step(one, of, where) for one in _tables(raw, "step", where)]
    if not steps or len({step.above for step in steps}) < len(steps):
        raise ConfigError("a volume needs steps, each above another amount", where=where)
    return Volume(of, how, tuple(sorted(steps, key=lambda step: step.above)))


def _step(raw: Mapping[str, Any], of: str, where: str) -> Step:
    try:
        above = Decimal(str(raw.get("above", 0)))
    except ArithmeticError:
        above = Decimal("NaN")
    if set(raw) - {"above", "discount_percent"} or not above.is_finite() or not 0 <= above < 10**15:
        raise ConfigError("a step has `above` (dollars or tokens, not negative) and discount_percent", where=where)
    return Step(int(above * (GRAINS_PER_UNIT if of == "spend" else 1)), discounted(raw.get("discount_percent"), where))


def factor_of(volume: Volume, reached: int, otherwise: int) -> int:
    """What a month's volume leaves of its list price, in millionths, half to even.

    Args:
        reached: The month's list cost in grains, or its tokens.
        otherwise: The factor below the first step: the contract's own discount.
    """
    if volume.how == "whole":
        return next((step.factor for step in reversed(volume.steps) if reached > step.above), otherwise)
    edges = [Step(0, otherwise), *volume.steps]
    tops = [*(step.above for step in volume.steps), None]
    paid = 0
    for step, top in zip(edges, tops, strict=True):
        part = (reached if top is None else min(reached, top)) - step.above
        paid += max(0, part) * step.factor
    return divide_half_even(paid, reached) if reached > 0 else otherwise


def covers(contract: Contract, provider: str, model: str, service_tier: str) -> bool:
    """Whether a contract is about a price."""
    if canonical_provider(provider) != contract.provider:
        return False
    tier = contract.service_tier in {"*", service_tier}
    return tier and fnmatchcase(model.lower(), contract.model.lower())


Months = Mapping[str, Sequence[tuple[int, int, int]]]
"""Contract name to the months whose volume is known: start, end, factor in millionths."""


def contracted(
    cards: Iterable[PriceCard], contracts: Sequence[Contract], months: Months | None = None
) -> list[PriceCard]:
    """The cards as they are paid for: discounts taken off, fixed prices in their place.

    Contracts do not add up: where two cover a price, the one that started last holds, of
    equal ones the one made last.
    """
    held = [card for card in cards if card.withdrawn_at is None]
    listed = list(held)
    for contract in sorted(contracts, key=lambda one: (one.start_us, one.created_at, one.name)):
        source = f"contract {contract.name}"
        touched = [card for card in listed if covers(contract, card.provider, card.model, card.service_tier)]
        for start, end, factor in spans(contract, (months or {}).get(contract.name, ())):
            held = _replaced(held, _discounted(touched, start, end, factor, source), (start, end))
        if contract.fixed:
            held = merge_overrides(held, contract.fixed, source)
    return held


def spans(contract: Contract, months: Sequence[tuple[int, int, int]]) -> list[tuple[int, int | None, int]]:
    """A contract's time cut at the months whose volume is known, each part with its factor."""
    found: list[tuple[int, int | None, int]] = []
    at = contract.start_us
    for start, end, factor in sorted(months):
        low, high = max(start, contract.start_us), earliest(end, contract.end_us) or end
        if low >= high:
            continue
        if low > at:
            found.append((at, low, contract.factor))
        found.append((low, high, factor))
        at = high
    if contract.end_us is None or at < contract.end_us:
        found.append((at, contract.end_us, contract.factor))
    return found


def _discounted(touched: list[PriceCard], start: int, end: int | None, factor: int, source: str) -> list[PriceCard]:
    """The list's cards of a stretch of time at a factor: never a discount of a discount."""
    return revise(touched, start, end, lambda card: replace(scaled(card, factor), source=source))


def _replaced(held: list[PriceCard], changed: list[PriceCard], span: tuple[int, int | None]) -> list[PriceCard]:
    """Cards held so far with those of a stretch of time put in the place of what was there."""
    keys = {(card.provider, card.model, card.service_tier, card.region) for card in changed}
    inside = [card for card in changed if card.source.startswith("contract ")]
    rest = [card for card in held if (card.provider, card.model, card.service_tier, card.region) not in keys]
    same = [card for card in held if (card.provider, card.model, card.service_tier, card.region) in keys]
    emptied = revise(same, span[0], span[1], lambda card: replace(card, source=_GONE))
    return [*rest, *(card for card in emptied if card.source != _GONE), *inside]


_GONE = "\0"
