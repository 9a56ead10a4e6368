"""Run the processes that `tally up` starts, and what has to be there before."""

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tallystick.config import Config
from tallystick.operations.instance import prepare_instance
from tallystick.wiring.addresses import socket_path
from tallystick.wiring.app import open_app
from tallystick.wiring.ledger import price_file
from tallystick.wiring.settings import gateway_settings

_WAIT_FOR_LEDGER_SECONDS = 40.0  # an app that lost its supervisor may still be draining


def prepare(config: Config, data_dir: Path) -> None:
    """What has to be there before the first process starts: secrets, and prices for the very first call.

    Raises:
        ConfigError: The override file cannot be used.
    """
    from tallystick.operations.context import Home
    from tallystick.operations.refresh_prices import refresh_prices
    from tallystick.storage.config_db import ConfigDb

    prepare_instance(data_dir)
    config_db = ConfigDb(data_dir / "config.db")
    try:
        refresh_prices(Home(config_db, data_dir), price_file(config))
    finally:
        config_db.close()


def run_gateway(config: Config, data_dir: Path, *, fd: int, mock_seconds: float | None = None) -> None:
    """Run one gateway worker on an inherited socket until told to stop.

    Args:
        mock_seconds: Make answers up, each after so long, and send nothing anywhere; None speaks to providers.
    """
    from tallystick.gateway.mock import mocked
    from tallystick.gateway.serve import serve_gateway

    settings = gateway_settings(config, data_dir)
    serve_gateway(settings if mock_seconds is None else mocked(settings, mock_seconds), fd=fd)


def run_app(config: Config, data_dir: Path) -> None:
    """Run the app on its unix socket until told to stop."""
    import uvicorn

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with open_app(config, data_dir, wait_seconds=_WAIT_FOR_LEDGER_SECONDS) as app:
        app.jobs.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            # The server raises its signal once more when it has shut down; what is still in the spool comes first.
            signal.signal(number, lambda *_: None)
        server = uvicorn.Config(
            app.asgi, log_level="warning", access_log=False, server_header=False, proxy_headers=False,
            timeout_graceful_shutdown=5, lifespan="off",
        )  # fmt: skip
        runner = uvicorn.Server(server)
        # Streams without an end of their own end when the server is asked to.
        app.asgi.state.closing = lambda: runner.should_exit
        with _private_socket(socket_path(data_dir)) as listener:
            runner.run(sockets=[listener])
        app.jobs.stop()


@contextmanager
def _private_socket(path: Path) -> Iterator[socket.socket]:
    """A unix socket that only this user can open; what a dead app left is replaced."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(512)
        listener.setblocking(False)
        yield listener
