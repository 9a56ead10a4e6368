"""What was said in one call, for those few who may read it."""

from tallystick.kernel.errors import NotFound
from tallystick.ledger.store import read_content as find_content
from tallystick.operations.audit import record
from tallystick.operations.context import Context
from tallystick.operations.read_request import read_request
from tallystick.org.authorize import may
from tallystick.org.model import Principal
from tallystick.usage.content import CallContent


def read_content(context: Context, event_id: str, principal: Principal) -> CallContent | None:
    """Prompt and answer of one call, None when they are not kept. Whoever reads them is in the audit log.

    Raises:
        NotFound: There is no such call, or it is another team's.
    """
    event = read_request(context, event_id, principal)
    found = find_content(context.ledger, event.event_id) if may(principal, "content") else None
    if found is not None:
        with context.config_db.transaction():
            record(context, principal.name, "read content", event.event_id)
    return found


def require_content(context: Context, event_id: str, principal: Principal) -> CallContent:
    """As `read_content`.

    Raises:
        NotFound: Also when nothing of the call is kept.
    """
    found = read_content(context, event_id, principal)
    if found is None:
        raise NotFound(
            f"nothing of what was said in {event_id[:80]} is stored",
            next_steps=["only calls made while [content] store = true have it, for retention_days"],
        )
    return found
