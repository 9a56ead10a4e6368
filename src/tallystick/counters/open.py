"""Opens the counters that the configuration names. Each kind is imported only where it is used."""

from dataclasses import dataclass, field
from pathlib import Path

from tallystick.counters.process import ProcessCounters
from tallystick.kernel.errors import ConfigError
from tallystick.ports import Counters


@dataclass(frozen=True, slots=True)
class CounterSettings:
    """Where counters live.

    Attributes:
        kind: ``shared``, ``process`` or ``redis``.
        path: File of the shared ones.
        deadline_ms: Longest wait for Redis.
        namespace: What all keys in Redis begin with.
    """

    kind: str
    path: Path
    redis_url: str = field(default="", repr=False)
    deadline_ms: float = 20.0
    namespace: str = "tally"


def open_counters(settings: CounterSettings, owner: str) -> Counters:
    """The counters as one process sees them.

    Args:
        settings: Which, and where.
        owner: The gateway process: its spool folder's name; another word for who only reads and repairs.

    Raises:
        ConfigError: Redis is asked for without an address.
    """
    if settings.kind == "process":
        return ProcessCounters()
    if settings.kind == "shared":
        from tallystick.counters.shared import SharedCounters

        return SharedCounters(settings.path)
    if not settings.redis_url:
        raise ConfigError(
            "counters in Redis need an address",
            where="[budgets]",
            next_steps=['redis_url = "redis://host:6379/0"', "or redis_url_env names a variable that holds it"],
        )
    from tallystick.counters.redis import RedisCounters

    return RedisCounters(
        settings.redis_url, deadline_ms=settings.deadline_ms, owner=owner, namespace=settings.namespace
    )
