"""How a connection is made: addresses looked up and checked, tried one after the other, TLS verified."""

import asyncio
import socket
import ssl
from collections.abc import Collection
from dataclasses import dataclass

from tallystick.gateway.addresses import Address, find_addresses
from tallystick.gateway.lean_connection import Connection
from tallystick.gateway.upstream import UpstreamFailed
from tallystick.kernel.errors import Unavailable

_LOOKUP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a URL; the host is as the resolver takes it."""

    scheme: str
    host: str
    port: int


class Dialer:
    """Makes connections to one origin; remembers its addresses for half a minute.

    Args:
        tls: For https; None speaks plainly.
        private_hosts: Host names whose addresses need not be public.
    """

    def __init__(self, origin: Origin, tls: ssl.SSLContext | None, private_hosts: Collection[str]) -> None:
        self._origin = origin
        self._tls = tls
        self._private_hosts = private_hosts
        self._lookup: asyncio.Task[list[Address]] | None = None
        self._looked_up = 0.0

    async def dial(self, seconds: float) -> Connection:
        """A connection within so many seconds, which the addresses share.

        Raises:
            UpstreamFailed: Not reached.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(deadline):
                addresses = await self._addresses()
            return await self._try_all(addresses, deadline)
        except (OSError, UnicodeError, Unavailable) as error:
            said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            reason = f"{self._origin.host}:{self._origin.port} cannot be connected to: {said}"
            raise UpstreamFailed(reason, reached=False, timed_out=isinstance(error, TimeoutError)) from None

    async def _addresses(self) -> list[Address]:
        now = asyncio.get_running_loop().time()
        lookup = self._lookup
        if lookup is None or now - self._looked_up > _LOOKUP_SECONDS or (lookup.done() and _failed(lookup)):
            origin = self._origin
            lookup = asyncio.ensure_future(find_addresses(origin.host, origin.port, self._private_hosts))
            # Looked at also when all who wait for it have left, so that nobody reports it as forgotten.
            lookup.add_done_callback(_failed)
            self._lookup, self._looked_up = lookup, now
        # Shared: one who is cancelled does not take it from the others.
        return await asyncio.shield(lookup)

    async def _try_all(self, addresses: list[Address], deadline: float) -> Connection:
        failure: OSError = OSError("no address")
        for number, address in enumerate(tuple(addresses)):
            left = deadline - asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(max(0.0, left) / (len(addresses) - number)):
                    connection = await self._connect(address)
            except OSError as error:
                failure = error
                continue
            if number:
                # The next ones begin with the address that answers.
                addresses.remove(address)
                addresses.insert(0, address)
            return connection
        raise failure

    async def _connect(self, address: Address) -> Connection:
        loop = asyncio.get_running_loop()
        family, where = address
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, where)
            name = self._origin.host if self._tls is not None else None
            _, connection = await loop.create_connection(Connection, sock=sock, ssl=self._tls, server_hostname=name)
        except BaseException:
            sock.close()
            raise
        connection.sock = sock
        if connection.closed:
            raise ConnectionResetError("it ended at once")
        return connection

    def close(self) -> None:
        """Look up nothing more."""
        if self._lookup is not None:
            self._lookup.cancel()


def _failed(lookup: "asyncio.Task[list[Address]]") -> bool:
    return lookup.cancelled() or lookup.exception() is not None
