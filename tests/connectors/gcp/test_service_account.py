"""A service account's key signs a claim for a token; Google's own library judges the claim."""

import json
import sys
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as curve_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from google.auth import _helpers, jwt

from tallystick.connectors.gcp.connect import GcpSource, connect
from tallystick.kernel.errors import ConfigError
from tallystick.kernel.period import moment
from tallystick.ports import Setup, SourceFailed
from tests.connectors.serving import Question, Refuse, serving
from tests.contracts.gcp_source import TABLE

NOW = 1_790_900_000_000_000
EMAIL = "reader@bill-prod.iam.gserviceaccount.com"


def _pem(key: object) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def keys() -> tuple[str, str]:
    """Private and public, as PEM."""
    made = generate_private_key(65_537, 2048)
    public = made.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return _pem(made), public.decode()


def key_file(private: str, **more: object) -> str:
    known = {"type": "service_account", "client_email": EMAIL, "private_key_id": "kid-1", "private_key": private,
             "token_uri": "https://oauth2.googleapis.com/token", "project_id": "bill-prod"}  # fmt: skip
    return json.dumps(known | more)


def source(url: str, secrets: Mapping[str, str], clock: Callable[[], int] = lambda: NOW, **more: str) -> GcpSource:
    options = {"detailed_table": TABLE, "base_url": url, "token_url": f"{url}/token", **more}
    return connect(Setup("g", "acct", options, lambda name: secrets.get(name, ""), clock))


def test_a_signed_claim_is_exchanged_once_an_hour(keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock, given, claims = [NOW], [], []
    monkeypatch.setattr(_helpers, "utcnow", lambda: moment(clock[0]).replace(tzinfo=None))

    def answer(question: Question) -> object:
        if question.path == "/token":
            form = {name: values[0] for name, values in parse_qs(question.body.decode()).items()}
            assert form.pop("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            assert question.headers["content-type"] == "application/x-www-form-urlencoded"
            claims.append(jwt.decode(form["assertion"], keys[1], audience=f"{served.url}/token"))  # type: ignore[no-untyped-call]
            assert jwt.decode_header(form["assertion"]) == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}  # type: ignore[no-untyped-call]
            given.append(f"token-{len(given)}")
            return {"access_token": given[-1], "expires_in": 3599, "token_type": "Bearer"}
        if question.headers.get("authorization") != f"Bearer {given[-1]}":
            raise Refuse(401, "expired")
        return {}

    with serving(answer, lambda refused: refused.message) as served:
        made = source(served.url, {"service_account_key": key_file(keys[0])}, lambda: clock[0])
        made.check()
        clock[0] += 3298 * 1_000_000
        made.check()
        assert given == ["token-0"]
        clock[0] += 2 * 1_000_000
        made.check()
    assert given == ["token-0", "token-1"]
    seconds = NOW // 1_000_000
    assert claims[0] == {"iss": EMAIL, "scope": "https://www.googleapis.com/auth/bigquery",
                         "aud": f"{served.url}/token", "iat": seconds, "exp": seconds + 3600}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "said", "meant"),
    [
        (400, {"error": "invalid_grant", "error_description": "Invalid JWT: Token must be a short-lived token (60 minutes) "
               "and in a reasonable timeframe. Check your iat and exp values in the JWT claim."}, "clock of this machine"),
        (400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, "disabled or deleted"),
        (400, {"error": "invalid_grant", "error_description": "Invalid grant: account not found"}, "account is gone"),
        (401, {"error": "disabled_client", "error_description": "…"}, "enable it"),
        (400, {"error": "invalid_scope", "error_description": "…"}, "enable the BigQuery API"),
        (400, {"error": "something_new"}, "something_new"),
        (200, {"access_token": "t"}, "gives reader@"),
        (200, [], "gives reader@"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_is_wrong_and_repeats_nothing_that_was_sent(
    keys: tuple[str, str], status: int, said: object, meant: str
) -> None:
    sent: list[bytes] = []

    def answer(question: Question) -> object:
        sent.append(question.body)
        if status != 200:
            raise Refuse(status, "")
        return said

    with (
        serving(answer, lambda refused: said) as served,
        pytest.raises(SourceFailed, match=meant) as caught,
    ):
        source(served.url, {"service_account_key": key_file(keys[0])}).check()
    assert caught.value.retry_seconds is None
    claim = parse_qs(sent[0].decode())["assertion"][0]
    assert claim not in caught.value.reason and keys[0] not in caught.value.reason


def test_google_away_is_tried_again(keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tallystick.transport.patience.pause", lambda seconds: None)

    def answer(question: Question) -> object:
        raise Refuse(503, "away")

    with serving(answer, lambda refused: {}) as served, pytest.raises(SourceFailed) as caught:
        source(served.url, {"service_account_key": key_file(keys[0])}).check()
    assert caught.value.retry_seconds is not None


PLANTED = "planted-private-part"


@pytest.mark.parametrize(
    ("secret", "meant"),
    [
        ("", "service_account_key"),
        (PLANTED, "no key file"),
        (json.dumps({"type": "authorized_user", "refresh_token": PLANTED}), "of type authorized_user"),
        (key_file(PLANTED), "damaged"),
        (key_file(PLANTED, token_uri="http://evil.example/token"), "not https"),
        (key_file(_pem(curve_key(SECP256R1()))), "no RSA key"),
        (key_file(PLANTED, client_email=None), "no key file"),
        ("[" * 100_000, "no key file"),
    ],
)
def test_a_key_that_is_none_is_told_without_a_word_of_it(secret: str, meant: str) -> None:
    with pytest.raises(SourceFailed, match=meant) as caught:
        source("http://127.0.0.1:9", {"service_account_key": secret}, auth="key").check()
    assert caught.value.retry_seconds is None
    assert PLANTED not in str(caught.value)


def test_without_the_extra_the_way_to_it_is_told(keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.padding", None)
    with pytest.raises(SourceFailed, match=r"tallystick\[gcp\]"):
        source("http://127.0.0.1:9", {"service_account_key": key_file(keys[0])}).check()


def test_a_token_that_is_given_is_used_where_no_key_is(keys: tuple[str, str]) -> None:
    def answer(question: Question) -> object:
        if question.headers.get("authorization") != "Bearer given":
            raise Refuse(401, "")
        return {}

    with serving(answer, lambda refused: {}) as served:
        assert source(served.url, {"access_token": "given"}).check()
        with pytest.raises(SourceFailed, match="service_account_key"):
            source(served.url, {}).check()
    with pytest.raises(ConfigError, match="key, token, metadata"):
        source("http://127.0.0.1:9", {}, auth="magic")
