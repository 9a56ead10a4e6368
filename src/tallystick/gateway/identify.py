"""Who is calling: a key of ours, or a provider's own key that the caller brings.

A presented secret is hashed and looked up in memory; no text of a header ever reaches
a database. Whatever begins with ``tally`` is ours and is never forwarded, known or not.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Literal

from tallystick.gateway.refuse import Refused, refuse
from tallystick.kernel.record import record
from tallystick.org.model import GatewayKey

# How a credential was presented. A signed request names its key id, which may be one of ours.
Form = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key", "aws-sigv4"]

_OURS = b"tally"
_BEARER = b"Bearer "
_OUR_BEARER = _BEARER + _OURS
_SIGNED = b"AWS4-HMAC-SHA256"
_HEADERS: tuple[Form, ...] = ("x-api-key", "api-key", "x-goog-api-key")
_LONGEST_SECRET = 8192


@record(frozen=True, slots=True)
class Caller:
    """The one identity of a request.

    Attributes:
        key: Our key; None when the caller brings the provider's own.
        form: Which header the credential came in.
        brought: The provider's own credential as presented, forwarded untouched.
    """

    key: GatewayKey | None
    form: Form
    brought: bytes = field(default=b"", repr=False)


class KeyRing:
    """The keys as last read. `refresh` takes in changed rows, revoked ones too."""

    def __init__(self, read_since: Callable[[int], Iterable[GatewayKey]]) -> None:
        self._read_since = read_since
        self._by_hash: dict[str, GatewayKey] = {}
        self._version = 0

    def refresh(self) -> None:
        """Read what changed since the last time."""
        for key in self._read_since(self._version):
            self._by_hash[key.secret_hash] = key
            self._version = max(self._version, key.version)

    def find(self, secret: bytes) -> GatewayKey | None:
        """The key of a secret, revoked or not. Time tells nothing: the lookup is by hash."""
        return self._by_hash.get(hashlib.sha256(secret).hexdigest())


def identify(credentials: Mapping[bytes, bytes], ring: KeyRing, *, bring_your_own: bool) -> Caller:
    """The caller of a request.

    Args:
        credentials: Lower-case header name to value.
        ring: The keys as they are now.
        bring_your_own: Whether a provider's own key may pass.

    Raises:
        Refused: 401 when no credential, an unknown or a revoked key, or one we may not forward was sent.
    """
    bearer = credentials.get(b"authorization", b"") if len(credentials) == 1 else b""
    if bearer.startswith(_OUR_BEARER) and len(bearer) < _LONGEST_SECRET:
        # As nearly every call has it.
        return _caller(ring, "bearer", bearer[len(_BEARER) :].strip())
    presented = _presented(credentials)
    for form, secret in presented:
        if secret.startswith(_OURS):
            return _caller(ring, form, secret)
    if not presented:
        raise _unauthorized("missing_key", "no key was sent in Authorization or x-api-key")
    if not bring_your_own:
        raise _unauthorized(
            "foreign_key", "the key sent is no tally key, and callers' own provider keys are switched off"
        )
    form, secret = presented[0]
    if form == "aws-sigv4":
        raise _unauthorized(
            "foreign_signature",
            "a request signed with AWS keys cannot be passed on, for its signature names another host; "
            "send an Amazon Bedrock API key as a bearer token, or a tally key as the AWS access key id",
        )
    return Caller(None, form, secret)


def _caller(ring: KeyRing, form: Form, secret: bytes) -> Caller:
    key = ring.find(secret)
    if key is None:
        raise _unauthorized("unknown_key", "this tally key is not known here")
    if key.revoked_at is not None:
        raise _unauthorized("revoked_key", f"the tally key {key.key_id} (…{key.hint}) was revoked")
    return Caller(key, form)


def _presented(credentials: Mapping[bytes, bytes]) -> list[tuple[Form, bytes]]:
    found: list[tuple[Form, bytes]] = []
    scheme, _, secret = credentials.get(b"authorization", b"").strip().partition(b" ")
    if scheme.lower() == b"bearer":
        found.append(("bearer", secret.strip()))
    elif scheme == _SIGNED:
        found.append(("aws-sigv4", _key_id(secret)))
    found += [(form, credentials.get(form.encode(), b"").strip()) for form in _HEADERS]
    return [(form, secret) for form, secret in found if 0 < len(secret) <= _LONGEST_SECRET]


def _key_id(authorization: bytes) -> bytes:
    """Of ``Credential=KEYID/date/region/service/aws4_request, SignedHeaders=…``: the key id."""
    _, _, rest = authorization.partition(b"Credential=")
    return rest.partition(b"/")[0]


def _unauthorized(code: str, reason: str) -> Refused:
    return refuse(401, code, f"{reason}; make a key with `tally keys create` and send it as the SDK's api_key")
