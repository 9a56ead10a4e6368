"""How long to wait before the same upstream is asked again, and when not to."""

import pytest

from tallystick.gateway.retry import patience, pause


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([(b"retry-after", b"3")], 3.0),
        ([(b"retry-after", b"30")], 30.0),
        ([(b"retry-after", b"31")], None),
        ([(b"retry-after-ms", b"250"), (b"retry-after", b"1")], 0.25),
        ([(b"retry-after", b"Wed, 21 Oct 2026 07:28:00 GMT")], 0.5),
        ([(b"retry-after", b"-1")], 0.5),
        ([(b"retry-after", b"inf")], None),
        ([(b"x-should-retry", b"false"), (b"retry-after", b"1")], None),
        ([(b"x-should-retry", b"true")], 0.5),
    ],
)
def test_an_upstreams_word_is_kept_up_to_half_a_minute(
    headers: list[tuple[bytes, bytes]], seconds: float | None
) -> None:
    assert pause(headers, 0, 1.0) == seconds


def test_without_a_word_the_wait_is_drawn_from_a_span_that_doubles_to_eight_seconds() -> None:
    assert [pause([], tries, 1.0) for tries in range(6)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert pause([], 3, 0.0) == 0.0


def test_a_client_waits_as_long_as_its_sdk_says_and_a_minute_otherwise() -> None:
    assert patience([(b"x-stainless-read-timeout", b"600")]) == 600
    assert patience([(b"x-stainless-timeout", b"20"), (b"x-stainless-read-timeout", b"600")]) == 20
    assert patience([(b"x-stainless-timeout", b"never")]) == 60
    assert patience([]) == 60
