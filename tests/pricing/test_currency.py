"""A dated table of exchange rates: which rate holds, how money converts by it, and what no rate says."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as some

from tallystick.pricing.currency import (
    ExchangeRate,
    converted,
    find_rate,
    first_day,
    rate_in_force,
    rate_table,
    split,
)

FIRST = date(2026, 10, 1)
GRAINS = some.integers(-(10**20), 10**20)
RATES = some.decimals("0.000001", "100000", places=6).filter(bool)
DAYS = some.dates(date(2020, 1, 1), date(2030, 1, 1))


def _rate(base: str, quote: str, day: int, rate: str, known: int = 0) -> ExchangeRate:
    return ExchangeRate(base, quote, date(2026, 10, day), Decimal(rate), "desk", known)


def _factor(rates: list[ExchangeRate], source: str, target: str, day: int, via: str = "") -> Fraction | None:
    found = find_rate(rate_table(rates), source, target, date(2026, 10, day), via)
    return None if found is None else found.factor


def test_a_rate_holds_from_its_date_until_the_next_and_before_the_first_nobody_knows() -> None:
    rates = [_rate("USD", "EUR", 5, "0.92"), _rate("USD", "EUR", 9, "0.9")]
    days = {day: _factor(rates, "USD", "EUR", day) for day in (4, 5, 8, 9, 31)}
    assert days == {4: None, 5: Fraction(23, 25), 8: Fraction(23, 25), 9: Fraction(9, 10), 31: Fraction(9, 10)}


def test_a_pair_is_read_backwards_only_where_it_is_not_given() -> None:
    backwards = [_rate("EUR", "USD", 1, "1.25")]
    assert _factor(backwards, "USD", "EUR", 2) == Fraction(4, 5)
    both = [*backwards, _rate("USD", "EUR", 2, "0.7")]
    assert (_factor(both, "USD", "EUR", 1), _factor(both, "USD", "EUR", 2)) == (Fraction(4, 5), Fraction(7, 10))


def test_two_rates_are_crossed_only_through_a_currency_that_is_named() -> None:
    rates = [_rate("EUR", "USD", 1, "1.25"), _rate("EUR", "GBP", 3, "0.8")]
    assert _factor(rates, "USD", "GBP", 3) is None
    assert _factor(rates, "USD", "GBP", 3, via="CHF") is None
    assert _factor(rates, "USD", "GBP", 2, via="EUR") is None, "one leg alone says nothing"
    assert _factor(rates, "USD", "GBP", 3, via="EUR") == Fraction(16, 25)
    assert _factor(rates, "USD", "USD", 1) == 1
    table = rate_table(rates)
    assert first_day(table, "USD", "GBP", "EUR") == date(2026, 10, 3)
    assert first_day(table, "USD", "GBP") is None


def test_a_corrected_rate_is_known_later_and_the_table_of_an_earlier_day_stays_as_it_was() -> None:
    rates = [_rate("USD", "EUR", 1, "0.93", known=200), _rate("USD", "EUR", 1, "0.92", known=100)]
    found = [
        rate_in_force(rate_table(rates, known), ("USD", "EUR"), date(2026, 10, 2)) for known in (99, 100, 200, None)
    ]
    assert [None if one is None else str(one.rate) for one in found] == [None, "0.92", "0.93", "0.93"]


def test_money_rounds_half_to_even_to_the_grain() -> None:
    half = Fraction(1, 2)
    assert [converted(grains, half) for grains in (1, 3, 5, -1, -3)] == [0, 2, 2, 0, -2]
    assert converted(100 * 10**12, Fraction(Decimal("0.92"))) == 92 * 10**12
    assert converted(10**12, 1 / Fraction(Decimal("1.1578"))) == 863_707_030_575  # 0.8637070305752…


@given(some.dictionaries(DAYS, RATES, max_size=6), DAYS)
def test_the_rate_in_force_is_the_newest_on_or_before_the_day_and_never_one_where_there_is_none(
    held: dict[date, Decimal], day: date
) -> None:
    table = rate_table(ExchangeRate("USD", "EUR", on, rate) for on, rate in held.items())
    before = [on for on in held if on <= day]
    found = find_rate(table, "USD", "EUR", day)
    if not before:
        assert found is None
        assert first_day(table, "USD", "EUR") is None or first_day(table, "USD", "EUR") > day  # type: ignore[operator]
    else:
        assert found is not None
        assert found.factor == Fraction(held[max(before)])
        assert first_day(table, "USD", "EUR") == min(held)


@given(GRAINS, RATES)
def test_there_and_back_again_is_within_what_two_roundings_can_do(grains: int, rate: Decimal) -> None:
    there = Fraction(rate)
    back = converted(converted(grains, there), 1 / there)
    # Half a grain lost on the way there is half a grain over the rate on the way back, where another half is lost.
    assert abs(back - grains) <= Fraction(1, 2) / there + Fraction(1, 2)


@given(some.lists(GRAINS, min_size=1, max_size=30), RATES)
def test_the_parts_of_a_days_sum_are_each_within_a_grain_and_together_what_the_sum_converts_to(
    parts: list[int], rate: Decimal
) -> None:
    factor = Fraction(rate)
    total = converted(sum(parts), factor)
    shared = split(total, parts, factor)
    assert sum(shared) == total
    assert all(abs(got - part * factor) < 1 for got, part in zip(shared, parts, strict=True))
    assert split(total, parts, factor) == shared


@given(some.lists(some.lists(GRAINS, min_size=1, max_size=6), min_size=1, max_size=6), RATES)
def test_what_was_shared_once_can_be_shared_again(groups: list[list[int]], rate: Decimal) -> None:
    factor = Fraction(rate)
    sums = [sum(group) for group in groups]
    for share, group in zip(split(converted(sum(sums), factor), sums, factor), groups, strict=True):
        parts = split(share, group, factor)
        assert sum(parts) == share
        assert all(abs(got - part * factor) < 1 for got, part in zip(parts, group, strict=True))


@given(some.integers(0, 400), RATES, RATES)
def test_from_the_first_day_on_there_is_a_rate_for_every_day(after: int, one: Decimal, other: Decimal) -> None:
    table = rate_table(
        [
            ExchangeRate("EUR", "USD", FIRST, one),
            ExchangeRate("GBP", "EUR", FIRST + timedelta(days=30), other),
        ]
    )
    first = first_day(table, "USD", "GBP", "EUR")
    assert first == FIRST + timedelta(days=30)
    found = find_rate(table, "USD", "GBP", first + timedelta(days=after), "EUR")
    assert found is not None
    assert found.factor == 1 / (Fraction(one) * Fraction(other))
    assert find_rate(table, "USD", "GBP", first - timedelta(days=1), "EUR") is None
