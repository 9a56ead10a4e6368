"""Answers of a provider's address that are no reports: said, kept from the ledger, and no secret follows them."""

from collections.abc import Iterator

import pytest

from tallystick.connectors.paged import Api, Asked, Way, pages
from tallystick.kernel.period import DAY_US, Period
from tallystick.ports import SourceFailed, Stream
from tallystick.transport.ask import forget_connections
from tests.transport.asked import answering, http

SECRET = "sk-planted-1234567890"
ASKED = Asked(Stream("costs", "Costs", "cost", "day", revises_days=2), Period(0, DAY_US), "", 0, "main")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    forget_connections()


def failure(url: str) -> SourceFailed:
    api = Api("Acme", url, lambda: {"authorization": f"Bearer {SECRET}"}, {})
    with pytest.raises(SourceFailed) as caught:
        list(pages(api, ASKED, [Way("/costs", ())]))
    assert SECRET not in caught.value.reason
    return caught.value


def test_a_web_page_with_status_200_is_named_as_one_and_asked_for_again_later() -> None:
    page = b"\n<!DOCTYPE html><html><body>Sign in</body></html>"
    with answering(http(page, 200, "content-type: text/html")) as server:
        error = failure(server.url)
    assert error.reason.startswith("Acme: a web page came instead of a report: check base_url")
    assert error.retry_seconds is not None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_said_and_the_secret_stays(status: int) -> None:
    with (
        answering(http(b"{}")) as elsewhere,
        answering(http(b"", status, f"location: {elsewhere.url}/costs")) as server,
    ):
        error = failure(server.url)
        assert (len(server.requests), elsewhere.connections) == (1, 0)
    assert error.reason == f"Acme sends us elsewhere (status {status}); no redirect is followed: check base_url"
    assert error.retry_seconds is None
