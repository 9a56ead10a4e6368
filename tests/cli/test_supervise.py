"""Processes kept alive and stopped in order."""

import socket
import sys
import time
from pathlib import Path

import pytest

from tallystick.cli.client import _decode
from tallystick.cli.supervise import Child, Supervisor, listen
from tallystick.kernel.errors import Conflict, Unavailable

# Writes when it was asked to stop and when it stopped, a while later.
SCRIPT = """
import pathlib, signal, sys, time
log, seconds = pathlib.Path(sys.argv[1]), float(sys.argv[2])
def stop(*_):
    log.write_text(f"{time.monotonic()} ")
    time.sleep(seconds)
    log.write_text(log.read_text() + f"{time.monotonic()}")
    sys.exit()
signal.signal(signal.SIGTERM, stop)
log.with_suffix(".up").touch()
while True:
    time.sleep(0.01)
"""


def _child(folder: Path, name: str, seconds: float, *, drains: bool) -> Child:
    return Child(name, [sys.executable, "-c", SCRIPT, str(folder / name), str(seconds)], drains=drains)


def _wait_for(*paths: Path) -> None:
    deadline = time.monotonic() + 10
    while not all(path.exists() for path in paths):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_gateways_drain_side_by_side_before_the_app_stops_and_new_callers_are_refused_at_once(tmp_path: Path) -> None:
    listener = listen("127.0.0.1", 0)
    address = listener.getsockname()
    children = [
        _child(tmp_path, "one", 0.4, drains=True),
        _child(tmp_path, "app", 0.0, drains=False),
        _child(tmp_path, "two", 0.4, drains=True),
    ]
    supervisor = Supervisor(children, listener)
    supervisor.start()
    _wait_for(*(tmp_path / f"{child.name}.up" for child in children))
    supervisor.stop()
    times = {child.name: [float(word) for word in (tmp_path / child.name).read_text().split()] for child in children}
    assert max(times["one"][0], times["two"][0]) < min(times["one"][1], times["two"][1])
    assert times["app"][0] >= max(times["one"][1], times["two"][1])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=2)


@pytest.mark.slow
def test_a_child_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    supervisor = Supervisor([_child(tmp_path, "stuck", 60, drains=True)], drain_seconds=0.3)
    supervisor.start()
    _wait_for(tmp_path / "stuck.up")
    began = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - began < 5
    assert supervisor.children[0].process is not None
    assert supervisor.children[0].process.returncode == -9


def test_a_port_in_use_is_a_conflict_that_names_another() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Conflict) as caught:
            listen("127.0.0.1", port)
    assert str(port + 1) in caught.value.next_steps[0]


def test_an_address_of_another_machine_is_explained() -> None:
    with pytest.raises(Unavailable, match="cannot listen"):
        listen("192.0.2.1", 0)


def test_a_restarting_server_is_called_that() -> None:
    with pytest.raises(Unavailable, match="restarting"):
        _decode(503, b"The pages are starting or restarting")
