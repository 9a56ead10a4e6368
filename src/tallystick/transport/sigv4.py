"""AWS Signature Version 4, for requests whose whole body is at hand.

As AWS documents it: a canonical request is hashed, the hash signed with a key derived
from secret, day, region and service. The path is encoded once more as it is sent, as
every service but S3 wants it; for S3 it is signed as it is sent. Pure: the instant comes
from the caller.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, urlsplit

from tallystick.kernel.errors import ConfigError

Header = tuple[bytes, bytes]

SERVICE = "bedrock"
_ALGORITHM = "AWS4-HMAC-SHA256"
_HOST = re.compile(r"bedrock(?:-[a-z]+)*\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)")
_PORTS = {"http": 80, "https": 443}
_SPACES = re.compile(rb" +")


@dataclass(frozen=True, slots=True)
class AwsKey:
    """An access key; `session` belongs to temporary ones and is empty otherwise."""

    key_id: str
    secret: str = field(repr=False)
    session: str = field(default="", repr=False)


def parse_key(secret: bytes) -> AwsKey:
    """A key written as ``KEYID:SECRET`` or ``KEYID:SECRET:SESSIONTOKEN``; none of the three holds a colon.

    Raises:
        ConfigError: It is not written so. The text is not repeated.
    """
    key_id, _, rest = secret.decode("latin-1").partition(":")
    key, _, session = rest.partition(":")
    if not key_id or not key:
        raise ConfigError("an AWS key is written KEYID:SECRET or KEYID:SECRET:SESSIONTOKEN", where="aws-sigv4")
    return AwsKey(key_id, key, session)


def region_of(url: str) -> str:
    """The region that a Bedrock endpoint's name says, empty where it says none.

    >>> region_of("https://bedrock-runtime.eu-central-1.amazonaws.com")
    'eu-central-1'
    """
    found = _HOST.fullmatch(urlsplit(url).hostname or "")
    return found[1] if found else ""


def host_of(url: str) -> str:
    """The Host header of a URL: without the port where it is the scheme's own."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return shown if parts.port in (None, _PORTS.get(parts.scheme)) else f"{shown}:{parts.port}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signature is good for. `instant` is UTC, as ``20150830T123600Z``."""

    instant: str
    region: str
    service: str = SERVICE

    def __str__(self) -> str:
        return f"{self.instant[:8]}/{self.region}/{self.service}/aws4_request"


def signed_headers(url: str, headers: Iterable[Header], body: bytes, scope: Scope) -> list[Header]:
    """Headers that are signed: host, content type, and all of ``x-amz-``; those of the signature's own are new."""
    kept = [one for one in headers if one[0] == b"content-type" or one[0].startswith(b"x-amz-")]
    return [
        *kept,
        (b"host", host_of(url).encode()),
        (b"x-amz-content-sha256", hashlib.sha256(body).hexdigest().encode()),
        (b"x-amz-date", scope.instant.encode()),
    ]


def canonical_request(
    method: str, url: str, headers: Iterable[Header], payload_hash: str, *, encode_path: bool = True
) -> tuple[str, str]:
    """The canonical request, and the names of the headers in it."""
    parts = urlsplit(url)
    merged: dict[str, list[str]] = {}
    for name, value in headers:
        merged.setdefault(name.decode("latin-1"), []).append(_SPACES.sub(b" ", value.strip()).decode("latin-1"))
    names = ";".join(sorted(merged))
    lines = [f"{name}:{','.join(merged[name])}" for name in sorted(merged)]
    path = quote(parts.path, safe="/-._~") if encode_path else parts.path
    path = path or "/"
    return "\n".join((method, path, _canonical_query(parts.query), *lines, "", names, payload_hash)), names


def _canonical_query(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return "&".join(f"{name}={value}" for name, _, value in sorted(pairs))


@lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def authorization(key: AwsKey, scope: Scope, canonical: str, names: str) -> str:
    """The value of the Authorization header."""
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join((_ALGORITHM, scope.instant, str(scope), digest))
    signing = _signing_key(key.secret, scope.instant[:8], scope.region, scope.service)
    signature = hmac.digest(signing, text.encode(), "sha256").hex()
    return f"{_ALGORITHM} Credential={key.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"


def sign(key: AwsKey, scope: Scope, request: tuple[str, str, bytes], headers: list[Header]) -> list[Header]:
    """The headers to send with a request (method, URL, body): those given and the signature's.

    Headers must be final: what comes after is not signed, and what is signed must not change.
    """
    method, url, body = request
    session = [(b"x-amz-security-token", key.session.encode())] if key.session else []
    signed = signed_headers(url, [*headers, *session], body, scope)
    payload_hash = hashlib.sha256(body).hexdigest()
    canonical, names = canonical_request(method, url, signed, payload_hash, encode_path=scope.service != "s3")
    added = [one for one in signed if one[0] in (b"x-amz-content-sha256", b"x-amz-date")]
    value = authorization(key, scope, canonical, names)
    return [*headers, *session, *added, (b"authorization", value.encode("latin-1"))]
