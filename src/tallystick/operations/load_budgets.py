"""What a gateway reads of budgets when the version word has moved. SQLite only: no ledger is opened for it."""

from collections.abc import Iterable

from tallystick.budgets.model import Budget
from tallystick.budgets.store import list_budgets, list_budgets_since
from tallystick.storage.config_db import ConfigDb


def budgets_since(config_db: ConfigDb, version: int) -> list[Budget]:
    """Budgets made, changed or deleted after `version`, oldest change first; 0 gives all.

    A deletion is a row too: its `deleted_at` is set. The greatest `version` of the
    answer is the one to ask with next time.
    """
    return list_budgets_since(config_db, version)


def budgets_in_force(config_db: ConfigDb, defaults: Iterable[Budget]) -> list[Budget]:
    """The budgets that people have set, by name, then the defaults, which hold beside them."""
    return [*list_budgets(config_db), *defaults]
