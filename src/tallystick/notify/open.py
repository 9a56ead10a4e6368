"""The channels that the settings name."""

from collections.abc import Callable
from dataclasses import dataclass

from tallystick.notify.broken import Broken
from tallystick.notify.mail import Mail
from tallystick.notify.model import Channel
from tallystick.notify.slack import Slack
from tallystick.notify.webhook import Webhook


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """Where alerts go, as the configuration's ``[notify]`` says it; secrets are named by their variable."""

    webhook_url: str = ""
    webhook_secret_env: str = ""
    slack_url_env: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_tls: str = "starttls"
    smtp_user: str = ""
    smtp_password_env: str = ""
    mail_from: str = ""
    mail_to: tuple[str, ...] = ()
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What channels need of the instance.

    Attributes:
        environment: The value of a variable, empty when it is unset.
        base_url: Of the pages, for links.
        clock: The instant in microseconds.
    """

    environment: Callable[[str], str]
    base_url: str
    clock: Callable[[], int]


def open_channels(settings: ChannelSettings, around: Surroundings) -> tuple[Channel, ...]:
    """The ways alerts leave by; one whose variable is empty is there all the same, and says so."""
    wanted = (
        ("webhook", settings.webhook_url, settings.webhook_secret_env),
        ("slack", settings.slack_url_env, settings.slack_url_env),
        ("mail", settings.smtp_host, settings.smtp_password_env),
    )
    return tuple(_open(name, variable, settings, around) for name, there, variable in wanted if there)


def _open(name: str, variable: str, settings: ChannelSettings, around: Surroundings) -> Channel:
    secret, url, inside = around.environment(variable) if variable else "", around.base_url, settings.allow_private
    if variable and not secret:
        return Broken(name, f"the environment variable {variable} is empty")
    if name == "webhook":
        return Webhook(settings.webhook_url, secret.encode(), url, around.clock, inside)
    if name == "slack":
        return Slack(secret, url, inside)
    return Mail(
        settings.smtp_host, settings.smtp_port, settings.smtp_tls, settings.mail_from, settings.mail_to, url,
        user=settings.smtp_user, password=secret, allow_private=inside,
    )  # fmt: skip
