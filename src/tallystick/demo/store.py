"""Take the demo's rows out again: the one place where ledger rows are deleted, and only made-up ones."""

from tallystick.storage.engine import Engine

SOURCE = "demo"


def clear(engine: Engine) -> None:
    """Delete the demo's events and charges; what came from elsewhere stays."""
    with engine.transaction():
        engine.execute("DELETE FROM usage_event WHERE source = $source", {"source": SOURCE})
        engine.execute("DELETE FROM charge WHERE source = $source", {"source": SOURCE})
