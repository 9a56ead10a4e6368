"""The gateway in figures: providers, keys, counters, processes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tallystick.budgets.cover import covers
from tallystick.budgets.model import Budget
from tallystick.charts.format import count, money
from tallystick.explore.model import Breakdown, Sums
from tallystick.operations.read_health import UpstreamHealth
from tallystick.operations.read_metrics import Process
from tallystick.org.model import GatewayKey
from tallystick.web import dates
from tallystick.web.address import Address
from tallystick.web.budgets_page import budget_href
from tallystick.web.requests_page import seconds
from tallystick.web.view import Figure, exact

_CIRCUITS = {
    "closed": ("answers", ""),
    "half-open": ("tried again with single calls", "warn"),
    "open": ("not asked: it failed too often", "bad"),
}
_SHOWN_BUDGETS = 4
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """One provider: how its circuit is, and what it did today."""

    name: str
    state: str
    tone: str
    answered: str
    failures: str
    typical: str
    slow: str
    error: str
    calls: Figure
    cost: Figure


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key: whose it is, what holds it, what it used today."""

    name: str
    key_id: str
    locked: tuple[tuple[str, str], ...]
    budgets: tuple[tuple[str, str], ...]
    more: int
    calls: Figure
    cost: Figure


def provider_rows(health: Sequence[UpstreamHealth], today: Breakdown, now_us: int) -> list[ProviderRow]:
    """Every provider that was called since the gateways began, or today; by name."""
    used = {row.group["provider_account"]: row.now for row in today.rows if row.group["provider_account"]}
    known = {one.name: one for one in health}
    return [_provider(name, known.get(name), used.get(name), now_us) for name in sorted({*known, *used})]


def _provider(name: str, one: UpstreamHealth | None, used: Sums | None, now_us: int) -> ProviderRow:
    state, tone = _CIRCUITS.get(one.state, (one.state, "warn")) if one else ("not called by these gateways", "")
    failed = one is not None and one.last_error_us is not None
    return ProviderRow(
        name,
        state,
        tone,
        count(one.calls) if one else "–",
        count(one.failures) if one else "–",
        seconds(one.p50_us if one else None),
        seconds(one.p95_us if one else None),
        f"{one.last_error}, {dates.ago(one.last_error_us, now_us)}" if failed else "",  # type: ignore[union-attr, arg-type]
        *_used(used, "provider_account", name),
    )


def _used(used: Sums | None, dimension: str, value: str) -> tuple[Figure, Figure]:
    href = str(Address("/requests").filtered(dimension, value).having(range="today"))
    if used is None:
        return Figure("0"), Figure("–")
    return Figure(count(used.calls), str(used.calls), href), Figure(money(used.cost), exact(used.cost), href)


def key_rows(keys: Iterable[GatewayKey], today: Breakdown, budgets: Sequence[Budget], most: int) -> list[KeyRow]:
    """Keys that are in force or were used today, the dearest of today first."""
    used = {row.group["key"]: row.now for row in today.rows if row.group["key"]}
    known = {key.key_id: key for key in keys if key.revoked_at is None or key.key_id in used}
    order = sorted({*known, *used}, key=lambda one: (-((used[one].cost or 0) if one in used else -1), one))
    return [_key(key_id, known.get(key_id), used.get(key_id), budgets) for key_id in order[:most]]


def _key(key_id: str, key: GatewayKey | None, used: Sums | None, budgets: Sequence[Budget]) -> KeyRow:
    locked: Mapping[str, str] = key.locked if key else {}
    dimensions = {**(key.defaults if key else {}), **locked, "key": key_id}
    held = [one for one in budgets if (one.where or "key" in one.group_by) and _holds(one, dimensions)]
    revoked = ", revoked" if key and key.revoked_at is not None else ""
    return KeyRow(
        (key.name if key and key.name else key_id) + revoked,
        key_id,
        tuple(locked.items()),
        tuple((one.name, budget_href(one)) for one in held[:_SHOWN_BUDGETS]),
        max(0, len(held) - _SHOWN_BUDGETS),
        *_used(used, "key", key_id),
    )


def _holds(budget: Budget, dimensions: Mapping[str, str]) -> bool:
    """Whether calls of a key can fall under a budget, as far as the key itself says."""
    return covers(replace(budget, group_by=(), window="total"), dimensions)


def process_rows(processes: Iterable[Process]) -> list[tuple[str, str]]:
    """Each gateway worker: its process and how it is."""
    return [
        (f"Worker {one.pid}", f"up {_length(one.uptime_us)}, {_size(one.resident)}")
        for one in processes
        if one.name == "gateway"
    ]


def _length(micros: int) -> str:
    return dates.ago(0, micros).removesuffix(" ago")


def _size(size: int | None) -> str:
    return "memory unknown" if size is None else f"{size / _MIB:,.0f} MB of memory"


def spool_words(size: int) -> str:
    """What waits on disk."""
    return f"{size / _MIB:,.1f} MB"
