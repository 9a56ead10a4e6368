"""Keeps the two kinds of process alive: gateway workers and the app.

Each child holds the read end of a pipe whose write end lives only here: when this
process dies, however it dies, the children see the end of the pipe and stop.
"""

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType

from tallystick.kernel.errors import Conflict, Unavailable

_LONGEST_BACKOFF_SECONDS = 10.0
_STEADY_SECONDS = 30.0
_POLL_SECONDS = 0.1


@dataclass(slots=True)
class Child:
    """One process that is started again when it dies.

    Attributes:
        drains: It has calls to finish, so it is stopped before those it needs for that.
    """

    name: str
    command: Sequence[str]
    fds: tuple[int, ...] = ()
    drains: bool = False
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    due_at: float = 0.0

    @property
    def gave_up(self) -> bool:
        """It ended by itself with an error, rather than being killed."""
        return self.process is not None and (self.process.poll() or 0) > 0


@dataclass(slots=True)
class Supervisor:
    """Starts children, restarts those that die, and stops them in order.

    Attributes:
        listener: The public socket, kept open for gateways that start again.
        drain_seconds: How long stopping gateways may take to finish their streams.
    """

    children: list[Child]
    listener: socket.socket | None = None
    drain_seconds: float = 30.0
    stopping: bool = False
    _lifeline: tuple[int, int] = field(default_factory=os.pipe)

    def start(self) -> None:
        """Start every child once."""
        for child in self.children:
            self._spawn(child)

    def watch(self) -> None:
        """Keep children alive until a signal asks to stop; then stop them."""
        try:
            while not self.stopping:
                self.revive()
                time.sleep(_POLL_SECONDS)
        finally:
            self.stop()

    def revive(self) -> None:
        """Start again what has died, when it is due."""
        for child in self.children:
            self._revive(child)

    def stop(self) -> None:
        """Ask in order (gateways drain into a living app), then insist."""
        if self.listener is not None:
            # Who calls from now on is refused at once, instead of waiting for nobody.
            self.listener.close()
        self._end([child for child in self.children if child.drains])
        self._end([child for child in self.children if not child.drains])

    def _end(self, children: Sequence[Child]) -> None:
        processes = [one.process for one in children if one.process is not None and one.process.poll() is None]
        for process in processes:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self.drain_seconds
        for process in processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def handle(self, number: int, frame: FrameType | None) -> None:
        """A signal handler: stop at the next look."""
        self.stopping = True

    def _spawn(self, child: Child) -> None:
        read_end, write_end = self._lifeline
        os.set_inheritable(write_end, False)
        # A session of its own: Ctrl-C reaches only this process, which stops the others in order.
        child.process = subprocess.Popen(
            [*child.command, "--lifeline", str(read_end)], pass_fds=(*child.fds, read_end), start_new_session=True
        )
        child.started_at = time.monotonic()
        child.due_at = 0.0

    def _revive(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is not None and child.process.poll() is None:
            if now - child.started_at > _STEADY_SECONDS:
                child.failures = 0
            return
        if not child.due_at:
            code = child.process.returncode if child.process else 0
            # The first death is most likely an accident: come back at once, then ever later.
            wait = 0.0 if not child.failures else min(0.5 * 2**child.failures, _LONGEST_BACKOFF_SECONDS)
            child.failures += 1
            child.due_at = now + wait
            sys.stderr.write(f"{child.name} ended ({code}); starting it again{f' in {wait:g} s' if wait else ''}\n")
        if now >= child.due_at:
            self._spawn(child)


@contextlib.contextmanager
def signals(supervisor: Supervisor) -> Iterator[None]:
    """SIGTERM, SIGINT and SIGHUP stop the supervisor inside the block."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, supervisor.handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def listen(host: str, port: int, patience: float = 0.0) -> socket.socket:
    """The public socket, bound and listening, inheritable by gateway workers.

    Args:
        patience: Seconds to wait for a port that is in use.

    Raises:
        Conflict: Somebody else listens there.
        Unavailable: The address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    deadline = time.monotonic() + patience
    while (failure := _bind(listener, host, port)) is not None:
        if failure.errno == errno.EADDRINUSE and time.monotonic() < deadline:
            time.sleep(0.1)
            continue
        listener.close()
        raise _explained(failure, host, port)
    listener.listen(2048)
    listener.set_inheritable(True)
    return listener


def _bind(listener: socket.socket, host: str, port: int) -> OSError | None:
    try:
        listener.bind((host, port))
    except OSError as error:
        return error
    return None


def _explained(error: OSError, host: str, port: int) -> Conflict | Unavailable:
    where = f"{host}:{port}"
    if error.errno in {errno.EADDRINUSE, errno.EACCES}:
        reason = "no right to listen on this port" if error.errno == errno.EACCES else "the port is in use"
        return Conflict(reason, where=where, next_steps=[f"choose another: --port {port + 1}", "tally status"])
    return Unavailable(f"cannot listen there: {error.strerror}", where=where, next_steps=["check [server] host"])
