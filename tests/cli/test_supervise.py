"""Processes kept alive and stopped in order."""

import http.server
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tallystick.cli.client import ApiClient, HttpTransport, _decode
from tallystick.cli.supervise import Child, Supervisor, listen
from tallystick.cli.up import serve, wait_until_ready
from tallystick.config import Config, Server
from tallystick.kernel.errors import ConfigError, Conflict, Unavailable
from tallystick.operations.instance import prepare_instance
from tallystick.storage.config_db import ConfigDb

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


@pytest.mark.slow
def test_the_command_line_reaches_its_own_server_whatever_the_certificate_names(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("NOT RUN: needs openssl")
    words = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "key.pem",
        "-out",
        "cert.pem",
        "-days",
        "2",
        "-subj",
        "/CN=ai.example.com",
    ]
    subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "ok"}')

    with http.server.HTTPServer(("127.0.0.1", 0), Health) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"https://127.0.0.1:{server.server_port}"
        assert ApiClient(HttpTransport(url), "token", url).call("GET", "/healthz") == {"status": "ok"}
        server.shutdown()


def test_a_row_database_that_is_none_is_explained(tmp_path: Path) -> None:
    (tmp_path / "config.db").write_bytes(b"no database" * 1000)
    with pytest.raises(Unavailable, match="row database"):
        ConfigDb(tmp_path / "config.db")


@pytest.mark.slow
def test_a_gateway_that_cannot_start_ends_the_command_instead_of_waiting_for_it(tmp_path: Path) -> None:
    prepare_instance(tmp_path)
    with listen("127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        supervisor = Supervisor([Child("gateway 1", [sys.executable, "-c", "raise SystemExit(1)"])])
        supervisor.start()
        began = time.monotonic()
        with pytest.raises(Unavailable, match="gateway 1 process ended"):
            wait_until_ready(supervisor, url, tmp_path)
        assert time.monotonic() - began < 10


def test_a_certificate_that_is_not_there_is_said_before_anything_starts(tmp_path: Path) -> None:
    server = Server(tls_cert=str(tmp_path / "cert.pem"), tls_key=str(tmp_path / "key.pem"))
    with pytest.raises(ConfigError, match="tls_cert names no file"):
        serve(Config(server=server), tmp_path, None)
