"""Take the demo's rows out again: the one place where ledger rows are deleted, and only made-up ones."""

from tallystick.storage.engine import Engine

SOURCE = "demo"


def clear(engine: Engine) -> None:
    """Delete the demo's events and charges; what came from elsewhere stays."""
    with engine.transaction():
        engine.execute("DELETE FROM usage_event WHERE source = $source", {"source": SOURCE})
        engine.execute("DELETE FROM charge WHERE source = $source", {"source": SOURCE})


def is_empty(engine: Engine) -> bool:
    """Whether no event is in the ledger, of any source."""
    return not engine.rows("SELECT 1 FROM usage_event LIMIT 1")
