"""Whose key signs: one that is given, or the session of a role that is assumed with it or with a token.

A role's session is used until shortly before it ends. Every secret comes by reference and is
read when it is needed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from tallystick.connectors.aws.signed import Signer, code_of, failed
from tallystick.kernel.errors import ConfigError
from tallystick.kernel.period import SECOND_US, instant
from tallystick.ports import Setup, SourceFailed
from tallystick.transport.ask import Answer, AskFailed, Patience, Request, ask_patiently
from tallystick.transport.sigv4 import AwsKey

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,576}", re.ASCII)
_SESSION = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_VERSION = "2011-06-15"
_SECONDS = 3600
_EARLY_US = 300 * SECOND_US
_LATER = 600.0
_DENIED = (
    "the role's trust policy does not let this identity in: name it as Principal, allow sts:AssumeRole "
    "(sts:AssumeRoleWithWebIdentity for a token), and give the external_id that it asks for"
)
_MEANT: Mapping[str, str] = {
    "AccessDenied": _DENIED,
    "ValidationError": "the role, the external id or the session's name is not written as AWS writes them",
    "RegionDisabledException": "STS is switched off in this region: activate it, or set region",
    "InvalidIdentityToken": "the role's identity provider does not take the token: check issuer and audience",
    "ExpiredTokenException": "the web identity token has expired: whatever writes the file has stopped",
    "IDPCommunicationError": "AWS does not reach the identity provider; it is tried again later",
}


@dataclass(frozen=True, slots=True)
class Role:
    """A role to assume.

    Attributes:
        external_id: What the role's owner wants to hear, where the role is another company's.
        url: Of STS.
    """

    arn: str
    external_id: str
    session: str
    region: str
    url: str
    allow_private: bool


@dataclass(frozen=True, slots=True)
class Given:
    """The key of a user, or a temporary one with its session token."""

    key_id: str
    secret: Callable[[str], str] = field(repr=False)

    def __call__(self) -> AwsKey:
        secret = self.secret("secret_access_key")
        if not secret:
            raise SourceFailed("secret_access_key is not set: name the variable or file that holds it")
        return AwsKey(self.key_id, secret, self.secret("session_token"))


@dataclass(slots=True)
class Assumed:
    """The session of a role.

    Attributes:
        own: The key that asks for it; None where a token does.
        token: Of a web identity, read each time: on Kubernetes it is a file that is written anew.
    """

    role: Role
    own: Callable[[], AwsKey] | None = field(repr=False)
    token: Callable[[], str] = field(repr=False)
    now_us: Callable[[], int] = field(repr=False)
    patience: Patience = field(repr=False)
    _key: AwsKey | None = field(default=None, repr=False)
    _ends_us: int = 0

    def __call__(self) -> AwsKey:
        if self._key is None or self.now_us() >= self._ends_us - _EARLY_US:
            answer = self._asked()
            if answer.status != 200:
                raise _refused(self.role, answer)
            self._key, self._ends_us = _session(answer.body)
        return self._key

    def _asked(self) -> Answer:
        form = {"Version": _VERSION, "RoleArn": self.role.arn, "RoleSessionName": self.role.session,
                "DurationSeconds": str(_SECONDS)}  # fmt: skip
        headers = {"content-type": "application/x-www-form-urlencoded"}
        if self.own is None:
            form |= {"Action": "AssumeRoleWithWebIdentity", "WebIdentityToken": self.token()}
            return self._unsigned(headers, urlencode(form).encode())
        form |= {"Action": "AssumeRole"} | ({"ExternalId": self.role.external_id} if self.role.external_id else {})
        signer = Signer(self.own, self.role.region, "sts", self.now_us, allow_private=self.role.allow_private)
        return signer.send("POST", self.role.url, headers, urlencode(form).encode(), self.patience)

    def _unsigned(self, headers: Mapping[str, str], body: bytes) -> Answer:
        request = Request("POST", self.role.url, headers, body, allow_private=self.role.allow_private)
        try:
            return ask_patiently(request, self.patience)
        except AskFailed as error:
            retry = (error.retry_seconds or _LATER) if error.retry else None
            raise SourceFailed(error.reason, retry_seconds=retry) from None


def _session(body: bytes) -> tuple[AwsKey, int]:
    """The key in STS's answer, and when it ends."""
    try:
        found = ET.fromstring(body).find(".//{*}Credentials")  # noqa: S314 - expat expands no entity from outside
        text = {one.tag.rpartition("}")[2]: (one.text or "").strip() for one in found if one.tag} if found is not None else {}  # fmt: skip
        key = AwsKey(text["AccessKeyId"], text["SecretAccessKey"], text["SessionToken"])
        ends = instant(datetime.fromisoformat(text["Expiration"]))
    except (ET.ParseError, KeyError, ValueError, OverflowError, TypeError):
        raise SourceFailed("STS answers with something that is no session", retry_seconds=_LATER) from None
    if not (key.key_id and key.secret and key.session):
        raise SourceFailed("STS answers with a session without a key", retry_seconds=_LATER)
    return key, ends


def _refused(role: Role, answer: Answer) -> SourceFailed:
    code = code_of(answer)
    told = failed(f"STS, asked for {role.arn},", answer, code)
    meant = _MEANT.get(code)
    if meant is None:
        return told
    later = _LATER if code == "IDPCommunicationError" else None
    return SourceFailed(
        f"STS, asked for {role.arn}, answers with status {answer.status} ({code}): {meant}", retry_seconds=later
    )


def keys_of(setup: Setup, patience: Patience) -> Callable[[], AwsKey]:
    """Whose key signs, as the options say.

    Raises:
        ConfigError: A role is not written as one, or an option stands there for nothing.
    """
    options = {name: value.strip() for name, value in setup.options.items()}
    arn, region = options.get("role_arn", ""), options.get("region", "") or "us-east-1"
    key_id = options.get("access_key_id", "")
    given = Given(key_id, setup.secret)
    if not arn:
        if options.get("external_id"):
            raise ConfigError("external_id belongs to a role: set role_arn", where=setup.name)
        return given
    if not _ROLE.fullmatch(arn):
        raise ConfigError(f"role_arn is {arn!r}; write arn:aws:iam::ACCOUNT:role/NAME", where=setup.name)
    session = options.get("role_session", "") or "tallystick"
    if not _SESSION.fullmatch(session):
        raise ConfigError(f"role_session is {session!r}; write 2 to 64 letters, digits, +=,.@-", where=setup.name)
    endpoint = options.get("sts_endpoint", "")
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    role = Role(
        arn,
        options.get("external_id", ""),
        session,
        region,
        endpoint or f"https://sts.{region}.{domain}/",
        bool(endpoint),
    )
    return Assumed(role, given if key_id else None, lambda: _token(setup), setup.now_us, patience)


def _token(setup: Setup) -> str:
    found = setup.secret("web_identity_token")
    if not found:
        raise SourceFailed(
            "nobody asks for the role: give access_key_id and secret_access_key, or web_identity_token=file:PATH "
            "(on Kubernetes the path in AWS_WEB_IDENTITY_TOKEN_FILE)"
        )
    return found
