"""What an instance keeps for itself in its data directory: its secret, the command line's token, and if it is the demo.

Secret and token are files only the owner may read. `prepare_instance` makes the directory and
what is missing in it; it never replaces a secret that is there and private.
"""

import contextlib
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from tallystick.kernel.errors import Unavailable
from tallystick.org.hash import LOCAL_PREFIX, new_secret

SECRET_FILE = "instance.secret"  # noqa: S105 - a file's name
TOKEN_FILE = "cli.token"  # noqa: S105 - a file's name
ROWS_FILE = "config.db"
DEMO_FILE = "demo.json"
DEMO_COMPANY = "Northwind"
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Instance:
    """The secrets of one data directory.

    Attributes:
        secret: Key of keyed fingerprints; never leaves the machine.
        cli_token: What the command line of the same user presents.
    """

    secret: bytes
    cli_token: str


def prepare_instance(data_dir: Path) -> Instance:
    """Make the data directory (owner only) and its secrets where missing, and read them.

    Raises:
        Unavailable: The directory cannot be made or written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        secret = _kept(data_dir / SECRET_FILE, secrets.token_hex(_SECRET_BYTES))
        token = _kept(data_dir / TOKEN_FILE, new_secret(LOCAL_PREFIX))
        # Hashes, sessions and the audit log; what SQLite puts beside it takes over its mode.
        (data_dir / ROWS_FILE).touch(mode=0o600)
        (data_dir / ROWS_FILE).chmod(0o600)
    except OSError as error:
        raise Unavailable(
            f"the data directory cannot be used: {error.strerror or error}",
            where=str(data_dir),
            next_steps=["choose another with --data", "check its owner and free space"],
        ) from error
    try:
        return Instance(bytes.fromhex(secret), token)
    except ValueError:
        raise Unavailable(
            "the instance's secret is damaged; fingerprints of old rows were made with it",
            where=str(data_dir / SECRET_FILE),
            next_steps=["put it back from a backup", "or delete the file: new rows then get other fingerprints"],
        ) from None


def demo_in(data_dir: Path) -> str:
    """Name of the company whose made-up usage the directory holds, whole or in part; empty for real data."""
    return DEMO_COMPANY if (data_dir / DEMO_FILE).exists() else ""


def read_cli_token(data_dir: Path) -> str:
    """The command line's token, empty when there is none, it is not private, or it cannot be read."""
    return _private_text(data_dir / TOKEN_FILE)


def _kept(path: Path, fresh: str) -> str:
    """The text of a private file, made with `fresh` in one step when it is not there.

    A token others could read is no secret any more and is replaced; the instance's
    secret is only closed to them again, for fingerprints of old rows need it.
    """
    if path.name == SECRET_FILE and path.exists():
        path.chmod(0o600)
    found = _private_text(path)
    if found:
        return found
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(fresh)
        file.flush()
        os.fsync(file.fileno())
    return _placed(draft, path, fresh)


def _placed(draft: Path, path: Path, fresh: str) -> str:
    # A link fails where the name exists: of two processes that start at once, one wins and both use its secret.
    if path.exists():
        path.unlink()
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
    return _private_text(path) or fresh


def _private_text(path: Path) -> str:
    try:
        with path.open(encoding="ascii") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            return "" if mode & 0o077 else file.read(512).strip()
    except (OSError, UnicodeDecodeError):
        return ""
