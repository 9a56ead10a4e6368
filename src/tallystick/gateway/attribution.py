"""Who a call belongs to, from its headers and body; and which headers the provider may see.

Read without configuration, strongest first: our own `X-Cost-<Name>`, then the headers of
BurnLens, Helicone, Portkey, Bifrost and LiteLLM, W3C baggage, `metadata` of the body and
its `user`. A name that is a dimension (hyphen and underscore alike, aliases resolved)
becomes that dimension, any other a tag. None of these headers is forwarded, nor are
credentials, hop-by-hop headers, cookies, and what tells of the way to us.

What a key locks, no header changes: the refused value is kept as the tag `claimed_<name>`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote_to_bytes

import msgspec

from tallystick.kernel.record import record
from tallystick.org.model import GatewayKey
from tallystick.usage.dimensions import ATTRIBUTION, canonical_dimension

LONGEST_VALUE = 256
LONGEST_NAME = 64
MOST_TAGS = 64
DEFAULT_PREFIX = "x-cost-"
CLAIMED = "claimed_"

Header = tuple[bytes, bytes]

# By strength: of two sources that name one dimension the first wins.
_OWN, _BURNLENS, _HELICONE, _PORTKEY, _BIFROST, _LITELLM, _BAGGAGE, _METADATA, _BODY = range(9)
_SOURCES = ("header", "burnlens", "helicone", "portkey", "bifrost", "litellm", "baggage", "body", "body")

_DIMENSIONS = frozenset(ATTRIBUTION)
_SPELLINGS = {"organisation": "organization", "org": "organization", "env": "environment", "end_user": "user"}
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")

_DROPPED = frozenset(
    {
        b"content-length",
        b"cookie",
        b"expect",
        b"forwarded",
        b"host",
        b"http2-settings",
        b"keep-alive",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"via",
        # A signature of the caller's is for us; what goes to the provider is signed anew, or not at all.
        b"x-amz-content-sha256",
        b"x-amz-date",
        b"x-amz-security-token",
        b"x-real-ip",
    }
)
_CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key"})
_TRACING = frozenset({b"traceparent", b"tracestate", b"baggage"})
# What a header is to us; none is zero.
_PASSES, _STAYS, _IS_CREDENTIAL, _IS_TRACING, _IS_SDK, _NAMES_HOPS, _ATTRIBUTES = range(1, 8)
_SPECIAL: dict[bytes, int] = {
    **dict.fromkeys(_DROPPED, _STAYS),
    **dict.fromkeys(_CREDENTIALS, _IS_CREDENTIAL),
    **dict.fromkeys(_TRACING, _IS_TRACING),
    b"connection": _NAMES_HOPS,
    b"user-agent": _IS_SDK,
    b"x-stainless-retry-count": _IS_SDK,
}
_PLAIN_HOPS = {b"keep-alive", b"close", b""}
_MOST_NAMES = 4096
_FOREIGN = (
    b"x-cost-",
    b"x-litellm-",
    b"helicone-",
    b"x-portkey-",
    b"x-burnlens-",
    b"x-bf-",
    b"x-tally-",
    b"x-forwarded-",
    b"proxy-",
)
# Peers' headers that name one thing each.
_NAMED: dict[bytes, tuple[int, tuple[str, ...]]] = {
    b"helicone-user-id": (_HELICONE, ("user",)),
    b"helicone-session-id": (_HELICONE, ("conversation",)),
    b"helicone-session-name": (_HELICONE, ("session_name",)),
    b"helicone-session-path": (_HELICONE, ("session_path",)),
    b"x-bf-customer-id": (_BIFROST, ("customer",)),
    b"x-bf-team-id": (_BIFROST, ("team",)),
    b"x-bf-user-id": (_BIFROST, ("user",)),
    b"x-bf-session-id": (_BIFROST, ("conversation",)),
    # LiteLLM budgets its end user as the customer; the person is the same.
    b"x-litellm-end-user-id": (_LITELLM, ("user", "customer")),
}
# Peers' headers whose rest is the name.
_PREFIXED = (
    (b"helicone-property-", _HELICONE),
    (b"x-burnlens-tag-", _BURNLENS),
    (b"x-bf-dim-", _BIFROST),
    (b"x-bf-prom-", _BIFROST),
)
_MEMBERS = msgspec.json.Decoder(dict[str, object])


@dataclass(slots=True)
class CallHeaders:
    """The headers of one call, taken apart.

    Attributes:
        forward: What the provider may see, in order; credentials are for the caller to add.
        hops: Names that `Connection` lists.
        credentials: Lower-case name to value of every header that can carry a key.
        claims: Dimension or tag to strength and value, as the caller claims it.
        trace_id: From `traceparent`, else from a peer's trace header.
        stream_cost: The caller wants the cost as the last comment of a stream.
    """

    forward: list[Header] = field(default_factory=list)
    hops: set[bytes] = field(default_factory=set)
    credentials: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    claims: dict[str, tuple[int, str]] = field(default_factory=dict)
    trace_id: str = ""
    user_agent: str = ""
    retry_count: int | None = None
    stream_cost: bool = False

    def claim(self, strength: int, name: str, value: str) -> None:
        """Note a claim; of several the strongest counts, of equals the first."""
        self.claim_clean(strength, _clean(name)[:LONGEST_NAME], _clean(value))

    def claim_clean(self, strength: int, name: str, value: str) -> None:
        """As `claim`, of words that are clean."""
        if not name or not value or name.startswith(CLAIMED):
            return
        known = self.claims.get(name)
        if known is None and len(self.claims) >= MOST_TAGS + len(ATTRIBUTION) and name not in _DIMENSIONS:
            return
        if known is None or strength < known[0]:
            self.claims[name] = (strength, value)


@record(frozen=True, slots=True)
class Attribution:
    """Who a call belongs to."""

    dimensions: Mapping[str, str]
    tags: Mapping[str, str]


class HeaderReader:
    """Takes the headers of calls apart, in one pass.

    Args:
        prefix: Of our own attribution headers, as configured.
    """

    def __init__(self, prefix: str = DEFAULT_PREFIX) -> None:
        self._prefix = prefix.lower().replace("_", "-").encode("latin-1")
        self._foreign = tuple(dict.fromkeys((self._prefix, *_FOREIGN)))
        # SDKs send the same names with every call: what each is gets looked up once.
        self._kinds: dict[bytes, int] = {}

    def read(self, headers: Iterable[Header]) -> CallHeaders:
        """Read headers as ASGI gives them: names in lower case, values as sent."""
        call = CallHeaders()
        kinds = self._kinds
        for name, value in headers:
            kind = kinds.get(name) or self._learn(name)
            if kind is _PASSES:
                if b"\n" not in value and b"\r" not in value and b"\0" not in value:
                    call.forward.append((name, value))
            elif kind is not _STAYS:
                self._take(call, kind, (name, value))
        if call.hops:
            # Headers that `Connection` names are for this hop only.
            call.forward = [header for header in call.forward if header[0] not in call.hops]
        return call

    def _learn(self, name: bytes) -> int:
        plain = name.replace(b"_", b"-")
        if plain in _SPECIAL:
            kind = _SPECIAL[plain]
        else:
            kind = _ATTRIBUTES if plain.startswith(self._foreign) else _PASSES
        if len(self._kinds) >= _MOST_NAMES:
            self._kinds.clear()
        if len(name) <= LONGEST_NAME:
            self._kinds[name] = kind
        return kind

    def _take(self, call: CallHeaders, kind: int, header: Header) -> None:
        name, value = header[0].replace(b"_", b"-"), header[1]
        if kind is _IS_CREDENTIAL:
            call.credentials.setdefault(name, value)
        elif kind is _IS_TRACING:
            _read_tracing(call, name, value)
        elif kind is _IS_SDK:
            _read_sdk(call, header)
        elif kind is _NAMES_HOPS:
            call.hops |= {word.strip().lower() for word in value.split(b",")} - _PLAIN_HOPS
        else:
            self._read_foreign(call, name, value)

    def _read_foreign(self, call: CallHeaders, name: bytes, value: bytes) -> None:
        if name.startswith(self._prefix):
            suffix = name[len(self._prefix) :]
            own = _own_name(suffix) if len(suffix) <= LONGEST_NAME else _own_name.__wrapped__(suffix)
            call.claim_clean(_OWN, own, _words(value))
        elif one := _NAMED.get(name):
            for target in one[1]:
                call.claim(one[0], target, _text(value))
        elif name == b"x-tally-stream-cost":
            call.stream_cost = value.strip().lower() in (b"true", b"1", b"yes")
        else:
            _read_peer(call, name, value)


def _read_peer(call: CallHeaders, name: bytes, value: bytes) -> None:
    if name == b"x-litellm-tags":
        claim_words(call, _LITELLM, _text(value))
    elif name == b"x-litellm-spend-logs-metadata":
        _claim_json(call, _LITELLM, value)
    elif name == b"x-portkey-metadata":
        _claim_json(call, _PORTKEY, value)
    elif name == b"x-portkey-trace-id":
        call.trace_id = call.trace_id or _clean(_text(value))
    else:
        for prefix, strength in _PREFIXED:
            if name.startswith(prefix):
                call.claim(strength, peer_name(_text(name[len(prefix) :])), _text(value))


def _read_tracing(call: CallHeaders, name: bytes, value: bytes) -> None:
    if name == b"baggage":
        for member in value.split(b",", MOST_TAGS):
            key, _, rest = member.partition(b"=")
            worth = unquote_to_bytes(rest.partition(b";")[0].strip())
            call.claim(_BAGGAGE, peer_name(_text(key).replace(".", "_")), _text(worth))
    elif name == b"traceparent" and (found := _TRACEPARENT.match(value.strip())) and found[1].strip(b"0"):
        call.trace_id = found[1].decode()


def _read_sdk(call: CallHeaders, header: Header) -> None:
    name, value = header
    if b"\n" in value or b"\r" in value or b"\0" in value:
        return
    call.forward.append(header)
    if name == b"user-agent":
        call.user_agent = _words(value)
    elif value.isdigit() and len(value) < 6:
        call.retry_count = int(value)


def _claim_json(call: CallHeaders, strength: int, value: bytes) -> None:
    """Claim the scalar members of a JSON object; anything else says nothing."""
    try:
        found = _MEMBERS.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return
    for name, member in found.items():
        if type(member) in (str, int, bool):
            call.claim(strength, peer_name(name), str(member))


def claim_words(call: CallHeaders, strength: int, words: str) -> None:
    """LiteLLM's tags, divided by commas: ``team:search`` is a claim, a bare word is kept under `tags`."""
    bare = []
    for word in words.split(","):
        name, mark, value = word.partition(":" if ":" in word else "=")
        if mark:
            call.claim(strength, peer_name(name), value)
        elif word.strip():
            bare.append(word.strip())
    call.claim(strength, "tags", ",".join(bare))


