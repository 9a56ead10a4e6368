"""What a claim makes of the charges it covers: each keeps its dimensions, the claim decides the amounts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tallystick.bills.claims import Claim, sum_known
from tallystick.bills.cover import Covered
from tallystick.bills.model import Layer
from tallystick.bills.said import Item
from tallystick.bills.spread import spread

BASIS: dict[Layer, str] = {"usage": "reported", "cost": "reported", "invoice": "invoiced"}


@dataclass(frozen=True, slots=True)
class Held:
    """An item as the layers up to now leave it.

    Attributes:
        quantity_said: A provider's report has stated the quantity.
        claim: The last claim that covered it, empty while it is metered alone.
        told_by: The claim that spoke of it first, of what was never metered: it says what it is.
        listed, contracted: Whether a line stated them; else what was metered stands.
    """

    item: Item
    quantity: int | None
    effective: int | None
    list_cost: int | None
    billed: int | None = None
    contracted: int | None = None
    quantity_said: bool = False
    listed: bool = False
    basis: str = "metered"
    claim: str = ""
    told_by: str = ""

    @property
    def metered(self) -> bool:
        return self.item.said is None

    @property
    def claims(self) -> str:
        """What it stands on, with a space between: who says what it is, then who says what it costs."""
        return " ".join(dict.fromkeys(filter(None, (self.told_by, self.claim))))


@dataclass(frozen=True, slots=True)
class Step:
    """From what was known before to what a claim says.

    Attributes:
        before, after: The items, in the same order.
        unpriced: Grains that fell to items without a price of ours.
    """

    claim: Claim
    moved: tuple[Claim, ...]
    before: tuple[Held, ...]
    after: tuple[Held, ...]
    unpriced: int = 0

    @property
    def change(self) -> int:
        return total(self.after) - total(self.before)


def total(held: Sequence[Held]) -> int:
    """Grains of all, the unknown as nothing."""
    return sum(one.effective or 0 for one in held)


def start(item: Item) -> Held:
    """An item that no claim has covered."""
    return Held(item, item.quantity, item.cost, item.list_cost)


def take(covered: Covered, before: Sequence[Held]) -> Step:
    """Rescale the items of a claim so that they sum to what it says.

    A claim that says no amount states quantities and leaves the amounts as they are.
    """
    claim, after = covered.claim, list(before)
    effective, unpriced = _effective(claim, before)
    if claim.amounts.effective is not None:
        after = _with_amounts(claim, before, effective)
    if claim.quantity is not None:
        parts = spread(claim.quantity, [one.quantity or 0 for one in before])
        after = [replace(one, quantity=part, quantity_said=True) for one, part in zip(after, parts, strict=True)]
    return Step(claim, covered.moved, tuple(before), tuple(after), unpriced)


def _with_amounts(claim: Claim, before: Sequence[Held], effective: Sequence[int]) -> list[Held]:
    weights = effective if sum(effective) else _fallback(before)
    amounts = claim.amounts
    billed, listed, contracted = (
        [None] * len(before) if amount is None else spread(amount, weights)
        for amount in (amounts.billed, amounts.list_cost, amounts.contracted)
    )
    return [
        replace(
            one,
            effective=effective[place],
            billed=one.billed if amounts.billed is None else billed[place],
            list_cost=one.list_cost if amounts.list_cost is None else listed[place],
            contracted=one.contracted if amounts.contracted is None else contracted[place],
            listed=one.listed or amounts.list_cost is not None,
            basis=BASIS[claim.layer],
            claim=claim.claim_id,
        )
        for place, one in enumerate(before)
    ]


def _effective(claim: Claim, before: Sequence[Held]) -> tuple[list[int], int]:
    """The new amounts, and how much of them fell to items whose amount nobody knew."""
    amount = claim.amounts.effective
    if amount is None:
        return [one.effective or 0 for one in before], 0
    unknown = [one.effective is None for one in before]
    if not any(unknown):
        shares = spread(amount, _weights(before))
    elif claim.key.meter or all(unknown):
        shares = spread(amount, _fallback(before))
    else:
        shares = _left_over(amount, before)
    return shares, sum(share for share, one in zip(shares, unknown, strict=True) if one)


def _weights(before: Sequence[Held]) -> list[int]:
    amounts = [one.effective or 0 for one in before]
    return amounts if sum(amounts) else _fallback(before)


def _fallback(before: Sequence[Held]) -> list[int]:
    """By quantity where there is one, else equally."""
    return [max(one.quantity or 0, 0) for one in before]


def _left_over(amount: int, before: Sequence[Held]) -> list[int]:
    """Several meters, some without a price: they get what the priced ones leave, which get at most the whole."""
    known = sum_known([one.effective for one in before]) or 0
    left = max(amount - known, 0)
    of_known = spread(amount - left, [one.effective or 0 for one in before])
    unknown = [max(one.quantity or 0, 1) if one.effective is None else 0 for one in before]
    return [mine + more for mine, more in zip(of_known, spread(left, unknown), strict=True)]
