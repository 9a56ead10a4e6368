"""What AWS's refusals mean to who reads them, and which of them pass by themselves."""

import json

import pytest

from tallystick.connectors.aws.signed import code_of, failed
from tallystick.transport.ask import Answer


def of_json(code: str) -> Answer:
    return Answer(400, {}, json.dumps({"__type": code, "message": "planted-secret"}).encode())


def of_xml(code: str) -> Answer:
    return Answer(403, {}, f"<Error><Code>{code}</Code><Message>planted-secret</Message></Error>".encode())


@pytest.mark.parametrize(
    ("answer", "words", "again"),
    [
        (of_xml("RequestTimeTooSkewed"), "the clock of this machine is more than 15 minutes off: set it", False),
        (of_json("com.amazonaws.ce#InvalidSignatureException"), "the clock of this machine is wrong", False),
        (of_xml("RequestExpired"), "set it, then `tally sync` again", False),
        (of_xml("ExpiredToken"), "the temporary key has expired", False),
        (of_json("ExpiredTokenException"), "the temporary key has expired", False),
        (of_json("LimitExceededException"), "it throttles", True),
        (of_json("com.amazon.coral.availability#ThrottlingException"), "it throttles", True),
        (of_xml("SlowDown"), "it throttles", True),
        (of_xml("SomethingNew"), "answers with status 403 (SomethingNew)", False),
        (Answer(500, {}, b"<html>"), "answers with status 500", True),
    ],
)
def test_a_refusal_says_what_to_do_and_never_what_else_was_said(answer: Answer, words: str, again: bool) -> None:
    found = failed("the place", answer, code_of(answer))
    assert words in found.reason
    assert (found.retry_seconds is not None) == again
    assert "planted" not in found.reason