def peer_name(name: str) -> str:
    """Our word for a peer's: `_user`, `user.id` and `User-Id` are all the user.

    >>> peer_name("Agent-Id"), peer_name("_organisation"), peer_name("session_id"), peer_name("Task-Id")
    ('agent', 'organization', 'conversation', 'task_id')
    """
    normal = canonical_dimension(name.strip().lstrip("_"))
    normal = _SPELLINGS.get(normal, normal)
    if normal not in _DIMENSIONS and normal.endswith("_id"):
        stem = canonical_dimension(normal[:-3])
        return stem if stem in _DIMENSIONS else normal
    return normal


def attribute(
    call: CallHeaders,
    *,
    user: str = "",
    metadata: Mapping[str, str],
    locked: Mapping[str, str],
    defaults: Mapping[str, str],
) -> Attribution:
    """Settle the claims of headers and body (`user`, `metadata`) with what the key says.

    What the key locks wins, and a differing claim becomes the tag `claimed_<name>`; the
    key's defaults hold where nothing is claimed. Claims of the body join those of `call`.
    """
    for name, value in metadata.items():
        if name == "tags":
            claim_words(call, _METADATA, value)
        else:
            call.claim(_METADATA, peer_name(name), value)
    if user:
        call.claim(_BODY, "user", user)
    said = {name: value for name, (_, value) in call.claims.items()}
    refused = {CLAIMED + name: said[name] for name, value in locked.items() if said.get(name, value) != value}
    settled = {**defaults, **said, **locked, **refused}
    if settled.keys() <= _DIMENSIONS:
        return Attribution(settled, {})
    dimensions = {name: value for name, value in settled.items() if name in _DIMENSIONS}
    ours = {**locked, **refused}
    tags = {name: value for name, value in ours.items() if name not in _DIMENSIONS}
    for name, value in settled.items():
        if name not in _DIMENSIONS and len(tags) < MOST_TAGS:
            tags[name] = value
    return Attribution(dimensions, tags)


