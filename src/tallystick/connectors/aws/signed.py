"""Requests to AWS, signed at the moment they are sent, and what AWS's refusals mean."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tallystick.kernel.period import moment
from tallystick.ports import SourceFailed
from tallystick.transport.ask import Answer, AskFailed, Patience, Request, ask_patiently
from tallystick.transport.sigv4 import AwsKey, Scope, sign

_LATER = 600.0
_XML_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,80})</Code>")
# AWS's error codes → what to do. What is not here is told by its code alone.
_THROTTLES = ("LimitExceededException", "ThrottlingException", "Throttling", "TooManyRequestsException", "SlowDown")
_MEANT = {
    "AccessDenied": "the key may not do this: give it the policy of the guide",
    "AccessDeniedException": "the key may not do this: give it the policy of the guide",
    "ExpiredToken": "the temporary key has expired: give a new one",
    "ExpiredTokenException": "the temporary key has expired: give a new one",
    "InvalidAccessKeyId": "AWS does not know the key: was it deleted?",
    "UnrecognizedClientException": "AWS does not know the key: was it deleted?",
    "InvalidClientTokenId": "AWS does not know the key: was it deleted?",
    "InvalidToken": "the session token does not belong to the key",
    "SignatureDoesNotMatch": "the secret does not belong to the key",
    "InvalidSignatureException": "the secret does not belong to the key, or the clock of this machine is wrong",
    "RequestTimeTooSkewed": "the clock of this machine is more than 15 minutes off: set it, then `tally sync` again",
    "NoSuchBucket": "there is no such bucket",
    "NoSuchKey": "it is no longer there",
    "DataUnavailableException": "Cost Explorer is not enabled yet, or has no data for these days",
    "BillExpirationException": "that month is too long ago",
    "RequestExpired": "the clock of this machine is more than 15 minutes off: set it, then `tally sync` again",
    **dict.fromkeys(_THROTTLES, "it throttles"),
}
_SOON = frozenset({*_THROTTLES, "NoSuchKey", "RequestTimeout"})


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs and sends.

    Attributes:
        key: Read when it is needed, so that a renewed one holds at once.
        allow_private: The operator named an endpoint in a network of their own.
    """

    key: Callable[[], AwsKey] = field(repr=False)
    region: str
    service: str
    now_us: Callable[[], int] = field(repr=False)
    allow_private: bool = False

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes, patience: Patience) -> Answer:
        """The answer, whatever its status.

        Raises:
            SourceFailed: None came, or only ones that say to wait.
        """
        scope = Scope(f"{moment(self.now_us()):%Y%m%dT%H%M%SZ}", self.region, self.service)
        given = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        signed = sign(self.key(), scope, (method, url, body), given)
        named = {name.decode(): value.decode("latin-1") for name, value in signed} | {"accept-encoding": "identity"}
        request = Request(method, url, named, body, allow_private=self.allow_private)
        try:
            return ask_patiently(request, patience)
        except AskFailed as error:
            raise SourceFailed(
                error.reason, retry_seconds=(error.retry_seconds or _LATER) if error.retry else None
            ) from None


def code_of(answer: Answer) -> str:
    """AWS's own name of an error, from XML or JSON; empty where it gives none."""
    found = _XML_CODE.search(answer.body)
    if found:
        return found[1].decode()
    try:
        said = json.loads(answer.body)
        name = str(said.get("__type", "")).rpartition("#")[2]
    except (ValueError, AttributeError):
        return ""
    return name if re.fullmatch(r"[A-Za-z0-9.]{1,80}", name) else ""


def failed(name: str, answer: Answer, code: str) -> SourceFailed:
    """The error of a refusal: names the place, the status and AWS's code, never what else it said."""
    words = f"{name} answers with status {answer.status}" + (f" ({code})" if code else "")
    meant = _MEANT.get(code, "")
    later = _LATER if code in _SOON or answer.status >= 500 else None
    return SourceFailed(f"{words}: {meant}" if meant else words, retry_seconds=later)
