"""What operations work on: built once by `wiring`, handed to every call."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tallystick.storage.engine import Engine

if TYPE_CHECKING:
    from tallystick.budgets.bound import BoundPolicy
    from tallystick.budgets.model import Budget
    from tallystick.operations.blocking_counters import BlockingCounters
    from tallystick.storage.config_db import ConfigDb


@dataclass(frozen=True, slots=True)
class Retention:
    """Days to keep rows of each kind; None keeps them for ever."""

    events_days: int | None = None
    content_days: int = 30
    sessions_days: int = 30


@dataclass(frozen=True, slots=True)
class Home:
    """The row database alone: for what has to be done before anybody owns the ledger."""

    config_db: "ConfigDb"
    data_dir: Path


def _nothing() -> None:
    """Where no gateway writes there is nothing to drain."""


@dataclass(frozen=True, slots=True)
class Context:
    """The open stores and the facts of this instance.

    Attributes:
        ledger: The column engine, owned by this process.
        config_db: Keys, tokens, sessions, prices, imports: the row database.
        data_dir: Where the instance lives.
        zone: Time zone of days and months.
        secret: The instance's own key for keyed fingerprints; never leaves the machine.
        demo: Shown as "demo" in the header and in every export.
        channels: Names of the ways alerts leave by; what is raised is owed to each.
        counters: Those that the gateways use; None where each gateway has its own.
        default_budgets: What holds beside the budgets that people have set.
        bound_policy: What is assumed of calls whose price or length nobody knows; None is what holds without a file.
        drain: Moves what gateways have spooled so far into the ledger, now.
    """

    ledger: Engine
    config_db: "ConfigDb"
    data_dir: Path
    zone: str = "UTC"
    secret: bytes = b""
    demo: str = ""
    retention: Retention = field(default_factory=Retention)
    channels: tuple[str, ...] = ()
    counters: "BlockingCounters | None" = None
    default_budgets: "tuple[Budget, ...]" = ()
    bound_policy: "BoundPolicy | None" = None
    drain: Callable[[], object] = _nothing


def now_us() -> int:
    """This instant in microseconds since 1970, UTC."""
    return time.time_ns() // 1000
