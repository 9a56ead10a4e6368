"""What all processes of this instance have counted, and how they are."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tallystick.operations.context import Context, now_us
from tallystick.storage.metric_cells import Worker, read_cells

_STATM = "/proc/{pid}/statm"


@dataclass(frozen=True, slots=True)
class Process:
    """One process of this instance. Sizes are bytes.

    Attributes:
        name: ``gateway`` or ``app``.
        resident: None where the system does not say.
    """

    name: str
    pid: int
    resident: int | None
    uptime_us: int


@dataclass(frozen=True, slots=True)
class Counted:
    """All there is to scrape.

    Attributes:
        sums: Cell name (family, labels, part; tabs between) to what was ever counted.
        states: Cell name to the sum over living processes.
        spool_bytes: Disk that the spool holds; a segment takes its room when it begins, and is removed whole.
    """

    sums: Mapping[str, int]
    states: Mapping[str, int]
    processes: tuple[Process, ...]
    spool_bytes: int


def metrics_folder(data_dir: Path) -> Path:
    """Where gateways count."""
    return data_dir / "metrics"


def read_metrics(context: Context, app_started_us: int) -> Counted:
    """Sum what gateways of this data directory have counted, those that are gone too."""
    found, at = read_cells(metrics_folder(context.data_dir)), now_us()
    states: dict[str, int] = {}
    for worker in found.workers:
        for name, value in worker.states.items():
            states[name] = states.get(name, 0) + value
    processes = [_process("gateway", worker, at) for worker in found.workers]
    processes.append(_process("app", Worker(os.getpid(), app_started_us, {}), at))
    return Counted(found.sums, states, tuple(processes), _spool_bytes(context.data_dir / "spool"))


def _process(name: str, worker: Worker, at: int) -> Process:
    return Process(name, worker.pid, _resident(worker.pid), max(at - worker.started_us, 0))


def _resident(pid: int) -> int | None:
    try:
        pages = int(Path(_STATM.format(pid=pid)).read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _spool_bytes(spool: Path) -> int:
    total = 0
    for path in spool.glob("*/*.seg"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # drained in between
            continue
    return total
