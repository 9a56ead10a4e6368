"""Exact money: whole grains of 1e-12 of a currency, never a float.

A unit price is rounded to the grain once, when it enters the price book, so that
cost = whole quantity x price is exact. Only splits, fractional quantities and
display round, and they round half to even.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

GRAINS_PER_UNIT = 10**12
PLACES = 12


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount of one currency.

    Attributes:
        grains: Whole 1e-12 parts of the currency; negative for credits.
        currency: ISO 4217 code, upper case.
    """

    grains: int
    currency: str = "USD"

    def __add__(self, other: "Money") -> "Money":
        _same(self, other)
        return Money(self.grains + other.grains, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        _same(self, other)
        return Money(self.grains - other.grains, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.grains, self.currency)


def _same(left: Money, right: Money) -> None:
    if left.currency != right.currency:
        raise ValueError(f"cannot mix {left.currency} and {right.currency} in one sum")


def grains_from_decimal(amount: Decimal) -> int:
    """Whole grains of a decimal amount, half to even.

    >>> grains_from_decimal(Decimal("0.00000015"))
    150000
    """
    with localcontext(prec=60) as context:
        context.rounding = ROUND_HALF_EVEN
        return int((amount * GRAINS_PER_UNIT).to_integral_value())


def decimal_from_grains(grains: int) -> Decimal:
    """The exact decimal amount, scale 12."""
    sign, digits, _ = Decimal(grains).as_tuple()
    return Decimal((sign, digits, -PLACES))


def text_from_grains(grains: int) -> str:
    """Plain decimal text without exponent or trailing zeros: the form of every interface.

    >>> text_from_grains(150000), text_from_grains(-2 * GRAINS_PER_UNIT), text_from_grains(0)
    ('0.00000015', '-2', '0')
    """
    whole, part = divmod(abs(grains), GRAINS_PER_UNIT)
    sign = "-" if grains < 0 else ""
    if not part:
        return f"{sign}{whole}"
    fraction = f"{part:012d}".rstrip("0")
    return f"{sign}{whole}.{fraction}"


def grains_from_text(text: str) -> int:
    """The inverse of `text_from_grains`; more than 12 places round half to even."""
    return grains_from_decimal(Decimal(text))


def divide_half_even(numerator: int, denominator: int) -> int:
    """Integer division rounded half to even; the denominator is positive.

    >>> [divide_half_even(n, 2) for n in (1, 3, -1)]
    [0, 2, 0]
    """
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient % 2):
        return quotient + 1
    return quotient
