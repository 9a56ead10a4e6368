"""The port on aiohttp's client: the well-kept one, at twice the cost of a call (`lean_upstream`)."""

import socket
import ssl
from collections.abc import AsyncIterator, Collection

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from tallystick.gateway.addresses import find_addresses
from tallystick.gateway.upstream import UpstreamFailed, UpstreamRequest
from tallystick.gateway.wire_headers import text
from tallystick.kernel.errors import Unavailable

_SLICE = 256 * 1024
_LONGEST_FIELD = 64 * 1024
_SKIPPED = frozenset({"User-Agent", "Accept", "Accept-Encoding", "Content-Type"})


class AiohttpUpstream:
    """The port on aiohttp's client.

    Args:
        private_hosts: Host names whose addresses need not be public.
        connections_per_host: Most connections to one host at a time.
    """

    def __init__(self, private_hosts: Collection[str], connections_per_host: int) -> None:
        connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=connections_per_host,
            resolver=CheckedResolver(private_hosts),
            ssl=ssl.create_default_context(),
            ttl_dns_cache=30,
            keepalive_timeout=30,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            skip_auto_headers=_SKIPPED,
            max_line_size=_LONGEST_FIELD,
            max_field_size=_LONGEST_FIELD,
        )
        self._timeouts: dict[tuple[float, float], aiohttp.ClientTimeout] = {}
        self._urls: dict[str, URL] = {}

    async def send(self, request: UpstreamRequest) -> "_AiohttpResponse":
        """As the port."""
        try:
            response = await self._session.request(
                request.method,
                self._url(request.url),
                headers=[(text(name), text(value)) for name, value in request.headers],
                data=_payload(request),
                allow_redirects=False,
                timeout=self._timeout(request),
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, Unavailable) as error:
            raise UpstreamFailed(_reason(error), reached=False, timed_out=isinstance(error, TimeoutError)) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamFailed(_reason(error), reached=True, timed_out=isinstance(error, TimeoutError)) from None
        return _AiohttpResponse(response)

    def _url(self, text: str) -> URL:
        url = self._urls.get(text)
        if url is None:
            if len(self._urls) >= 1024:
                self._urls.clear()
            url = self._urls[text] = URL(text, encoded=True)
        return url

    def _timeout(self, request: UpstreamRequest) -> aiohttp.ClientTimeout:
        key = (request.timeout_seconds, request.connect_timeout_seconds)
        timeout = self._timeouts.get(key)
        if timeout is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_read=key[0], sock_connect=key[1])
            self._timeouts[key] = timeout
        return timeout

    async def close(self) -> None:
        """As the port."""
        await self._session.close()


class _AiohttpResponse:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._content = response.content
        self.status = response.status
        self.headers = [(name.lower(), value) for name, value in response.raw_headers]

    async def read(self) -> bytes:
        try:
            return await self._content.readany()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # aiohttp raises before it hands out what came before the break; the client is owed those bytes.
            if self._content._buffer:  # noqa: SLF001 - there is no public way to them
                return self._content._read_nowait(-1)  # noqa: SLF001
            raise UpstreamFailed(_reason(error), reached=True, timed_out=isinstance(error, TimeoutError)) from None

    def close(self) -> None:
        if self._content.at_eof():
            self._response.release()
        else:
            self._response.close()


class CheckedResolver(AbstractResolver):
    """Resolves names in a thread and refuses addresses that are not public."""

    def __init__(self, private_hosts: Collection[str]) -> None:
        self._private_hosts = frozenset(private_hosts)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host.

        Raises:
            Unavailable: One of them is private, link-local, loopback or otherwise not public.
        """
        found = await find_addresses(host, port, self._private_hosts, family)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=found_family,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found_family, address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _payload(request: UpstreamRequest) -> bytes | AsyncIterator[bytes] | None:
    if len(request.body) <= _SLICE:
        return request.body or None
    return _slices(request.body)


async def _slices(body: bytes) -> AsyncIterator[bytes]:
    # Content-Length is among the headers, so this is not sent chunked.
    view = memoryview(body)
    for start in range(0, len(body), _SLICE):
        yield bytes(view[start : start + _SLICE])


def _reason(error: BaseException) -> str:
    # The text of an error may name our URL and addresses, never a header.
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
