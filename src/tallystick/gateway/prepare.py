"""The steps before a call is forwarded: who, where to, what, in whose name. Each may refuse."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from tallystick.gateway.attribution import Attribution, CallHeaders, attribute
from tallystick.gateway.client import Client
from tallystick.gateway.credentials import SIGNED, Header, carrier, signed
from tallystick.gateway.dialects.hooks import hooks_of
from tallystick.gateway.dialects.model import Dialect, RequestFacts, Route
from tallystick.gateway.identify import Caller, identify
from tallystick.gateway.inflate import inflate
from tallystick.gateway.one_address import OPEN, choose_upstream
from tallystick.gateway.refuse import refuse
from tallystick.gateway.row import Begun
from tallystick.gateway.settings import ProviderSettings
from tallystick.gateway.state import State
from tallystick.gateway.target import check_path, is_allowed, upstream_url
from tallystick.gateway.upstream import UpstreamRequest
from tallystick.gateway.wire_headers import get
from tallystick.kernel.errors import DataError
from tallystick.routing.model import NO_PLAN, Plan

if TYPE_CHECKING:
    from tallystick.gateway.cache import Ticket
    from tallystick.gateway.chain import Candidate
    from tallystick.gateway.decided import Decided
    from tallystick.gateway.reserve import Reserved

UNMETERED = Route("free", "unmetered", "unmetered")
_MOST_BLOCKS = 64
_HASH_BLOCK = 64
_NOBODY = Attribution({}, {})
_NO_FACTS = RequestFacts(model="", body=b"")


@dataclass(slots=True)
class Incoming:
    """One client request on its way through the steps; filled as they pass, so that a
    refusal's row says what was known by then. What is of the attempt changes with each.

    Attributes:
        name, provider, below, secret: The upstream of the attempt.
        facts: As the client asked, but for the body, which is what is sent.
        event_id, arrived_us: The attempt's own; `call_id` is empty until there is a second attempt.
        sent_model: The model asked of the provider where it is not the one requested.
        bare: The version was taken off the front of `below`, for the upstream's address has its own.
        plan: What rules make of the call.
        chain: Upstreams to ask next when this one fails.
        ticket: Where its answer may be kept for equal calls.
    """

    client: Client
    name: str
    below: str
    provider: ProviderSettings
    dialect: Dialect
    event_id: str
    arrived_us: int
    caller: Caller | None = None
    route: Route = UNMETERED
    facts: RequestFacts = _NO_FACTS
    body: bytes = b""
    head: CallHeaders = field(default_factory=CallHeaders)
    owner: Attribution = _NOBODY
    secret: bytes = b""
    query: bytes = b""
    stamp: bool = False
    key_fingerprint: str = ""
    call_id: str = ""
    attempt: int = 1
    attempt_reason: str = ""
    sent_model: str = ""
    decided: "Decided | None" = None
    decision: str = ""
    reserved: "Reserved | None" = None
    bound_cost: int | None = None
    max_tokens: int | None = None
    bare: bool = False
    plan: Plan = NO_PLAN
    chain: "tuple[Candidate, ...]" = ()
    ticket: "Ticket | None" = None


async def prepare(state: State, incoming: Incoming) -> None:
    """Find out who, where to, what and in whose name, in this order.

    Raises:
        Refused: A step said no.
        ConnectionResetError: The client left while sending its body.
    """
    settings, client = state.settings, incoming.client
    headers = client.scope["headers"]
    if (reading := state.refresh()) is not None:
        await asyncio.wait({reading})
    head = incoming.head = state.headers.read(headers)
    incoming.query = _without_key(head, client.scope["query_string"])
    caller = incoming.caller = identify(head.credentials, state.ring, bring_your_own=settings.bring_your_own_key)
    incoming.route = find_route(incoming)
    incoming.body = await client.read_body(settings.max_body_bytes, settings.read_timeout_seconds)
    incoming.facts = read_facts(incoming, get(headers, b"content-encoding"), settings.max_body_bytes)
    if incoming.provider is OPEN:
        choose_upstream(settings.providers, state.book, incoming)
    incoming.owner = owner_of(incoming, caller)
    incoming.secret = choose_secret(incoming, caller)
    incoming.key_fingerprint = state.fingerprint_of(incoming.secret) if incoming.secret else ""
    incoming.stamp = settings.stamp_reservations


def outgoing(incoming: Incoming) -> UpstreamRequest:
    """What is sent to the provider, as all steps have left it."""
    provider = incoming.provider
    request = UpstreamRequest(
        incoming.client.scope["method"],
        _with_query(upstream_url(provider.base_url, incoming.below), incoming.query),
        _outgoing_headers(incoming),
        _outgoing_body(incoming),
        provider.timeout_seconds,
        provider.connect_timeout_seconds,
    )
    # A signature comes last: it holds for what is sent, byte for byte.
    return signed(request, incoming.secret, provider.region) if scheme_of(incoming) == SIGNED else request


def find_route(incoming: Incoming) -> Route:
    """The dialect's route of the path, or the unmetered one where the configuration allows the path.

    Raises:
        Refused: 400 for a path that could mislead, 404 for one that nothing can meter.
    """
    check_path(hooks_of(incoming.dialect).judged_path(incoming.below))
    method = incoming.client.scope["method"]
    route = _route_of(incoming.dialect, method, incoming.below)
    if route is not None:
        return route
    if is_allowed(incoming.provider, incoming.below):
        return UNMETERED
    status, code, reason = hooks_of(incoming.dialect).why_not(incoming.below) or (
        404,
        "unknown_path",
        f"{method} {incoming.below} is not forwarded, because the {incoming.dialect.name} dialect cannot meter it",
    )
    way = (
        f"; to forward it unmetered, add it to allow_paths of [providers.{incoming.name}]: "
        f'allow_paths = ["{incoming.below}"]'
    )
    if incoming.provider is OPEN:
        way = "; what is particular to one provider is asked below its name, such as /openai/v1"
    raise refuse(status, code, reason + (way if status == 404 else ""))


@lru_cache(maxsize=4096)
def _route_of(dialect: Dialect, method: str, below: str) -> Route | None:
    # Paths that get here have passed `check_path`, so they are short.
    return dialect.route(method, below)


def read_facts(incoming: Incoming, encoding: str, limit: int) -> RequestFacts:
    """What the body says; a compressed one is read from a copy.

    Raises:
        Refused: 400 when it is not what it says.
    """
    body = incoming.body
    try:
        if encoding and encoding.lower() != "identity" and body:
            body = inflate(body, encoding, limit)
        if incoming.route is UNMETERED:
            return RequestFacts(model="", body=body)
        return incoming.dialect.read_request(incoming.route, body)
    except DataError as error:
        raise refuse(400, "invalid_body", f"the request body cannot be read: {error.what}") from None


def owner_of(incoming: Incoming, caller: Caller) -> Attribution:
    """Whose call it is, by what is known so far: headers and key, then the body too."""
    key = caller.key
    return attribute(
        incoming.head,
        user=incoming.facts.user,
        metadata=incoming.facts.metadata,
        locked=key.locked if key else {},
        defaults=key.defaults if key else {},
    )


def choose_secret(incoming: Incoming, caller: Caller) -> bytes:
    """The provider's key that pays: the caller's own, else the first of ours whose conditions hold.

    Raises:
        Refused: 403 when we have none.
    """
    if caller.brought:
        return caller.brought
    if incoming.provider.auth == "none":
        return b""
    known = incoming.owner.dimensions
    for one in incoming.provider.keys:
        if one.team in {"", known.get("team")} and one.environment in {"", known.get("environment")}:
            return one.secret.encode()
    hint = incoming.provider.key_hint or f"set api_key_env of [providers.{incoming.name}]"
    note = hooks_of(incoming.dialect).key_note()
    message = f"the gateway has no key for {incoming.name}: {hint}, then start it again{note}"
    raise refuse(403, "no_provider_key", message)


def begin(state: State, incoming: Incoming) -> Begun:
    """The row as far as it is known."""
    key = incoming.caller.key if incoming.caller else None
    return Begun(
        event_id=incoming.event_id,
        arrived_us=incoming.arrived_us,
        provider=incoming.provider.provider,
        provider_account=incoming.provider.account or incoming.name,
        route=incoming.route,
        facts=incoming.facts,
        key=key.key_id if key else "",
        key_fingerprint=incoming.key_fingerprint,
        dimensions=incoming.owner.dimensions,
        tags=incoming.owner.tags,
        trace_id=incoming.head.trace_id,
        user_agent=incoming.head.user_agent,
        retry_count=incoming.head.retry_count,
        fingerprints=fingerprints(state.settings.secret, incoming.facts.blocks),
        request_bytes=len(incoming.body),
        verdict=incoming.decided.judgement.verdict if incoming.decided else "",
        decision=incoming.decision,
        bound_cost=incoming.bound_cost,
        effective_max_tokens=incoming.max_tokens or incoming.facts.max_tokens,
        call_id=incoming.call_id,
        attempt=incoming.attempt,
        attempt_reason=incoming.attempt_reason,
        sent_model=incoming.sent_model,
        gpu_grains_per_second=incoming.provider.gpu_grains_per_second if incoming.route.kind == "metered" else 0,
    )


def fingerprints(secret: bytes, blocks: Sequence[bytes]) -> tuple[str, ...]:
    """Keyed hashes of the first prompt blocks: enough to see what prompts share, useless without the key.

    They are HMAC-SHA-256, written out: to begin from the key's own state costs a fifth of beginning anew.
    """
    begun, closing = _keyed(secret)
    found = []
    for block in blocks[:_MOST_BLOCKS]:
        inner, outer = begun.copy(), closing.copy()
        inner.update(block)
        outer.update(inner.digest())
        found.append(outer.hexdigest()[:32])
    return tuple(found)


@lru_cache(maxsize=4)
def _keyed(secret: bytes) -> "tuple[hashlib._Hash, hashlib._Hash]":
    """The two hashes of HMAC (RFC 2104), each having read its key."""
    key = (secret if len(secret) <= _HASH_BLOCK else hashlib.sha256(secret).digest()).ljust(_HASH_BLOCK, b"\0")
    inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in key)) for pad in (0x36, 0x5C))
    return inner, outer


def _outgoing_body(incoming: Incoming) -> bytes:
    """The client's own bytes, unless the gateway had to change them."""
    facts = incoming.facts
    return facts.body if facts.asked_usage or facts.changed else incoming.body


