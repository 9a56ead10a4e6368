"""What contracts make of a model's prices, for people: which cover it, which of them holds, and what is paid. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tallystick.kernel.money import text_from_grains
from tallystick.kernel.period import rfc3339
from tallystick.pricing.book import PriceBook, Step
from tallystick.pricing.contract import Contract, covers
from tallystick.pricing.explain import Explanation
from tallystick.pricing.model import PriceCard
from tallystick.pricing.revise import HUNDRED_PERCENT
from tallystick.usage.meters import BY_NAME, TOKEN_METERS


@dataclass(frozen=True, slots=True)
class Standing:
    """One contract that covers a model.

    Attributes:
        state: `holds`; `not yet`, `over`; `stands back`: another one that started later holds.
        volume: Reached in the month, grains of list cost or tokens; None where no volume decides.
        factor: What remains of the list price at that volume, in millionths.
    """

    contract: Contract
    state: str
    volume: int | None = None
    factor: int | None = None


@dataclass(frozen=True, slots=True)
class Paid:
    """One unit price by the list (or set here) and as it is paid.

    Attributes:
        listed, paid: Grains for one unit; None where there is no such price.
        source, listed_source: Where each is from.
    """

    service_tier: str
    above: int
    meter: str
    listed: int | None
    paid: int
    listed_source: str
    source: str


def covering(
    contracts: Iterable[Contract], provider: str, model: str, tiers: Iterable[str], at_us: int
) -> list[Standing]:
    """The contracts that are about a model at one of its tiers, the one that holds first."""
    conditions = {"", *tiers}
    ranked = sorted(contracts, key=lambda one: (one.start_us, one.created_at, one.name), reverse=True)
    found: list[Standing] = []
    taken: set[str] = set()
    for one in ranked:
        its = {tier for tier in conditions if covers(one, provider, model, tier)}
        if not its:
            continue
        state = "not yet" if at_us < one.start_us else "over" if one.end_us is not None and at_us >= one.end_us else ""
        if not state:
            state = "holds" if its - taken else "stands back"
            taken |= its
        found.append(Standing(one, state))
    return sorted(found, key=lambda one: one.state != "holds")


def paid_beside_list(book: PriceBook, cards: Sequence[PriceCard], at_us: int) -> list[Paid]:
    """Every unit price of a model that a contract changes at an instant."""
    if book.paid is None:
        return []
    found = []
    for key in sorted({(card.provider, card.model, card.service_tier, card.region) for card in cards}):
        agreed = book.paid.resolve(*key[:2], *key[2:]).at(at_us)
        listed = book.resolve(*key[:2], *key[2:]).at(at_us)
        if agreed is None or not agreed.card.source.startswith("contract "):
            continue
        for step in reversed(agreed.steps):
            own = agreed.card.tiers
            named = next(tier.prices for tier in own if tier.above_input_tokens == step.above)
            other = _step_at(listed.steps, step.above) if listed else {}
            found += [
                Paid(
                    key[2], step.above, meter, other.get(meter), price,
                    listed.card.source if listed else "", agreed.card.source,
                )
                for meter in BY_NAME
                if (price := named.get(meter)) is not None and price != other.get(meter)
            ]  # fmt: skip
    return found


def _step_at(steps: Sequence[Step], above: int) -> Mapping[str, int]:
    return next((step.prices for step in steps if above + 1 > step.above), {})


def standing_to_wire(one: Standing) -> dict[str, Any]:
    """A contract's standing as JSON; percentages as text, volumes in dollars or tokens."""
    contract, volume = one.contract, one.contract.volume
    return {
        "name": contract.name,
        "state": one.state,
        "provider": contract.provider,
        "model": contract.model,
        "service_tier": contract.service_tier,
        "from": rfc3339(contract.start_us) if contract.start_us else None,
        "to": None if contract.end_us is None else rfc3339(contract.end_us),
        "discount_percent": _percent(contract.factor),
        "fixed_prices": len(contract.fixed),
        "source": f"contract {contract.name}",
        "recorded_at": rfc3339(contract.created_at) if contract.created_at else None,
        "volume": None
        if volume is None or one.volume is None or one.factor is None
        else {
            "of": volume.of,
            "how": volume.how,
            "reached": text_from_grains(one.volume) if volume.of == "spend" else str(one.volume),
            "discount_percent": _percent(one.factor),
            "steps": [
                {
                    "above": text_from_grains(step.above) if volume.of == "spend" else str(step.above),
                    "discount_percent": _percent(step.factor),
                    "reached": one.volume > step.above,
                }
                for step in volume.steps
            ],
        },
    }


def paid_to_wire(one: Paid) -> dict[str, Any]:
    """A price paid under a contract as JSON, for a million tokens or one counted unit."""
    per = 1_000_000 if one.meter in TOKEN_METERS else 1
    return {
        "service_tier": one.service_tier or "standard",
        "above_input_tokens": one.above,
        "meter": one.meter,
        "list": None if one.listed is None else text_from_grains(one.listed * per),
        "paid": text_from_grains(one.paid * per),
        "per": per,
        "unit": BY_NAME[one.meter].unit,
        "list_source": one.listed_source,
        "source": one.source,
    }


def agreement_to_wire(explanation: Explanation, standings: Sequence[Standing], paid: Sequence[Paid]) -> dict[str, Any]:
    """What stands beside the cards of an explanation."""
    return {
        "contracts": [standing_to_wire(one) for one in standings],
        "paid": [paid_to_wire(one) for one in paid] if explanation.known else [],
    }


def _percent(factor: int) -> str:
    return f"{(HUNDRED_PERCENT - factor) / 10_000:g}"
