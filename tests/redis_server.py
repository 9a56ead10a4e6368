"""A redis-server of the tests' own: a free port, a folder of its own, nothing kept unless asked."""

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.free_ports import free_port

PROGRAM = shutil.which("redis-server")


class RunningRedis:
    """One private server; `restart` gives another run of it on the same port.

    Attributes:
        url: Where it is.
        process: The server.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.process = self._start()

    def restart(self, *, empty: bool = True, kill: bool = False) -> None:
        """Stop it and start it anew: empty, or with the last snapshot that `save` wrote.

        Args:
            kill: By SIGKILL, so that nothing is written on the way out.
        """
        self.stop(kill=kill)
        if empty:
            (self._folder / "dump.rdb").unlink(missing_ok=True)
        self.process = self._start()

    def stop(self, *, kill: bool = False) -> None:
        """End it; what it holds is gone unless saved."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            self.process.wait(10)

    def start(self) -> None:
        """Start it anew, with the last snapshot if there is one."""
        self.process = self._start()

    def ask(self, *words: str) -> str:
        """One command, over a connection of its own."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=5) as line:
            line.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words))
            return line.recv(65536).decode()

    def _start(self) -> "subprocess.Popen[bytes]":
        assert PROGRAM is not None
        words = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        process = subprocess.Popen(
            [PROGRAM, *words, "--dir", str(self._folder), "--enable-debug-command", "yes"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up:
            with contextlib.suppress(OSError):
                if self.ask("PING").startswith("+PONG"):
                    return process
            time.sleep(0.01)
        process.kill()
        process.wait()
        raise AssertionError("redis-server did not start")


@contextlib.contextmanager
def running_redis(folder: Path) -> Iterator[RunningRedis]:
    """A private server for a while; the test is counted as not run where the program is missing."""
    if PROGRAM is None:
        pytest.skip("NOT RUN: redis-server is missing (apt-get install redis-server)")
    server = RunningRedis(folder)
    try:
        yield server
    finally:
        server.stop(kill=True)
