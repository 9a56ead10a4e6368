"""The signed webhook, against a server of the standard library and the guide's own snippet."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tallystick.notify.model import Alert, Undelivered
from tallystick.notify.webhook import Webhook, signature
from tests.notify.receivers import Receiver

SECRET = b"planted-webhook-secret"
AT = 1_795_426_801
GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "alerts.md"


def _verifier() -> Any:
    """The function that the guide tells receivers to use."""
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)
    return names["is_from_tally"]


def _webhook(receiver: Receiver, secret: bytes = SECRET) -> Webhook:
    return Webhook(f"{receiver.url}/hook?token=planted", secret, "https://tally.test", lambda: AT * 1_000_000)


def test_a_receiver_who_follows_the_guide_knows_whose_it_is(receiver: Receiver, alert: Alert) -> None:
    _webhook(receiver).deliver(alert)
    (got,) = receiver.requests
    header, verify = got.headers["x-tally-signature"], _verifier()
    assert verify(SECRET, header, got.body, AT)
    assert verify(SECRET, header, got.body, AT + 299)
    assert not verify(SECRET, header, got.body, AT + 301), "too old"
    assert not verify(b"another", header, got.body, AT)
    assert not verify(SECRET, header, got.body.replace(b"50.00", b"60.00"), AT)
    assert not verify(SECRET, header.replace(f"t={AT}", f"t={AT + 1}"), got.body, AT), "the time is signed too"
    assert not verify(SECRET, "", got.body, AT)


def test_the_signature_is_the_one_that_openssl_makes() -> None:
    # printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
    expected = "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
    assert signature(b"key", 1_700_000_000, b'{"a":1}') == f"t=1700000000,v1={expected}"


def test_the_body_says_all_and_the_id_is_the_key_of_idempotency(receiver: Receiver, alert: Alert) -> None:
    _webhook(receiver).deliver(alert)
    (got,) = receiver.requests
    assert json.loads(got.body) == {
        "id": "alr_019f2a4c1b7e5d0c9a8b7c6d5e4f3a2b",
        "kind": "budget_blocked",
        "subject": "budget_blocked:bud_1:9f2c:1",
        "severity": "warning",
        "title": "Team=support is refused: the budget “Support” has no room",
        "lines": ["$50.00 limit, $49.98 used.", "First such call: 2026-11-23T09:40:00Z."],
        "link": "https://tally.test/requests/evt_1",
        "facts": {"budget_id": "bud_1", "team": None, "calls": 3},
        "created_at": "2026-11-23T09:40:00Z",
    }
    assert got.headers["x-tally-alert-id"] == alert.alert_id
    assert got.headers["content-type"] == "application/json"
    assert got.path == "/hook?token=planted"


def test_without_a_secret_nothing_claims_to_be_signed(receiver: Receiver, alert: Alert) -> None:
    _webhook(receiver, b"").deliver(alert)
    assert "x-tally-signature" not in receiver.requests[0].headers


@pytest.mark.parametrize(
    ("status", "retry"),
    [
        (500, True),
        (503, True),
        (429, True),
        (401, True),
        (404, True),
        (301, True),
        (400, False),
        (410, False),
        (413, False),
    ],
)
def test_a_refusal_says_whether_to_try_again(receiver: Receiver, alert: Alert, status: int, retry: bool) -> None:
    receiver.statuses, receiver.headers = [status], {"location": f"{receiver.url}/elsewhere"}
    with pytest.raises(Undelivered, match=f"127.0.0.1 answered {status}") as caught:
        _webhook(receiver).deliver(alert)
    assert caught.value.retry is retry
    assert len(receiver.requests) == 1, "redirects are not followed"


def test_no_error_and_no_repr_holds_the_address_or_the_secret(receiver: Receiver, alert: Alert) -> None:
    receiver.statuses = [500]
    hook = _webhook(receiver)
    dead = Webhook("http://127.0.0.1:9/planted-path", SECRET, "", lambda: 0)
    said = [repr(hook), repr(dead)]
    for one in (hook, dead, Webhook("ftp://planted-host/x", SECRET, "", lambda: 0)):
        with pytest.raises(Undelivered) as caught:
            one.deliver(alert)
        said += [str(caught.value), repr(caught.value.__cause__)]
    assert "planted" not in " ".join(said)
