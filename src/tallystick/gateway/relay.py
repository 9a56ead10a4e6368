"""Hands whatever is no provider path to the app over its unix socket, streamed both ways.

Paced: a bulk export must not slow a call on the same loop. Forwarding headers of the
client are dropped and set anew, so the app can believe them.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
from yarl import URL

from tallystick.gateway.client import Client
from tallystick.gateway.wire_headers import HOP_BY_HOP, get, text

_CHUNK = 64 * 1024
# After each chunk the loop serves calls for at least this long: at most 64 MB/s a download.
_PAUSE_SECONDS = 0.001
_DROPPED = HOP_BY_HOP | {b"forwarded", b"x-real-ip", b"expect"}
# Who asks for health wants to know soon; a report may take its time, but not for ever.
_PROBES = frozenset({"/healthz", "/readyz"})
_PROBED = aiohttp.ClientTimeout(total=None, sock_connect=2, sock_read=5)
_PATIENT = aiohttp.ClientTimeout(total=None, sock_connect=2, sock_read=300)
_AWAY = b"The pages are starting or restarting; calls to providers go on meanwhile. Try again in a moment.\n"


class Relay:
    """A client of the app's socket.

    Args:
        behind_proxy: A proxy that terminates TLS stands before us: its word on scheme and address counts.
    """

    def __init__(self, app_socket: Path, *, behind_proxy: bool) -> None:
        self._behind_proxy = behind_proxy
        self._followed: set[asyncio.Task[object]] = set()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=str(app_socket), limit=0),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    def hurry(self) -> None:
        """End what is followed without end: the live log of a page that somebody left open."""
        for task in tuple(self._followed):
            task.cancel()

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def pass_on(self, client: Client, receive_silence: float) -> None:
        """Relay one request and its answer. A client that leaves cancels the app's work."""
        task = asyncio.current_task()
        assert task is not None
        try:
            response = await self._request(client, receive_silence)
        except (aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError, TimeoutError, OSError):
            if not client.gone:
                await _answer_away(client)
            return
        client.when_gone(lambda: _cancel(task))
        if response.content_type == "text/event-stream":
            self._followed.add(task)
        try:
            await _pass_answer(client, response)
        except asyncio.CancelledError:
            if not client.gone:
                raise
        except aiohttp.ClientError:
            client.abort()
        finally:
            self._followed.discard(task)
            client.forget()
            response.close()

    async def _request(self, client: Client, silence: float) -> aiohttp.ClientResponse:
        scope = client.scope
        raw = scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        has_body = any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"])
        return await self._session.request(
            scope["method"],
            URL(f"http://app{raw}?{query}" if query else f"http://app{raw}", encoded=True),
            headers=self._headers(client),
            data=_body(client, silence) if has_body else None,
            allow_redirects=False,
            timeout=_PROBED if raw in _PROBES else _PATIENT,
        )

    def _headers(self, client: Client) -> list[tuple[str, str]]:
        headers = client.scope["headers"]
        passed = [
            (text(name), text(value))
            for name, value in headers
            if name not in _DROPPED and not name.startswith(b"x-forwarded-")
        ]
        address = client.scope.get("client")
        host, scheme = (address[0] if address else ""), client.scope.get("scheme", "http")
        if self._behind_proxy:
            # The last entry is the one our own proxy wrote.
            host = get(headers, b"x-forwarded-for").rpartition(",")[2].strip() or host
            scheme = "https" if get(headers, b"x-forwarded-proto").lower().strip() == "https" else scheme
        passed.append(("x-forwarded-for", host))
        passed.append(("x-forwarded-proto", scheme))
        passed.append(("x-forwarded-host", get(headers, b"host")))
        return passed


def _cancel(task: "asyncio.Task[object]") -> None:
    task.cancel()


async def _body(client: Client, silence: float) -> AsyncIterator[bytes]:
    async for chunk in client.chunks(silence):
        yield chunk


async def _pass_answer(client: Client, response: aiohttp.ClientResponse) -> None:
    headers = [(name.lower(), value) for name, value in response.raw_headers if name.lower() not in HOP_BY_HOP]
    await client.start(response.status, headers)
    passed = 0
    while chunk := await response.content.read(_CHUNK):
        await client.write(chunk, more=True)
        passed += len(chunk)
        if passed >= _CHUNK:
            passed = 0
            await asyncio.sleep(_PAUSE_SECONDS)
    await client.write(b"", more=False)


async def _answer_away(client: Client) -> None:
    if client.started:
        client.abort()
        return
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(_AWAY)).encode()),
        (b"retry-after", b"1"),
        (b"cache-control", b"no-store"),
    ]
    await client.answer(503, headers, _AWAY)
