"""Where a host's name leads, and whether it may: names of the inside are refused unless allowed."""

import asyncio
import socket
from collections.abc import Collection
from typing import Any

from tallystick.kernel.addresses import is_address, is_public
from tallystick.kernel.errors import Unavailable

Address = tuple[socket.AddressFamily, tuple[Any, ...]]


async def find_addresses(
    host: str, port: int, private_hosts: Collection[str], family: socket.AddressFamily = socket.AF_UNSPEC
) -> list[Address]:
    """The addresses of a host as sockets take them, in the resolver's order.

    A host that is written as an address is its own permission: only the configuration names hosts.

    Raises:
        Unavailable: One of them is private, link-local, loopback or otherwise not public.
        OSError: The name leads nowhere.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
    allowed = host in private_hosts or is_address(host)
    for _, _, _, _, address in found:
        text = str(address[0])
        if not allowed and not is_public(text):
            raise Unavailable(
                f"{host} resolves to {text}, which is not a public address",
                next_steps=["set allow_private = true for this provider if that is meant"],
            )
    return [(socket.AddressFamily(one[0]), one[4]) for one in found]
