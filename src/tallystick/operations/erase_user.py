"""Forget a person: their rows stay as usage and cost, without anything that leads to them."""

from dataclasses import dataclass

from tallystick.kernel.errors import UsageError
from tallystick.kernel.ids import fingerprint
from tallystick.ledger.store import clear_user, count_user, delete_content_of
from tallystick.operations.audit import record
from tallystick.operations.context import Context
from tallystick.org.model import Principal


@dataclass(frozen=True, slots=True)
class Erased:
    """What there was of a person.

    Attributes:
        rows: Events that were emptied of what is personal.
        contents: Prompts and answers that were deleted.
    """

    rows: int
    contents: int


def erase_user(context: Context, user: str, principal: Principal, *, dry_run: bool = False) -> Erased:
    """Empty user, customer, conversation, run, tags and every id in a user's rows, delete what they said.

    Totals do not change, and doing it again finds nothing. Erasing is the one exception
    to append only, and lands in the audit log under a keyed fingerprint of the name.

    Args:
        context: The instance.
        user: Exactly as the rows have it.
        principal: Who asks; for the audit log.
        dry_run: Only count.

    Raises:
        UsageError: No name was given: rows without a user are nobody's.
    """
    if not user.strip():
        raise UsageError("whose rows?", where="user", next_steps=["name the user exactly as the rows have it"])
    if dry_run:
        return Erased(*count_user(context.ledger, user))
    # Content first: once the rows are empty, only its own copy of the name leads to it.
    contents = delete_content_of(context.ledger, user)
    done = Erased(clear_user(context.ledger, user), contents)
    detail = f"{fingerprint(context.secret, user.encode())}: {done.rows} rows, {done.contents} contents"
    with context.config_db.transaction():
        record(context, principal.name, "erase user", detail)
    return done
