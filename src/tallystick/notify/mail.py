"""Mail by SMTP: plain text, no HTML, one message to all recipients."""

import logging
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate

from tallystick.kernel.period import SECOND_US
from tallystick.notify.model import Alert, Undelivered
from tallystick.notify.text import one_line, plain_text
from tallystick.transport.dial import DialFailed, dial, may_lead_inside, said
from tallystick.transport.reach import wrap

_LOG = logging.getLogger("tallystick.notify")
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Mail:
    """See `model.Channel`.

    Attributes:
        tls: ``starttls``, ``tls`` from the first byte, or ``none``.
        user, password: The server's login; empty user for none.
        base_url: Of the pages, for links.
    """

    host: str
    port: int
    tls: str
    sender: str
    to: tuple[str, ...]
    base_url: str
    user: str = ""
    password: str = field(default="", repr=False)
    allow_private: bool = False
    name: str = "mail"

    def deliver(self, alert: Alert) -> None:
        """Send it. Raises Undelivered."""
        if self.user and self.tls == "none" and not may_lead_inside(self.host):
            raise Undelivered(f"the login at {self.host} would travel in the clear: set smtp_tls", retry=False)
        message = self._message(alert)
        try:
            with self._open() as server:
                if self.user:
                    server.login(self.user, self.password)
                refused = server.send_message(message, self.sender, list(self.to))
        except smtplib.SMTPException as error:
            raise Undelivered(f"{self.host} {_words(error)}", retry=_may_help(error)) from None
        except DialFailed as error:
            raise Undelivered(error.reason, retry=error.retry) from None
        except OSError as error:
            raise Undelivered(f"{self.host} broke off: {said(error)}", retry=True) from None
        if refused:
            # The others have it: to send it again would be to send it to them twice.
            _LOG.warning("%s refused %d of %d recipients", self.host, len(refused), len(self.to))

    def _open(self) -> smtplib.SMTP:
        server: smtplib.SMTP = (_Tls if self.tls == "tls" else _Plain)(self)
        if self.tls == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except (OSError, smtplib.SMTPException):
                server.close()
                raise
        return server

    def _message(self, alert: Alert) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = one_line(alert.title)
        message["From"] = self.sender
        message["To"] = ", ".join(self.to)
        message["Date"] = formatdate(alert.created_at / SECOND_US)
        # The same on every attempt, so that a mail program can tell a second copy.
        message["Message-ID"] = f"<{alert.alert_id}@{self.sender.rpartition('@')[2].strip('> ') or 'tallystick'}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(plain_text(alert, self.base_url))
        return message


class _Plain(smtplib.SMTP):
    """A connection whose address is checked when it is made."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail
        super().__init__(mail.host, mail.port, timeout=_SECONDS)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return dial(host, port, timeout, allow_private=self._mail.allow_private)


class _Tls(_Plain):
    """The same under TLS from the first byte."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return wrap(super()._get_socket(host, port, timeout), host)


def _code(error: smtplib.SMTPException) -> int:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        return min(codes, default=0)
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0


def _words(error: smtplib.SMTPException) -> str:
    """Without what the server said: it may repeat what we sent."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"refused the login ({error.smtp_code})"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "offers no STARTTLS or no login"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "broke off"
    what = "refused all recipients" if isinstance(error, smtplib.SMTPRecipientsRefused) else "refused the message"
    return f"{what} ({_code(error) or 'no code'})"


def _may_help(error: smtplib.SMTPException) -> bool:
    """A login may be put right meanwhile; a message or an address that was refused for good stays so."""
    return isinstance(error, smtplib.SMTPAuthenticationError) or _code(error) < 500
