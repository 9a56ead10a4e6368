"""Settle what gateways that are gone have left reserved."""

import json
from collections.abc import Mapping
from typing import Any

from tallystick.budgets.model import OpenReservation
from tallystick.ledger.store import read_event
from tallystick.operations.blocking_counters import BlockingCounters
from tallystick.operations.context import Context
from tallystick.usage.model import UsageEvent

# Ends after which a usage that was not reported may be less than what is billed.
_LOST = frozenset({"cut", "client_gone", "interrupted", "error"})
_GRAINS_PER_NANO = 1000


def resolve_reservations(context: Context, counters: BlockingCounters, at_us: int, *, elsewhere: bool = False) -> int:
    """Settle reservations whose gateway is gone and whose spool is in the ledger; how many.

    Call it after a drain: a dead gateway's folder is removed once the ledger holds all of it.

    Args:
        elsewhere: Gateways on other machines have their folders there; theirs are taken for
            dead only when their reservation has expired.
    """
    done = 0
    for one in counters.open_reservations():
        if _is_gone(context, one, at_us, elsewhere=elsewhere):
            counters.settle(one.reservation_id, _amounts(read_event(context.ledger, one.reservation_id), one))
            done += 1
    return done


def _is_gone(context: Context, one: OpenReservation, at_us: int, *, elsewhere: bool) -> bool:
    if (context.data_dir / "spool" / one.owner).exists():
        return False
    return not elsewhere or one.expires_us <= at_us


def _amounts(event: UsageEvent | None, one: OpenReservation) -> tuple[int, ...]:
    """What the ledger says the call used; nothing where it has never heard of it, for then it was not made.

    What its decision does not name counts as it was reserved.
    """
    if event is None or event.attempt < 1:
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
    cost = event.effective_cost if certain else None
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
