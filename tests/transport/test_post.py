"""One request outwards: checked address, no redirect, bounded time."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tallystick.transport.dial import DialFailed, dial
from tallystick.transport.post import Post, PostFailed, post
from tests.notify.receivers import Receiver, http_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as kept:
        yield kept


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A resolver of our own."""
    known: dict[str, str] = {}
    real = socket.getaddrinfo

    def resolve(host: str, *rest: object, **more: object) -> object:
        return real(known.get(host, host), *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


def test_path_query_body_and_headers_arrive_as_given(receiver: Receiver) -> None:
    assert post(Post(f"{receiver.url}/a%20b?c=d&e", b"\x00body", {"x-one": "1"})) == 200
    (got,) = receiver.requests
    assert (got.path, got.body, got.headers["x-one"]) == ("/a%20b?c=d&e", b"\x00body", "1")
    assert got.headers["host"] == receiver.url.removeprefix("http://")


@pytest.mark.parametrize("status", [200, 204, 301, 404, 500])
def test_any_status_is_an_answer_and_no_redirect_is_followed(receiver: Receiver, status: int) -> None:
    receiver.statuses, receiver.headers = [status], {"location": f"{receiver.url}/elsewhere"}
    assert post(Post(receiver.url, b"")) == status
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "::1", "fd00::1"])
def test_a_name_that_leads_inside_is_refused_before_anything_is_sent(names: dict[str, str], inside: str) -> None:
    names["hooks.corp.test"] = inside
    with pytest.raises(PostFailed, match="not a public address") as caught:
        post(Post("https://hooks.corp.test/planted", b""))
    assert not caught.value.retry
    assert "planted" not in str(caught.value)


def test_a_name_that_leads_inside_is_reached_when_that_is_meant(names: dict[str, str], receiver: Receiver) -> None:
    names["hooks.corp.test"] = "127.0.0.1"
    port = receiver.url.rpartition(":")[2]
    assert post(Post(f"http://hooks.corp.test:{port}/", b"", allow_private=True)) == 200
    assert receiver.requests[0].headers["host"] == f"hooks.corp.test:{port}"


def test_an_address_and_localhost_are_their_own_permission(receiver: Receiver) -> None:
    assert post(Post(receiver.url, b"")) == 200
    assert post(Post(receiver.url.replace("127.0.0.1", "localhost"), b"")) == 200


def test_a_peer_that_drips_is_cut_at_the_deadline(receiver: Receiver) -> None:
    receiver.drip_seconds = 0.02
    began = time.monotonic()
    with pytest.raises(PostFailed, match="did not answer in time") as caught:
        post(Post(receiver.url, b"", seconds=0.3))
    assert caught.value.retry
    assert time.monotonic() - began < 2


def _hang_up(listener: socket.socket) -> None:
    listener.accept()[0].close()


def test_a_peer_that_hangs_up_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        listener.settimeout(5)
        threading.Thread(target=_hang_up, args=(listener,), daemon=True).start()
        with pytest.raises(PostFailed, match="gave no answer") as caught:
            post(Post(f"http://127.0.0.1:{port}/planted", b"x"))
    assert caught.value.retry
    assert "planted" not in str(caught.value)


def test_plain_text_where_tls_is_expected_is_no_tls(receiver: Receiver) -> None:
    with pytest.raises(PostFailed, match="does not speak TLS"):
        post(Post(receiver.url.replace("http:", "https:"), b"", seconds=2))


@pytest.mark.parametrize("url", ["", "hooks.test", "ftp://hooks.test/", "http://", "http://hooks.test:0/", "http://[x"])
def test_what_is_no_address_is_not_tried_again_and_not_repeated(url: str) -> None:
    with pytest.raises(PostFailed, match="address is none") as caught:
        post(Post(url, b""))
    assert not caught.value.retry


def test_a_name_that_nobody_knows_may_be_known_later() -> None:
    with pytest.raises(DialFailed, match="cannot be found") as caught:
        dial("nobody.invalid", 80, 1, allow_private=False)
    assert caught.value.retry
