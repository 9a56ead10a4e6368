"""Settle what gateways that are gone have left reserved."""

import json
from collections.abc import Mapping
from typing import Any

from tallystick.budgets.bound import CURRENCY
from tallystick.budgets.model import OpenReservation
from tallystick.budgets.repair import resolve
from tallystick.kernel.period import DAY_US
from tallystick.ledger.store import read_events
from tallystick.operations.blocking_counters import BlockingCounters
from tallystick.operations.context import Context
from tallystick.usage.model import UsageEvent

# Ends after which a usage that was not reported may be less than what is billed.
_LOST = frozenset({"cut", "client_gone", "interrupted", "error"})
_GRAINS_PER_NANO = 1000
_OLDEST_US = 7 * DAY_US  # no call takes longer


def resolve_reservations(context: Context, counters: BlockingCounters, at_us: int, *, elsewhere: bool = False) -> int:
    """Settle reservations whose call is in the ledger, or whose gateway is gone without a word of it; how many.

    Whose gateway is gone is looked at first, the ledger afterwards: a dead gateway's folder is
    removed once the ledger holds all of it.

    Args:
        elsewhere: Gateways on other machines have their folders there; theirs are taken for
            dead only when their reservation has expired.
    """
    found = counters.open_reservations()
    owners = {one.owner for one in found}
    present = {owner for owner in owners if (context.data_dir / "spool" / owner).exists()}
    events = read_events(context.ledger, [one.reservation_id for one in found], at_us - _OLDEST_US)
    held = {one.reservation_id: one for one in found}
    # A living gateway settles its own where the row does not say what it was held to.
    known = {
        event.event_id: _amounts(event, held[event.event_id])
        for event in events
        if event.decision or held[event.event_id].owner not in present
    }
    dead = frozenset() if elsewhere else owners - present
    done = resolve(found, known, dead, at_us, awaited_owners=present)
    for reservation_id, amounts in done:
        counters.settle(reservation_id, amounts)
    return len(done)


def _amounts(event: UsageEvent, one: OpenReservation) -> tuple[int, ...]:
    """What the ledger says the call used; what its decision does not name counts as it was reserved."""
    if event.attempt < 1:
        return (0,) * len(one.keys)
    named = _units(event.decision)
    return tuple(
        _amount(event, named[key.hex()], held) if key.hex() in named else held
        for key, held in zip(one.keys, one.amounts, strict=True)
    )


def _amount(event: UsageEvent, unit: str, held: int) -> int:
    certain = event.measured.state == "reported" or event.outcome not in _LOST
    if unit == "requests":
        return 1
    if unit == "tokens":
        figures = (event.measured.input_tokens, event.measured.output_tokens)
        return held if not certain or None in figures else sum(figure or 0 for figure in figures)
    cost = event.effective_cost if certain and event.currency == CURRENCY else None
    if event.bound_cost is not None and (cost is None or event.bound_cost == 0):
        cost = event.bound_cost
    return held if cost is None else -(-cost // _GRAINS_PER_NANO)


def _units(decision: str) -> Mapping[str, str]:
    """Counter, in hexadecimal, to the unit of its budget, as the row's decision has them."""
    try:
        listed: list[dict[str, Any]] = json.loads(decision)["budgets"]
        return {str(one["counter"]): str(one["unit"]) for one in listed}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}


def asked_of(decision: str) -> Mapping[str, int]:
    """Counter, in hexadecimal, to the amount that was asked of it, as a row's decision has them."""
    try:
        listed: list[dict[str, Any]] = json.loads(decision)["budgets"]
        return {str(one["counter"]): int(one["asked"]) for one in listed}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}
