"""Keys that callers of the gateway present: make, list, revoke."""

import difflib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tallystick.kernel.errors import NotFound, UsageError
from tallystick.kernel.ids import new_id
from tallystick.operations.audit import record
from tallystick.operations.context import Context, now_us
from tallystick.org import store
from tallystick.org.authorize import check_key_scope, keys_in_scope
from tallystick.org.hash import KEY_PREFIX, hash_secret, hint, new_secret
from tallystick.org.model import GatewayKey, Principal
from tallystick.storage.version_word import VersionWord
from tallystick.usage.dimensions import ATTRIBUTION, canonical_dimension

LONGEST_VALUE = 256
_OPERATOR = Principal("operator", "admin", local=True)
# The word must not fall behind the table: two changes at once would write it in either order.
_publishing = threading.Lock()


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """What a new key shall be.

    Attributes:
        locked: Dimension to value; no header changes these.
        defaults: Dimension to value; a header may override these.
    """

    name: str = ""
    locked: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def changed_version(context: Context) -> Iterator[int]:
    """One transaction that changes what gateways read; they are told once it is committed."""
    with _publishing:
        with context.config_db.transaction():
            version = context.config_db.next_version()
            yield version
        VersionWord(context.data_dir / "version").write(version)


def create_key(context: Context, request: KeyRequest, principal: Principal = _OPERATOR) -> tuple[GatewayKey, str]:
    """A new key and its secret, which nothing can show again. It holds from the next call on.

    Raises:
        UsageError: A dimension nobody knows, a value that is empty or too long.
        Denied: The principal's teams do not hold the key's locked team.
    """
    locked, defaults = _dimensions(request.locked), _dimensions(request.defaults)
    both = sorted(set(locked) & set(defaults))
    if both:
        raise UsageError(f'"{both[0]}" cannot be locked and a default at once', next_steps=["keep one of the two"])
    check_key_scope(principal, locked)
    at, secret = now_us(), new_secret(KEY_PREFIX)
    with changed_version(context) as version:
        key = GatewayKey(
            key_id=new_id("key", at),
            name=_text("the name", request.name, empty=True),
            secret_hash=hash_secret(secret),
            hint=hint(secret),
            created_at=at,
            locked=locked,
            defaults=defaults,
            version=version,
        )
        store.append_key(context.config_db, key)
        record(context, principal.name, "create key", key.key_id)
    return key, secret


def list_keys(context: Context, principal: Principal = _OPERATOR) -> list[GatewayKey]:
    """Keys the principal may see, revoked ones too, by age."""
    return keys_in_scope(principal, store.list_keys(context.config_db))


def revoke_key(context: Context, key_id: str, principal: Principal = _OPERATOR) -> GatewayKey:
    """Revoke a key; it fails from the next call on. Revoking twice changes nothing.

    Raises:
        NotFound: No such key, or none the principal may see.
    """
    found = keys_in_scope(principal, [key for key in [store.read_key(context.config_db, key_id)] if key])
    if not found:
        raise NotFound(f'no key "{key_id}"', next_steps=["tally keys list"])
    if found[0].revoked_at is None:
        with changed_version(context) as version:
            if store.revoke_key(context.config_db, key_id, now_us(), version):
                record(context, principal.name, "revoke key", key_id)
    return store.read_key(context.config_db, key_id) or found[0]


def _dimensions(words: Mapping[str, str]) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for word, value in words.items():
        name = canonical_dimension(word)
        if name not in ATTRIBUTION:
            near = difflib.get_close_matches(name, ATTRIBUTION, n=1)
            steps = [f'did you mean "{near[0]}"?'] if near else [f"known: {', '.join(ATTRIBUTION)}"]
            raise UsageError(f'"{word}" is no dimension', next_steps=steps)
        if name in chosen:
            raise UsageError(f'"{name}" is given twice')
        chosen[name] = _text(f'the value of "{name}"', value)
    return chosen


def _text(what: str, value: str, *, empty: bool = False) -> str:
    text = value.strip()
    if not text and not empty:
        raise UsageError(f"{what} is empty")
    if len(text) > LONGEST_VALUE:
        raise UsageError(f"{what} has {len(text)} characters; {LONGEST_VALUE} is the longest")
    if not text.isprintable():
        raise UsageError(f"{what} holds a control character")
    return text
