"""A call on a server of one's own costs its share of the hour, exactly, and its row says so."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tallystick.pricing.gpu import gpu_price_id, gpu_rate, gpu_rated, gpu_words
from tallystick.pricing.model import Rated
from tallystick.usage.model import Measured

RATES = st.integers(1, 10**12)


def spent(**quantities):
    return Measured(quantities=quantities, input_tokens=0, output_tokens=0, state="reported")


@given(RATES, st.integers(0, 10**10), st.integers(0, 10**6))
def test_the_cost_is_duration_times_rate_and_tokens_cost_nothing_of_their_own(rate, micros, tokens):
    found = gpu_rated(Rated("", "tally-70b", (), None), spent(uncached_input=tokens, gpu_seconds=micros), rate)

    assert found.cost is not None
    assert abs(Fraction(micros * rate, 10**6) - found.cost) <= Fraction(1, 2)
    assert sum(line.cost or 0 for line in found.lines) == found.cost
    assert {line.meter for line in found.lines if line.cost} <= {"gpu_seconds"}
    assert not found.unpriced


@given(RATES)
def test_the_price_s_id_is_the_rate(rate):
    assert gpu_rate(gpu_price_id(rate)) == rate


def test_other_ids_are_other_prices():
    assert [gpu_rate(one) for one in ("", "price_9fee09bf", "gpu-", "gpu-x", "12", "gpu-\u00b2")] == [None] * 6


def test_an_hour_costs_what_the_hour_costs():
    # $3.60 an hour is a thousandth of a dollar a second.
    found = gpu_rated(Rated("", "m", (), None), spent(gpu_seconds=3_600_000_000), 10**9)

    assert found.cost == 3_600 * 10**9
    assert "$3.6 an hour" in gpu_words(10**9)
