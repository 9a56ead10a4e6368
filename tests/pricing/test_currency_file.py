"""Files of exchange rates: both shapes, dirty lines, and what is no such file."""

from datetime import date
from decimal import Decimal

import pytest

from tallystick.kernel.errors import DataError
from tallystick.pricing.currency_file import ECB, parse_rate_file

WIDE = """Date,USD,JPY,CYP,
2026-11-20,1.1578,181.32,N/A,
2026-11-19,1.1543,181.40,N/A,
"""

DIRTY = """date,from,to,rate
2026-10-01,USD,EUR,0.92
01/10/2026,USD,EUR,0.92
2026-10-02,USD,EUR,zero
2026-10-02,USD,EUR,0
2026-10-02,USD,EUR,-1
2026-10-02,US,EUR,1
2026-10-02,EUR,EUR,1

2026-10-03,USD
2026-10-01,USD,EUR,0.93
2026-10-01,USD,EUR,0.920
2026-10-04,USD,EUR,0.94
1826-10-04,USD,EUR,0.94
"""


def _told(text: str) -> list[tuple[str, str, str, str]]:
    return [(one.base, one.quote, str(one.on), str(one.rate)) for one in parse_rate_file(text, "desk").rates]


def test_one_rate_a_line_in_any_order_of_columns() -> None:
    text = "rate,to,from,date,source\n0.92,eur,USD,2026-10-01,\n1.10,USD,GBP,2026-10,treasury\n"
    assert _told(text) == [("USD", "EUR", "2026-10-01", "0.92"), ("GBP", "USD", "2026-10-01", "1.10")]
    assert [one.source for one in parse_rate_file(text, "desk").rates] == ["desk", "treasury"]


def test_semicolons_come_with_decimal_commas() -> None:
    assert _told("date;from;to;rate\n2026-10-01;USD;EUR;0,92\n") == [("USD", "EUR", "2026-10-01", "0.92")]


def test_the_wide_table_of_the_central_bank_is_known_by_its_head() -> None:
    found = parse_rate_file(WIDE)
    assert (found.shape, found.absent, found.rejected) == ("ecb", 2, ())
    assert [(one.base, one.quote, one.on, one.rate) for one in found.rates] == [
        ("EUR", "USD", date(2026, 11, 20), Decimal("1.1578")),
        ("EUR", "JPY", date(2026, 11, 20), Decimal("181.32")),
        ("EUR", "USD", date(2026, 11, 19), Decimal("1.1543")),
        ("EUR", "JPY", date(2026, 11, 19), Decimal("181.40")),
    ]
    assert {one.source for one in found.rates} == {ECB}
    daily = "Date, USD, JPY, \n20 November 2026, 1.1578, 181.32, \n"
    assert _told(daily) == [("EUR", "USD", "2026-11-20", "1.1578"), ("EUR", "JPY", "2026-11-20", "181.32")]


def test_a_dirty_line_is_told_by_its_number_and_the_rest_counts() -> None:
    found = parse_rate_file(DIRTY)
    assert [(str(one.on), str(one.rate)) for one in found.rates] == [("2026-10-01", "0.92"), ("2026-10-04", "0.94")]
    assert [one.line for one in found.rejected] == [3, 4, 5, 6, 7, 8, 10, 11, 14]
    assert all(one.why and one.next_step for one in found.rejected)
    by_line = {one.line: f"{one.why}: {one.next_step}" for one in found.rejected}
    assert by_line[3] == '"01/10/2026" is no date: write YYYY-MM-DD, or YYYY-MM for a month\'s average'
    assert by_line[11] == (
        "USD to EUR on 2026-10-01 is 0.92 in line 2 and 0.93 here: keep one of the two; line 2 was taken"
    )


def test_a_wide_line_that_is_cut_or_dirty_loses_only_that_cell() -> None:
    found = parse_rate_file("Date,USD,JPY\n2026-11-20,1.1578,abc\n2026-11-19\n2026-11-18,1.1,180\n")
    assert [(one.quote, str(one.on)) for one in found.rates] == [
        ("USD", "2026-11-20"), ("USD", "2026-11-18"), ("JPY", "2026-11-18"),
    ]  # fmt: skip
    assert [(one.line, one.why) for one in found.rejected] == [
        (2, 'JPY: "abc" is no rate'), (3, "the line has a date and nothing else"),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "\n \n", "a,b,c\n1,2,3\n", "date,from,rate\n2026-10-01,USD,1\n", "\x00\x01"])
def test_what_is_no_file_of_rates_is_refused_with_what_to_give_instead(text: str) -> None:
    with pytest.raises(DataError) as refused:
        parse_rate_file(text)
    assert "date,from,to,rate" in refused.value.next_steps[0]
