"""Mail, against a server of thirty lines and, where openssl is there, under TLS."""

import base64
import email
import email.policy
import shutil
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tallystick.notify.mail import Mail
from tallystick.notify.model import Alert, Undelivered
from tests.notify.receivers import MailSink, mail_sink

openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")


def _mail(port: int, tls: str = "none", **changes: object) -> Mail:
    plain = Mail("localhost", port, tls, "tally@corp.test", ("a@corp.test", "b@corp.test"), "https://tally.test")
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_mail_is_plain_text_that_reads_well(sink: MailSink, alert: Alert) -> None:
    _mail(sink.port).deliver(alert)
    (raw,) = sink.mails
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert mail["Subject"] == "Team=support is refused: the budget “Support” has no room"
    assert mail["To"] == "a@corp.test, b@corp.test"
    assert mail["Message-ID"] == "<alr_019f2a4c1b7e5d0c9a8b7c6d5e4f3a2b@corp.test>"
    assert mail["Date"] == "Mon, 23 Nov 2026 09:40:00 -0000"
    assert mail.get_content_type() == "text/plain"
    text = mail.get_content().replace("\r\n", "\n").removesuffix(".\n")
    assert text.strip().split("\n") == [
        "Team=support is refused: the budget “Support” has no room",
        "",
        "$50.00 limit, $49.98 used.",
        "First such call: 2026-11-23T09:40:00Z.",
        "",
        "https://tally.test/requests/evt_1",
    ]
    assert [line for line in sink.conversation if line.startswith("rcpt")] == [
        "rcpt TO:<a@corp.test>",
        "rcpt TO:<b@corp.test>",
    ]


def test_a_line_break_in_a_name_makes_no_header(sink: MailSink, alert: Alert) -> None:
    _mail(sink.port).deliver(replace(alert, title="a\r\nBcc: x@evil.test\x00"))
    mail = email.message_from_bytes(sink.mails[0], policy=email.policy.default)
    assert mail["Bcc"] is None
    assert mail["Subject"] == "a Bcc: x@evil.test"


def test_a_login_is_made_on_this_machine_also_in_the_clear_and_elsewhere_never(sink: MailSink, alert: Alert) -> None:
    _mail(sink.port, user="tally", password="planted").deliver(alert)
    assert "AUTH PLAIN " + base64.b64encode(b"\0tally\0planted").decode() in sink.conversation
    with pytest.raises(Undelivered, match="in the clear") as caught:
        _mail(sink.port, host="smtp.corp.test", user="tally", password="planted").deliver(alert)
    assert not caught.value.retry


@pytest.mark.parametrize(
    ("refuse", "said", "retry"),
    [
        ({"AUTH": "535 planted"}, "localhost refused the login (535)", True),
        ({"DATA": "451 planted"}, "localhost refused the message (451)", True),
        ({"DATA": "554 planted"}, "localhost refused the message (554)", False),
        ({"MAIL": "550 planted"}, "localhost refused the message (550)", False),
        ({"RCPT": "550 planted"}, "localhost refused all recipients (550)", False),
        ({"RCPT": "450 planted"}, "localhost refused all recipients (450)", True),
        ({"EHLO": "421 planted", "HELO": "421 planted"}, "localhost refused the message (421)", True),
    ],
)
def test_a_refusal_is_told_without_the_servers_words(
    sink: MailSink, alert: Alert, refuse: dict[str, str], said: str, retry: bool
) -> None:
    sink.refuse = refuse
    mail = _mail(sink.port, user="tally", password="planted")
    with pytest.raises(Undelivered) as caught:
        mail.deliver(alert)
    assert (str(caught.value), caught.value.retry) == (said, retry)
    assert "planted" not in repr(mail)
    assert not sink.mails


def test_a_server_that_is_not_there_is_tried_again(alert: Alert) -> None:
    with pytest.raises(Undelivered, match="localhost cannot be reached") as caught:
        _mail(9).deliver(alert)
    assert caught.value.retry


def test_a_mail_that_should_be_encrypted_never_leaves_in_the_clear(sink: MailSink, alert: Alert) -> None:
    with pytest.raises(Undelivered, match="offers no STARTTLS"):
        _mail(sink.port, "starttls").deliver(alert)
    assert not any(line.upper().startswith("MAIL") for line in sink.conversation)


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    """A server's context, and the file with the certificate that its clients need."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, str(certificate)


@openssl
@pytest.mark.service
@pytest.mark.parametrize(("word", "said"), [("starttls", "broke off"), ("tls", "certificate that does not hold")])
def test_tls_is_verified_and_used(
    tls: tuple[ssl.SSLContext, str], alert: Alert, monkeypatch: pytest.MonkeyPatch, word: str, said: str
) -> None:
    with mail_sink(tls[0], at_once=word == "tls") as sink:
        with pytest.raises(Undelivered, match=said) as caught:
            _mail(sink.port, word).deliver(alert)
        assert caught.value.retry
        assert not sink.mails, "nobody vouches for the certificate"
        monkeypatch.setenv("SSL_CERT_FILE", tls[1])
        _mail(sink.port, word, user="tally", password="planted").deliver(alert)
        assert len(sink.mails) == 1
        assert sink.conversation[-1].upper() == "QUIT"
