"""Open the ledger of a data directory, with its rows, counters and prices."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tallystick.config import Config
from tallystick.kernel.errors import ConfigError, Conflict, TallyError
from tallystick.operations.instance import demo_in, prepare_instance
from tallystick.wiring.settings import bound_policy, counter_settings, safe_defaults

if TYPE_CHECKING:
    from tallystick.operations.blocking_counters import BlockingCounters
    from tallystick.operations.context import Context


@contextmanager
def open_ledger(
    config: Config, data_dir: Path, *, channels: tuple[str, ...] = (), wait_seconds: float = 0.0
) -> Iterator["Context"]:
    """The ledger of a data directory with the prices of this version, and what operations on it take.

    Args:
        channels: Names of those that alerts go to.
        wait_seconds: How long to wait for another process to let go of the ledger.

    Raises:
        Conflict: Another process has the ledger.
    """
    from tallystick.operations.refresh_prices import refresh_prices
    from tallystick.operations.start_ledger import start_ledger

    context = _context(config, data_dir, channels=channels, wait_seconds=wait_seconds)
    try:
        start_ledger(context)
        refresh_prices(context, price_file(config))
        yield context
    finally:
        if context.counters is not None:
            context.counters.close()
        context.config_db.close()
        context.ledger.close()


def price_file(config: Config) -> Path | None:
    """The file of prices that somebody set, where there is one."""
    return Path(config.prices.override).expanduser() if config.prices.override else None


def _context(config: Config, data_dir: Path, *, channels: tuple[str, ...], wait_seconds: float) -> "Context":
    from tallystick.operations.context import Context, Retention
    from tallystick.storage.config_db import ConfigDb

    secret = prepare_instance(data_dir).secret
    return Context(
        ledger=_patiently(lambda: _open_engine(config, data_dir), wait_seconds),
        config_db=ConfigDb(data_dir / "config.db"),
        data_dir=data_dir,
        zone=config.timezone,
        secret=secret,
        demo=demo_in(data_dir),
        retention=Retention(config.retention.events_days, config.content.retention_days),
        channels=channels,
        counters=_open_counters(config, data_dir),
        default_budgets=safe_defaults(config),
        bound_policy=bound_policy(config),
    )


def _open_counters(config: Config, data_dir: Path) -> "BlockingCounters | None":
    """The counters that the gateways use; None where each has its own, and nobody else can see them."""
    from tallystick.counters.open import open_counters
    from tallystick.operations.blocking_counters import BlockingCounters

    settings = counter_settings(config, data_dir)
    return None if settings.kind == "process" else BlockingCounters(lambda: open_counters(settings, "app"))


def _open_engine(config: Config, data_dir: Path) -> Any:
    if config.ledger.engine == "clickhouse":
        from tallystick.storage.clickhouse_engine import ClickHouseEngine

        return ClickHouseEngine(config.ledger.dsn)
    if config.ledger.engine != "duckdb":
        raise ConfigError(f'engine "{config.ledger.engine}" is not one of duckdb, clickhouse', where="[ledger]")
    from tallystick.storage.duckdb_engine import DuckDbEngine

    return DuckDbEngine(data_dir / "ledger.duckdb", memory_limit=config.ledger.memory_limit or _fair_share())


def _fair_share() -> str:
    """A quarter of the machine's memory, four gigabytes at most: what is left is the page cache's and the calls'."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{min(physical // 4, 4 * 10**9) // 10**6}MB"


def _patiently(opened: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return opened()
        except TallyError as error:
            if not isinstance(error, Conflict) or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
