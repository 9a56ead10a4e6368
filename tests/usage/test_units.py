"""Units as bills spell them. Figures by hand."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.usage.units import KINDS, Conversion, Unit, convert, meant, parse_unit, spell

D = Decimal


@pytest.mark.parametrize(
    ("text", "kind", "size"),
    [
        ("Tokens", "tokens", "1"),
        ("1000000 Tokens", "tokens", "1000000"),
        ("1,000,000 tokens", "tokens", "1000000"),
        ("1K tokens", "tokens", "1000"),
        ("1M", "count", "1000000"),
        ("1K", "count", "1000"),
        ("per 1M tokens", "tokens", "1000000"),
        ("Million Tokens", "tokens", "1000000"),
        ("MTok", "tokens", "1000000"),
        ("Units", "count", "1"),
        ("Hours", "time", "3600"),
        ("1 Hour", "time", "3600"),
        ("100 Hours", "time", "360000"),
        ("1/Hour", "time", "3600"),
        ("Minutes", "time", "60"),
        ("GPU Hours", "gpu_time", "3600"),
        ("gpu-hours", "gpu_time", "3600"),
        ("PTU Hours", "ptu_time", "1"),
        ("Provisioned Throughput Unit Hours", "ptu_time", "1"),
        ("ModelUnitHours", "model_unit_time", "1"),
        ("Images", "images", "1"),
        ("1K Images", "images", "1000"),
        ("1000 Requests", "requests", "1000"),
        ("1K Transactions", "requests", "1000"),
        ("Queries", "searches", "1"),
        ("Searches", "searches", "1"),
        ("Fetches", "fetches", "1"),
        ("Tool Calls", "tool_calls", "1"),
        ("premium_requests", "premium_requests", "1"),
        ("AI Credits", "ai_credits", "1"),
        ("Credits", "credits", "1"),
        ("Resource Units", "resource_units", "1"),
        ("Compute Unit Hours", "compute_unit_time", "1"),
        ("User-Months", "seat_time", "1"),
        ("seats", "seats", "1"),
        ("1M Characters", "characters", "1000000"),
        ("GB", "bytes", "1000000000"),
        ("GB-Hours", "byte_time", "1"),
    ],
)
def test_a_bills_spelling_means_a_kind_and_a_size(text: str, kind: str, size: str) -> None:
    assert parse_unit(text) == Unit(kind, D(size))


@pytest.mark.parametrize("text", ["", "Widgets", "1K Widgets", "0 Tokens", "tokens per hour", "-1 Tokens", "k" * 101])
def test_an_unknown_unit_is_none(text: str) -> None:
    assert parse_unit(text) is None


@given(st.text(max_size=120))
def test_no_text_is_an_exception(text: str) -> None:
    found = parse_unit(text)
    assert found is None or (found.kind in KINDS and found.size > 0)


@given(st.sampled_from(sorted(KINDS)), st.sampled_from([1, 10, 1000, 1_000_000]))
def test_what_is_spelled_is_read_as_the_same_unit(kind: str, size: int) -> None:
    assert parse_unit(spell(Unit(kind, D(size)))) == Unit(kind, D(size))


def test_focus_spells_a_million_tokens_with_its_digits() -> None:
    assert spell(Unit("tokens", D(1_000_000))) == "1000000 Tokens"
    assert spell(Unit("time", D(3600))) == "Hours"


def test_quantities_convert_within_a_kind() -> None:
    million, thousand, token = Unit("tokens", D(1_000_000)), Unit("tokens", D(1_000)), Unit("tokens")
    assert convert(D("1.5"), million, token) == D(1_500_000)
    assert convert(D(2_500), thousand, million) == D("2.5")
    assert convert(D(90), Unit("time", D(60)), Unit("time", D(3600))) == D("1.5")


def test_kinds_do_not_convert_into_each_other_by_themselves() -> None:
    assert convert(D(1), Unit("characters"), Unit("tokens")) is None
    assert convert(D(1), Unit("count", D(1_000_000)), Unit("tokens")) is None
    assert convert(D("NaN"), Unit("tokens"), Unit("tokens")) is None


def test_a_bare_count_is_what_its_meter_counts() -> None:
    assert convert(D(3), meant(Unit("count", D(1_000)), "tokens"), Unit("tokens")) == D(3_000)
    assert meant(Unit("requests"), "tokens") == Unit("requests")


def test_a_dated_conversion_holds_from_its_day_and_back() -> None:
    earlier = Conversion("tokens", "characters", D(4), 100, 200, "vendor's page")
    later = Conversion("tokens", "characters", D("4.5"), 200, None, "vendor's page")
    rules = (earlier, later)
    tokens, characters = Unit("tokens"), Unit("characters")
    assert convert(D(10), tokens, characters, conversions=rules, at_us=150) == D(40)
    assert convert(D(10), tokens, characters, conversions=rules, at_us=200) == D(45)
    assert convert(D(45), characters, tokens, conversions=rules, at_us=200) == D(10)
    assert convert(D(10), tokens, characters, conversions=rules, at_us=99) is None
    assert convert(D(10), tokens, characters, conversions=rules) is None
