"""Take the difference of a step apart, to the grain, by the convention of variance analysis.

With `A` amounts, `q` quantities, 0 before and 1 after (each layer is held against what the weaker
ones left, the weakest against what was metered):

==============  ==================================================================================
unpriced        what the claim gives to charges that our book has no price for
missing_calls   volume at the metered unit price: `A0 × (q1 − q0) / q0`
discount        `(A1 − list1) − (A0 − list0) × q1 / q0`, where the line gives both: beyond what was known
tier            `q × (book price of the billed tier − book price of the metered tier)`, at the billed quantity
rounding        what is left of an invoice over a cost report, below one minor unit a line
price_drift     what is left where quantities are known: the price at the billed quantity
timing          lines outside their billing period, and charges after the last billed instant
residual        billed and never metered; tax, credit, purchase and adjustment are what their lines say they are
unknown         what is left where no quantity is known
==============  ==================================================================================

Quantities are known where claim and charges are of one meter, or where a provider's report stated them
before and the stronger line does not. Everything is a whole number of grains, halves go to the even one,
and `price_drift`, `rounding` or `unknown` is a remainder: the classes sum to the difference.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tallystick.bills.reconciliation import VarianceClass
from tallystick.bills.said import Key, Said
from tallystick.bills.step import Held, Step, total
from tallystick.kernel.money import GRAINS_PER_UNIT, divide_half_even, text_from_grains

PriceOf = Callable[[Key, int], int | None]
"""Grains a unit of a key's meter, in its service tier, on a day, by our book; None where it has no price."""

_MINOR_DIGITS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0}


@dataclass(frozen=True, slots=True)
class Part:
    """One class of a difference."""

    name: VarianceClass
    amount: int
    why: str


def minor_unit(currency: str) -> int:
    """Grains of the smallest unit that invoices are written in.

    >>> minor_unit("USD"), minor_unit("JPY")
    (10000000000, 1000000000000)
    """
    return int(GRAINS_PER_UNIT // 10 ** minor_digits(currency))


def minor_digits(currency: str) -> int:
    """Decimal places of that unit."""
    return _MINOR_DIGITS.get(currency, 2)


def classify(step: Step, currency: str, price_of: PriceOf) -> list[Part]:
    """Why a step changed the amount; the parts sum to its change, those of 0 are left out."""
    change = step.change
    if not step.before or not any(one.metered for one in step.before):
        return _known([Part(_unmetered(step), change, "billed for what was never metered")])
    parts = [Part("unpriced", step.unpriced, "no price in the book for what was metered")]
    basis = _basis(step)
    volume = scaled(basis.cost, basis.after - basis.before, basis.before) if basis.before else 0
    parts.append(Part("missing_calls", volume, f"{basis.after} units billed, {basis.before} known before"))
    parts.append(_discount(step, basis))
    parts.append(_tier(step, basis, price_of))
    rest = change - sum(one.amount for one in parts)
    parts.append(_rest(step, basis, rest, currency))
    return _known(parts)


def _known(parts: Sequence[Part]) -> list[Part]:
    return [one for one in parts if one.amount]


def _unmetered(step: Step) -> VarianceClass:
    return "timing" if all(one.late for one in step.claim.said) else "residual"


@dataclass(frozen=True, slots=True)
class _Basis:
    """The priced items of a step.

    Attributes:
        before, after: Quantities; both 0 where they are not known.
        known: Whether they are.
        cost: Grains before.
    """

    before: int
    after: int
    known: bool
    cost: int


def _basis(step: Step) -> _Basis:
    priced = [one for one in step.before if one.effective is not None]
    cost = total(priced)
    if step.claim.quantity is None:
        said = bool(priced) and all(one.quantity_said for one in priced)
        return _Basis(0, 0, said, cost)
    before = sum(one.quantity or 0 for one in priced)
    pairs = zip(step.before, step.after, strict=True)
    after = sum(new.quantity or 0 for old, new in pairs if old.effective is not None)
    return _Basis(before, after, before > 0, cost)


def scaled(amount: int, numerator: int, denominator: int) -> int:
    """`amount × numerator / denominator`, half to even; the denominator is not 0.

    >>> scaled(10, 1, 4), scaled(10, 1, -4)
    (2, -2)
    """
    sign = -1 if denominator < 0 else 1
    return divide_half_even(amount * numerator * sign, abs(denominator))


def _discount(step: Step, basis: _Basis) -> Part:
    listed, effective = step.claim.amounts.list_cost, step.claim.amounts.effective
    if listed is None or effective is None or any(one.effective is None for one in step.before):
        return Part("discount", 0, "")
    known = sum((one.effective or 0) - _list(one) for one in step.before)
    if basis.before:
        known = scaled(known, basis.after, basis.before)
    return Part("discount", effective - listed - known, f"list cost {text_from_grains(listed)}")


def _list(one: Held) -> int:
    return one.list_cost if one.list_cost is not None else one.effective or 0


def _tier(step: Step, basis: _Basis, price_of: PriceOf) -> Part:
    """Of units billed at another tier than the one they were metered at."""
    amount, found = 0, set()
    for quantity, billed, metered, at in [*_moved(step), *_mismatched(step, basis)]:
        new, old = price_of(billed, at), price_of(metered, at)
        if new is not None and old is not None:
            amount += quantity * (new - old)
            found.add(f"{billed.service_tier or 'ordinary'} for {metered.service_tier or 'ordinary'}")
    return Part("tier", amount, f"billed {', '.join(sorted(found))}")


_Move = tuple[int, Key, Key, int]


def _moved(step: Step) -> list[_Move]:
    own = step.claim.key
    return [(one.quantity or 0, one.key, own, one.start) for one in step.moved]


def _mismatched(step: Step, basis: _Basis) -> list[_Move]:
    claim = step.claim
    if not (claim.tier_said or claim.key.service_tier) or not claim.key.meter or step.moved:
        return []
    found = []
    for one, new in zip(step.before, step.after, strict=True):
        if (
            one.metered
            and one.claim == ""
            and one.effective is not None
            and one.item.key.service_tier != claim.key.service_tier
        ):
            quantity = (new.quantity if basis.known and basis.before else one.quantity) or 0
            found.append(
                (quantity, one.item.key._replace(service_tier=claim.key.service_tier), one.item.key, one.item.start)
            )
    return found


def _rest(step: Step, basis: _Basis, rest: int, currency: str) -> Part:
    claim = step.claim
    small = abs(rest) < minor_unit(currency) * claim.lines
    after_report = all(one.basis == "reported" for one in step.before)
    if claim.layer == "invoice" and small and (after_report or claim.whole):
        return Part("rounding", rest, f"below one minor unit on each of {claim.lines} lines")
    if basis.known:
        return Part("price_drift", rest, "another price at the same quantity")
    return Part("unknown", rest, "no quantity tells price from volume")


def own_class(said: Said) -> VarianceClass:
    """The class of a row of its own."""
    if said.category in {"Usage", "Credit"}:
        return "credit"
    names: dict[str, VarianceClass] = {"Tax": "tax", "Purchase": "purchase"}
    return names.get(said.category, "adjustment")
