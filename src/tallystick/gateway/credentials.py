"""How a provider's key travels: the header that carries it, in the provider's own way."""

import time
from dataclasses import replace
from typing import Literal

from tallystick.gateway.upstream import UpstreamRequest
from tallystick.transport.sigv4 import Scope, parse_key, sign

Scheme = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key", "aws-sigv4", "anthropic"]
Header = tuple[bytes, bytes]
SIGNED = "aws-sigv4"


def carrier(scheme: str, secret: bytes, presented: str) -> Header:
    """The header for a provider's key.

    Args:
        scheme: The provider's way; ``anthropic`` takes either header, so the caller's own is kept unless the
            key itself tells.
        secret: The provider's key.
        presented: How the caller presented its credential.
    """
    if scheme == "anthropic":
        scheme = _of_anthropic(secret, presented)
    if scheme == "bearer":
        return b"authorization", b"Bearer " + secret
    return scheme.encode(), secret


def words(scheme: str, secret: bytes) -> tuple[str, ...]:
    """What of a provider's key must never be kept: all of it, and of one that signs each secret part."""
    whole = secret.decode("utf-8", "replace")
    if scheme != SIGNED:
        return (whole,)
    key = parse_key(secret)
    return tuple(filter(None, (whole, key.secret, key.session)))


def signed(request: UpstreamRequest, secret: bytes, region: str) -> UpstreamRequest:
    """The request with AWS's signature of now, by a key as `sigv4.parse_key` reads it."""
    scope = Scope(time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), region)
    about = (request.method, request.url, request.body)
    return replace(request, headers=sign(parse_key(secret), scope, about, request.headers))


def _of_anthropic(secret: bytes, presented: str) -> str:
    if secret.startswith(b"sk-ant-oat"):
        return "bearer"
    if secret.startswith(b"sk-ant-api"):
        return "x-api-key"
    return "bearer" if presented == "bearer" else "x-api-key"
