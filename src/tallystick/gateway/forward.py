"""The answer's way back: whole bodies and streams, metered as they pass."""

import asyncio
import logging
from dataclasses import dataclass, replace

from tallystick.gateway.client import Client
from tallystick.gateway.decided import told
from tallystick.gateway.dialects.hooks import hooks_of
from tallystick.gateway.dialects.model import ResponseFacts, StreamReader
from tallystick.gateway.heartbeat import Heartbeat
from tallystick.gateway.inflate import KNOWN, Inflater, inflate
from tallystick.gateway.meter import Meter
from tallystick.gateway.prepare import UNMETERED, Incoming
from tallystick.gateway.upstream import UpstreamFailed, UpstreamResponse
from tallystick.gateway.wire_headers import for_client, get
from tallystick.kernel.errors import DataError
from tallystick.kernel.money import text_from_grains
from tallystick.kernel.record import record
from tallystick.usage.model import Measured, Outcome, UsageEvent

_log = logging.getLogger("tallystick.gateway")
_NOTHING = ResponseFacts(measured=Measured(), complete=False)
# Statuses of trouble that may have passed when, or where, the call is made again.
PASSING = frozenset({429, 500, 502, 503, 504, 529})
_LENGTH_CHANGES = frozenset({b"content-length"})
_RECODED = frozenset({b"content-length", b"content-encoding"})


@dataclass(slots=True)
class Exchange:
    """One forwarded call whose answer has begun.

    Attributes:
        hold: Another attempt can follow: an answer that it may better is handed back, not sent.
        heartbeat_seconds: Silence of a stream after which a comment tells the client that it lives; 0 sends none.
    """

    incoming: Incoming
    client: Client
    meter: Meter
    response: UpstreamResponse
    limit: int
    hold: bool = False
    heartbeat_seconds: float = 0.0
    pulse: Heartbeat | None = None

    @property
    def encoding(self) -> str:
        """The answer's content coding where we can read it, '' for none, ``?`` for one we cannot."""
        said = get(self.response.headers, b"content-encoding").lower()
        if said in {"", "identity"}:
            return ""
        return said if all(one.strip() in KNOWN for one in said.split(",")) else "?"


