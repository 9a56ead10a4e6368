"""An instance with counters in this process, for tests of what keeps them true."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tallystick.budgets.ask import holds
from tallystick.budgets.cover import BudgetBook
from tallystick.budgets.model import Ask, Bound, Budget
from tallystick.counters.process import ProcessCounters
from tallystick.operations.blocking_counters import BlockingCounters
from tallystick.operations.context import Context
from tallystick.operations.instance import prepare_instance
from tallystick.operations.start_ledger import start_ledger
from tallystick.storage.config_db import ConfigDb
from tallystick.storage.duckdb_engine import DuckDbEngine


@contextmanager
def open_context(folder: Path) -> Iterator[tuple[Context, ProcessCounters]]:
    """The instance, and its counters as a gateway would use them."""
    instance = prepare_instance(folder)
    engine, config_db, counters = DuckDbEngine(None), ConfigDb(folder / "config.db"), ProcessCounters()
    blocking = BlockingCounters(lambda: counters)
    context = Context(ledger=engine, config_db=config_db, data_dir=folder, secret=instance.secret, counters=blocking)
    start_ledger(context)
    try:
        yield context, counters
    finally:
        blocking.close()
        engine.close()
        config_db.close()


def an_ask(budgets: list[Budget], dimensions: dict[str, str], at_us: int, name: str, *, owner: str = "gw_1") -> Ask:
    """What a call of at most a dollar asks, as a gateway would ask it."""
    bound = Bound(1000, 0, 10**12, 0, capped=True)
    covering = BudgetBook(budgets).covering(dimensions)
    return Ask(name, owner, holds(covering, dimensions, at_us, bound), 0, 0, at_us, at_us + 900 * 10**6)
