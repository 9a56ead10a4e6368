"""The provider's side: a small port, and aiohttp behind it.

Bodies come back as they are on the wire: nothing is decompressed, no redirect is
followed, no proxy of the environment is used, TLS is verified. Addresses are checked
when the connection is made, so a name that resolves to the inside leads nowhere.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from tallystick.kernel.errors import Unavailable

_SLICE = 256 * 1024
_LONGEST_FIELD = 64 * 1024
_SKIPPED = frozenset({"User-Agent", "Accept", "Accept-Encoding", "Content-Type"})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """What to send where. Header names and values as text, in order."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes
    timeout_seconds: float
    connect_timeout_seconds: float


class UpstreamFailed(Exception):
    """No whole answer came.

    Attributes:
        reached: Whether the provider may have taken the request (and bills it).
        timed_out: It was silent for too long.
    """

    def __init__(self, reason: str, *, reached: bool, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reached = reached
        self.timed_out = timed_out


class UpstreamResponse(Protocol):
    """An answer whose head has arrived; header names in lower case."""

    status: int
    headers: list[tuple[bytes, bytes]]

    async def read(self) -> bytes:
        """The next bytes, empty at a proper end.

        Raises:
            UpstreamFailed: The connection broke or fell silent before the end.
        """

    def close(self) -> None:
        """Let go; a connection whose answer was read to its end is used again."""


class Upstream(Protocol):
    """Sends requests to providers."""

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Send, and wait for the head of the answer.

        Raises:
            UpstreamFailed: Not reached, or no head came.
        """

    async def close(self) -> None:
        """Close all connections."""


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
                headers=request.headers,
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
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        results: list[ResolveResult] = []
        for found_family, _, proto, _, address in found:
            text = str(address[0])
            if host not in self._private_hosts and not is_public(text):
                raise Unavailable(
                    f"{host} resolves to {text}, which is not a public address",
                    next_steps=["set allow_private = true for this provider if that is meant"],
                )
            results.append(
                ResolveResult(
                    hostname=host, host=text, port=port, family=found_family, proto=proto,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        return results

    async def close(self) -> None:
        """Nothing is held."""


def is_public(address: str) -> bool:
    """Whether an address belongs to the public Internet, also when IPv4 hides in IPv6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


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
