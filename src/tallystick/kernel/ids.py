"""Ids that sort by time, and keyed fingerprints.

The clock is the caller's; randomness is the system's.
"""

import hashlib
import hmac
import secrets

_DIGITS = 20
_DRAWN = 256


def new_id(prefix: str, at_us: int) -> str:
    """An id such as ``evt_019f…``: 12 hexadecimal digits of time, 20 of randomness.

    Ids made in different milliseconds sort by time.

    Args:
        prefix: Kind of thing, without the underscore.
        at_us: The instant in microseconds since 1970, UTC.
    """
    return f"{prefix}_{at_us // 1000:012x}{secrets.token_hex(_DIGITS // 2)}"


class Ids:
    """Makes ids as `new_id` does, drawing the randomness of many at once: half of what an id costs.

    For one process: whoever forks makes another, or parent and child would draw the same.
    """

    def __init__(self) -> None:
        self._tokens: list[str] = []

    def new(self, prefix: str, at_us: int) -> str:
        """As `new_id`."""
        if not self._tokens:
            drawn = secrets.token_hex(_DIGITS * _DRAWN // 2)
            self._tokens = [drawn[at : at + _DIGITS] for at in range(0, len(drawn), _DIGITS)]
        return f"{prefix}_{at_us // 1000:012x}{self._tokens.pop()}"


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
