"""Secrets that are shown once, and the hashes that are kept of them.

The secrets are random (190 bits and more), so one unsalted SHA-256 is enough: there
is no dictionary to try, and a lookup by hash stays one indexed read.
"""

import hashlib
import hmac
import secrets
import string

KEY_PREFIX = "tally_"
TOKEN_PREFIX = "tallyapi_"  # noqa: S105 - only how secrets begin
LOCAL_PREFIX = "tallycli_"
LINK_PREFIX = "tallylink_"

_LETTERS = string.ascii_letters + string.digits
_LENGTH = 40


def new_secret(prefix: str) -> str:
    """A fresh secret: the prefix and 40 letters and digits (238 bits)."""
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def hash_secret(secret: str) -> str:
    """SHA-256 of a secret, 64 hex digits; takes whatever text a header may hold."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def same_secret(left: str, right: str) -> bool:
    """Whether two hashes or secrets are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))


def hint(secret: str) -> str:
    """What people recognise a secret by afterwards: its last four characters."""
    return secret[-4:]
