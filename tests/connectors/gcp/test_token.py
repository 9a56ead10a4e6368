"""The token of a machine of Google Cloud, and answers of BigQuery that are no answers."""

import json

import pytest

from tallystick.connectors.gcp.connect import GcpSource, connect
from tallystick.ports import Setup, SourceFailed
from tests.connectors.gcp.test_rows import OCTOBER
from tests.connectors.serving import Question, Refuse, serving
from tests.contracts.gcp_source import DATA, SCHEMA, TABLE, page_of

METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"


def source(url: str, clock: list[int]) -> GcpSource:
    options = {"detailed_table": TABLE, "project": "jobs-1", "base_url": url, "auth": "metadata", "metadata_url": url}
    return connect(Setup("g", "acct", options, lambda name: "", lambda: clock[0]))


def test_a_machine_s_own_token_is_asked_for_when_the_last_one_ends_soon() -> None:
    given: list[str] = []

    def answer(question: Question) -> object:
        if question.path == METADATA:
            if question.headers.get("metadata-flavor") != "Google":
                raise Refuse(403, "missing header")
            given.append(f"token-{len(given)}")
            return {"access_token": given[-1], "expires_in": 3600, "token_type": "Bearer"}
        if question.headers.get("authorization") != f"Bearer {given[-1]}":
            raise Refuse(401, "expired")
        return {}

    clock = [0]
    with serving(answer, lambda refused: refused.message) as served:
        made = source(served.url, clock)
        made.check()
        made.check()
        assert given == ["token-0"]
        clock[0] = 3301 * 1_000_000
        assert made.check() == f"the token may read {TABLE}"
    assert given == ["token-0", "token-1"]


@pytest.mark.parametrize("answer", [{}, {"access_token": ""}, {"access_token": "t", "expires_in": "soon"}, b"<html>"])
def test_a_metadata_server_that_gives_no_token_is_told(answer: object) -> None:
    with (
        serving(lambda question: answer, lambda refused: refused.message) as served,
        pytest.raises(SourceFailed, match="gives no token") as caught,
    ):
        source(served.url, [0]).check()
    assert caught.value.retry_seconds is None


@pytest.mark.parametrize(
    ("status", "body", "reason", "retried"),
    [
        (403, {"error": {"errors": [{"reason": "accessDenied"}]}}, "BigQuery Job User", False),
        (403, {"error": {"errors": [{"reason": "quotaExceeded"}]}}, "throttles", True),
        (404, {"error": {"errors": [{"reason": "notFound"}]}}, "check their names", False),
        (400, {"error": {"errors": [{"reason": "invalidQuery"}]}}, "check the table", False),
    ],
)
def test_a_refusal_says_what_to_do(status: int, body: object, reason: str, retried: bool) -> None:
    def answer(question: Question) -> object:
        if question.path == METADATA:
            return {"access_token": "t", "expires_in": 3600}
        raise Refuse(status, json.dumps(body))

    with (
        serving(answer, lambda refused: json.loads(refused.message)) as served,
        pytest.raises(SourceFailed, match=reason) as caught,
    ):
        source(served.url, [0]).check()
    assert (caught.value.retry_seconds is not None) == retried


def test_a_page_that_leads_back_to_itself_or_to_no_job_ends() -> None:
    whole = json.loads(page_of(SCHEMA, DATA["first"], 0))
    endless = whole | {"pageToken": "1"}
    homeless = whole | {"jobReference": None}
    for page in (endless, homeless):

        def answer(question: Question, page: object = page) -> object:
            return {"access_token": "t", "expires_in": 3600} if question.path == METADATA else page

        with serving(answer, lambda refused: refused.message) as served:
            made = source(served.url, [0])
            with pytest.raises(SourceFailed, match=r"not where|names no job"):
                list(made.fetch(made.streams[0], OCTOBER, "EU|job_77|0", 1))
