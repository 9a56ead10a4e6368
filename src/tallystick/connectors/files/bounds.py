"""How much of a file is read: what unpacks to far more than its size is no honest export."""

from pathlib import Path

from tallystick.kernel.errors import DataError

MAX_RATIO = 250
MAX_LINE = 16 * 1024 * 1024
_ALWAYS_ALLOWED = 64 * 1024 * 1024


def most_unpacked(path: Path) -> int:
    """Bytes that a file may unpack to."""
    return max(_ALWAYS_ALLOWED, path.stat().st_size * MAX_RATIO)


def too_much(path: Path) -> DataError:
    """The error for a file that unpacks to more."""
    return DataError(
        f"the file unpacks to more than {MAX_RATIO} times its size",
        where=str(path),
        next_steps=["unpack it yourself and import the result if you trust it"],
    )
