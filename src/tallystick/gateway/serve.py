"""Runs a gateway process: our HTTP server before the gateway, on one listening socket."""

import logging
import socket
import ssl

from tallystick.gateway.app import build_gateway
from tallystick.gateway.http_connection import Bounds
from tallystick.gateway.http_server import HttpServer
from tallystick.gateway.settings import GatewaySettings

_HEAD_SECONDS = 20.0
_IDLE_SECONDS = 75.0


class GatewayServer(HttpServer):
    """The gateway, as these settings want it served."""

    def __init__(self, settings: GatewaySettings) -> None:
        super().__init__(
            build_gateway(settings),
            Bounds(head_seconds=_HEAD_SECONDS, idle_seconds=_IDLE_SECONDS),
            tls=_tls(settings),
            shutdown_seconds=settings.shutdown_seconds,
        )


def serve_gateway(
    settings: GatewaySettings, *, host: str = "127.0.0.1", port: int = 8420, fd: int | None = None
) -> None:
    """Serve until told to stop (SIGTERM, SIGINT): then calls in flight are finished first.

    Args:
        settings: What to serve.
        host: Address to listen on; ignored with `fd`.
        port: Port to listen on; ignored with `fd`.
        fd: A listening socket that several workers share.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    server = GatewayServer(settings)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) if fd is None else socket.socket(fileno=fd) as listener:
        listener.setblocking(False)
        server.run([listener])


def _tls(settings: GatewaySettings) -> ssl.SSLContext | None:
    if not settings.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_cert, settings.tls_key or None)
    context.set_alpn_protocols(["http/1.1"])
    return context
