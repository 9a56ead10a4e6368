"""The line of `tally costs` that says what the money rests on."""

from tallystick.cli.costs import fresh_text, quality_text


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


def test_another_line_says_how_far_each_source_has_come() -> None:
    bills = [{"source": f"s{n}", "kind": "bills", "last_at": f"2026-11-{n:02}T00:00:00Z"} for n in range(1, 11)]
    imported = {"source": "log", "kind": "calls", "last_at": None}
    fresh = {"last_event_at": "2026-11-24T03:50:27.479205Z", "sources": [imported, *bills[:2]]}
    assert fresh_text(fresh) == "calls until 2026-11-24 03:50 UTC; bills: s1 until 2026-11-01, s2 until 2026-11-02"
    assert fresh_text({**fresh, "sources": bills}).endswith("s8 until 2026-11-08 and 2 more")
    assert fresh_text({"last_event_at": None, "sources": []}) == ""
