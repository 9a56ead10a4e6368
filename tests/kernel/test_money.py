"""Money is whole grains: nothing is lost between text, decimal and integer, and halves go to even."""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.kernel.money import (
    Money,
    decimal_from_grains,
    divide_half_even,
    grains_from_decimal,
    grains_from_text,
    text_from_grains,
)

grains = st.integers(-(10**30), 10**30)


@given(grains)
def test_text_and_decimal_give_back_the_same_grains(amount: int) -> None:
    assert grains_from_text(text_from_grains(amount)) == amount
    assert grains_from_decimal(decimal_from_grains(amount)) == amount


@given(grains)
def test_text_is_plain_and_has_no_zeros_to_spare(amount: int) -> None:
    text = text_from_grains(amount)
    assert "e" not in text.lower()
    assert not ("." in text and text.endswith(("0", ".")))
    assert Fraction(text) == Fraction(amount, 10**12)


@given(st.integers(-(10**20), 10**20), st.integers(1, 10**9))
def test_division_rounds_half_to_even_as_decimal_does(numerator: int, denominator: int) -> None:
    exact = Decimal(numerator) / Decimal(denominator)
    if (2 * numerator) % denominator == 0 or abs(exact) < 10**12:
        assert divide_half_even(numerator, denominator) == int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


@pytest.mark.parametrize(
    ("text", "want"), [("0.0000000000005", 0), ("0.0000000000015", 2), ("-0.0000000000015", -2), ("1e-12", 1)]
)
def test_finer_amounts_round_half_to_even(text: str, want: int) -> None:
    assert grains_from_text(text) == want


def test_currencies_never_mix() -> None:
    assert Money(3, "USD") + Money(4, "USD") - Money(2, "USD") == -Money(-5, "USD")
    with pytest.raises(ValueError, match="cannot mix USD and EUR"):
        Money(1, "USD") + Money(1, "EUR")
