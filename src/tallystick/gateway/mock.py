"""A provider of our own making, in this process: `tally up --mock` tries the whole way and sends nothing anywhere."""

import asyncio
from dataclasses import replace
from urllib.parse import urlsplit

from tallystick.gateway.inflate import inflate
from tallystick.gateway.mock_answers import Answer, answer
from tallystick.gateway.settings import GatewaySettings, ProviderKeySecret
from tallystick.gateway.upstream import UpstreamRequest
from tallystick.gateway.wire_headers import get
from tallystick.kernel.errors import DataError

ACCOUNT = "mock"
KEY = "mock-key-that-opens-nothing"
_LARGEST = 64 * 1024 * 1024
_PIECES_PER_LATENCY = 20


def mocked(settings: GatewaySettings, seconds: float) -> GatewaySettings:
    """The settings with every provider made up: no key of theirs is used, and rows name the account ``mock``."""
    providers = {
        name: replace(one, account=ACCOUNT, auth="bearer", keys=(ProviderKeySecret(KEY),))
        for name, one in settings.providers.items()
    }
    return replace(settings, client="mock", mock_seconds=seconds, providers=providers)


class MockUpstream:
    """See `upstream.Upstream`: the same way, up to the socket that is not opened."""

    def __init__(self, latency_seconds: float) -> None:
        self._latency = latency_seconds

    async def send(self, request: UpstreamRequest) -> "MockResponse":
        """Answer after the latency."""
        parts = urlsplit(request.url)
        made = answer(parts.path, parts.query, _body(request))
        await asyncio.sleep(self._latency)
        return MockResponse(made, self._latency / _PIECES_PER_LATENCY)

    async def close(self) -> None:
        """Nothing is open."""


class MockResponse:
    """See `upstream.UpstreamResponse`."""

    def __init__(self, made: Answer, pause_seconds: float) -> None:
        self.status = made.status
        self.headers = [(b"content-type", made.content_type.encode())]
        if not made.events:
            self.headers.append((b"content-length", b"%d" % len(made.body)))
        self._pieces = iter(made.events or (made.body,))
        self._pause = pause_seconds if made.events else 0.0
        self._begun = False

    async def read(self) -> bytes:
        """The next piece of a stream, or the whole."""
        if self._begun:
            # Also without a pause others get their turn, as they would while a socket is waited for.
            await asyncio.sleep(self._pause)
        self._begun = True
        return next(self._pieces, b"")

    def close(self) -> None:
        """Nothing is open."""
        self._pieces = iter(())


def _body(request: UpstreamRequest) -> bytes:
    coding = get(request.headers, b"content-encoding").lower()
    if coding in {"", "identity"}:
        return request.body
    try:
        return inflate(request.body, coding, _LARGEST)
    except DataError:
        return b"not readable"
