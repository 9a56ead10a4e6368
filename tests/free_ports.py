"""Ports for servers that tests start as processes of their own."""

import itertools
import os
import socket
from collections.abc import Iterator

# Below what the kernel gives to connections going out (from 32768 on): such a one could take the port before its
# server does, and a client that tries a port of that range until somebody listens may at last connect to itself.
_FIRST, _LAST = 12_000, 32_000


def _from_here() -> Iterator[int]:
    """Each process begins elsewhere, and goes round."""
    begin = os.getpid() * 97 % (_LAST - _FIRST)
    return (_FIRST + (begin + step) % (_LAST - _FIRST) for step in itertools.count())


_PORTS = _from_here()


def free_port() -> int:
    """A port of this machine that nobody listens on, and that no other test of this process has been given."""
    for port in itertools.islice(_PORTS, _LAST - _FIRST):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
