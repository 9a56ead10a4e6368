"""What a gateway reads when the version word has moved. SQLite only: no ledger is opened for it."""

from tallystick.org import store
from tallystick.org.model import GatewayKey
from tallystick.storage.config_db import ConfigDb


def keys_since(config_db: ConfigDb, version: int) -> list[GatewayKey]:
    """Keys made or revoked after `version`, oldest change first; 0 gives all.

    A revocation is a row too: its `revoked_at` is set. The greatest `version` of the
    answer is the one to ask with next time.
    """
    return store.list_keys_since(config_db, version)
