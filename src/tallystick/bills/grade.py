"""How sure a sum of money is: a letter that says what it rests on.

====  ==========================================================================
A     at least 95 % of it is invoiced
B     at least 80 % is invoiced, or reported by the provider
C     at least 20 % is
D     less: it is metered, at the prices of our book
====  ==========================================================================

One letter lower where units were metered that the book has no price for: the sum lacks them.
"""

from collections.abc import Mapping

_LETTERS = "ABCD"
MILLION = 1_000_000


def millionths(part: int, whole: int) -> int:
    """A share as a whole number of millionths; 0 where the whole is nothing.

    >>> millionths(1, 3), millionths(5, 0)
    (333333, 0)
    """
    return min(max(MILLION * part // whole, 0), MILLION) if whole > 0 else 0


def grade(shares: Mapping[str, int], unpriced: int) -> tuple[str, str]:
    """The letter and why, of grains by basis and the units without a price.

    >>> grade({"invoiced": 96, "metered": 4}, 0)
    ('A', '96.0% invoiced')
    """
    sums = {name: max(grains, 0) for name, grains in shares.items()}
    whole = sum(sums.values())
    invoiced = millionths(sums.get("invoiced", 0), whole)
    billed = millionths(sums.get("invoiced", 0) + sums.get("reported", 0), whole)
    place = 0 if invoiced >= 950_000 else 1 if billed >= 800_000 else 2 if billed >= 200_000 else 3
    why = f"{invoiced / 10_000:.1f}% invoiced" if place == 0 else f"{billed / 10_000:.1f}% invoiced or reported"
    if unpriced:
        place = min(place + 1, len(_LETTERS) - 1)
        why += f", {unpriced:,} tokens without a price"
    return _LETTERS[place], why
