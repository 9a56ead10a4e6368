"""Build counters from the ledger, and keep them true to it.

A repair never overwrites a settlement. A counter is read first; then the spool is drained,
and the reservations that are open are read; then the ledger is summed without these. A
gateway writes the row of a call before it settles it, so what was settled when the counter
was read is in that sum. What is settled afterwards either changes the counter, which is then
left for the next try, or was open, and so is not in the sum. What agrees is set only if the
counter has not moved meanwhile.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from tallystick.budgets.expect import Expected
from tallystick.budgets.history import Drift
from tallystick.budgets.model import Budget, Standing
from tallystick.budgets.repair import GRACE_US
from tallystick.budgets.store import append_drift, list_changes, list_drift
from tallystick.kernel.period import MINUTE_US, SECOND_US
from tallystick.operations.blocking_counters import BlockingCounters, Correction
from tallystick.operations.context import Context, now_us
from tallystick.operations.ledger_sums import LedgerSums
from tallystick.operations.load_budgets import budgets_in_force
from tallystick.operations.resolve_reservations import asked_of, resolve_reservations
from tallystick.usage.model import UsageEvent

_LOG = logging.getLogger("tallystick.counters")
# Of one round: what is beyond waits for the next, least recently looked at first.
_MOST_READ = 20_000
_MOST_REPAIRED = 2_000
_TRIES = 5
# Calls that were in flight when a budget was set are not reserved on its counters.
_SETTLING_US = 15 * MINUTE_US
_IN_FLIGHT = "calls were in flight when the budget was set"
DRIFTED = "the counter did not agree with the ledger"


@dataclass(slots=True)
class Repair:
    """What one repair knows from round to round.

    Attributes:
        counters: Those that the gateways use.
        drain: Moves what gateways have spooled into the ledger, now.
        in_flight: Calls that gateways have begun and not completed, as far as they were drained. One that has no
            reservation any more, for the counters were lost, counts with what was asked for it.
        elsewhere: Gateways on other machines use these counters too, and write into spools
            that are not drained here: a difference counts only when it was there a round ago.
        amounts, seen, turn: What the last round found, and whose turn is next.
    """

    context: Context
    counters: BlockingCounters
    drain: Callable[[], object]
    in_flight: Callable[[], Sequence[UsageEvent]] = tuple
    elsewhere: bool = False
    sums: LedgerSums = field(init=False)
    amounts: dict[bytes, int] = field(default_factory=dict)
    turn: int = 0
    seen: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sums = LedgerSums(self.context)


def build_counters(repair: Repair) -> int:
    """Set every counter to what the ledger says, and say that they are built; 0, for nothing is healed by it.

    Nothing is reserved meanwhile: gateways wait until the counters are built.
    """
    if repair.elsewhere:
        # What was reserved on lost counters has written its intent by then, or never will.
        time.sleep(GRACE_US / SECOND_US)
    repair.drain()
    at = now_us()
    resolve_reservations(repair.context, repair.counters, at, elsewhere=repair.elsewhere)
    flying = repair.in_flight()
    open_ids = [one.reservation_id for one in repair.counters.open_reservations()]
    wanted = _with_lost(repair.sums.expected(_in_force(repair.context), at, open_ids), flying, open_ids)
    standings = repair.counters.read([one.key for one in wanted])
    wrong = [
        _correction(one, standing) for one, standing in zip(wanted, standings, strict=True) if _differ(one, standing)
    ]
    repair.counters.correct(wrong)
    repair.counters.mark_built()
    return 0


def repair_counters(repair: Repair) -> int:
    """One round: build what is not built, resolve what dead gateways left, set right what differs; how many were set."""
    if not repair.counters.built():
        return build_counters(repair)
    at = now_us()
    resolve_reservations(repair.context, repair.counters, at, elsewhere=repair.elsewhere)
    suspects = _suspects(repair, repair.sums.expected(_in_force(repair.context), at))
    healed: list[tuple[Expected, Correction]] = []
    for _ in range(_TRIES):
        if not suspects:
            break
        suspects, done = _try(repair, suspects, at)
        healed += done
    _record(repair.context, healed, at)
    return len(healed)


def seed_counters(context: Context, counters: BlockingCounters, budget: Budget) -> int:
    """Set the counters of a budget that is not in force yet, or changes, to what the ledger says; how many were set."""
    sums = LedgerSums(context)
    for _ in range(_TRIES):
        open_ids = [one.reservation_id for one in counters.open_reservations()]
        wanted = sums.expected([budget], now_us(), open_ids)
        standings = counters.read([one.key for one in wanted])
        wrong = [_correction(one, now) for one, now in zip(wanted, standings, strict=True) if _differ(one, now)]
        if all(counters.correct(wrong)):
            return len(wrong)
    return 0


def list_repairs(context: Context, limit: int) -> list[Drift]:
    """What repairs have set right, newest first."""
    return list_drift(context.config_db, limit)


def _in_force(context: Context) -> list[Budget]:
    return budgets_in_force(context.config_db, context.default_budgets)


def _suspects(repair: Repair, expected: Sequence[Expected]) -> list[Expected]:
    """Counters that do not agree at first sight: those whose sum has moved, and in turn all others."""
    moved = [one for one in expected if repair.amounts.get(one.key) != one.amount]
    repair.amounts = {one.key: one.amount for one in expected}
    looked_at = {one.key: one for one in [*moved, *_in_turn(repair, expected)][:_MOST_READ]}
    standings = repair.counters.read(list(looked_at))
    pairs = zip(looked_at.values(), standings, strict=True)
    return [one for one, standing in pairs if _differ(one, standing)][:_MOST_REPAIRED]


def _in_turn(repair: Repair, expected: Sequence[Expected]) -> Sequence[Expected]:
    first = repair.turn % max(1, len(expected))
    repair.turn = first + _MOST_READ
    return [*expected[first:], *expected[:first]]


def _try(
    repair: Repair, suspects: Sequence[Expected], at_us: int
) -> tuple[list[Expected], list[tuple[Expected, Correction]]]:
    """Those that moved while they were looked at, and those that were set right."""
    keys = [one.key for one in suspects]
    standings = dict(zip(keys, repair.counters.read(keys), strict=True))
    repair.drain()
    flying = repair.in_flight()
    open_ids = [one.reservation_id for one in repair.counters.open_reservations()]
    budgets = {one.budget.budget_id: one.budget for one in suspects}
    found = [one for one in repair.sums.expected(budgets.values(), at_us, open_ids) if one.key in standings]
    expected = _with_lost(found, flying, open_ids)
    wrong = [(one, _correction(one, standings[one.key])) for one in expected if _differ(one, standings[one.key])]
    if repair.elsewhere:
        wrong = _seen_before(repair, wrong)
    done = repair.counters.correct([correction for _, correction in wrong])
    pairs = list(zip(wrong, done, strict=True))
    return [one for (one, _), was in pairs if not was], [pair for pair, was in pairs if was]


def _with_lost(expected: list[Expected], flying: Sequence[UsageEvent], open_ids: Sequence[str]) -> list[Expected]:
    """With what was asked for calls in flight whose reservations were lost."""
    held = set(open_ids)
    lost: dict[str, int] = {}
    for event in flying:
        if event.event_id not in held:
            for key, amount in asked_of(event.decision).items():
                lost[key] = lost.get(key, 0) + amount
    if not lost:
        return expected
    return [replace(one, amount=one.amount + lost.get(one.key.hex(), 0)) for one in expected]


def _seen_before(repair: Repair, wrong: Sequence[tuple[Expected, Correction]]) -> list[tuple[Expected, Correction]]:
    before = repair.seen
    repair.seen = {one.key: (one.expected, one.posted) for _, one in wrong}
    return [pair for pair in wrong if before.get(pair[1].key) == (pair[1].expected, pair[1].posted)]


def _differ(one: Expected, standing: Standing) -> bool:
    """Whether a counter is to be set; where the ledger knows only a part, it may only be raised."""
    return standing.posted != one.amount and (one.whole or standing.posted < one.amount)


def _correction(one: Expected, standing: Standing) -> Correction:
    return Correction(one.key, standing.posted, one.amount, one.ends_us)


def _record(context: Context, healed: Iterable[tuple[Expected, Correction]], at_us: int) -> None:
    rows = [
        Drift(
            at_us, one.budget.budget_id, one.key.hex(), done.expected, done.posted, _reason(context, one.budget, at_us)
        )
        for one, done in healed
    ]
    if rows:
        with context.config_db.transaction():
            for row in rows:
                append_drift(context.config_db, row)


def _reason(context: Context, budget: Budget, at_us: int) -> str:
    changes = list_changes(context.config_db, budget.budget_id)
    return _IN_FLIGHT if changes and at_us - changes[-1].at < _SETTLING_US else DRIFTED
