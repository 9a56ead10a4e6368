import pytest

from tallystick.ledger.post import bucket_seconds


@pytest.mark.parametrize(
    ("zone", "seconds"),
    [
        ("UTC", 3600),
        ("Europe/Berlin", 3600),
        ("America/New_York", 3600),
        ("Asia/Kolkata", 900),  # +5:30
        ("Asia/Kathmandu", 900),  # +5:45
        ("Australia/Lord_Howe", 900),  # half an hour of summer time
        ("America/Caracas", 900),  # -4:30 from 2007 to 2016
    ],
)
def test_a_charge_never_spans_the_start_of_a_local_hour(zone: str, seconds: int) -> None:
    assert bucket_seconds(zone) == seconds
