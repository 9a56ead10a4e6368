"""Forget a person: their rows stay as usage and cost, without anything that leads to them."""

from tallystick.kernel.errors import UsageError
from tallystick.kernel.ids import fingerprint
from tallystick.ledger.store import clear_user
from tallystick.operations.audit import record
from tallystick.operations.context import Context
from tallystick.org.model import Principal


def erase_user(context: Context, user: str, principal: Principal) -> int:
    """Empty user, customer, conversation, run, tags and every id in a user's rows; how many rows.

    Totals do not change, and doing it again finds nothing. Erasing is the one exception
    to append only, and lands in the audit log under a keyed fingerprint of the name.

    Args:
        context: The instance.
        user: Exactly as the rows have it.
        principal: Who asks; for the audit log.

    Raises:
        UsageError: No name was given: rows without a user are nobody's.
    """
    if not user.strip():
        raise UsageError("whose rows?", where="user", next_steps=["name the user exactly as the rows have it"])
    count = clear_user(context.ledger, user)
    with context.config_db.transaction():
        record(context, principal.name, "erase user", f"{fingerprint(context.secret, user.encode())}: {count} rows")
    return count
