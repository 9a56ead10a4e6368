"""Ids that sort by time, and keyed fingerprints.

The clock is the caller's; randomness is the system's.
"""

import hashlib
import hmac
import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str, at_us: int) -> str:
    """An id such as ``evt_01k9…``: 10 characters of time, 16 of randomness.

    Ids made in different milliseconds sort by time.

    Args:
        prefix: Kind of thing, without the underscore.
        at_us: The instant in microseconds since 1970, UTC.
    """
    return f"{prefix}_{_base32(at_us // 1000, 10)}{_base32(secrets.randbits(80), 16)}"


def _base32(number: int, width: int) -> str:
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(5 * (width - 1), -1, -5))


def fingerprint(key: bytes, content: bytes) -> str:
    """A keyed hash of content, 32 hex digits: tells equal from unequal and nothing else."""
    return hmac.new(key, content, hashlib.sha256).hexdigest()[:32]


def content_hash(*parts: bytes) -> str:
    """An unkeyed hash over parts with their lengths, 32 hex digits: for ids of imported rows."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:32]
