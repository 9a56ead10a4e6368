"""Calls as they land in the ledger, and all attempts of one call."""

from tallystick.kernel.period import HOUR_US
from tallystick.ledger.store import read_attempts, read_landed, read_last_seq
from tallystick.operations.context import Context
from tallystick.org.model import Principal
from tallystick.usage.model import UsageEvent

_AROUND_US = 2 * HOUR_US  # a call and its further attempts lie no farther apart
_MOST_ATTEMPTS = 50


def last_landed(context: Context) -> int:
    """The ingest number of the latest row."""
    return read_last_seq(context.ledger)


def calls_landed(
    context: Context, principal: Principal, after: int, *, limit: int = 50
) -> tuple[list[UsageEvent], int]:
    """What has landed after an ingest number, oldest first, and the number to ask with next time.

    Args:
        context: The instance.
        principal: Only rows of its teams.
        after: From `last_landed` or the answer before.
        limit: Of more only the newest are given.
    """
    last = read_last_seq(context.ledger)
    if last <= after:
        return [], max(after, last)
    return read_landed(context.ledger, (after, last), principal.teams, limit), last


def list_attempts(context: Context, event: UsageEvent, principal: Principal) -> list[UsageEvent]:
    """All attempts of the call that an event belongs to, in order, the event itself among them."""
    if not event.call_id:
        return [event]
    around = (event.occurred_at - _AROUND_US, event.occurred_at + _AROUND_US)
    found = read_attempts(context.ledger, event.call_id, around, _MOST_ATTEMPTS)
    return [one for one in found if not principal.teams or one.dimensions.get("team", "") in principal.teams]