def _outgoing_headers(incoming: Incoming) -> list[tuple[bytes, bytes]]:
    facts, passed = incoming.facts, incoming.head.forward
    if facts.asked_usage or facts.changed:
        # The body is ours now, and plain.
        passed = [one for one in passed if one[0] != b"content-encoding"]
    if facts.asked_usage:
        # What we hide from the answer must be readable as it passes.
        passed = [one for one in passed if one[0] != b"accept-encoding"]
        passed.append((b"accept-encoding", b"identity"))
    if incoming.stamp and incoming.bound_cost is not None:
        passed = [*passed, (b"x-tally-reservation", incoming.event_id.encode())]
    if incoming.body:
        passed = [*passed, (b"content-length", b"%d" % len(_outgoing_body(incoming)))]
    return [*passed, *_credential(incoming)]


def _credential(incoming: Incoming) -> list[Header]:
    assert incoming.caller is not None
    scheme = scheme_of(incoming)
    return [] if scheme in (SIGNED, "none") else [carrier(scheme, incoming.secret, incoming.caller.form)]


def scheme_of(incoming: Incoming) -> str:
    """How the key that pays travels: the caller's own as it came, ours in the provider's way."""
    caller = incoming.caller
    assert caller is not None
    if incoming.provider.auth == "none":
        return "none"
    return caller.form if caller.brought else incoming.provider.auth or incoming.dialect.auth


def _without_key(head: CallHeaders, query: bytes) -> bytes:
    """The query less ``key=…``, which is how Google's keys may be sent; it becomes a credential like any other."""
    if b"key=" not in query:
        return query
    kept = []
    for part in query.split(b"&"):
        if part.startswith(b"key="):
            head.credentials.setdefault(b"x-goog-api-key", unquote_to_bytes(part[4:]))
        else:
            kept.append(part)
    return b"&".join(kept)


def _with_query(url: str, query: bytes) -> str:
    return f"{url}?{query.decode('latin-1')}" if query else url
