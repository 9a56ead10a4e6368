"""How much a row counts: its amount in AWS's unit, and in whole units of our meter where the unit is certain."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from tallystick.usage.meters import BY_NAME
from tallystick.usage.units import Unit, convert, meant, parse_unit, spell

# What a Marketplace product's description says one of its "Units" is: "Million Input Tokens", "per 1K tokens".
_SIZED = re.compile(
    r"(?:(?P<number>\d[\d,]*)\s*|\b)(?P<size>million|thousand|[km])\b[\w\s/-]*?\btokens?\b", re.IGNORECASE
)
_NUMBERED = re.compile(r"(?<![\d.])(?P<number>\d[\d,]{2,})\s+(?:\w+\s+){0,3}tokens?\b", re.IGNORECASE)
_DUST = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Counted:
    """A quantity in three measures.

    Attributes:
        quantity: Whole units of the meter; None where nobody can say how many.
        consumed, priced: As FOCUS writes them where the unit is known, else as AWS does.
        note: Why the quantity is not known, or was rounded.
    """

    quantity: int | None = None
    consumed: Decimal | None = None
    consumed_unit: str = ""
    priced: Decimal | None = None
    priced_unit: str = ""
    note: str = ""


def count(amount: Decimal | None, unit: str, meter: str, *, description: str = "", market_unit: str = "") -> Counted:
    """Count an amount.

    Args:
        amount: As the row has it; None for rows that use nothing.
        unit: Of it, as the row has it.
        meter: Ours; empty for none.
        description: Of a Marketplace row, whose unit is only "Units".
        market_unit: What the operator says such a unit is.
    """
    if amount is None:
        return Counted()
    if not meter:
        return Counted(None, amount, unit, amount, unit)
    known, why = _known(unit, meter, _said(description) or market_unit)
    if known is None:
        return Counted(None, amount, unit, amount, unit, why)
    scale = BY_NAME[meter].scale
    base = Unit(known.kind)
    whole = convert(amount, known, base)
    assert whole is not None  # of one kind
    exact = whole * scale
    quantity = int(exact.to_integral_value(ROUND_HALF_EVEN))
    note = f"{exact} rounded to whole ones" if abs(exact - quantity) > _DUST else ""
    return Counted(quantity, whole, spell(base), amount, spell(known), note)


@lru_cache(maxsize=4096)
def _known(unit: str, meter: str, said: str) -> tuple[Unit | None, str]:
    """The unit of the meter's own kind, or why there is none."""
    target = parse_unit(BY_NAME[meter].unit)
    assert target is not None  # a test asks for every meter
    found = parse_unit(unit)
    if found is None:
        return None, f"unit {unit!r} is unknown" if unit else "the row has no unit"
    if found == Unit("count"):
        found = parse_unit(said) if said else None
        if found is None:
            return None, f'unit {unit!r} may be any number of {target.kind}: say how many with the option "market_unit"'
    found = meant(found, target.kind)
    return (found, "") if found.kind == target.kind else (None, f"unit {unit!r} counts no {target.kind}")


@lru_cache(maxsize=4096)
def _said(description: str) -> str:
    """The size that a description gives its tokens; empty where it gives none."""
    sized, numbered = _SIZED.search(description), _NUMBERED.search(description)
    if sized:
        return f"{(sized['number'] or '1').replace(',', '')} {sized['size']} tokens"
    return f"{numbered['number'].replace(',', '')} tokens" if numbered else ""
