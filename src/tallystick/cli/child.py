"""Entry of the processes that `tally up` starts; not a command for people."""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from tallystick import wiring
from tallystick.cli.explain import explain
from tallystick.config import load_config
from tallystick.kernel.errors import TallyError


def _follow(lifeline: int) -> None:
    """Stop when the parent is gone: its end of the pipe closes with it."""

    def wait() -> None:
        os.read(lifeline, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True, name="lifeline").start()


def main() -> None:
    """Run one gateway worker or the app until told to stop."""
    os.umask(0o077)
    parser = argparse.ArgumentParser(prog="tallystick.cli.child")
    parser.add_argument("role", choices=["gateway", "app"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--behind-proxy", action="store_true")
    parser.add_argument("--mock-seconds", type=float)
    parser.add_argument("--fd", type=int, default=-1)
    parser.add_argument("--lifeline", type=int, default=-1)
    options = parser.parse_args()
    os.umask(0o077)  # what is written belongs to the data directory's owner alone
    if options.lifeline >= 0:
        _follow(options.lifeline)
    try:
        config = wiring.with_server(
            load_config(options.config), host=options.host, port=options.port, behind_proxy=options.behind_proxy
        )
        if options.role == "gateway":
            wiring.run_gateway(config, options.data, fd=options.fd, mock_seconds=options.mock_seconds)
        else:
            wiring.run_app(config, options.data)
    except TallyError as error:
        sys.stderr.write(explain(error) + "\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
