"""How upstreams fare, as all gateway workers of this data directory see them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tallystick.operations.context import now_us

# Workers write at least every half minute; older files are of processes that died.
_STALE_US = 90_000_000
_WORST = {"open": 2, "half-open": 1, "closed": 0}
_NO_STATE = "closed"


@dataclass(frozen=True, slots=True)
class UpstreamHealth:
    """One provider as all workers see it.

    Attributes:
        name: In the configuration.
        state: Of the circuit, the worst of all workers: ``closed``, ``half-open``, ``open``.
        calls, failures: Since the workers began.
        p50_us, p95_us: To the head of an answer, of the latest calls; of several workers the larger. None without calls.
        last_error_us: When, microseconds; None without one.
        workers: How many have asked it.
    """

    name: str
    state: str
    calls: int
    failures: int
    p50_us: int | None
    p95_us: int | None
    last_error: str
    last_error_us: int | None
    workers: int


def read_health(data_dir: Path, at_us: int | None = None) -> list[UpstreamHealth]:
    """Every provider that was called, by name. Empty when no gateway of this machine has called any.

    A file that cannot be read, or is of a process long gone, says nothing.
    """
    at = now_us() if at_us is None else at_us
    seen: dict[str, list[Mapping[str, Any]]] = {}
    for path in sorted((data_dir / "health").glob("*.json")):
        for name, one in _upstreams(path, at):
            seen.setdefault(name, []).append(one)
    return [_merged(name, parts) for name, parts in sorted(seen.items())]


def _upstreams(path: Path, at_us: int) -> Iterable[tuple[str, Mapping[str, Any]]]:
    try:
        told = json.loads(path.read_text())
        if at_us - int(told["at_us"]) > _STALE_US:
            return []
        return [(name, dict(one)) for name, one in told["upstreams"].items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _merged(name: str, parts: list[Mapping[str, Any]]) -> UpstreamHealth:
    latest = max(parts, key=lambda one: one.get("last_error_us") or 0)
    return UpstreamHealth(
        name=name,
        state=max((str(one.get("state", _NO_STATE)) for one in parts), key=lambda state: _WORST.get(state, 0)),
        calls=sum(int(one.get("calls", 0)) for one in parts),
        failures=sum(int(one.get("failures", 0)) for one in parts),
        p50_us=_largest(parts, "p50_us"),
        p95_us=_largest(parts, "p95_us"),
        last_error=str(latest.get("last_error", "")),
        last_error_us=latest.get("last_error_us"),
        workers=len(parts),
    )


def _largest(parts: list[Mapping[str, Any]], name: str) -> int | None:
    return max((one[name] for one in parts if one.get(name) is not None), default=None)
