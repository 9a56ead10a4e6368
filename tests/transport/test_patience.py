"""Asking again: as often as patience allows, as late as the other side asks."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.transport.ask import AskFailed, Patience, Request, ask_patiently, forget_connections
from tallystick.transport.patience import asked_seconds, pause_of
from tests.transport.asked import answering, http

NOW = datetime(2026, 11, 3, 12, 0, 0, tzinfo=UTC).timestamp()


def patience(pauses: list[float], **more: object) -> Patience:
    return Patience(sleep=pauses.append, now=lambda: NOW, **more)  # type: ignore[arg-type]


def test_a_throttled_question_is_asked_again_when_it_was_said() -> None:
    pauses: list[float] = []
    with answering(http(b"", 429, "retry-after: 7"), http(b"", 503), http(b"fine")) as server:
        assert ask_patiently(Request("GET", server.url), patience(pauses)).body == b"fine"
    forget_connections()
    assert 7 <= pauses[0] <= 7.1 + 1e-9
    assert 1 <= pauses[1] <= 2


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 409, 501])
def test_an_answer_that_asking_again_would_not_change_is_given_at_once(status: int) -> None:
    pauses: list[float] = []
    with answering(http(b"", status)) as server:
        assert ask_patiently(Request("GET", server.url), patience(pauses)).status == status
    forget_connections()
    assert not pauses


def test_patience_ends_and_says_with_what() -> None:
    pauses: list[float] = []
    with answering(http(b"", 429, "retry-after: 2")) as server, pytest.raises(AskFailed, match="throttles") as caught:
        ask_patiently(Request("GET", server.url), patience(pauses, tries=3))
    forget_connections()
    assert (len(pauses), len(server.requests)) == (2, 3)
    assert (caught.value.status, caught.value.retry_seconds, caught.value.retry) == (429, 2.0, True)


def test_who_asks_for_more_than_patience_has_is_left_at_once_with_the_wait_in_hand() -> None:
    pauses: list[float] = []
    with answering(http(b"", 429, "retry-after: 3600")) as server, pytest.raises(AskFailed) as caught:
        ask_patiently(Request("GET", server.url), patience(pauses))
    forget_connections()
    assert (len(pauses), len(server.requests), caught.value.retry_seconds) == (0, 1, 3600.0)


def test_what_cannot_be_sent_is_tried_once() -> None:
    pauses: list[float] = []
    with pytest.raises(AskFailed, match="address is none"):
        ask_patiently(Request("GET", "nowhere"), patience(pauses))
    assert not pauses


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12", 12.0),
        ("1.5", 1.5),
        ("6m0s", 360.0),
        ("20ms", 0.02),
        ("1h2m3s", 3723.0),
        ("2026-11-03T12:00:30Z", 30.0),
        ("2026-11-03T11:00:00Z", 0.0),
        ("Tue, 03 Nov 2026 12:01:00 GMT", 60.0),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("1e999", None),
    ],
)
def test_waits_are_read_as_they_are_written(text: str, seconds: float | None) -> None:
    assert asked_seconds({"x-reset": text}, ("x-reset",), NOW) == seconds


def test_the_longest_wait_counts_and_milliseconds_are_what_their_name_says() -> None:
    headers = {"retry-after": "1", "retry-after-ms": "1500", "x-reset": "1s"}
    assert asked_seconds(headers, ("x-reset",), NOW) == 1.5


@given(st.text())
def test_any_text_is_a_wait_or_none(text: str) -> None:
    found = asked_seconds({"retry-after": text}, (), NOW)
    assert found is None or found >= 0


@given(st.integers(1, 60), st.none() | st.floats(0, 1e6))
def test_a_pause_never_undercuts_what_was_asked(failures: int, asked: float | None) -> None:
    pause = pause_of(Patience(), failures, asked)
    assert pause >= (0.5 if asked is None else asked)
    assert pause <= (60 if asked is None else asked + 6.1)
