"""The token of a service account, from its key: a claim signed with it is exchanged for an hour's access token.

Signing with RSA is what `cryptography` is for, the one part of this connector that needs it
(the extra `gcp`); it is loaded when the first token is asked for.
"""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tallystick.kernel.period import SECOND_US
from tallystick.ports import SourceFailed
from tallystick.transport.ask import Answer, AskFailed, Request, ask_patiently
from tallystick.transport.patience import Patience

# Reading a table takes a job of one's own, which the read-only scopes do not all allow.
SCOPE = "https://www.googleapis.com/auth/bigquery"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LASTS_SECONDS = 3600
_EARLY_US = 300 * SECOND_US
_LATER_SECONDS = 600.0
_ANOTHER = "make another key (IAM › Service accounts › Keys) and put it where the reference says"
# What Google says of a claim it does not take, in its own words, and what to do.
_MEANT: tuple[tuple[str, str], ...] = (
    ("short-lived token", "the clock of this machine is wrong: Google takes claims of a few minutes around its own; set it"),
    ("reasonable timeframe", "the clock of this machine is wrong: Google takes claims of a few minutes around its own; set it"),
    ("invalid jwt signature", f"the key was disabled or deleted, or is another account's: {_ANOTHER}"),
    ("account not found", f"the service account is gone: restore it, or {_ANOTHER} of another one"),
    ("account disabled", "the service account is disabled: enable it (IAM › Service accounts)"),
    ("disabled_client", "the service account is disabled: enable it (IAM › Service accounts)"),
    ("invalid_scope", "the service account may not use BigQuery: enable the BigQuery API in its project"),
    ("access_denied", "a policy of the organisation refuses this service account: ask who looks after Google Cloud"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Key:
    """A service account's key file."""

    email: str
    key_id: str
    token_url: str
    private: str = field(repr=False)


def parse_key(text: str) -> Key:
    """The key as Google writes it.

    Raises:
        SourceFailed: It is none. Nothing of it is repeated.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    fields = found if isinstance(found, dict) else {}
    if fields.get("type") not in {None, "service_account"}:
        kind = re.sub(r"[^a-z_]", "", str(fields["type"]).lower())[:40]
        raise SourceFailed(
            f"service_account_key is a file of type {kind or 'unknown'}: one of type service_account is needed "
            "(IAM › Service accounts › Keys › Add key › JSON)"
        )
    values = [fields.get(name) for name in ("client_email", "private_key_id", "token_uri", "private_key")]
    if not all(isinstance(one, str) and one for one in values):
        raise SourceFailed(
            "service_account_key is no key file of a service account: give the whole JSON file that Google made "
            "(--secret service_account_key=file:PATH)"
        )
    email, key_id, url, private = (str(one) for one in values)
    if not url.startswith("https://"):
        raise SourceFailed("service_account_key names a token_uri that is not https: it is not a key of Google's")
    return Key(email, key_id, url, private)


@dataclass(slots=True)
class ServiceAccount:
    """Tokens of a service account; one is used until shortly before it ends.

    Attributes:
        secret: The key file's text, read for each token: a new key holds at once.
        token_url: In place of the one that the key names; empty for that.
    """

    secret: Callable[[], str] = field(repr=False)
    now_us: Callable[[], int]
    patience: Patience
    token_url: str = ""
    _value: str = field(default="", repr=False)
    _ends_us: int = 0

    def __call__(self) -> str:
        if not self._value or self.now_us() >= self._ends_us - _EARLY_US:
            self._ask()
        return self._value

    def _ask(self) -> None:
        key = parse_key(self.secret())
        url = self.token_url or key.token_url
        claim = _claim(key, url, self.now_us() // SECOND_US)
        body = urlencode({"grant_type": _GRANT, "assertion": claim}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        request = Request("POST", url, headers, body, seconds=30.0, allow_private=bool(self.token_url))
        try:
            answer = ask_patiently(request, self.patience)
        except AskFailed as error:
            retry = (error.retry_seconds or _LATER_SECONDS) if error.retry else None
            raise SourceFailed(f"Google gives no token: {error.reason}", retry_seconds=retry) from None
        found = _object(answer)
        token, seconds = found.get("access_token"), found.get("expires_in")
        if answer.status != 200 or not isinstance(token, str) or not token or not isinstance(seconds, int):
            raise SourceFailed(_refusal(answer.status, found, key.email))
        self._value, self._ends_us = token, self.now_us() + seconds * SECOND_US


def _claim(key: Key, audience: str, now: int) -> str:
    """The signed claim (RFC 7523), in its three parts."""
    head = {"alg": "RS256", "typ": "JWT", "kid": key.key_id}
    said = {"iss": key.email, "scope": SCOPE, "aud": audience, "iat": now, "exp": now + _LASTS_SECONDS}
    text = b".".join(_packed(json.dumps(part, separators=(",", ":")).encode()) for part in (head, said))
    return b".".join((text, _packed(_signed(key, text)))).decode()


def _packed(part: bytes) -> bytes:
    return urlsafe_b64encode(part).rstrip(b"=")


def _signed(key: Key, text: bytes) -> bytes:
    try:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise SourceFailed(
            "signing with a service account's key needs the extra gcp: pip install 'tallystick[gcp]', or set "
            "auth = metadata on a machine of Google Cloud"
        ) from None
    try:
        private = load_pem_private_key(key.private.encode(), password=None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, RSAPrivateKey):
        raise SourceFailed(f"the private key in service_account_key is damaged, or no RSA key: {_ANOTHER}")
    return private.sign(text, PKCS1v15(), SHA256())


def _object(answer: Answer) -> Mapping[str, Any]:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


def _refusal(status: int, found: Mapping[str, Any], email: str) -> str:
    """What Google means; of its words only those that are known, for the rest may repeat what was sent."""
    said = f"{found.get('error', '')} {found.get('error_description', '')}".lower()
    what = next((meant for words, meant in _MEANT if words in said), f"check the key, or {_ANOTHER}")
    code = re.sub(r"[^a-z_]", "", str(found.get("error", "")).lower())[:40]
    return f"Google gives {email} no token (status {status}{f', {code}' if code else ''}): {what}"
