"""Who serves a data directory: one server at a time holds `server.lock`; `server.json` says where it listens."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tallystick.kernel.errors import Conflict, Unavailable
from tallystick.operations.instance import prepare_instance


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that holds a data directory."""

    url: str
    pid: int


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
                raise Unavailable(
                    "a server is just starting here", where=str(data_dir), next_steps=["try again"]
                ) from None
    return None


@contextmanager
def hold_server_lock(data_dir: Path, url: str) -> Iterator[None]:
    """Own the data directory as its server until the block ends.

    Raises:
        Conflict: Another server has it.
    """
    prepare_instance(data_dir)
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
