"""Newline-delimited JSON of work in progress: what it reports, then its result."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from queue import Queue

from tallystick.api.errors import error_wire
from tallystick.kernel.errors import TallyError

_log = logging.getLogger("tallystick.api")

Report = Callable[[object], None]


class ClientGone(Exception):
    """Raised inside the work at its next report, so that it ends where it can be undone."""


def ndjson(work: Callable[[Report], object]) -> Iterator[bytes]:
    """The lines of work that runs in a thread of its own; begins at once.

    The first line is waited for, so that work which fails before it has said anything
    fails with a status of its own; later failures are a line ``{"error": …}``.

    Raises:
        TallyError: The work failed at once.
    """
    lines: Queue[object] = Queue(maxsize=100)
    gone = threading.Event()

    def report(item: object) -> None:
        if gone.is_set():
            raise ClientGone
        lines.put(item)

    threading.Thread(target=_run, args=(work, report, lines), name="import", daemon=True).start()
    first = lines.get()
    if isinstance(first, TallyError):
        raise first
    return _written(first, lines, gone)


def _run(work: Callable[[Report], object], report: Report, lines: "Queue[object]") -> None:
    try:
        report(work(report))
    except ClientGone:
        _log.warning("the client left; its import was given up")
    except TallyError as error:
        lines.put(error)
    except Exception:  # noqa: BLE001 - whatever it was, the reader of the lines must hear of it
        _log.exception("an import failed")
        lines.put(TallyError("an unexpected error; the server's log says more"))
    lines.put(None)


def _written(first: object, lines: "Queue[object]", gone: threading.Event) -> Iterator[bytes]:
    item: object = first
    try:
        while item is not None:
            wire = error_wire(item) if isinstance(item, TallyError) else item
            yield json.dumps(wire).encode() + b"\n"
            item = lines.get()
    finally:
        gone.set()
        while not lines.empty():
            # Whoever waits for room in the queue finds it, and then that nobody listens.
            lines.get_nowait()
