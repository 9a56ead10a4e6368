"""What is said in a call, where the operator keeps that: collected as it passes, redacted, then spooled.

Best effort and after the call: what goes wrong here is counted and never seen by a client.
"""

import json
import logging

import msgspec

from tallystick.gateway.credentials import words
from tallystick.gateway.dialects.hooks import hooks_of
from tallystick.gateway.fold import fold
from tallystick.gateway.inflate import inflate
from tallystick.gateway.prepare import Incoming, scheme_of
from tallystick.gateway.redact import Redactor
from tallystick.gateway.settings import ContentSettings, GatewaySettings
from tallystick.gateway.state import State
from tallystick.gateway.wire_headers import get
from tallystick.usage.content import CallContent
from tallystick.usage.model import UsageEvent

_log = logging.getLogger("tallystick.gateway")
_encode = msgspec.msgpack.Encoder().encode
# A stream is mostly envelope: so much of it is held for what is kept of its text.
_HELD_FACTOR = 16
_REPORT_EVERY = 1000


class Said:
    """What one answer says, as it passes.

    Attributes:
        streams: It comes as events.
    """

    __slots__ = ("_limit", "_pieces", "_size", "streams")

    def __init__(self, rules: ContentSettings) -> None:
        self._limit = rules.max_bytes * _HELD_FACTOR
        self._pieces: list[bytes] = []
        self._size = 0
        self.streams = False

    def feed(self, plain: bytes) -> None:
        """Take the next decompressed bytes; of a stream no more than can be of use are held."""
        if not self.streams or self._size <= self._limit:
            self._pieces.append(plain)
        self._size += len(plain)

    @property
    def body(self) -> bytes:
        """What was held."""
        return b"".join(self._pieces)

    @property
    def was_cut(self) -> bool:
        """There was more than what was held."""
        return self.streams and self._size > self._limit


def keep_content(state: State, incoming: Incoming, said: Said, event: UsageEvent) -> None:
    """Write down what was said in a call whose row is written."""
    try:
        content = _content(state.settings, incoming, said, event)
        state.spool.content(event.event_id, _encode(content))
    except Exception as error:  # noqa: BLE001 - keeping content never fails a call
        # The error's own words might quote what was said.
        if state.contents_lost % _REPORT_EVERY == 0:
            _log.warning(
                "what was said in a call could not be kept: %s; %d before it", type(error).__name__, state.contents_lost
            )
        state.contents_lost += 1


def _content(settings: GatewaySettings, incoming: Incoming, said: Said, event: UsageEvent) -> CallContent:
    rules = settings.content
    assert rules is not None
    secrets = words(scheme_of(incoming), incoming.secret) if incoming.secret else ()
    asked = Redactor(rules.patterns, rules.max_bytes, secrets)
    request, request_cut = _written(_request_body(incoming, settings.max_body_bytes), asked)
    answered = Redactor(rules.patterns, rules.max_bytes, secrets)
    body = said.body
    folded = fold(hooks_of(incoming.dialect).as_events(body), was_cut=said.was_cut) if said.streams else None
    response, response_cut = _written(body, answered) if folded is None else _as_json(folded, answered)
    # Bytes came that nobody could read: too many, or in a coding that is not known.
    missing = bool(event.response_bytes) and not body
    cuts = (("request", request_cut), ("response", response_cut or said.was_cut or missing))
    return CallContent(
        event.event_id,
        event.occurred_at,
        event.dimensions.get("user", ""),
        event.dimensions.get("team", ""),
        request,
        response,
        tuple(name for name, cut in cuts if cut),
    )


def _request_body(incoming: Incoming, limit: int) -> bytes:
    """As the client sent it, decompressed."""
    coding = get(incoming.client.scope["headers"], b"content-encoding")
    body = incoming.body
    if not body or coding.lower() in {"", "identity"}:
        return body
    return inflate(body, coding, limit)


def _written(body: bytes, redactor: Redactor) -> tuple[str, bool]:
    try:
        return _as_json(json.loads(body), redactor)
    except (ValueError, RecursionError):
        return redactor.cut(redactor.text(body.decode("utf-8", "replace")))


def _as_json(value: object, redactor: Redactor) -> tuple[str, bool]:
    return redactor.cut(redactor.text(json.dumps(redactor.value(value), ensure_ascii=False)))
