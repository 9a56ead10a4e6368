"""Instants as files write them."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.connectors.files.figures import Unusable
from tallystick.connectors.files.times import instant_of

AT_US = 1_793_534_400_000_000  # 2026-11-01T12:00:00Z
LATEST_US = AT_US + 86_400_000_000


@pytest.mark.parametrize(
    ("cell", "unit"),
    [
        ("2026-11-01T12:00:00Z", ""),
        ("2026-11-01 12:00:00", ""),
        ("2026-11-01T13:00:00+01:00", "iso"),
        (datetime(2026, 11, 1, 12), "iso"),  # noqa: DTZ001 - Parquet's timestamps have no zone
        (1_793_534_400, ""),
        ("1793534400", "s"),
        (1_793_534_400.0, "s"),
        ("1793534400000", ""),
        (AT_US, ""),
        (AT_US * 1000, "ns"),
    ],
)
def test_one_instant_in_many_spellings(cell: object, unit: str) -> None:
    assert instant_of(cell, unit, 0, LATEST_US) == AT_US


def test_relative_times_count_from_their_start() -> None:
    assert instant_of(1500, "ms", AT_US, LATEST_US) == AT_US + 1_500_000
    assert instant_of("0.25", "s", AT_US, LATEST_US) == AT_US + 250_000


@pytest.mark.parametrize(
    "cell", [None, "", "yesterday", 7, "-5", "2027-01-01", "1970-01-01", float("nan"), True, "1e9"]
)
def test_what_is_no_usable_time_is_refused_with_its_value(cell: object) -> None:
    with pytest.raises(Unusable, match="time is"):
        instant_of(cell, "", 0, LATEST_US)


@given(st.integers(1_000_000_000_000_000, AT_US))
@settings(max_examples=60)
def test_microseconds_survive_every_unit(at_us: int) -> None:
    seconds, rest = divmod(at_us, 1_000_000)
    assert instant_of(f"{seconds}.{rest:06d}", "s", 0, LATEST_US) == at_us
    assert instant_of(at_us * 1000, "ns", 0, LATEST_US) == at_us
    assert instant_of(at_us, "us", 0, LATEST_US) == at_us
