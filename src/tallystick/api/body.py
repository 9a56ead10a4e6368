"""Bodies of control-plane requests: read whole, up to a size, within a time, before anything looks at them."""

import asyncio

from starlette.types import Message, Receive, Scope

from tallystick.api.errors import BodyTooLarge, BodyTooSlow
from tallystick.kernel.errors import DataError


async def read_body(scope: Scope, receive: Receive, *, largest: int, seconds: float) -> bytes:
    """The whole body.

    Raises:
        BodyTooLarge: It is, or says it will be, larger than `largest` bytes.
        BodyTooSlow: It did not arrive within `seconds`.
        DataError: Its length is not a number, or the client left.
    """
    declared = _declared(scope)
    if declared > largest:
        raise BodyTooLarge(f"the body has {declared:,} bytes; {largest:,} are possible here")
    try:
        async with asyncio.timeout(seconds):
            return await _collect(receive, largest)
    except TimeoutError:
        raise BodyTooSlow(f"the body did not arrive within {seconds:g} s") from None


async def _collect(receive: Receive, largest: int) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DataError("the client left before its body was complete")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > largest:
            raise BodyTooLarge(f"the body is larger than {largest:,} bytes")
        parts.append(chunk)
        more = bool(message.get("more_body", False))
    return b"".join(parts)


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read, then what comes after it (the client leaving)."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _declared(scope: Scope) -> int:
    found = [value for name, value in scope["headers"] if name == b"content-length"]
    if not found:
        return 0
    if len(found) > 1 or not found[0].isdigit():
        raise DataError("content-length is not a number")
    return int(found[0])
