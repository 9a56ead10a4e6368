"""The audit log: who changed what, when."""

from tallystick.operations.context import Context, now_us
from tallystick.org import store
from tallystick.org.model import AuditEntry


def record(context: Context, who: str, what: str, detail: str) -> None:
    """Append one entry; call it inside the transaction of the change. `detail` never holds a secret."""
    store.append_audit(context.config_db, AuditEntry(now_us(), who, what, detail))


def list_audit(context: Context, *, limit: int = 1000) -> list[AuditEntry]:
    """The latest entries, newest first."""
    return store.list_audit(context.config_db, limit)
