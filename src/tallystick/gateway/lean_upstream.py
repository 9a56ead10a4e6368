"""The port on connections of our own: half of what aiohttp's client costs a call, and no more than calls need."""

import asyncio
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from tallystick.gateway.lean_answer import Answer
from tallystick.gateway.lean_connection import Dropped
from tallystick.gateway.lean_dial import Dialer, Origin
from tallystick.gateway.lean_pool import Pool
from tallystick.gateway.upstream import UpstreamFailed, UpstreamRequest

# A body up to this size leaves together with the head.
_JOINED = 64 * 1024
_MOST_TARGETS = 1024
_PORTS = {"http": 80, "https": 443}
# What may be asked twice without harm, where a connection ended under the first.
_REPEATABLE = frozenset({"GET", "HEAD"})
_EXPECTS_LENGTH = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a URL leads, and what follows the method in the request's head: path, version and host."""

    pool: Pool
    line: bytes


class LeanUpstream:
    """The port on asyncio protocols.

    Args:
        private_hosts: Host names whose addresses need not be public.
        connections_per_host: Most connections to one host at a time.
    """

    def __init__(self, private_hosts: Collection[str], connections_per_host: int) -> None:
        self._private_hosts = frozenset(private_hosts)
        self._limit = connections_per_host
        self._tls = ssl.create_default_context()
        self._tls.set_alpn_protocols(["http/1.1"])
        self._pools: dict[Origin, Pool] = {}
        self._targets: dict[str, _Target] = {}

    async def send(self, request: UpstreamRequest) -> Answer:
        """As the port. A connection that ended while idle is not the caller's fault: another is tried, once.

        But not where the provider may have begun to work on what must not be done twice.
        """
        target = self._targets.get(request.url) or self._find(request.url)
        head, body, silence = _head(request, target.line), request.body, request.timeout_seconds
        if len(body) <= _JOINED:
            head, body = head + body, b""
        bodiless = request.method == "HEAD"
        pool = target.pool
        connection = pool.idle() or await pool.get(request.connect_timeout_seconds)
        was_used = connection.served > 0
        try:
            return await connection.exchange(head, body, silence, bodiless=bodiless)
        except Dropped as dropped:
            if not was_used or (dropped.reached and request.method not in _REPEATABLE):
                raise
        connection = await pool.get(request.connect_timeout_seconds, fresh=True)
        return await connection.exchange(head, body, silence, bodiless=bodiless)

    def _find(self, url: str) -> _Target:
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS[parts.scheme]
            host = (parts.hostname or "").encode("idna" if not url.isascii() else "ascii")
        except (ValueError, KeyError):
            host = b""
        if not host:
            raise UpstreamFailed("the URL is no address of a provider", reached=False)
        if any(letter <= " " or letter == "\x7f" for letter in url):
            raise UpstreamFailed("the URL holds characters that no request line can", reached=False)
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        shown = b"[%b]" % host if b":" in host else host
        if port != _PORTS[parts.scheme]:
            shown += b":%d" % port
        line = b" %b HTTP/1.1\r\nhost: %b\r\n" % (_bytes(path), shown)
        if len(self._targets) >= _MOST_TARGETS:
            self._targets.clear()
        found = self._targets[url] = _Target(self._pool(Origin(parts.scheme, host.decode(), port)), line)
        return found

    def _pool(self, origin: Origin) -> Pool:
        pool = self._pools.get(origin)
        if pool is None:
            dialer = Dialer(origin, self._tls if origin.scheme == "https" else None, self._private_hosts)
            pool = self._pools[origin] = Pool(dialer, self._limit)
        return pool

    async def close(self) -> None:
        """As the port."""
        for pool in self._pools.values():
            pool.close()
        # Transports end in the loop's next rounds.
        for _ in range(3):
            await asyncio.sleep(0)


def _head(request: UpstreamRequest, line: bytes) -> bytes:
    """The request's head.

    Raises:
        UpstreamFailed: A header holds a line end, which would begin a header of somebody else's.
    """
    lines = [b"%b: %b\r\n" % header for header in request.headers]
    head = b"".join((request.method.encode(), line, *lines))
    if b"\r\ncontent-length:" not in head and (request.body or request.method in _EXPECTS_LENGTH):
        lines.append(b"")
        head += b"content-length: %d\r\n" % len(request.body)
    # As many line ends as we wrote: the request line, the host, the headers.
    expected = len(lines) + 2
    if head.count(b"\n") != expected or head.count(b"\r") != expected or b"\0" in head:
        raise UpstreamFailed("a header holds a line end or a zero byte", reached=False)
    return head + b"\r\n"


def _bytes(path: str) -> bytes:
    # A query comes as Latin-1 from the client's bytes; a path of the configuration may be any text.
    try:
        return path.encode("latin-1")
    except UnicodeEncodeError:
        return path.encode()
