"""Why a call went as it went: the decision that was stored with its row, and what came of it."""

import json
from dataclasses import dataclass
from typing import Any

from tallystick.operations.context import Context
from tallystick.operations.read_request import read_request
from tallystick.org.model import Principal
from tallystick.usage.model import UsageEvent


@dataclass(frozen=True, slots=True)
class Explained:
    """One call and its decision.

    Attributes:
        decision: As the gateway stored it; None where there is none.
        missing: Why there is none; empty when there is.
    """

    event: UsageEvent
    decision: dict[str, Any] | None
    missing: str = ""


def explain_decision(context: Context, event_id: str, principal: Principal) -> Explained:
    """The decision of one row.

    Raises:
        NotFound: There is no such row, or it is another team's.
    """
    event = read_request(context, event_id, principal)
    if not event.decision:
        return Explained(event, None, _missing(event))
    try:
        decision = json.loads(event.decision)
    except ValueError:
        decision = None
    if not isinstance(decision, dict):
        return Explained(event, None, "its decision cannot be read")
    return Explained(event, decision)


def _missing(event: UsageEvent) -> str:
    if event.source.startswith("import:"):
        return "it was imported: another system made the call, and no budget of ours was asked"
    if event.source == "demo":
        return "it is made up for the demo, and no budget was asked"
    if event.verdict:
        return "there was no room to write its decision down, only the verdict"
    return "no budget was asked: it was recorded before budgets were, or its path costs nothing"
