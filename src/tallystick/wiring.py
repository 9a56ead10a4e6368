"""Builds everything from the configuration: the only composition root.

A data directory belongs to one server at a time (`server.lock`); its ledger to one process.
"""

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tallystick.config import Config, Provider, environment
from tallystick.gateway.settings import GatewaySettings, ProviderKeySecret, ProviderSettings
from tallystick.kernel.errors import Conflict, Unavailable

CLI_TOKEN_FILE = "cli.token"  # noqa: S105 - a file's name
_LONGEST_SOCKET_PATH = 100  # the kernel allows 107 bytes


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that holds a data directory."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True)
class App:
    """The control plane in this process."""

    asgi: Any
    config: Config
    context: Any
    jobs: Any


def default_url(config: Config) -> str:
    """Where the pages are, as seen from this machine."""
    scheme = "https" if config.server.tls_cert else "http"
    host = config.server.host
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host  # noqa: S104 - compared
    return f"{scheme}://{shown}:{config.server.port}"


def socket_path(data_dir: Path) -> Path:
    """The app's socket: in the data directory, or beside the temporary files where its path is too long."""
    path = data_dir / "app.sock"
    if len(str(path)) <= _LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(str(path).encode()).hexdigest()[:20]
    folder = Path(tempfile.gettempdir()) / f"tally-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise Conflict("the folder for sockets belongs to somebody else", where=str(folder))
    return folder / f"{name}.sock"


def prepare_data_dir(data_dir: Path) -> None:
    """Make the data directory, for its owner only.

    Raises:
        Unavailable: It cannot be made or written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = data_dir / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Unavailable(
            f"the data directory cannot be written: {error.strerror}",
            where=str(data_dir),
            next_steps=["choose another with --data DIR or TALLY_DATA", "check its owner and the free space"],
        ) from None


def running_server(data_dir: Path) -> RunningServer | None:
    """The server that holds this data directory, None when nobody does."""
    path = data_dir / "server.lock"
    if not path.exists():
        return None
    with path.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            try:
                about = json.loads((data_dir / "server.json").read_text())
                return RunningServer(about["url"], about["pid"])
            except (OSError, ValueError, KeyError):
                raise Unavailable("a server is just starting here", where=str(data_dir), next_steps=["try again"]) from None
    return None


@contextmanager
def hold_server_lock(data_dir: Path, url: str) -> Iterator[None]:
    """Own the data directory as its server until the block ends.

    Raises:
        Conflict: Another server has it.
    """
    prepare_data_dir(data_dir)
    with (data_dir / "server.lock").open("a+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(
                "another server runs on this data directory",
                where=str(data_dir),
                next_steps=["tally status", "choose another directory with --data"],
            ) from None
        # Workers must not inherit the lock: it has to fall when this process dies.
        os.set_inheritable(lock.fileno(), False)
        about = data_dir / "server.json"
        about.write_text(json.dumps({"url": url, "pid": os.getpid()}))
        try:
            yield
        finally:
            about.unlink(missing_ok=True)


def read_cli_token(data_dir: Path) -> str:
    """The data directory's own token; empty when it cannot be read."""
    try:
        return (data_dir / CLI_TOKEN_FILE).read_text().strip()
    except OSError:
        return ""
