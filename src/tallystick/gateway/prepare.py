"""The steps before a call is forwarded: who, where to, what, in whose name. Each may refuse."""

import asyncio
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from tallystick.gateway.attribution import Attribution, CallHeaders, attribute
from tallystick.gateway.client import Client
from tallystick.gateway.dialects.model import Dialect, RequestFacts, Route
from tallystick.gateway.identify import Caller, identify
from tallystick.gateway.inflate import inflate
from tallystick.gateway.refuse import refuse
from tallystick.gateway.row import Begun
from tallystick.gateway.settings import ProviderSettings
from tallystick.gateway.state import State
from tallystick.gateway.target import check_path, is_allowed, upstream_url
from tallystick.gateway.upstream import UpstreamRequest
from tallystick.gateway.wire_headers import get
from tallystick.kernel.errors import DataError

UNMETERED = Route("free", "unmetered", "unmetered")
_MOST_BLOCKS = 64
_NOBODY = Attribution({}, {})
_NO_FACTS = RequestFacts(model="", body=b"")


@dataclass(slots=True)
class Incoming:
    """One client request on its way through the steps; filled as they pass, so that a
    refusal's row says what was known by then.
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


async def prepare(state: State, incoming: Incoming) -> UpstreamRequest:
    """Run the steps in order.

    Raises:
        Refused: A step said no.
        ConnectionResetError: The client left while sending its body.
    """
    settings, client = state.settings, incoming.client
    headers = client.scope["headers"]
    if (reading := state.refresh()) is not None:
        await asyncio.wait({reading})
    head = incoming.head = state.headers.read(headers)
    caller = incoming.caller = identify(head.credentials, state.ring, bring_your_own=settings.bring_your_own_key)
    incoming.route = find_route(incoming)
    incoming.body = await client.read_body(settings.max_body_bytes, settings.read_timeout_seconds)
    incoming.facts = read_facts(incoming, get(headers, b"content-encoding"), settings.max_body_bytes)
    incoming.owner = owner_of(incoming, caller)
    incoming.secret = choose_secret(incoming, caller)
    return UpstreamRequest(
        client.scope["method"],
        _with_query(upstream_url(incoming.provider.base_url, incoming.below), client.scope["query_string"]),
        _outgoing_headers(incoming, caller),
        _outgoing(incoming),
        incoming.provider.timeout_seconds,
        incoming.provider.connect_timeout_seconds,
    )


def find_route(incoming: Incoming) -> Route:
    """The dialect's route of the path, or the unmetered one where the configuration allows the path.

    Raises:
        Refused: 400 for a path that could mislead, 404 for one that nothing can meter.
    """
    check_path(incoming.below)
    method = incoming.client.scope["method"]
    route = incoming.dialect.route(method, incoming.below)
    if route is not None:
        return route
    if is_allowed(incoming.provider, incoming.below):
        return UNMETERED
    raise refuse(
        404,
        "unknown_path",
        f"{method} {incoming.below} is not forwarded, because the {incoming.dialect.name} dialect cannot meter it; "
        f'to forward it unmetered, add it to allow_paths of [providers.{incoming.name}]: allow_paths = ["{incoming.below}"]',
    )


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
    known = incoming.owner.dimensions
    for one in incoming.provider.keys:
        if one.team in {"", known.get("team")} and one.environment in {"", known.get("environment")}:
            return one.secret.encode()
    hint = incoming.provider.key_hint or f"set api_key_env of [providers.{incoming.name}]"
    raise refuse(403, "no_provider_key", f"the gateway has no key for {incoming.name}: {hint}, then start it again")


def begin(state: State, incoming: Incoming) -> Begun:
    """The row as far as it is known."""
    key = incoming.caller.key if incoming.caller else None
    return Begun(
        event_id=incoming.event_id,
        arrived_us=incoming.arrived_us,
        provider=incoming.provider.provider,
        provider_account=incoming.name,
        route=incoming.route,
        facts=incoming.facts,
        key=key.key_id if key else "",
        key_fingerprint=state.fingerprint_of(incoming.secret) if incoming.secret else "",
        dimensions=incoming.owner.dimensions,
        tags=incoming.owner.tags,
        trace_id=incoming.head.trace_id,
        user_agent=incoming.head.user_agent,
        retry_count=incoming.head.retry_count,
        fingerprints=fingerprints(state.settings.secret, incoming.facts.blocks),
        request_bytes=len(incoming.body),
    )


def fingerprints(secret: bytes, blocks: Sequence[bytes]) -> tuple[str, ...]:
    """Keyed hashes of the first prompt blocks: enough to see what prompts share, useless without the key."""
    return tuple(hmac.digest(secret, block, "sha256").hex()[:32] for block in blocks[:_MOST_BLOCKS])


def _outgoing(incoming: Incoming) -> bytes:
    """The client's own bytes, unless the dialect had to ask for usage."""
    return incoming.facts.body if incoming.facts.asked_usage else incoming.body


def _outgoing_headers(incoming: Incoming, caller: Caller) -> list[tuple[bytes, bytes]]:
    passed = incoming.head.forward
    if incoming.facts.asked_usage:
        # The body is ours now, and what we hide from its answer must be readable as it passes.
        passed = [one for one in passed if one[0] not in {b"content-encoding", b"accept-encoding"}]
        passed.append((b"accept-encoding", b"identity"))
    secret = incoming.secret
    carrier = (b"x-api-key", secret) if _as_api_key(incoming, caller) else (b"authorization", b"Bearer " + secret)
    if incoming.body:
        return [*passed, (b"content-length", b"%d" % len(_outgoing(incoming))), carrier]
    return [*passed, carrier]


def _as_api_key(incoming: Incoming, caller: Caller) -> bool:
    """Which header carries the provider's key: as the caller did, unless Anthropic's key itself tells."""
    if caller.brought or incoming.dialect.name != "anthropic":
        return caller.form == "x-api-key" and (bool(caller.brought) or incoming.dialect.name == "anthropic")
    if incoming.secret.startswith(b"sk-ant-oat"):
        return False
    return caller.form == "x-api-key" or incoming.secret.startswith(b"sk-ant-api")


def _with_query(url: str, query: bytes) -> str:
    return f"{url}?{query.decode('latin-1')}" if query else url
