"""Calls as they land in the ledger, as server-sent events: bounded, for the caller's teams, ending by itself.

The ledger is asked twice a second what came after the last ingest number shown. A comment now and then keeps the
connection from being taken for dead. A stream ends after some minutes and the browser opens it anew, so that who
may no longer see it does not go on seeing it; it ends at once when the process shuts down.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tallystick.kernel.errors import TallyError, Unavailable
from tallystick.operations.follow_calls import calls_landed, last_landed
from tallystick.usage.model import UsageEvent
from tallystick.web.render import HEADERS, environment
from tallystick.web.requests_page import call_row
from tallystick.web.site import Site

POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 10.0
LONGEST_SECONDS = 240.0
MOST_AT_ONCE, MOST_VIEWERS = 50, 40
_log = logging.getLogger("tallystick.web")


@dataclass(slots=True)
class Viewers:
    """How many streams are open in this process."""

    open: int = 0


def rows_html(events: Sequence[UsageEvent], zone: str) -> str:
    """The rows of a table, the newest first, in one line."""
    rows = [call_row(event, zone) for event in reversed(events)]
    text = environment().get_template("live_rows.html").render(rows=rows)
    return " ".join(text.split("\n")).replace("\r", " ").strip()


def stream_live(request: Request, site: Site, viewers: Viewers) -> Response:
    """``/gateway/live``: the stream, from ``after`` or the last number a browser has seen.

    Raises:
        Unavailable: As many are watching as may.
    """
    if viewers.open >= MOST_VIEWERS:
        raise Unavailable("too many people watch the live log", next_steps=["look at /requests", "try again later"])
    seen = request.headers.get("last-event-id") or request.query_params.get("after", "")
    after = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 19 else None
    closing = getattr(request.app.state, "closing", _never)
    headers = {**HEADERS, "x-accel-buffering": "no"}
    return StreamingResponse(
        _watched(_events(request, site, after, closing), viewers), media_type="text/event-stream", headers=headers
    )


def _never() -> bool:
    return False


async def _watched(events: AsyncIterator[bytes], viewers: Viewers) -> AsyncIterator[bytes]:
    viewers.open += 1
    try:
        async for one in events:
            yield one
    finally:
        viewers.open -= 1


async def _events(request: Request, site: Site, after: int | None, closing: Callable[[], bool]) -> AsyncIterator[bytes]:
    context, who = site.context, site.principal(request)
    began = said = time.monotonic()
    yield b"retry: 2000\n\n"
    try:
        seen = await run_in_threadpool(last_landed, context) if after is None else after
        while not closing() and time.monotonic() - began < LONGEST_SECONDS:
            found, seen = await run_in_threadpool(calls_landed, context, who, seen, limit=MOST_AT_ONCE)
            now = time.monotonic()
            if found:
                said = now
                yield f"id: {seen}\nevent: calls\ndata: {rows_html(found, context.zone)}\n\n".encode()
            elif now - said >= HEARTBEAT_SECONDS:
                said = now
                yield b": still here\n\n"
            await asyncio.sleep(POLL_SECONDS)
    except TallyError as error:
        # The answer has begun: the browser opens it anew, and is told then if it still cannot be.
        _log.warning("the live log ended: %s", error)