def origin(call: CallHeaders, key: GatewayKey | None, name: str) -> str:
    """Where the value of a dimension came from: `locked` or `default` of the key, else what the caller sent."""
    if key is not None and name in key.locked:
        return "locked"
    claim = call.claims.get(name)
    if claim is None:
        return "default"
    return _SOURCES[claim[0]]


def _text(value: bytes) -> str:
    """Header bytes as text: UTF-8 where they are, else Latin-1."""
    if value.isascii():
        return value.decode("ascii")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


@lru_cache(maxsize=_MOST_NAMES)
def _own_name(suffix: bytes) -> str:
    """What a header of ours names; a caller names the same few with every call."""
    return _clean(canonical_dimension(_text(suffix)))[:LONGEST_NAME]


def _words(value: bytes) -> str:
    """A header's value as it is kept; short ones are remembered, for most calls have those of the one before."""
    return _short_words(value) if len(value) <= LONGEST_VALUE else _clean(_text(value))


@lru_cache(maxsize=_MOST_NAMES)
def _short_words(value: bytes) -> str:
    return _clean(_text(value))


def _clean(value: str) -> str:
    """Without control characters and outer spaces, cut to the bound."""
    value = value.strip()[:LONGEST_VALUE]
    return value if value.isprintable() else "".join(mark for mark in value if mark.isprintable()).strip()
