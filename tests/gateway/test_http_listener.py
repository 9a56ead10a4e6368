"""A listening socket that several share: bursts are divided, and trouble of the system passes."""

import asyncio
import errno
import socket

import pytest

from tallystick.gateway import http_listener
from tallystick.gateway.http_listener import Listener


class Counting(asyncio.Protocol):
    """Counts the connections that its worker has."""

    def __init__(self, taken: list[asyncio.BaseTransport]) -> None:
        self._taken = taken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """One more."""
        self._taken.append(transport)


class OutOfDescriptors(socket.socket):
    """A socket whose first connection finds no descriptor left."""

    failed = False

    def accept(self) -> tuple[socket.socket, object]:
        """Fail once."""
        if not self.failed:
            OutOfDescriptors.failed = True
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def _until(done: "list[asyncio.BaseTransport]", count: int, *more: "list[asyncio.BaseTransport]") -> None:
    async with asyncio.timeout(5):
        while len(done) + sum(map(len, more)) < count:
            await asyncio.sleep(0.001)


def test_a_burst_of_clients_is_divided_among_those_who_share_a_socket() -> None:
    async def run() -> None:
        shared = socket.create_server(("127.0.0.1", 0))
        first: list[asyncio.BaseTransport] = []
        second: list[asyncio.BaseTransport] = []
        clients = [socket.create_connection(shared.getsockname()) for _ in range(20)]
        listeners = [
            Listener(shared.dup(), lambda: Counting(first), None, 64),
            Listener(shared.dup(), lambda: Counting(second), None, 64),
        ]
        await _until(first, 20, second)
        assert min(len(first), len(second)) >= 5
        for listener in listeners:
            listener.close()
        for one in (*first, *second):
            one.close()
        for one in (*clients, shared):
            one.close()
        await asyncio.sleep(0.01)

    asyncio.run(run())


def test_who_finds_no_descriptor_left_goes_on_after_a_pause(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http_listener, "_PAUSE", 0.02)

    async def run() -> None:
        sock = OutOfDescriptors(socket.AF_INET, socket.SOCK_STREAM)
        sock.bind(("127.0.0.1", 0))
        taken: list[asyncio.BaseTransport] = []
        listener = Listener(sock, lambda: Counting(taken), None, 64)
        with socket.create_connection(sock.getsockname()):
            await _until(taken, 1)
            assert "no connection can be taken for a second: Too many open files" in caplog.text
            listener.close()
            taken[0].close()
            await asyncio.sleep(0.01)

    asyncio.run(run())
