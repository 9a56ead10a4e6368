"""Answers kept in memory for equal requests of the same tenant, where a rule says so.

Nothing is written to disk: what was said stays in this process and is gone with it. Equal
means equal bytes to the same provider and path, under the same headers that change an
answer. The key of an entry is a keyed hash over all that and over who may share it.
"""

import hmac
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.gateway.dialects.model import RequestFacts
from tallystick.usage.model import UsageEvent

if TYPE_CHECKING:
    from tallystick.gateway.prepare import Incoming
    from tallystick.gateway.state import State

Headers = list[tuple[bytes, bytes]]

# Request headers that change what is answered, or how it is written.
_TELLING = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"anthropic-beta",
        b"anthropic-version",
        b"openai-beta",
        b"openai-organization",
        b"openai-project",
        b"x-goog-api-version",
    }
)
# Of an answer's headers all others are of that one answer: its id, its limits, its date.
_KEPT_HEADERS = frozenset({b"content-type", b"content-encoding"})
# What an entry costs beside its bytes.
_ENTRY_BYTES = 1024
# One answer may take so large a part of the whole.
_LARGEST_PART = 8


@dataclass(frozen=True, slots=True)
class Kept:
    """One answer.

    Attributes:
        body: As the client got it; of a stream all events in order.
        at, until: Monotonic seconds.
        cost: What it cost when it was made, grains; None when nobody knows.
        event_id: The call that made it.
    """

    status: int
    headers: Headers
    body: bytes
    stream: bool
    at: float
    until: float
    cost: int | None
    event_id: str


class ResponseCache:
    """Answers by key, the least recently used forgotten first.

    Args:
        most_bytes: Bound of all answers together; 0 keeps none.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._held = 0
        self._entries: OrderedDict[bytes, Kept] = OrderedDict()

    @property
    def held_bytes(self) -> int:
        """What all entries take."""
        return self._held

    def lookup(self, key: bytes, now: float) -> Kept | None:
        """The answer kept under a key that is still good."""
        found = self._entries.get(key)
        if found is None:
            return None
        if now >= found.until:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return found

    def store(self, key: bytes, kept: Kept) -> None:
        """Keep an answer; one that is too large is not."""
        size = len(kept.body) + _ENTRY_BYTES
        if size > self._most // _LARGEST_PART:
            return
        if key in self._entries:
            self._drop(key)
        while self._held + size > self._most:
            self._drop(next(iter(self._entries)))
        self._entries[key] = kept
        self._held += size

    def _drop(self, key: bytes) -> None:
        self._held -= len(self._entries.pop(key).body) + _ENTRY_BYTES


@dataclass(slots=True)
class Ticket:
    """What a call that asked the cache in vain may leave there.

    Attributes:
        facts, name: The request and upstream as they were looked up: an answer to anything else is not kept.
        pieces: What has left of a stream; None once it is too much.
    """

    cache: ResponseCache
    key: bytes
    seconds: int
    facts: RequestFacts
    name: str
    largest: int
    pieces: list[bytes] | None
    size: int = 0

    def feed(self, piece: bytes) -> None:
        """Note what leaves of a stream."""
        if self.pieces is None:
            return
        self.size += len(piece)
        if self.size > self.largest:
            self.pieces = None
        else:
            self.pieces.append(piece)

    def keep(self, incoming: "Incoming", event: UsageEvent, headers: Headers, body: bytes | None = None) -> None:
        """Keep a complete answer; without a body it is what `feed` was given."""
        if event.outcome != "ok" or not 200 <= event.status < 300:
            return
        if incoming.facts is not self.facts or incoming.name != self.name:
            # A budget capped it, or another provider answered.
            return
        stream = body is None
        if body is None:
            if self.pieces is None:
                return
            body = b"".join(self.pieces)
        now = time.monotonic()
        kept = [header for header in headers if header[0] in _KEPT_HEADERS]
        until = now + self.seconds
        self.cache.store(
            self.key, Kept(event.status, kept, body, stream, now, until, event.effective_cost, event.event_id)
        )


def ask_cache(state: "State", incoming: "Incoming") -> Kept | None:
    """The answer that is kept for a call whose plan says cache; else the call gets its ticket."""
    key = cache_key(state.settings.secret, incoming)
    found = state.cache.lookup(key, time.monotonic())
    if found is None:
        largest = state.settings.cache_bytes // _LARGEST_PART
        incoming.ticket = Ticket(
            state.cache, key, incoming.plan.cache_seconds, incoming.facts, incoming.name, largest, []
        )
    return found


def cache_key(secret: bytes, incoming: "Incoming") -> bytes:
    """Names all that must be equal: tenant, upstream, path, what changes an answer, and every byte of the body."""
    telling = sorted(header for header in incoming.head.forward if header[0] in _TELLING)
    parts = [
        b"response cache",
        *scope_of(incoming),
        incoming.name.encode(),
        incoming.provider.base_url.encode(),
        str(incoming.client.scope["method"]).encode(),
        incoming.below.encode(),
        incoming.query,
        # The same body may be asked with the usage in the stream, or with it added and taken out again by us.
        b"asked usage" if incoming.facts.asked_usage else b"",
        b"%d" % len(telling),
        *(part for header in telling for part in header),
        incoming.facts.body,
    ]
    digest = hmac.new(secret, digestmod="sha256")
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def scope_of(incoming: "Incoming") -> list[bytes]:
    """Who may share an answer: callers alike in all dimensions of the rule.

    Only what the key locks counts, for any caller can send a header: where a key does not
    lock a dimension, the key shares with nobody. Nor does a caller with its own provider key.
    """
    key = incoming.caller.key if incoming.caller else None
    account = incoming.key_fingerprint.encode()
    if key is None:
        return [b"provider key", account]
    scope = [account]
    for name in sorted(incoming.plan.cache_scope):
        locked = "" if name == "key" else key.locked.get(name, "")
        scope.append(f"{name}={locked}".encode() if locked else b"key:" + key.key_id.encode())
    return [b"%d" % len(scope), *scope]
