"""What is to be done when counters and ledger disagree: reservations left open, sums that drifted.

The order in which a repair looks decides whether it is right, for calls go on meanwhile:

1. Note the calls in flight (intents without completion), then list the open reservations.
2. Resolve those whose owner is gone (`resolve`): look who is gone first, at the ledger afterwards.
3. Read the counters.
4. Drain the spool to its end, and note the calls in flight again.
5. List the open reservations again.
6. Sum what the counters should hold (`expected_posted`) and `correct` each that differs (`drift`), giving what
   was read in step 3.

A call whose completion is written settles afterwards. If it settled before step 3 its completion is in
the ledger by step 4; if between, its counter moved and the correction is refused; if it has not, it is open in
step 5 and not counted. So a correction is either right or refused, and the next round finds the rest.

A call in flight without a reservation counts at its bound: counters that were lost have lost its reservation
with them (`in_flight`). Lost counters are rebuilt by the same steps, no sooner than `GRACE_US` after they
were seen empty: by then every call that was reserved on the lost ones has written its intent, or never will.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tallystick.budgets.model import OpenReservation

# From seeing empty counters until they may be rebuilt: far longer than a call takes from its
# reservation to its intent, which follow each other without waiting.
GRACE_US = 2_000_000

Amounts = Sequence[int] | None


@dataclass(frozen=True, slots=True)
class Drift:
    """A counter whose posted amount is not what the ledger says."""

    key: bytes
    found: int
    expected: int


@dataclass(frozen=True, slots=True)
class Counted:
    """One call as the counters should hold it: an event in the ledger, or an intent in the spool at its bound.

    Attributes:
        amounts: Of each counter the call was held to.
    """

    event_id: str
    amounts: Mapping[bytes, int]


def resolve(
    reservations: Iterable[OpenReservation],
    known: Mapping[str, Amounts],
    dead_owners: Collection[str],
    at_us: int,
    *,
    awaited_owners: Collection[str],
) -> list[tuple[str, Amounts]]:
    """Which open reservations are settled now, each with its amounts.

    An event in the ledger settles its reservation, whoever owns it. What is nowhere to be found is released once its
    owner can no longer tell of it; what may have reached a provider has left an intent, and so is in the ledger then.

    Args:
        known: Events in the ledger, by id, with the amounts in the order of the holds; None where the cost is not
            known, which posts the bound. Looked up after `dead_owners`.
        dead_owners: Gateways that are gone and whose spool is drained to its end.
        at_us: Now.
        awaited_owners: Gateways that may still tell: they run, or have left a spool that is not drained. One that is
            neither awaited nor known to be dead, of another machine perhaps, is taken for dead when its reservation
            has expired.
    """
    resolved: list[tuple[str, Amounts]] = []
    for one in reservations:
        if one.reservation_id in known:
            resolved.append((one.reservation_id, known[one.reservation_id]))
        elif one.owner in dead_owners or (one.owner not in awaited_owners and at_us >= one.expires_us):
            resolved.append((one.reservation_id, (0,) * len(one.amounts)))
    return resolved


@dataclass(frozen=True, slots=True)
class InFlight:
    """Calls that have written an intent and no completion.

    Attributes:
        counted: Without a reservation: they count at their bound.
        doubtful: Perhaps with one, perhaps settled meanwhile; their counters are left alone in this round.
    """

    counted: frozenset[str]
    doubtful: frozenset[str]


def in_flight(
    before: Collection[str], open_before: Collection[str], now: Collection[str], open_now: Collection[str]
) -> InFlight:
    """Which calls in flight have lost their reservation.

    One that was in flight before the first listing was reserved by then. If it was not open there it was settled, and
    then its completion is drained and it is in flight no longer; or its reservation was lost.

    Args:
        before, now: In flight in steps 1 and 4.
        open_before, open_now: Open reservations in steps 1 and 5.
    """
    loose = set(now) - set(open_before) - set(open_now)
    return InFlight(frozenset(loose & set(before)), frozenset(loose - set(before)))


def expected_posted(calls: Iterable[Counted], open_ids: Collection[str]) -> dict[bytes, int]:
    """What each counter should have posted: all calls but those that still hold a reservation.

    Args:
        calls: Events of the ledger, and the intents of calls in flight, each event once.
        open_ids: Open reservations; these calls will post themselves.
    """
    sums: dict[bytes, int] = {}
    for call in calls:
        if call.event_id not in open_ids:
            for key, amount in call.amounts.items():
                sums[key] = sums.get(key, 0) + amount
    return sums


def drift(expected: Mapping[bytes, int], found: Mapping[bytes, int]) -> list[Drift]:
    """Counters that differ; one that is missing on either side stands at 0."""
    return [
        Drift(key, found.get(key, 0), expected.get(key, 0))
        for key in sorted({*expected, *found})
        if found.get(key, 0) != expected.get(key, 0)
    ]
