"""Who owns a spool folder: a `flock` that the kernel drops when its process dies."""

import fcntl
import os
from pathlib import Path

NAME = "lock"


def take_lock(folder: Path) -> int:
    """The folder's lock, held until its descriptor is closed or the process dies.

    A reader may remove an unlocked folder between its making and its locking; then it is made again.
    """
    path = folder / NAME
    while True:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_still(path, descriptor):
            return descriptor
        os.close(descriptor)


def is_free(folder: Path) -> bool:
    """Whether no process holds the folder. A folder without a lock file is being made, so it is not free."""
    try:
        descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def remove_free(folder: Path) -> None:
    """Remove a folder that nobody owns and that holds no segment; one that was taken meanwhile stays."""
    path = folder / NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_still(path, descriptor) and not any(folder.glob("*.seg")):
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False
