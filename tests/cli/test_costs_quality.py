"""The line of `tally costs` that says what the money rests on."""

from tallystick.cli.costs import quality_text


def test_a_line_says_grade_and_amounts_by_basis() -> None:
    quality = {
        "grade": "B",
        "why": "90.0% invoiced or reported",
        "by_basis": {"metered": "50", "reported": "0", "invoiced": "450.005"},
        "coverage": "0.900000",
    }
    assert quality_text(quality) == "grade B: 90.0% invoiced or reported ($50.00 metered, $450.00 invoiced)"
    assert quality_text({**quality, "by_basis": {"metered": "0"}}) == "grade B: 90.0% invoiced or reported"
    assert quality_text(None) == ""
