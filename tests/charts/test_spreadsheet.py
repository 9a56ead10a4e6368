"""What a spreadsheet would run is a text there; what it would count stays a number."""

import pytest

from tallystick.charts.spreadsheet import harmless


@pytest.mark.parametrize(
    "text", ["=cmd|'/c calc'!A1", "+1+1", "@SUM(A1)", "-x", "-", "-1+cmd|'/c calc'!A1", "-1\n=2", "\t=1", "\r=1"]
)
def test_what_begins_a_formula_is_a_text(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "-5", "-1,234.50", "-1.5E-05", "-12%", "a=b", "2026-10-01", "1+1", "$5"])
def test_numbers_and_other_texts_stay_as_they_are(text: str) -> None:
    assert harmless(text) == text
