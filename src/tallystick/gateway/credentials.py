"""How a provider's key travels: the header that carries it, in the provider's own way."""

from typing import Literal

Scheme = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key", "aws-sigv4", "anthropic"]
Header = tuple[bytes, bytes]


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


def _of_anthropic(secret: bytes, presented: str) -> str:
    if secret.startswith(b"sk-ant-oat"):
        return "bearer"
    if secret.startswith(b"sk-ant-api"):
        return "x-api-key"
    return "bearer" if presented == "bearer" else "x-api-key"
