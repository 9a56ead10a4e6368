"""What a gateway reads of routing rules when the version word has moved. SQLite only: no ledger is opened for it."""

from tallystick.routing.model import Rule
from tallystick.routing.store import list_rules_since
from tallystick.storage.config_db import ConfigDb


def rules_since(config_db: ConfigDb, version: int) -> list[Rule]:
    """Rules made, changed or deleted after `version`, oldest change first; 0 gives all.

    A deletion is a row too: its `deleted_at` is set. The greatest `version` of the
    answer is the one to ask with next time.
    """
    return list_rules_since(config_db, version)
