"""TLS outwards is verified."""

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tallystick.transport.post import Post, PostFailed, post

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate"),
]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    made = tmp_path / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(made), "-out", str(tmp_path / "cert.pem")]
    subprocess.run([*command, *names], check=True, capture_output=True)
    made.write_text(made.read_text() + (tmp_path / "cert.pem").read_text())
    return made


@pytest.fixture
def port(certificate: Path) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(HTTPServer):
        def handle_error(self, *_: object) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_who_shows_a_certificate_that_nobody_vouches_for_gets_nothing(port: int) -> None:
    with pytest.raises(PostFailed, match="certificate that does not hold") as caught:
        post(Post(f"https://localhost:{port}/planted", b"planted", {}))
    assert caught.value.retry
    assert "planted" not in str(caught.value)


def test_who_shows_a_good_one_for_that_name_does(port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert post(Post(f"https://localhost:{port}/", b"x", {})) == 204
    with pytest.raises(PostFailed, match="certificate that does not hold"):
        post(Post(f"https://127.0.0.1:{port}/", b"x", {}))
