"""Which channels the configuration names."""

from dataclasses import asdict, fields

from tallystick.config import Notify
from tallystick.notify.broken import Broken
from tallystick.notify.mail import Mail
from tallystick.notify.model import Channel
from tallystick.notify.open import ChannelSettings, Surroundings, open_channels
from tallystick.notify.slack import Slack
from tallystick.notify.webhook import Webhook

SECRETS = {"HOOK": "planted-hook", "SLACK": "https://hooks.slack.test/planted", "MAIL": "planted-mail"}
ALL = Notify(
    webhook_url="https://hooks.test/x", webhook_secret_env="HOOK", slack_url_env="SLACK", smtp_host="smtp.test",
    smtp_user="tally", smtp_password_env="MAIL", mail_from="a@corp.test", mail_to=("b@corp.test",), allow_private=True,
)  # fmt: skip


def _open(notify: Notify, known: dict[str, str]) -> tuple[Channel, ...]:
    around = Surroundings(lambda name: known.get(name, ""), "https://tally.test", lambda: 0)
    return open_channels(ChannelSettings(**asdict(notify)), around)


def test_nothing_leaves_unless_something_is_named() -> None:
    assert _open(Notify(), SECRETS) == ()


def test_each_channel_gets_its_secret_and_its_word() -> None:
    webhook, slack, mail = _open(ALL, SECRETS)
    assert isinstance(webhook, Webhook)
    assert (webhook.url, webhook.secret, webhook.allow_private) == ("https://hooks.test/x", b"planted-hook", True)
    assert isinstance(slack, Slack)
    assert (slack.url, slack.base_url, slack.allow_private) == (SECRETS["SLACK"], "https://tally.test", True)
    assert isinstance(mail, Mail)
    assert (mail.host, mail.port, mail.tls, mail.user, mail.password) == (
        "smtp.test", 587, "starttls", "tally", "planted-mail",
    )  # fmt: skip
    assert (mail.sender, mail.to, mail.allow_private) == ("a@corp.test", ("b@corp.test",), True)


def test_a_channel_whose_variable_is_empty_says_so_rather_than_sending_unsigned() -> None:
    channels = _open(ALL, {})
    assert [(type(one), one.name) for one in channels] == [(Broken, "webhook"), (Broken, "slack"), (Broken, "mail")]
    assert "HOOK" in getattr(channels[0], "reason", "")


def test_without_a_variable_a_webhook_is_unsigned_and_mail_has_no_password() -> None:
    webhook, mail = _open(Notify(webhook_url="https://hooks.test/x", smtp_host="smtp.test"), SECRETS)
    assert isinstance(webhook, Webhook)
    assert webhook.secret == b""
    assert isinstance(mail, Mail)
    assert mail.password == ""


def test_the_settings_have_the_configurations_entries_and_defaults() -> None:
    assert [one.name for one in fields(ChannelSettings)] == [one.name for one in fields(Notify)]
    assert asdict(ChannelSettings()) == asdict(Notify())
