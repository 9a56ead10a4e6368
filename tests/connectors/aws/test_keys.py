"""A role's session signs what is asked, and is renewed before it ends: against moto's STS, and by hand where that knows no refusal."""

import time
from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest
from moto.server import ThreadedMotoServer

from tallystick.connectors.aws.keys import keys_of
from tallystick.connectors.aws.kind import connect
from tallystick.kernel.errors import ConfigError
from tallystick.ports import Setup, SourceFailed
from tallystick.transport.ask import Patience
from tallystick.transport.sigv4 import AwsKey
from tests.connectors.serving import Question, Refuse, serving

ROLE = "arn:aws:iam::123456789012:role/bills/reader"
SECRETS = {"secret_access_key": "planted-secret", "web_identity_token": "planted-identity"}
HOUR_US = 3_600_000_000


@pytest.fixture(scope="module")
def sts() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}/"
    server.stop()


def setup_of(clock: list[int], secrets: dict[str, str] | None = None, **options: str) -> Setup:
    known = SECRETS if secrets is None else secrets
    return Setup("aws", "acct", options, lambda name: known.get(name, ""), lambda: clock[0])


def test_a_session_is_used_until_shortly_before_it_ends(sts: str) -> None:
    clock = [time.time_ns() // 1000]
    key = keys_of(
        setup_of(clock, access_key_id="AKID", role_arn=ROLE, external_id="ours", sts_endpoint=sts), Patience()
    )
    first = key()
    assert first.key_id.startswith("ASIA") and first.secret and first.session
    clock[0] += HOUR_US - 330 * 1_000_000
    assert key() is first
    clock[0] += 60 * 1_000_000
    again = key()
    assert again is not first and again.session != first.session


def test_a_web_identity_needs_no_key(sts: str) -> None:
    clock = [time.time_ns() // 1000]
    key = keys_of(setup_of(clock, role_arn=ROLE, sts_endpoint=sts), Patience())()
    assert key.key_id.startswith("ASIA") and key.session


ANSWER = f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>planted-session</SessionToken>
<Expiration>2100-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser><Arn>{ROLE}</Arn></AssumedRoleUser>
</AssumeRoleResult></AssumeRoleResponse>""".encode()


def test_the_role_is_asked_for_with_its_external_id_and_its_session_signs_the_rest() -> None:
    listing = b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated></ListBucketResult>'  # fmt: skip
    with serving(lambda asked: ANSWER if asked.body else listing, lambda refused: refused.message) as served:
        setup = setup_of([0], access_key_id="AKID", role_arn=ROLE, external_id="ours", role_session="bills",
                         sts_endpoint=f"{served.url}/", endpoint=served.url, cur="s3://b/p")  # fmt: skip
        assert "can be listed" in connect(setup).check()
    asked, *listed = served.questions
    assert {name: values[0] for name, values in parse_qs(asked.body.decode()).items()} == {
        "Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": ROLE, "RoleSessionName": "bills",
        "DurationSeconds": "3600", "ExternalId": "ours",
    }  # fmt: skip
    assert "Credential=AKID/" in asked.headers["authorization"]
    assert "/us-east-1/sts/aws4_request" in asked.headers["authorization"]
    assert listed
    for one in listed:
        assert "Credential=ASIA1/" in one.headers["authorization"]
        assert one.headers["x-amz-security-token"] == "planted-session"


def _error(code: str) -> bytes:
    return f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>planted-secret</Message></Error></ErrorResponse>".encode()


@pytest.mark.parametrize(
    ("status", "body", "meant", "later"),
    [
        (403, _error("AccessDenied"), "trust policy", False),
        (403, _error("InvalidClientTokenId"), "does not know the key", False),
        (403, _error("SignatureDoesNotMatch"), "does not belong", False),
        (403, _error("RegionDisabledException"), "switched off", False),
        (400, _error("ValidationError"), "not written as", False),
        (400, _error("IDPCommunicationError"), "tried again", True),
        (418, b"", "status 418", False),
        (200, b"<html>", "no session", True),
        (200, ANSWER.replace(b"2100-01-01T00:00:00Z", b"soon"), "no session", True),
        (200, ANSWER.replace(b"planted-session", b""), "without a key", True),
        (200, ANSWER.replace(b"Credentials", b"Others"), "no session", True),
    ],
)
def test_a_refusal_names_the_role_and_what_to_do_and_no_secret(
    status: int, body: bytes, meant: str, later: bool
) -> None:
    def answer(question: Question) -> object:
        if status != 200:
            raise Refuse(status, "")
        return body

    with (
        serving(answer, lambda refused: body) as served,
        pytest.raises(SourceFailed, match=meant) as caught,
    ):
        keys_of(setup_of([0], access_key_id="AKID", role_arn=ROLE, sts_endpoint=served.url), Patience())()
    assert (caught.value.retry_seconds is not None) is later
    assert "planted" not in caught.value.reason


@pytest.mark.parametrize(
    ("options", "meant"),
    [
        ({"role_arn": "reader"}, "arn:aws:iam"),
        ({"role_arn": ROLE, "role_session": "a b"}, "role_session"),
        ({"external_id": "ours", "access_key_id": "AKID"}, "set role_arn"),
    ],
)
def test_a_role_that_is_none_is_refused_when_it_is_set_up(options: dict[str, str], meant: str) -> None:
    with pytest.raises(ConfigError, match=meant):
        connect(setup_of([0], cur="s3://b/p", **options))


def test_who_gives_neither_key_nor_token_is_told_what_to_give() -> None:
    with pytest.raises(SourceFailed, match="web_identity_token"):
        keys_of(setup_of([0], {}, role_arn=ROLE, sts_endpoint="http://127.0.0.1:9"), Patience())()
    with pytest.raises(SourceFailed, match="secret_access_key"):
        keys_of(setup_of([0], {}, access_key_id="AKID"), Patience())()


def test_a_key_that_is_given_signs_as_it_is() -> None:
    key = keys_of(setup_of([0], {"secret_access_key": "s", "session_token": "t"}, access_key_id="AKID"), Patience())()
    assert key == AwsKey("AKID", "s", "t")
    assert "session" not in repr(key)