@record(frozen=True, slots=True)
class Held:
    """A whole answer whose row is written and that nobody has seen yet.

    Attributes:
        cut: The upstream broke off; the client is to see the same break.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    cut: bool = False

    async def send(self, client: Client) -> None:
        """Let the client have it."""
        if not self.cut:
            await client.answer(self.status, self.headers, self.body)
            return
        await client.start(self.status, self.headers)
        await client.write(self.body, more=True)
        client.abort()


async def pass_answer(exchange: Exchange) -> Held | None:
    """Send the answer on and settle its row before its last byte; or settle it and hand the answer back."""
    content_type = get(exchange.response.headers, b"content-type").lower()
    if exchange.incoming.route is UNMETERED:
        await _pass_unread(exchange, [], _NOTHING)
        return None
    if exchange.incoming.dialect.is_stream(exchange.incoming.route, content_type):
        await _pass_stream(exchange)
        return None
    held = await _take_whole(exchange)
    if held is None or (exchange.hold and (held.cut or held.status in PASSING)):
        return held
    await held.send(exchange.client)
    return None


async def _take_whole(exchange: Exchange) -> Held | None:
    """Read and settle an answer that comes in one piece; one that is too large is passed on as it comes."""
    response, meter = exchange.response, exchange.meter
    chunks: list[bytes] = []
    size = 0
    try:
        while chunk := await response.read():
            chunks.append(chunk)
            size += len(chunk)
            if size > exchange.limit:
                await _pass_unread(exchange, chunks, _read_body(exchange, b""))
                return None
    except UpstreamFailed:
        return _cut(exchange, chunks)
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    meter.response_bytes = size
    facts = _read_body(exchange, body)
    event = meter.settle(_outcome(exchange, facts), response.status, facts)
    if (ticket := exchange.incoming.ticket) is not None:
        ticket.keep(exchange.incoming, event, response.headers, body)
    return Held(response.status, [*for_client(response.headers), *cost_headers(event), *told(exchange.incoming)], body)


def _read_body(exchange: Exchange, body: bytes) -> ResponseFacts:
    incoming, drift = exchange.incoming, ""
    encoding = exchange.encoding
    if encoding and body:
        try:
            body = inflate(body, encoding, exchange.limit * 4) if encoding != "?" else b""
            drift = "" if encoding != "?" else "content-encoding is unknown"
        except DataError as error:
            body, drift = b"", error.what
    if exchange.meter.said is not None:
        exchange.meter.said.feed(body)
    try:
        facts = incoming.dialect.read_response(incoming.route, incoming.facts, exchange.response.status, body)
        facts = _with_headers(exchange, facts)
    except Exception:  # noqa: BLE001 - metering never fails a call
        _log.exception("an answer could not be read")
        facts, drift = _NOTHING, "the answer could not be read"
    return _with_drift(facts, drift) if drift else facts


def _with_headers(exchange: Exchange, facts: ResponseFacts) -> ResponseFacts:
    incoming = exchange.incoming
    return hooks_of(incoming.dialect).with_headers(incoming.route, incoming.facts, facts, exchange.response.headers)


def _cut(exchange: Exchange, chunks: list[bytes]) -> Held:
    """The upstream broke off: the client sees what came and the same break."""
    body = b"".join(chunks)
    exchange.meter.response_bytes = len(body)
    event = exchange.meter.settle("cut", exchange.response.status, _read_body(exchange, body), "upstream_cut")
    headers = [*for_client(exchange.response.headers), *cost_headers(event)]
    return Held(exchange.response.status, headers, body, cut=True)


async def _pass_unread(exchange: Exchange, held: list[bytes], facts: ResponseFacts) -> None:
    """Pass bytes on as they come, one chunk behind, so that the row is settled before the last."""
    response, client, meter = exchange.response, exchange.client, exchange.meter
    await client.start(
        response.status, [*for_client(response.headers), _id_header(meter.begun.event_id), *told(exchange.incoming)]
    )
    last = b"".join(held)
    try:
        while chunk := await response.read():
            meter.response_bytes += len(last)
            await client.write(last, more=True)
            last = chunk
    except UpstreamFailed:
        meter.settle("cut", response.status, facts, "upstream_cut")
        await client.write(last, more=True)
        client.abort()
        return
    meter.response_bytes += len(last)
    outcome: Outcome = "client_gone" if client.gone else "error" if response.status >= 400 else "ok"
    meter.settle(outcome, response.status, facts)
    await client.write(last, more=False)


class _Tap:
    """What the reader sees of a stream, and what the client gets: the same bytes, unless some are hidden."""

    def __init__(self, exchange: Exchange, reader: StreamReader) -> None:
        encoding = exchange.encoding
        self._exchange = exchange
        self._reader = reader
        self._inflater = Inflater(encoding, exchange.limit * 16) if encoding and encoding != "?" else None
        self._hides = exchange.incoming.facts.asked_usage
        self._blind = encoding == "?"
        self.drift = "content-encoding is unknown" if self._blind else ""

    @property
    def recodes(self) -> bool:
        """The client gets plain bytes where the upstream sent compressed ones."""
        return self._hides and self._inflater is not None

    def feed(self, chunk: bytes) -> tuple[bytes, bytes]:
        """What was read, and what passes on."""
        if self._blind:
            return b"", b"" if self.recodes else chunk
        try:
            plain = self._inflater.feed(chunk) if self._inflater else chunk
        except DataError as error:
            self._blind, self.drift = True, error.what
            return b"", b"" if self.recodes else chunk
        try:
            shown = self._reader.feed(plain)
        except Exception:  # noqa: BLE001 - metering never fails a call
            # A stream that we fail to read still belongs to the client.
            _log.exception("a stream could not be read")
            self._blind, self.drift = True, "the stream could not be read"
            shown = plain
        return plain, shown if self._hides or self._inflater is None else chunk

    def flush(self) -> bytes:
        """What was held back."""
        if self._blind:
            return b""
        held = self._reader.flush()
        return held if self._inflater is None or self._hides else b""

    def facts(self) -> ResponseFacts:
        """What is known by now."""
        facts = _with_headers(self._exchange, self._reader.facts())
        return _with_drift(facts, self.drift) if self.drift else facts


async def _pass_stream(exchange: Exchange) -> None:
    incoming, client, response = exchange.incoming, exchange.client, exchange.response
    reader = incoming.dialect.read_stream(incoming.route, incoming.facts)
    tap = _Tap(exchange, reader)
    wants_cost = _takes_comments(exchange) and (tap.recodes or not exchange.encoding)
    drop = _RECODED if tap.recodes else _LENGTH_CHANGES if incoming.facts.asked_usage or wants_cost else frozenset()
    headers = [*for_client(response.headers, drop=drop), _id_header(exchange.meter.begun.event_id), *told(incoming)]
    await client.start(response.status, headers)
    if exchange.meter.said is not None:
        exchange.meter.said.streams = True
    if exchange.heartbeat_seconds:
        exchange.pulse = _pulse(exchange, tap, headers)
    try:
        await _pump(exchange, tap)
    except UpstreamFailed as error:
        held = tap.flush()
        exchange.meter.settle(
            "client_gone" if client.gone else "cut",
            response.status,
            tap.facts(),
            "" if client.gone else _cut_word(error),
        )
        await client.write(held, more=True)
        client.abort()
        return
    except asyncio.CancelledError:
        tap.flush()
        exchange.meter.settle("client_gone" if client.gone else "interrupted", response.status, tap.facts())
        raise
    held, event = tap.flush(), exchange.meter.event or _settle_stream(exchange, tap)
    if incoming.ticket is not None:
        incoming.ticket.feed(held)
        incoming.ticket.keep(incoming, event, headers)
    comment = _cost_comment(event) if wants_cost else b""
    await client.write(held + comment, more=False)


def _settle_stream(exchange: Exchange, tap: _Tap) -> UsageEvent:
    facts = tap.facts()
    return exchange.meter.settle(_outcome(exchange, facts), exchange.response.status, facts)


def _pulse(exchange: Exchange, tap: _Tap, headers: list[tuple[bytes, bytes]]) -> Heartbeat | None:
    """Heartbeats for a stream that can take them: events in plain bytes, of no length that was told before."""
    sign = exchange.incoming.dialect.keep_alive()
    if not sign or (exchange.encoding and not tap.recodes) or get(headers, b"content-length"):
        return None
    if not get(headers, b"content-type").lower().startswith("text/event-stream"):
        return None
    return Heartbeat(exchange.client, sign, exchange.heartbeat_seconds)


def _takes_comments(exchange: Exchange) -> bool:
    """The caller wants the cost in the stream, and the stream is one that has comments."""
    if not exchange.incoming.head.stream_cost:
        return False
    return get(exchange.response.headers, b"content-type").lower().startswith("text/event-stream")


async def _pump(exchange: Exchange, tap: _Tap) -> None:
    """Pass chunks on as they come; the row is settled before the one that says it is over leaves."""
    client, response, meter = exchange.client, exchange.response, exchange.meter
    last = exchange.incoming.dialect.last
    try:
        while chunk := await response.read():
            meter.first()
            meter.response_bytes += len(chunk)
            seen, passed = tap.feed(chunk)
            if meter.said is not None:
                meter.said.feed(seen or (b"" if exchange.encoding else passed))
            if meter.event is None and any(mark in seen for mark in last):
                facts = tap.facts()
                if facts.complete:
                    meter.settle(_outcome(exchange, facts), response.status, facts)
            if passed:
                _note(exchange, passed)
                await client.write(passed, more=True)
    finally:
        if exchange.pulse is not None:
            exchange.pulse.stop()


def _note(exchange: Exchange, passed: bytes) -> None:
    """Tell whoever follows the stream what leaves of it."""
    if exchange.pulse is not None:
        exchange.pulse.passed(passed)
    if (ticket := exchange.incoming.ticket) is not None:
        ticket.feed(passed)


def _outcome(exchange: Exchange, facts: ResponseFacts) -> Outcome:
    if exchange.response.status >= 400 or facts.error_type:
        return "error"
    if exchange.client.gone:
        return "client_gone"
    return "ok" if facts.complete else "cut"


def _cut_word(error: UpstreamFailed) -> str:
    return "upstream_timeout" if error.timed_out else "upstream_cut"


def _with_drift(facts: ResponseFacts, mark: str) -> ResponseFacts:
    return replace(facts, measured=replace(facts.measured, drift=(*facts.measured.drift, mark)))


def cost_headers(event: UsageEvent) -> list[tuple[bytes, bytes]]:
    """The row's id, and its cost where it is known."""
    headers = [_id_header(event.event_id)]
    if event.effective_cost is not None:
        headers.append((b"x-tally-cost", text_from_grains(event.effective_cost).encode()))
    return headers


def _id_header(event_id: str) -> tuple[bytes, bytes]:
    return (b"x-tally-event-id", event_id.encode())


def _cost_comment(event: UsageEvent) -> bytes:
    cost = "unknown" if event.effective_cost is None else text_from_grains(event.effective_cost)
    return f": x-tally-cost {cost}\n\n".encode()
