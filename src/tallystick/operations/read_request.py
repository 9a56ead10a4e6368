"""One request with everything known of it."""

from tallystick.kernel.errors import NotFound
from tallystick.ledger.duplicates import Copy
from tallystick.ledger.store import list_copies_of, read_event
from tallystick.operations.context import Context
from tallystick.org.model import Principal
from tallystick.usage.model import UsageEvent


def read_request(context: Context, event_id: str, principal: Principal) -> UsageEvent:
    """One event by its id.

    Raises:
        NotFound: There is none, or it is another team's: the answer does not tell which.
    """
    event = read_event(context.ledger, event_id)
    if event is None or (principal.teams and event.dimensions.get("team", "") not in principal.teams):
        raise NotFound(
            f'there is no request "{event_id[:80]}"',
            next_steps=["ids look like evt_01k9…; the list of requests has them"],
        )
    return event


def read_copies(context: Context, event: UsageEvent) -> list[Copy]:
    """What other captures have of a call: its copies, and what it is a copy of; it counts once."""
    return list_copies_of(context.ledger, event.event_id.removesuffix("~d"))
